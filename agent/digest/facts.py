"""What a digest says, before it is said: values that every number of it comes from. Pure.

A digest answers whether the thesis is stronger or weaker than at the last one, and why. Changes in
log-odds are told in points of the score, split so that they add up to its change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from agent.alerts import Evidence

LEAST_MOVE = 1e-9
"""Log-odds below which the score did not move: what its causes did is told by the slope there."""
FADING = "decay"
FADED = 0.5
"""Points that evidence growing old may take away on a quiet day."""
SHOWN = 0.05
"""Points below which a change is none: it would be printed as 0.0."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the change, in points; `id` names a cause, a pillar or a front."""

    id: str
    name: str
    points: float


@dataclass(frozen=True, slots=True)
class Front:
    """A category, or a pillar: what it adds to the log-odds now, and its part of the change."""

    id: str
    name: str
    pillar: str
    log_odds: float
    points: float


@dataclass(frozen=True, slots=True)
class Reported:
    """A figure that a filing brought, or put in the place of another."""

    name: str
    period: str
    value: float
    unit: str
    url: str
    restates: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """A falsifier whose status changed."""

    id: str
    text: str
    status: str
    reason: str
    url: str


@dataclass(frozen=True, slots=True)
class Alerted:
    """An alert that fired, in the words it fired with."""

    id: str
    rule: str
    headline: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much was looked at, what was not seen, and what it cost, dollars.

    `looked` when a pass ran at all; `sources` counts those that were ever looked at, `share` is the
    blind part of all there are; `waiting` and `unpaid` are of `candidates` that a language model
    was meant to judge.
    """

    items: int
    looked: bool
    sources: int
    blind: tuple[str, ...]
    share: float
    waiting: int
    unpaid: int
    candidates: int
    calls: int
    spent: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """A model's sentence that holds, and the events it cites: places in supporting + against."""

    text: str
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a digest of `first_day` to `day` says; instants are ISO 8601, scores 0 to 100.

    `before` is None in the first one. `path` is (day, score, low, high) of the days before, `strip`
    (day, log-odds of each of `fronts`) of the last of them. `moved` is what each of the rows
    that are shown changed, under its `place_of` and the name of its front.
    """

    thesis: str
    first_day: str
    day: str
    since: str
    until: str
    score: float
    low: float
    high: float
    before: float | None
    status: str
    calibrated: bool
    events: int
    publishers: int
    causes: tuple[Share, ...]
    pillars: tuple[Front, ...]
    fronts: tuple[Front, ...]
    supporting: tuple[Evidence, ...]
    against: tuple[Evidence, ...]
    moved: tuple[Share, ...]
    more_supporting: int
    more_against: int
    reading: tuple[Evidence, ...]
    figures: tuple[Reported, ...]
    falsifiers: tuple[Decided, ...]
    alerts: tuple[Alerted, ...]
    restated: tuple[tuple[str, int], ...]
    coverage: Coverage
    path: tuple[tuple[str, float, float, float], ...]
    strip: tuple[tuple[str, tuple[float, ...]], ...]
    lead: tuple[Sentence, ...] = ()

    @property
    def change(self) -> float:
        """Points since the last digest; 0 in the first one."""
        return 0.0 if self.before is None else self.score - self.before

    @property
    def direction(self) -> str:
        """stronger, weaker, or unchanged as far as one decimal shows."""
        if abs(self.change) < SHOWN:
            return "unchanged"
        return "stronger" if self.change > 0 else "weaker"

    @property
    def is_quiet(self) -> bool:
        """Whether nothing happened, nothing was restated, and nothing hid that it did."""
        said = (self.supporting, self.against, self.figures, self.falsifiers, self.alerts)
        seen = self.coverage
        hidden = (seen.blind, seen.waiting, seen.unpaid, not seen.looked)
        faded = all(one.id == FADING for one in self.causes) and abs(self.change) < FADED
        still = self.direction == "unchanged" or faded
        return not any((*said, self.restated, *hidden)) and still


def in_points(
    parts: Mapping[str, float], before: float, after: float, log_odds: float
) -> dict[str, float]:
    """Parts of a change in log-odds as points of the score; they add up to after - before.

    `log_odds` is the whole change, the sum of the parts.
    """
    slope = after * (1 - after / 100)  # of 100 sigma(x)
    rate = (after - before) / log_odds if abs(log_odds) > LEAST_MOVE else slope
    return {name: part * rate for name, part in parts.items()}


def place_of(row: Mapping[str, Any]) -> str:
    """What tells a ledger row from others: its event and its front."""
    return f"{row['event_id']} {row['category']}"


def happenings(rows: Sequence[Mapping[str, Any]], stance: str) -> list[Mapping[str, Any]]:
    """New rows that take this side, once an event by its weightiest one, the weightiest first."""
    siding = [row for row in rows if row["stance"] == stance and row["weight"]]
    siding.sort(key=lambda row: (row["event_id"], -abs(row["contribution"]), row["category"]))
    best = [next(group) for _, group in groupby(siding, key=lambda row: row["event_id"])]
    return sorted(best, key=lambda row: (-abs(row["contribution"]), row["event_id"]))
