"""`make bench`: every benchmark in turn, one line each.

python -m benchmarks [replay|start|judge|score ...]
"""

import sys

from benchmarks import judge, replay, score, start

ALL = {"replay": replay.run, "start": start.run, "judge": judge.run, "score": score.run}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        print(f"== {name}", flush=True)
        ALL[name]()
