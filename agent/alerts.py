"""What becomes of signals: alerts that wait, fire, are heard, go quiet and are withdrawn. Pure.

    pending    there is reason, but it rests on one publisher or is too young to tell
    firing     told, or kept back: acknowledged, snoozed, silenced, inhibited, quiet hours
    resolved   no reason for KEEP days
    withdrawn  what it rested on was taken back

An alert that fires without evidence that leads back to a source cannot be built.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from agent.signals import Direction, Rule, Severity, Signal
from agent.spikes import FEWEST_OWNERS

OF_THE_WORLD = (Rule.SPIKE, Rule.LEVEL, Rule.MOVE)
"""What publishers say: a single one of them never alerts. A filing's figure is no hearsay."""
OLD = timedelta(days=1)
"""What was kept back is told later only if its signal still lasted so long ago."""


class Status(StrEnum):
    """How far an alert has come."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class Change(StrEnum):
    """What a step made of an alert."""

    NONE = "none"
    BEGAN = "began"
    LAPSED = "lapsed"
    FIRED = "fired"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class Telling(StrEnum):
    """Why somebody is told."""

    FIRED = "fired"
    REPEATED = "repeated"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A stored source behind an alert; `url` is its page, or "" where it has none of http(s).

    `link` leads there in one step: the page, or the command that shows what is stored, which is
    `shown_by` where it is no item. `happening` is what a judge says in a line that happened,
    `excerpt` how the item itself begins, word for word.
    """

    item_id: str
    title: str
    publisher: str
    url: str = ""
    published: str = ""
    event_id: str = ""
    category: str = ""
    stance: str = ""
    owners: tuple[str, ...] = ()
    quote: str = ""
    claim: str = ""
    weight: float = 0.0
    happening: str = ""
    excerpt: str = ""
    shown_by: str = ""

    def __post_init__(self) -> None:
        if self.url and urlsplit(self.url).scheme not in ("http", "https"):
            raise ValueError(f"{self.url!r} is no web address: leave it out")
        if not (self.url or self.item_id):
            raise ValueError(f"{self.title!r} leads nowhere: give its address or its item")

    @property
    def link(self) -> str:
        """Where to read it."""
        return self.url or self.shown_by or f"thesis show {self.item_id}"


@dataclass(frozen=True, slots=True)
class Case:
    """What an alert says: in a line, in figures, and by what.

    `against` is what the other side says; `claims` are the essay's, as {id, text, by}; `series`
    is (day, events, expected) before and during a spike.
    """

    headline: str
    evidence: tuple[Evidence, ...] = ()
    against: tuple[Evidence, ...] = ()
    claims: tuple[Mapping[str, str], ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    series: tuple[tuple[str, int, float | None], ...] = ()
    score_before: float | None = None
    score_after: float | None = None

    @property
    def owners(self) -> tuple[str, ...]:
        """Everybody behind the evidence."""
        return tuple(sorted({owner for one in self.evidence for owner in one.owners}))


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of one rule; times are instants in UTC, None for what has not happened.

    `sent` counts how often it was told. Raises ValueError when it would fire without evidence.
    """

    id: str
    rule: Rule
    subject: str
    direction: Direction
    severity: Severity
    status: Status
    began_at: datetime
    active_at: datetime
    case: Case
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None
    told_at: datetime | None = None
    sent: int = 0
    inhibited_by: str = ""
    replayed: bool = False

    def __post_init__(self) -> None:
        if self.status is not Status.PENDING and not self.case.evidence:
            raise ValueError(f"alert {self.id} has no evidence: nothing to show is nothing to say")

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells the alerts of one matter from others."""
        return (self.rule, self.subject, self.direction)

    @property
    def is_open(self) -> bool:
        """Whether it may still change by itself."""
        return self.status in (Status.PENDING, Status.FIRING)

    def state(self, now: datetime) -> str:
        """One word for a person."""
        if self.status is not Status.FIRING:
            return self.status.value
        if self.snoozed_until and now < self.snoozed_until:
            return "snoozed"
        return "acknowledged" if self.acknowledged_at else "firing"


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody is told until `until` of alerts that match: a category, a rule, or "*" for all."""

    id: int
    match: str
    until: datetime
    reason: str = ""

    def covers(self, alert: Alert, now: datetime) -> bool:
        """Whether it holds for this alert at `now`."""
        return now < self.until and self.match in ("*", alert.subject, alert.rule)


def id_of(thesis_id: str, signal: Signal) -> str:
    """The same episode is called the same by every pass and every replay."""
    parts = (thesis_id, *signal.key, signal.began.isoformat())
    return "A-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def open_(id_: str, signal: Signal, case: Case, now: datetime) -> Alert:
    """A new alert of an active signal, pending."""
    return Alert(
        id=id_,
        rule=signal.rule,
        subject=signal.subject,
        direction=signal.direction,
        severity=signal.severity,
        status=Status.PENDING,
        began_at=now,
        active_at=now,
        case=case,
    )


def advance(
    alert: Alert, signal: Signal | None, now: datetime, keep: timedelta
) -> tuple[Alert, Change]:
    """One step; `signal` is None when nothing could be looked at, and then nothing changes.

    A firing alert goes on for `keep` after its signal last lasted.
    """
    if signal is None or not alert.is_open:
        return alert, Change.NONE
    if alert.status is Status.PENDING:
        return _decide(alert, signal, now)
    if signal.lasting and not signal.moment:
        severity = max(alert.severity, signal.severity, key=lambda one: one.rank)
        return replace(alert, active_at=now, severity=severity), Change.NONE
    if now - alert.active_at < keep:
        return alert, Change.NONE
    return replace(alert, status=Status.RESOLVED, resolved_at=now), Change.RESOLVED


def _decide(alert: Alert, signal: Signal, now: datetime) -> tuple[Alert, Change]:
    """What becomes of a pending alert."""
    if not signal.active:
        return alert, Change.LAPSED
    alone = alert.rule in OF_THE_WORLD and len(alert.case.owners) < FEWEST_OWNERS
    young = now - alert.began_at < signal.hold
    if alone or young or not signal.sound or not alert.case.evidence:
        return alert, Change.NONE
    fired = replace(
        alert, status=Status.FIRING, fired_at=now, active_at=now, severity=signal.severity
    )
    return fired, Change.FIRED


def withdraw(alert: Alert, now: datetime) -> Alert:
    """What it rested on was taken back."""
    return replace(alert, status=Status.WITHDRAWN, resolved_at=now)


def inhibitor(alert: Alert, others: Iterable[Alert]) -> str:
    """The firing alert that says the same more sharply, or "".

    A category's spike says what the whole thesis' would, a level what the move to it would; where
    all sources are blind every group is.
    """
    firing = [one for one in others if one.status is Status.FIRING and one.id != alert.id]
    for one in firing:
        same_way = one.direction == alert.direction
        if alert.rule is Rule.SPIKE and not alert.subject:
            says_it = one.rule is Rule.SPIKE and same_way
        elif alert.rule is Rule.MOVE:
            says_it = one.rule is Rule.LEVEL and same_way
        elif alert.rule is Rule.BLIND and alert.subject:
            says_it = one.rule is Rule.BLIND and not one.subject
        else:
            says_it = False
        if says_it:
            return one.id
    return ""


def kept_back(
    alert: Alert, others: Sequence[Alert], silences: Iterable[Silence], now: datetime
) -> str:
    """Why nobody is to be told of a firing alert at `now`, or ""."""
    if alert.acknowledged_at:
        return "acknowledged"
    if alert.snoozed_until and now < alert.snoozed_until:
        return f"snoozed until {alert.snoozed_until:%Y-%m-%d}"
    for one in silences:
        if one.covers(alert, now):
            return f"silenced until {one.until:%Y-%m-%d}"
    by = inhibitor(alert, others)
    return f"inhibited by {by}" if by else ""


def to_tell(alert: Alert, now: datetime, repeat: timedelta, news: bool) -> Telling | None:
    """What to tell of a firing alert that nothing keeps back.

    Again after `repeat`, if there is `news`. Nothing when its signal has ended: what was kept back
    until then is old.
    """
    if alert.status is not Status.FIRING or now - alert.active_at > OLD:
        return None
    if alert.told_at is None:
        return Telling.FIRED
    goes_on = alert.active_at == now and now - alert.told_at >= repeat
    return Telling.REPEATED if goes_on and news else None
