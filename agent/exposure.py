"""How much was looked at each day, and how far its publishers lean to the subject. Pure.

A source that writes of nothing else does not look like news when it is added, nor like peace when
it dies: more is expected while it is read. Of a loud newcomer nobody knows yet what is usual; it
does not count, in events or in items, until enough of it is known.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from itertools import accumulate

from agent.spikes import LAG, LEARNING, WINDOW

CREDIT = 10
"""Items by which an owner is taken to be like everybody until its own say otherwise."""
LOUD = 7
"""Items in a week that make an owner loud."""
KNOWN = 30
"""Items after which it is known what an owner brings."""

WEEK = timedelta(days=7)
Span = tuple[date, date]


class Exposure:
    """Who was looked at, day by day: rows of (day, owner, items)."""

    def __init__(self, looked_at: Iterable[tuple[date, str, int]]) -> None:
        rows = sorted(looked_at)
        self._items: defaultdict[date, dict[str, int]] = defaultdict(dict)
        for day, owner, items in rows:
            self._items[day][owner] = items
        self._owners = _Totals(rows)
        self._all = _Totals((day, "", items) for day, _, items in rows)
        self.days = sorted(self._items)
        self._newcomers = {day: self._loud_and_unknown(day) for day in self.days}
        self._counted = {day: self._per_item_known(day) for day in self.days}

    def newcomers(self, day: date) -> frozenset[str]:
        """Loud owners of whom too little is known; nobody is one while everything is learned."""
        return self._newcomers.get(day, frozenset())

    def items(self, day: date) -> int:
        """Everything that was looked at."""
        return sum(self._items[day].values()) if day in self._items else 0

    def leans(self, brought: Iterable[tuple[date, str]]) -> dict[date, float]:
        """How many events each day's items promise, next to as many items of everybody's.

        `brought` are events as (day, owner). An owner of n items and e events in the window of
        the habit promises (e + CREDIT u) / (n + CREDIT) an item, where all together bring u;
        newcomers, who do not count, promise nothing.
        """
        events = Counter(brought)
        rows = sorted((day, owner, count) for (day, owner), count in events.items())
        found = _Totals(rows)
        every = _Totals((day, "", count) for day, _, count in rows)
        return {day: self._lean(day, found, every) for day in self.days}

    def _lean(self, day: date, found: "_Totals", every: "_Totals") -> float:
        counted, span = self._counted[day], _habit(day)
        events = every.within("", *span)
        if not events:
            looked_at = self._items[day]
            return sum(looked_at[owner] for owner in counted) / self.items(day)
        usual = events / self._all.within("", *span)
        bringing = counted.keys() & found.names
        own = sum(counted[owner] * found.within(owner, *span) for owner in sorted(bringing))
        return (CREDIT * sum(counted.values()) + own / usual) / self.items(day)

    def _per_item_known(self, day: date) -> dict[str, float]:
        """Of every owner that counts: the day's items over n + CREDIT."""
        span = _habit(day)
        return {
            owner: items / (self._owners.within(owner, *span) + CREDIT)
            for owner, items in self._items[day].items()
            if owner not in self._newcomers[day]
        }

    def _loud_and_unknown(self, day: date) -> frozenset[str]:
        if (day - self.days[0]).days < LEARNING:
            return frozenset()
        return frozenset(
            owner
            for owner in self._items[day]
            if self._owners.within(owner, day - WEEK, day) >= LOUD
            and self._owners.within(owner, *_habit(day)) < KNOWN
        )


class _Totals:
    """Sums of (day, name, count) rows, sorted by day, over spans of days."""

    def __init__(self, rows: Iterable[tuple[date, str, int]]) -> None:
        days: defaultdict[str, list[date]] = defaultdict(list)
        counts: defaultdict[str, list[int]] = defaultdict(list)
        for day, name, count in rows:
            days[name].append(day)
            counts[name].append(count)
        self._days: Mapping[str, list[date]] = days
        self.names = days.keys()
        self._sums = {name: [0, *accumulate(of)] for name, of in counts.items()}

    def within(self, name: str, after: date, until: date) -> int:
        """The sum over days in (after, until]."""
        days = self._days.get(name)
        if days is None:
            return 0
        sums = self._sums[name]
        return sums[bisect_left(days, until + _DAY)] - sums[bisect_left(days, after + _DAY)]


_DAY = timedelta(days=1)


def _habit(day: date) -> Span:
    """The window that a day's habit is read from, as (after, until]."""
    last = day - timedelta(days=LAG)
    return last - timedelta(days=WINDOW), last
