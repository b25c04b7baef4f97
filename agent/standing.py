"""Where the thesis stands: the ledger's rows that count at an instant, and the score of them."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from agent import events, health, score
from agent import thesis as theses
from agent.config import Config
from agent.errors import ThesiswatchError
from agent.evidence import Row
from agent.health import Arrival, Health
from agent.judge import llm
from agent.judge.gate import ASKED, Gate
from agent.score import Confusion, LedgerRow, Score
from agent.thesis import Thesis
from store import items, ledger, sources, verdicts

UNCALIBRATED = "uncalibrated"
CALIBRATED = "calibrated"
_MATERIAL = (
    "stance",
    "severity",
    "weight",
    "half_life_days",
    "occurred_at",
    "owners",
    "item_number",
)


RECENT = timedelta(days=7)
"""How far back items that a judge did not judge are counted."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What could not be seen: a share of the sources, and items that a language model was meant to
    judge of late: those that wait for it, those that there was no money for, and all of them.

    `unseen` names the blind ones of so many `sources` that were ever looked at.
    """

    blind: float = 0.0
    waiting: int = 0
    unpaid: int = 0
    candidates: int = 0
    sources: int = 0
    unseen: tuple[str, ...] = ()

    @property
    def hidden(self) -> float:
        """The share of the world, in [0, 1], that the score does not know."""
        unjudged = (self.waiting + self.unpaid) / self.candidates if self.candidates else 0.0
        return 1 - (1 - self.blind) * (1 - unjudged)

    @property
    def concerns(self) -> list[str]:
        """What to hold against a score made with it, in words."""
        said = [f"blind to {self.blind:.0%} of the sources"] if self.blind else []
        if self.waiting:
            said.append(f"judge unavailable: {_items(self.waiting)} for it")
        if self.unpaid:
            said.append(
                f"degraded: the budget was spent, the local judge judged {self.unpaid} of "
                f"{self.candidates} of the week's items"
            )
        return said

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> Self:
        """As a snapshot's detail holds it."""
        seen = detail.get("sources", {})
        names = tuple(seen.get("unseen", ()))
        judge = detail.get("judge", {})
        return cls(detail["blind"], **judge, sources=seen.get("sources", 0), unseen=names)


def _items(waiting: int) -> str:
    return "1 item waits" if waiting == 1 else f"{waiting} items wait"


@dataclass(frozen=True, slots=True)
class Standing:
    """A thesis' score at `as_of`; `status` says what to hold against it."""

    thesis: Thesis
    as_of: datetime
    score: Score
    sight: Sight
    status: str
    confusion: Confusion | None = None

    def as_row(self) -> dict[str, Any]:
        """As a snapshot is stored."""
        found = self.score
        return {
            "thesis_id": self.thesis.id,
            "thesis_version": self.thesis.version,
            "as_of": self.as_of,
            "score": found.score,
            "low": found.low,
            "high": found.high,
            "prior": found.prior,
            "log_odds": found.log_odds,
            "status": self.status,
            "events": found.events,
            "publishers": found.publishers,
            "largest_share": found.largest_share,
            "detail": {
                "blind": self.sight.blind,
                "sources": {"sources": self.sight.sources, "unseen": list(self.sight.unseen)},
                "judge": {
                    "waiting": self.sight.waiting,
                    "unpaid": self.sight.unpaid,
                    "candidates": self.sight.candidates,
                },
                "confusion": self.confusion,
                "pillars": pillars(self),
                "categories": {name: asdict(part) for name, part in found.categories.items()},
            },
        }


class Book:
    """The ledger's standing rows in memory, one per event and category, as the clock advances."""

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self._ahead = deque(rows)
        self._rows: defaultdict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
        self._scored: dict[tuple[str, str], LedgerRow] = {}

    @classmethod
    def read(cls, connection: Any, thesis: Thesis) -> Self:
        """The whole ledger, in the order it was recorded."""
        return cls(row._mapping for row in ledger.every(connection, thesis.id))

    def until(self, now: datetime) -> Self:
        """Let the rows recorded by `now` stand; `now` may not go back."""
        due = []
        while self._ahead and self._ahead[0]["recorded_at"] <= now:
            due.append(self._ahead.popleft())
        self.take(due)
        return self

    def take(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put rows in the place of those they restate."""
        for row in rows:
            event, category = row["event_id"], row["category"]
            self._rows[event][category] = row
            self._scored[event, category] = as_ledger_row(row)

    def cause(self, event_id: str, row: Row) -> str:
        """Why `row` must be written, or "" when what stands already says so."""
        before = self._rows[event_id].get(row.category)
        if before is None:
            return "new evidence"
        after = {**asdict(row), "owners": list(row.owners)}
        if all(before[name] == after[name] for name in _MATERIAL):
            return ""
        return "correction" if before["stance"] != row.stance else "corroboration"

    def beside(self, event_id: str, categories: Set[str]) -> list[dict[str, Any]]:
        """The event's standing rows on other categories that still take a side, unnumbered."""
        return [
            {name: value for name, value in row.items() if name != "id"}
            for category, row in self._rows[event_id].items()
            if category not in categories and row["weight"]
        ]

    def standing(
        self,
        thesis: Thesis,
        as_of: datetime,
        sight: Sight,
        confusion: Confusion | None = None,
    ) -> Standing:
        """Score what stands."""
        return assess(list(self._scored.values()), thesis, as_of, sight, confusion)


def stood(connection: Any, thesis: Thesis, as_of: datetime | None) -> Standing:
    """The score at `as_of`, or as the last pass left it, with thesis and blindness of that time.

    Raises ThesiswatchError before the first pass.
    """
    last = ledger.snapshot_before(connection, thesis.id, as_of)
    at = as_of or (last.as_of if last else None)
    if at is None:
        raise ThesiswatchError("there is no score yet", "Run `thesis run` or `thesis replay`")
    rows = [as_ledger_row(row._mapping) for row in ledger.standing(connection, thesis.id, at)]
    if last is None:
        return assess(rows, thesis, at, Sight())
    then = thesis_of(connection, thesis, last.thesis_version)
    return assess(rows, then, at, Sight.of(last.detail), last.detail.get("confusion"))


def next_at(connection: Any, thesis: Thesis, every: timedelta, now: datetime) -> datetime:
    """When the score is to be kept: `now` where there is new evidence or another version of the
    thesis, else `every` so often."""
    last = ledger.snapshot_before(connection, thesis.id, now)
    newest = ledger.newest(connection, thesis.id, now)
    if last is None or last.thesis_version != thesis.version or (newest and newest > last.as_of):
        return now
    found: datetime = last.as_of + every
    return found


def thesis_of(connection: Any, thesis: Thesis, version: str) -> Thesis:
    """`thesis` as it read when it had this version; as it reads now when that was not kept."""
    text = ledger.thesis_text(connection, version) if version != thesis.version else None
    return theses.parse(text, path=thesis.path, version=version) if text else thesis


def assess(
    rows: list[LedgerRow],
    thesis: Thesis,
    as_of: datetime,
    sight: Sight,
    confusion: Confusion | None = None,
) -> Standing:
    """Score `rows`; those of a category that the thesis no longer has do not count.

    The band holds the judges' errors too where they were measured.
    """
    found = score.compute(
        [row for row in rows if row.category in thesis.weights],
        as_of=as_of,
        weights=thesis.weights,
        prior=thesis.prior,
        seed=f"{thesis.id} {as_of.date()}",
        blind=sight.hidden,
        confusion=confusion,
    )
    status = _status(found, sight, confusion is not None)
    return Standing(thesis, as_of, found, sight, status, confusion)


def pillars(found: Standing) -> dict[str, float]:
    """Log-odds each pillar adds."""
    return score.pillars(found.score, found.thesis.pillar_of)


def as_ledger_row(row: Mapping[str, Any]) -> LedgerRow:
    """A stored row as the score takes it."""
    return LedgerRow(
        event_id=row["event_id"],
        category=row["category"],
        weight=row["weight"],
        half_life_days=row["half_life_days"],
        occurred_at=row["occurred_at"],
        owners=tuple(row["owners"]),
    )


def look(connection: Any, config: Config, now: datetime) -> Sight:
    """What sources hide from us at `now`, and what a language model was not there to judge."""
    found = source_health(connection, config, now)
    unseen = tuple(name for name, (one, _) in found.items() if one.blind)
    blind = len(unseen) / len(found) if found else 0.0
    counts = (0, 0, 0)
    if llm.is_wanted(config):
        counts = verdicts.unasked(connection, now - RECENT, now, Gate.UNPAID, ASKED)
    looked_at = sum(one.looked_at for one, _ in found.values())
    return Sight(blind, *counts, looked_at, unseen)


def source_health(
    connection: Any, config: Config, now: datetime
) -> dict[str, tuple[Health, float]]:
    """The health at `now` of every configured source, by name, and its items a week."""
    names = [one.name for one in config.sources]
    states = sources.states(connection)
    arrivals: dict[str, list[Arrival]] = {name: [] for name in names}
    if states:
        start = now - health.WINDOW
        for name, at, copy in items.arrivals(connection, names, start, now, events.COPIES):
            arrivals[name].append(Arrival(at, copy))
    return {
        name: (
            health.assess(states.get(name), arrivals[name], now),
            health.per_week(arrivals[name], now),
        )
        for name in names
    }


def _status(found: Score, sight: Sight, calibrated: bool) -> str:
    """What to hold against the score, the gravest first."""
    parts = sight.concerns
    if not found.events:
        parts.append("no evidence yet")
    return "; ".join([*parts, CALIBRATED if calibrated else UNCALIBRATED])
