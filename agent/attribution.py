"""Why the score changed between two instants, and what it would be without some of its evidence.

Pure: ledger rows in, log-odds out. A change splits into what fading took, what an edit of the
thesis did and, row by row in the order they were recorded, what each restatement did.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import log, tanh

from agent.score import KAPPA, LedgerRow, normalised

Key = tuple[str, str]


class Cause(StrEnum):
    """What a score changes by (DESIGN section 6)."""

    NEW = "new evidence"
    DECAY = "decay"
    CORRECTION = "correction"
    THESIS = "thesis edit"
    JUDGE = "judge change"


CAUSE_OF = {
    "new evidence": Cause.NEW,
    "corroboration": Cause.NEW,
    "judge change": Cause.JUDGE,
    "thesis edit": Cause.THESIS,
}
"""What a ledger row's own words come down to; whatever else it says is a correction."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An instant, and the thesis it is seen by: categories' weights and prior probability."""

    at: datetime
    weights: Mapping[str, float]
    prior: float


@dataclass(frozen=True, slots=True)
class Change:
    """A row as it was recorded after the first instant, and why."""

    row: LedgerRow
    cause: str


def split(
    before: Sequence[LedgerRow], changes: Sequence[Change], then: Frame, now: Frame
) -> dict[Cause, float]:
    """Log-odds that each cause added from `then` to `now`; they add up to the whole change.

    `before` are the rows that stood at the first instant, `changes` those recorded since, in their
    order. A restatement counts with what it is worth at the second instant.
    """
    standing = {(row.event_id, row.category): row for row in before}
    found = dict.fromkeys(Cause, 0.0)
    faded = Frame(now.at, then.weights, then.prior)
    first, second, third = (_Sums(standing, frame) for frame in (then, faded, now))
    found[Cause.DECAY] = second.log_odds - first.log_odds
    found[Cause.THESIS] = third.log_odds - second.log_odds
    for change in changes:
        cause = CAUSE_OF.get(change.cause, Cause.CORRECTION)
        found[cause] += third.put(change.row)
    return found


@dataclass(frozen=True, slots=True)
class Tipping:
    """The fewest events, weightiest first, without which the score is on the other side of 50."""

    events: tuple[str, ...]
    log_odds: float
    crosses: bool


def tipping(rows: Sequence[LedgerRow], frame: Frame) -> Tipping:
    """Take away the event that bears most on the side the score is on until it is on the other.

    Does not cross where the prior alone keeps it there.
    """
    events: dict[str, list[LedgerRow]] = {}
    for row in rows:
        events.setdefault(row.event_id, []).append(row)
    sums = _Sums({(row.event_id, row.category): row for row in rows}, frame)
    side = 1.0 if sums.log_odds > 0 else -1.0
    sizes = {event: sums.worth(parts) * side for event, parts in events.items()}
    gone: list[str] = []
    for event in sorted(sizes, key=lambda one: (-sizes[one], one)):
        if sums.log_odds * side <= 0 or sizes[event] <= 0:
            break
        for row in events[event]:
            sums.take(row)
        gone.append(event)
    return Tipping(tuple(gone), sums.log_odds, sums.log_odds * side <= 0)


def needed(
    rows: Sequence[LedgerRow],
    frame: Frame,
    categories: Collection[str],
    weight: float,
    most: int = 999,
) -> int | None:
    """How many new events of `weight` nats on each of `categories` put the score across 50.

    None when no number of them does. `weight` is taken with the sign that the other side has.
    """
    sums = _Sums({(row.event_id, row.category): row for row in rows}, frame)
    now = sums.log_odds
    against = -abs(weight) if now > 0 else abs(weight)
    for count in range(1, most + 1):
        if (sums.with_more(categories, count * against) > 0) != (now > 0):
            return count
    return None


class _Sums:
    """Each category's sum of decayed weights, in nats, at an instant, and the log-odds of them."""

    def __init__(self, standing: Mapping[Key, LedgerRow], frame: Frame) -> None:
        self._frame = frame
        self._omega = normalised(frame.weights)
        self._base = log(frame.prior) - log(1 - frame.prior)
        self._terms: dict[Key, float] = {}
        self._sums = dict.fromkeys(self._omega, 0.0)
        for key, row in standing.items():
            if row.category in self._sums:
                self._terms[key] = self._term(row)
                self._sums[row.category] += self._terms[key]

    def _term(self, row: LedgerRow) -> float:
        age = max((self._frame.at - row.occurred_at).total_seconds() / 86_400, 0.0)
        return row.weight * float(2.0 ** (-age / row.half_life_days))

    @property
    def log_odds(self) -> float:
        """Of the thesis, in nats."""
        return self._base + sum(self._part(name, total) for name, total in self._sums.items())

    def _part(self, category: str, total: float) -> float:
        return float(self._omega[category] * KAPPA * tanh(total / KAPPA))

    def with_more(self, categories: Collection[str], nats: float) -> float:
        """The log-odds if each of `categories` had so many nats more."""
        more = {name: total + nats for name, total in self._sums.items() if name in categories}
        sums = {**self._sums, **more}
        return self._base + sum(self._part(name, total) for name, total in sums.items())

    def worth(self, rows: Sequence[LedgerRow]) -> float:
        """What the log-odds would lose without an event's rows, each for itself."""
        found = 0.0
        for row in rows:
            term = self._terms.get((row.event_id, row.category), 0.0)
            if term:
                total = self._sums[row.category]
                found += self._part(row.category, total) - self._part(row.category, total - term)
        return found

    def put(self, row: LedgerRow) -> float:
        """Let `row` stand in the place of the one before it; returns what that adds."""
        if row.category not in self._sums:
            return 0.0
        key = (row.event_id, row.category)
        before = self._sums[row.category]
        term = self._term(row)
        self._sums[row.category] = before - self._terms.get(key, 0.0) + term
        self._terms[key] = term
        return self._part(row.category, self._sums[row.category]) - self._part(row.category, before)

    def take(self, row: LedgerRow) -> None:
        """Let a row stand no more."""
        if row.category in self._sums:
            self._sums[row.category] -= self._terms.pop((row.event_id, row.category), 0.0)
