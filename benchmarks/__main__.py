"""`make bench`: every benchmark in turn, one line each.

python -m benchmarks [replay|feeds|start|judge|score|worth ...]
"""

import sys

from benchmarks import feeds, judge, replay, score, start, worth

ALL = {
    "replay": replay.run,
    "feeds": feeds.run,
    "start": start.run,
    "judge": judge.run,
    "score": score.run,
    "worth": worth.run,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        print(f"== {name}", flush=True)
        ALL[name]()
