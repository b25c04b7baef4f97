"""What came each day: new events of each category, and how much was looked at to find them.

Read from the stored rows for agent.spikes; an event counts on the day its first row was recorded.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from agent.spikes import Day
from agent.workspace import Workspace
from store import items, ledger

ALL = ""
"""The stream of the thesis as a whole."""


def read(workspace: Workspace, until: datetime) -> dict[str, list[Day]]:
    """Every category's days from the first item to `until`, and the whole thesis' under ALL."""
    with workspace.database.reading() as connection:
        looked_at = items.per_day(connection, until)
        found = ledger.first_rows(connection, workspace.thesis.id, until)
    if not looked_at:
        return {}
    new: defaultdict[str, defaultdict[date, dict[str, frozenset[str]]]]
    new = defaultdict(lambda: defaultdict(dict))
    for row in found:
        day = row.recorded_at.date()
        for stream in (row.category, ALL):
            known = new[stream][day].get(row.event_id, frozenset())
            new[stream][day][row.event_id] = known | frozenset(row.owners)
    first, last = min(looked_at), max(until.date(), max(looked_at))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return {
        stream: [_day(day, new[stream][day], looked_at) for day in days]
        for stream in (ALL, *workspace.thesis.weights)
    }


def _day(day: date, found: Mapping[str, frozenset[str]], looked_at: Mapping[date, int]) -> Day:
    owners = frozenset[str]().union(*found.values())
    return Day(day, len(found), owners, max(looked_at.get(day, 0), len(found)))


def names(streams: Mapping[str, Sequence[Day]]) -> list[str]:
    """The categories, without the whole."""
    return [name for name in streams if name != ALL]
