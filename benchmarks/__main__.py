"""`make bench`: every benchmark in turn, some lines each.

python -m benchmarks [replay|grouping|feeds|start|judge|score|spikes|worth|digest|chat ...]
"""

import sys

from benchmarks import chat, digest, feeds, grouping, judge, replay, score, spikes, start, worth

ALL = {
    "replay": replay.run,
    "grouping": grouping.run,
    "feeds": feeds.run,
    "start": start.run,
    "judge": judge.run,
    "score": score.run,
    "spikes": spikes.run,
    "worth": worth.run,
    "digest": digest.run,
    "chat": chat.run,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        print(f"== {name}", flush=True)
        ALL[name]()
