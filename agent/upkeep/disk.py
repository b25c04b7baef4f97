"""How large the data are, and how large they will be at this pace."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from agent.upkeep.drafts import PREFIX
from agent.workspace import CACHE
from store import settings, upkeep
from store.copies import KEPT
from store.vectors import FOLDER

ROOM = 500_000_000
"""Free bytes below which the disk is called short."""
SIZES_KEY = "sizes"
LOGS = "logs"
DAYS_KEPT = 60
PACE = 28
"""Days that the pace is taken from; fewer while there are fewer."""
FEWEST = 7
"""Days without which there is no pace yet."""
YEAR = 365


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes: of each part of the data folder, all of it, and free on its disk.

    `kept` is what restores kept of before, and what a killed one or a killed backup left: it does
    not grow, and nobody but the user deletes a database. `in_a_year` is what the total comes to at
    the pace of the last weeks, None while that is unknown.
    """

    database: int
    index: int
    cache: int
    logs: int
    kept: int
    total: int
    free: int
    in_a_year: int | None = None

    @property
    def growing(self) -> int:
        """Of the total, what the pace is taken from."""
        return self.total - self.kept


def measure(folder: Path) -> Disk:
    """What is there now."""
    parts = {name: _within(folder / name) for name in (FOLDER, CACHE, LOGS)}
    database = upkeep.size_of(folder)
    kept = sum(_within(path) for start in (KEPT, PREFIX) for path in folder.glob(f"{start}*"))
    return Disk(
        database=database,
        index=parts[FOLDER],
        cache=parts[CACHE],
        logs=parts[LOGS],
        kept=kept,
        total=database + sum(parts.values()) + kept,
        free=shutil.disk_usage(folder).free,
    )


def remember(connection: Any, day: date, size: int) -> None:
    """Note the size of a day, for the pace."""
    before = [one for one in sizes(connection) if one[0] < day][-DAYS_KEPT + 1 :]
    said = [[one.isoformat(), bytes_] for one, bytes_ in [*before, (day, size)]]
    settings.keep(connection, SIZES_KEY, json.dumps(said))


def sizes(connection: Any) -> list[tuple[date, int]]:
    """Sizes of the last days, oldest first."""
    said = json.loads(settings.read(connection, SIZES_KEY) or "[]")
    return [(date.fromisoformat(day), int(size)) for day, size in said]


def in_a_year(known: Sequence[tuple[date, int]], total: int) -> int | None:
    """What `total` bytes come to in a year at the pace of the last weeks; None without a pace.

    Texts that are trimmed by then are not taken off: it is the most to reckon with.
    """
    if not known:
        return None
    last = known[-1][0]
    span = [one for one in known if one[0] >= last - timedelta(days=PACE)]
    days = (last - span[0][0]).days
    if days < FEWEST:
        return None
    pace = max(span[-1][1] - span[0][1], 0) / days
    return total + round(pace * YEAR)


def _within(place: Path) -> int:
    """Bytes of a file, or of the files in a folder; those that vanish meanwhile do not count."""
    found = 0
    for path in (place, *place.rglob("*")):
        try:
            found += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return found
