"""A digest made in a folder of over 100,000 items, beside reading that day's rows and no more.

Promise: at most 3 s.
"""

import statistics
import time
from datetime import UTC, date, datetime
from typing import Any

from agent.digest import making
from agent.workspace import Workspace
from benchmarks import hundred_thousand
from store import items, ledger

DAYS = (date(2025, 1, 24), date(2025, 1, 27), date(2025, 1, 28), date(2025, 4, 15))
NOW = datetime(2025, 5, 1, tzinfo=UTC)
AT_MOST = 3.0


def run() -> None:
    """Print seconds for each day's digest, with its charts, and the ratio to a bare read."""
    with hundred_thousand.workspace() as workspace:
        with workspace.database.reading() as connection:
            count = sum(items.counts(connection).values())
            rows = ledger.count(connection, workspace.thesis.id)
        print(f"{count:,} items, {rows:,} ledger rows")
        took = [_seconds(making.make, workspace, day, NOW) for day in DAYS]
        bare = statistics.median(_seconds(_read, workspace) for _ in DAYS)
        shown = ", ".join(f"{one:.2f}" for one in took)
        print(f"digest {shown} s (at most {AT_MOST:.0f} promised); the first one loads what draws")
        print(f"bare read of the standing ledger with its sources {bare:.3f} s")
        print(f"ratio {statistics.median(took) / bare:.0f}")


def _read(workspace: Workspace) -> None:
    with workspace.database.reading() as connection:
        ledger.with_sources(connection, workspace.thesis.id, NOW)


def _seconds(work: Any, *given: Any) -> float:
    began = time.perf_counter()
    work(*given)
    return time.perf_counter() - began
