"""What may be worth an alert at an instant: spikes, score moves, falsifiers, blindness, spending.

Pure: what is known goes in, signals come out. A signal says whether there is reason to alert now
and whether it lasts; agent.alerts decides what becomes of it. None where nothing was looked at:
that is not the same as quiet.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from agent.days import start_of
from agent.health import Health
from agent.spikes import Spike, State

WARM_UP = timedelta(days=28)
"""A score younger than this has no past that it could move from."""
MOMENT = timedelta(days=14)
"""What came true longer ago than this is told by the score, not by an alert."""
CROSSED = timedelta(days=2)
HOLD = timedelta(hours=6)
"""A source must fail for so long before anybody is told: most come back by themselves."""
GRAVE = 1.5
"""Thresholds from which a spike is critical."""
CALM = 0.5
"""Below this share of what makes a signal active it lasts no more."""

History = Sequence[tuple[datetime, float]]
"""(instant, score in 0-100) of every kept score, oldest first."""


class Rule(StrEnum):
    """What an alert is about."""

    SPIKE = "spike"
    LEVEL = "level"
    MOVE = "move"
    FALSIFIER = "falsifier"
    BLIND = "blind"
    BUDGET = "budget"


class Direction(StrEnum):
    """Where it points: a rising threat makes the thesis stronger."""

    RISING = "rising"
    COLLAPSING = "collapsing"
    NONE = ""

    @property
    def stance(self) -> str:
        """Of the evidence that points there."""
        return {"rising": "supports", "collapsing": "weakens"}.get(self.value, "")

    @property
    def opposite(self) -> "Direction":
        """The other side."""
        ways = {Direction.RISING: Direction.COLLAPSING, Direction.COLLAPSING: Direction.RISING}
        return ways.get(self, Direction.NONE)


class Severity(StrEnum):
    """How much it matters, least first."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """For comparing."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Signal:
    """Reason to alert (`active`) or to go on (`lasting`), about `subject`, since `since`.

    `began` names the episode: one that is known already is not opened again. `sound` is false
    while it rests on a single publisher. It must be active for `hold` before anybody is told. A
    `moment` is over once it happened.
    """

    rule: Rule
    subject: str
    direction: Direction
    severity: Severity
    active: bool
    lasting: bool
    began: datetime
    since: datetime
    sound: bool = True
    hold: timedelta = timedelta(0)
    moment: bool = False
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells its alerts from others."""
        return (self.rule, self.subject, self.direction)


def of_stream(
    category: str, direction: Direction, states: Sequence[State], spikes: Sequence[Spike], h: float
) -> Signal | None:
    """The signal of a stream at the end of the last of `states`; h is its threshold, nats.

    `spikes` are all episodes up to then. None when nothing was looked at that day.
    """
    state = states[-1]
    if not state.day.exposure:
        return None
    today = state.day.day
    pressing = not state.learning and state.statistic >= h
    episode = spikes[-1] if spikes and state.firing else None
    since = episode.since if episode else state.since or today
    return Signal(
        Rule.SPIKE,
        category,
        direction,
        Severity.CRITICAL if state.statistic >= GRAVE * h else Severity.WARNING,
        active=state.alarmed or pressing,
        lasting=state.alarmed or state.statistic >= CALM * h,
        began=start_of(episode.fired_on if episode else since),
        since=start_of(since),
        sound=state.alarmed,
        figures={"statistic": state.statistic, "threshold": h, "learning": state.learning},
    )


def of_levels(history: History, levels: Iterable[float], margin: float) -> list[Signal]:
    """A signal for each of `levels` that the score has just crossed by `margin` points."""
    return [one for level in levels if (one := _of_level(history, level, margin))]


def of_move(history: History, points: float, days: int) -> Signal | None:
    """Whether the score moved by `points` within `days`; None without a score so long ago."""
    if not history:
        return None
    now, score = history[-1]
    start = now - timedelta(days=days)
    before = [one for one in history if one[0] <= start and one[0] - history[0][0] >= WARM_UP]
    if not before:
        return None
    then, old = before[-1]
    change = score - old
    return Signal(
        Rule.MOVE,
        "",
        Direction.RISING if change > 0 else Direction.COLLAPSING,
        Severity.WARNING,
        active=abs(change) >= points,
        lasting=abs(change) >= CALM * points,
        began=start_of(now.date()),
        since=then,
        figures={"before": old, "after": score, "days": days, "points": points},
    )


def of_falsifiers(came_true: Mapping[str, tuple[date, Direction]], now: datetime) -> list[Signal]:
    """A signal for every falsifier that a filing made true of late, by the day it did.

    A reported figure is not somebody's word for it: here the one who files is enough.
    """
    return [
        Signal(
            Rule.FALSIFIER,
            name,
            direction,
            Severity.CRITICAL,
            active=True,
            lasting=True,
            began=start_of(day),
            since=start_of(day),
            moment=True,
        )
        for name, (day, direction) in came_true.items()
        if timedelta(0) <= now - start_of(day) <= MOMENT
    ]


def of_sources(
    health: Mapping[str, Health], groups: Mapping[str, Sequence[str]], share: float, now: datetime
) -> list[Signal]:
    """A signal for every group of sources of which at least `share` are blind."""
    found = []
    for group, names in groups.items():
        blind = [name for name in names if health[name].blind]
        if blind:
            part = len(blind) / len(names)
            figures = {"blind": blind, "of": len(names), "share": part}
            found.append(_standing(Rule.BLIND, group, part, share, now, figures, HOLD))
    return found


def of_judge(waiting: int, now: datetime) -> list[Signal]:
    """A signal while items wait for a judge that cannot be asked."""
    figures = {"waiting": waiting}
    judge = _standing(Rule.BLIND, "the judge", float(waiting), 1.0, now, figures, HOLD)
    return [judge] if waiting else []


def of_spending(spent: float, budget: float, unpaid: int, now: datetime) -> list[Signal]:
    """A signal while the month's `budget`, dollars, is spent, or items went without it."""
    figures = {"spent": spent, "budget": budget, "unpaid": unpaid}
    over = bool(unpaid or (budget and spent >= budget))
    return [_standing(Rule.BUDGET, "", 1.0, 1.0, now, figures)] if over else []


def quiet(key: tuple[str, str, str], now: datetime) -> Signal:
    """The signal of a matter that gives no reason any more."""
    rule, subject, direction = key
    return Signal(
        Rule(rule),
        subject,
        Direction(direction),
        Severity.NOTICE,
        active=False,
        lasting=False,
        began=now,
        since=now,
    )


def until_quiet_ends(now: datetime, quiet: tuple[time, time] | None, zone: Any) -> datetime | None:
    """When the quiet hours that hold at `now` end, in `zone`; None outside them."""
    if quiet is None or quiet[0] == quiet[1]:
        return None
    local = now.astimezone(zone)
    start, end = quiet
    at = local.time().replace(tzinfo=None)
    within = start <= at < end if start < end else at >= start or at < end
    if not within:
        return None
    day = local.date() + timedelta(days=int(at >= end))
    return datetime.combine(day, end, tzinfo=zone).astimezone(now.tzinfo)


def _of_level(history: History, level: float, margin: float) -> Signal | None:
    crossed: tuple[datetime, bool] | None = None
    above: bool | None = None
    for at, score in history:
        side = True if score >= level + margin else False if score <= level - margin else above
        if above is not None and side != above and at - history[0][0] >= WARM_UP:
            crossed = at, bool(side)
        above = side
    if crossed is None or history[-1][0] - crossed[0] > CROSSED:
        return None
    at, upwards = crossed
    before = [score for when, score in history if when < at]
    return Signal(
        Rule.LEVEL,
        f"{level:g}",
        Direction.RISING if upwards else Direction.COLLAPSING,
        Severity.CRITICAL,
        active=True,
        lasting=True,
        began=at,
        since=_last_beyond(history, level, margin, at, not upwards),
        moment=True,
        figures={"level": level, "margin": margin, "before": before[-1], "after": history[-1][1]},
    )


def _last_beyond(
    history: History, level: float, margin: float, until: datetime, above: bool
) -> datetime:
    """When the score was last on the other side of a level, before it crossed."""
    sign = 1 if above else -1
    beyond = [at for at, score in history if at < until and sign * (score - level) >= margin]
    return beyond[-1] if beyond else history[0][0]


def _standing(
    rule: Rule,
    subject: str,
    size: float,
    enough: float,
    now: datetime,
    figures: Mapping[str, Any],
    hold: timedelta = timedelta(0),
) -> Signal:
    """A state of our own affairs, not of the world."""
    return Signal(
        rule,
        subject,
        Direction.NONE,
        Severity.NOTICE,
        active=size >= enough,
        lasting=size >= CALM * enough,
        began=now,
        since=now,
        hold=hold,
        figures=figures,
    )
