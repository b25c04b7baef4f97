"""What came each day on each front, for the thesis and against it, and how much was looked at.

Read from the stored rows for agent.spikes. An event counts on the day its first row was recorded,
by what was said of it by the end of that day, and only when what happened is recent: an archive
that is read in, or an old event judged anew, is no news.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from agent.exposure import Exposure
from agent.spikes import Day
from agent.workspace import Workspace
from store import items, ledger

ALL = ""
"""The category of the stream of the thesis as a whole."""
FRESH = timedelta(days=7)
"""What happened longer ago than this when it was recorded is no news."""
STANCES = ("supports", "weakens")

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Brought:
    """An event as it came: on its first day, with all the `owners` known by then."""

    day: date
    event_id: str
    lead: str
    owners: frozenset[str]


@dataclass(frozen=True, slots=True)
class Stream:
    """One stance on one category, ALL or another: its days, oldest first, and what came."""

    category: str
    stance: str
    days: tuple[Day, ...]
    brought: tuple[Brought, ...]

    def since(self, first: date, last: date) -> list[str]:
        """Events that came from `first` to `last`, in their order."""
        return [one.event_id for one in self.brought if first <= one.day <= last]


def read(workspace: Workspace, until: datetime, without: Collection[Key] = ()) -> dict[Key, Stream]:
    """Every stream by category and stance, from the first item to `until`.

    `without` are (event, category) that are held to have never come.
    """
    with workspace.database.reading() as connection:
        looked_at = items.per_day_and_owner(connection, until)
        rows = ledger.first_days(connection, workspace.thesis.id, until)
    if not looked_at:
        return {}
    exposure = Exposure(looked_at)
    last = max(until.date(), exposure.days[-1])
    came = [row for row in _first(rows) if (row.event_id, row.category) not in set(without)]
    return {
        (category, stance): _stream(category, stance, came, exposure, last)
        for category in (ALL, *workspace.thesis.weights)
        for stance in STANCES
    }


@dataclass(slots=True)
class _Row:
    """The first day of an event on a category."""

    event_id: str
    category: str
    day: date
    stance: str
    lead: str
    owners: frozenset[str]


def _first(rows: Iterable[Any]) -> list[_Row]:
    """The rows of an event's first day, each event and category as its last row of it says."""
    found: dict[Key, _Row] = {}
    for row in rows:
        key, day = (row.event_id, row.category), row.recorded_at.date()
        if key not in found:
            if row.recorded_at - row.occurred_at <= FRESH:
                found[key] = _Row(*key, day, row.stance, row.owner, frozenset(row.owners))
        elif found[key].day == day:
            found[key].stance = row.stance if row.weight else "neutral"
            found[key].owners |= frozenset(row.owners)
    return list(found.values())


def _stream(
    category: str, stance: str, rows: Iterable[_Row], exposure: Exposure, last: date
) -> Stream:
    of_it = [row for row in rows if row.stance == stance and category in (ALL, row.category)]
    leans = exposure.leans({row.event_id: (row.day, row.lead) for row in of_it}.values())
    every = _distinct(of_it)
    came = [one for one in every if one.owners - exposure.newcomers(one.day)]
    left_out = Counter(one.day for one in every) - Counter(one.day for one in came)
    by_day: defaultdict[date, list[Brought]] = defaultdict(list)
    for one in came:
        by_day[one.day].append(one)
    first = exposure.days[0]
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return Stream(
        category,
        stance,
        tuple(
            Day(
                day,
                len(by_day[day]),
                frozenset[str]().union(*(one.owners for one in by_day[day])),
                max(exposure.items(day), len(by_day[day]) + left_out[day]),
                leans.get(day, 1.0),
                left_out[day],
            )
            for day in days
        ),
        tuple(came),
    )


def _distinct(rows: Iterable[_Row]) -> list[Brought]:
    """Each event once, with the owners of all its rows."""
    found: dict[str, Brought] = {}
    for row in rows:
        known = found.get(row.event_id)
        if known is None:
            found[row.event_id] = Brought(row.day, row.event_id, row.lead, row.owners)
        elif known.day == row.day:
            owners = known.owners | row.owners
            found[row.event_id] = Brought(known.day, known.event_id, known.lead, owners)
    return sorted(found.values(), key=lambda one: (one.day, one.event_id))
