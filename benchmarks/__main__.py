"""`make bench`: every benchmark in turn, one line each.

python -m benchmarks [replay|feeds|start|judge|score ...]
"""

import sys

from benchmarks import feeds, judge, replay, score, start

ALL = {
    "replay": replay.run,
    "feeds": feeds.run,
    "start": start.run,
    "judge": judge.run,
    "score": score.run,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        print(f"== {name}", flush=True)
        ALL[name]()
