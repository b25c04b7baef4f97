"""Spikes: what came each day and what was looked at in, unusual runs of events out (DESIGN 7).

A negative-binomial log-likelihood CUSUM against the stream's own habit. Pure: no clock, no I/O.
Counts are judged against the items looked at that day and who wrote them (agent.exposure), so that
a new source does not look like news, nor a dead one like peace; a day on which nothing was looked
at says nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from math import log, sqrt
from typing import NamedTuple

THRESHOLD = 6.0
"""Evidence h, nats, at which a stream fires."""
WINDOW = 112
"""Days the habit is read from."""
LAG = 7
"""The habit ends this many days before the day it judges, so that a slow rise is not its own."""
LEARNING = 56
"""Days that must be known before there is a habit. Alarmed days are left out of it, but for those
of learning: a stream that is always busy would else never be known to be. Where that leaves too
few, the last habit holds."""
LASTING = 28
"""A spike that runs for so many days is a new habit: from then on it is read from its own days, and
from none before."""
CEILING = 2.0
"""S goes no higher than this many thresholds, so that one huge day is over in weeks, not months.
It changes nothing before a stream fires."""
BLINDNESS = 28
"""After so many days in a row without a look nothing is known of the run any more."""
LEAST_EXPECTED = 0.2
"""Events a day below which no habit is believed."""
DISPERSION = (0.7, 50.0)
"""Least and most r of the negative binomial; its variance is m + m^2 / r."""
RISE = 2.0
STRAY = 1.5
"""A spike is this many times, or this many standard deviations above, what is expected."""
QUIET_DAYS = 3
"""A spike keeps firing until its evidence lay below h/2 for so many days; three at the least."""
LEARNING_OWNERS = 4
LEARNING_EVENTS = 5
FEWEST_OWNERS = 2
"""One owner alone never fires."""

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Day:
    """New distinct `events` of a day, all the `owners` behind them, and the items looked at.

    By its publishers the day may promise `lean` times as many events as others with as many items.
    Events that are `left_out`, of loud newcomers, are part of the habit and of no spike.
    """

    day: date
    events: int
    owners: frozenset[str]
    exposure: int
    lean: float = 1.0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Baseline:
    """A habit: events per item looked at, r of the negative binomial, and days it is read from."""

    rate: float
    dispersion: float
    days: int

    def expected(self, exposure: float) -> float:
        """Events to expect, m0, when so many items are looked at, each times its lean."""
        return max(self.rate * exposure, LEAST_EXPECTED)


@dataclass(frozen=True, slots=True)
class State:
    """What is known at the end of a day; `statistic` is S, nats.

    Without a `baseline` the stream is still learning; without `expected` nothing was expected
    because there is no baseline or nothing was looked at. What S rests on gathered from `since`.
    `alarmed` is reason enough to fire; a stream that is `firing` may be calm again.
    """

    day: Day
    baseline: Baseline | None
    expected: float | None
    statistic: float
    since: date | None
    alarmed: bool
    firing: bool

    @property
    def learning(self) -> bool:
        """Whether too few days are known to have a habit, and the fixed rule stands in."""
        return self.baseline is None


@dataclass(frozen=True, slots=True)
class Spike:
    """One episode: its evidence gathered from `since`, fired, and was over on `resolved_on`.

    `observed` events of `owners` came from `since` to `fired_on`, where `expected` were to be
    expected (None while learning). `statistic` is S on that day, nats.
    """

    since: date
    fired_on: date
    resolved_on: date | None
    observed: int
    expected: float | None
    owners: frozenset[str]
    statistic: float


@dataclass(frozen=True, slots=True)
class Detection:
    """Every calendar day's state, gaps included, and the spikes in the order they fired."""

    states: tuple[State, ...]
    spikes: tuple[Spike, ...]


def detect(days: Sequence[Day], *, threshold: float = THRESHOLD) -> Detection:
    """Follow one stream through its `days`, oldest first; h is `threshold`, nats.

    A calendar day between two given ones that is missing is one on which nothing was looked at.
    What is said of a day depends on it and earlier ones only. Days out of order, given twice or
    impossible are a ValueError.
    """
    walk = _Walk(threshold)
    for day in _every_day(days):
        walk.step(day)
    return Detection(tuple(walk.states), tuple(walk.spikes))


def evidence(events: int, expected: float, dispersion: float) -> float:
    """Log-likelihood of a spike over that of the habit, nats, for one day's `events`.

    m0 = `expected`, r = `dispersion`, m1 = max(2 m0, m0 + 1.5 sqrt(m0 + m0^2 / r));
    x ln[(m1 / (r + m1)) / (m0 / (r + m0))] - r ln((r + m1) / (r + m0)).
    """
    deviation = sqrt(expected + expected**2 / dispersion)
    spiked = max(RISE * expected, expected + STRAY * deviation)
    grown = log((dispersion + spiked) / (dispersion + expected))
    return events * (log(spiked / expected) - grown) - dispersion * grown


class _Sums(NamedTuple):
    """Sums over days that can teach a habit: of 1, x, E, x^2, x E and E^2."""

    days: int = 0
    events: int = 0
    exposure: int = 0
    events_squared: int = 0
    product: int = 0
    exposure_squared: int = 0

    def plus(self, day: Day) -> "_Sums":
        x, e = day.events + day.left_out, day.exposure
        return _Sums(
            self.days + 1,
            self.events + x,
            self.exposure + e,
            self.events_squared + x * x,
            self.product + x * e,
            self.exposure_squared + e * e,
        )

    def since(self, earlier: "_Sums") -> "_Sums":
        pairs = zip(self, earlier, strict=True)
        return _Sums._make(now - then for now, then in pairs)


class _Walk:
    """The stream up to a day. `sums[i]` is over the teaching ones of its first i days."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.states: list[State] = []
        self.spikes: list[Spike] = []
        self.sums = [_Sums()]
        self.statistic = 0.0
        self.firing = False
        self.quiet = 0
        self.ran = 0
        self.unseen = 0
        self.began = 0
        self.regime: int | None = None
        self.habit: Baseline | None = None
        self.forget()

    def forget(self) -> None:
        """Start gathering what a spike rests on anew."""
        self.since: date | None = None
        self.observed = 0
        self.expected = 0.0
        self.owners: frozenset[str] = frozenset()

    def step(self, day: Day) -> None:
        """Take the next calendar day."""
        baseline = self.habit = self.baseline()
        looked = day.exposure * day.lean
        expected = baseline.expected(looked) if baseline and day.exposure else None
        alarmed = False
        if day.exposure:
            self.unseen = 0
            self.update(day, baseline, expected)
            alarmed = self.alarms(day, baseline)
            self.resolve(day, alarmed) if self.firing else self.fire(day, alarmed, expected)
        else:
            self.miss(day)
        new_habit = self.firing and self.regime == self.began
        teaches = day.exposure and (new_habit or not (self.firing and baseline))
        self.sums.append(self.sums[-1].plus(day) if teaches else self.sums[-1])
        since = self.since if self.statistic or alarmed else None
        self.states.append(
            State(day, baseline, expected, self.statistic, since, alarmed, self.firing)
        )

    def baseline(self) -> Baseline | None:
        """The habit that the next day is judged by; None while too few days are known."""
        today = len(self.states)
        first, end = max(today - WINDOW - LAG + 1, 0), max(today - LAG + 1, 0)
        if self.regime is not None and self.regime > first:
            own = self.sums[end].since(self.sums[min(self.regime, end)])
            return _habit(own) if own.days >= LASTING else self.habit
        if self.sums[today].days - self.sums[first].days < LEARNING:
            return self.habit
        return _habit(self.sums[end].since(self.sums[first]))

    def update(self, day: Day, baseline: Baseline | None, expected: float | None) -> None:
        """Bring S, and what it rests on, up to the end of `day`."""
        if baseline is None or expected is None:
            self.statistic = 0.0
            self.forget()
        else:
            if not self.statistic:
                self.forget()
            rise = _rise(day, expected, baseline.dispersion)
            self.statistic = min(max(0.0, self.statistic + rise), CEILING * self.threshold)
        self.since = self.since or day.day
        self.observed += day.events
        self.expected += expected or 0.0
        self.owners |= day.owners

    def alarms(self, day: Day, baseline: Baseline | None) -> bool:
        """Whether `day` gives reason to fire."""
        if baseline is None:
            return day.events >= LEARNING_EVENTS and len(day.owners) >= LEARNING_OWNERS
        return self.statistic >= self.threshold and len(self.owners) >= FEWEST_OWNERS

    def fire(self, day: Day, alarmed: bool, expected: float | None) -> None:
        """Begin an episode if there is reason to."""
        if not alarmed or self.since is None:
            return
        self.firing, self.quiet, self.ran = True, 0, 0
        self.began = len(self.states)
        self.spikes.append(
            Spike(
                since=self.since,
                fired_on=day.day,
                resolved_on=None,
                observed=self.observed,
                expected=None if expected is None else self.expected,
                owners=self.owners,
                statistic=self.statistic,
            )
        )

    def resolve(self, day: Day, alarmed: bool) -> None:
        """Follow the running episode, and end it after days enough of quiet."""
        calm = self.statistic < self.threshold / 2 and not alarmed
        self.quiet = self.quiet + 1 if calm else 0
        self.ran += 1
        if self.quiet == QUIET_DAYS:
            self.end(day)
        elif self.ran == LASTING:
            self.settle()

    def miss(self, day: Day) -> None:
        """Nothing was looked at: the run stands still, and is forgotten in the end."""
        self.unseen += 1
        if self.unseen < BLINDNESS:
            return
        self.statistic = 0.0
        self.end(day) if self.firing else self.forget()

    def settle(self) -> None:
        """What goes on is a new habit: the days of the episode teach it after all."""
        self.regime = self.began
        for i in range(self.began, len(self.states)):
            day = self.states[i].day
            self.sums[i + 1] = self.sums[i].plus(day) if day.exposure else self.sums[i]

    def end(self, day: Day) -> None:
        """The running episode is over."""
        self.firing = False
        self.spikes[-1] = replace(self.spikes[-1], resolved_on=day.day)
        self.forget()


def _habit(sums: _Sums) -> Baseline:
    """Rate and dispersion by moments: m_t = rate E_t, r = sum m_t^2 / (sum (x_t - m_t)^2 - m_t).

    With the same exposure every day this is m0^2 / (s2 - m0), s2 the variance of the counts.
    """
    rate = sums.events / sums.exposure
    squares = rate**2 * sums.exposure_squared
    spread = sums.events_squared - 2 * rate * sums.product + squares
    excess = spread * sums.days / (sums.days - 1) - sums.events
    least, most = DISPERSION
    dispersion = min(max(squares / excess, least), most) if excess > 0 else most
    return Baseline(rate, dispersion, sums.days)


def _rise(day: Day, expected: float, dispersion: float) -> float:
    """The day's evidence; what one owner says alone raises it no more than one event would."""
    rise = evidence(day.events, expected, dispersion)
    if len(day.owners) >= FEWEST_OWNERS:
        return rise
    return min(rise, max(evidence(1, expected, dispersion), 0.0))


def _every_day(days: Sequence[Day]) -> Iterator[Day]:
    """The days with the gaps between them filled, each of them looked over."""
    for day in days:
        _check(day)
    for earlier, later in pairwise(days):
        if later.day <= earlier.day:
            raise ValueError(
                f"{later.day} follows {earlier.day}: sort the days and give each of them once"
            )
        yield earlier
        for ahead in range(1, (later.day - earlier.day).days):
            yield Day(earlier.day + ahead * ONE_DAY, 0, frozenset(), 0)
    yield from days[-1:]


def _check(day: Day) -> None:
    if min(day.events, day.exposure, day.lean, day.left_out) < 0:
        raise ValueError(f"{day.day} has a count below 0: count its events and items anew")
    if day.events and not day.exposure:
        raise ValueError(
            f"{day.day} has {day.events} events and nothing looked at: "
            "count the items they came from in its exposure"
        )
