"""What grouping costs of a replay, and how that grows with the items.

Promise: no more than a quarter of the replay's time, and linear growth. Measured in one replay of
the whole archive, by a clock around the group stage; 10,000 and 20,000 items are its first ones.
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agent import replay
from agent.grouping import Grouper
from agent.sources import files
from agent.workspace import writing
from benchmarks import archive

SHARE = 0.25
SIZES = (10_000, 20_000, 40_000)


def run() -> None:
    """Print the share of the replay's time, and microseconds an item at each size."""
    marks: list[tuple[int, float]] = [(0, 0.0)]
    before = Grouper.group
    Grouper.group = _clocked(before, marks)  # type: ignore[method-assign]
    try:
        began = time.perf_counter()
        items = _replay()
        taken = time.perf_counter() - began
    finally:
        Grouper.group = before  # type: ignore[method-assign]
    count, seconds = marks[-1]
    print(f"{count:,} of {items:,} items grouped in {seconds:.1f} s of a replay of {taken:.1f} s")
    print(f"share {seconds / taken:.0%} (at most {SHARE:.0%} promised)")
    for size in SIZES:
        at = max((mark for mark in marks if mark[0] <= size), key=lambda mark: mark[0])
        if at[0]:
            print(f"the first {at[0]:,}: {at[1]:.1f} s, {1e6 * at[1] / at[0]:.0f} us an item")


def _clocked(work: Callable[..., None], marks: list[tuple[int, float]]) -> Callable[..., None]:
    def group(self: Grouper, connection: Any, waiting: Sequence[Any], *rest: Any) -> None:
        began = time.perf_counter()
        work(self, connection, waiting, *rest)
        count, seconds = marks[-1]
        marks.append((count + len(waiting), seconds + time.perf_counter() - began))

    return group


def _replay() -> int:
    with tempfile.TemporaryDirectory() as name:
        lines = Path(name) / "items.jsonl"
        with lines.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in archive.rows())
        (Path(name) / "config.toml").write_text("", encoding="utf-8")
        fetched = files.fetch(str(lines), "bench")
        with writing(Path(name) / "config.toml") as workspace:
            replay.replay(workspace, fetched, "bench")
        return len(fetched.drafts)
