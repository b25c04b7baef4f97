"""False alarms and delay of the spike rule, beside a 28-day mean + 3 sd rule on the same streams.

The streams are over-dispersed (negative binomial, r = 3) and weekly-seasonal, in what comes and in
what is looked at; baselines are estimated from the stream itself, as in use.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from agent import spikes
from agent.exposure import Exposure

RATES = (0.3, 1.0, 3.0)
DISPERSION = 3.0
WEEK = np.array([1.15, 1.15, 1.15, 1.15, 1.15, 0.75, 0.50])
LOOKED_AT = 200
STREAMS = 100
DAYS = 2_000
SHIFTED = 150
SHIFT_ON = 250
PATIENCE = 60
FIRST = date(2020, 1, 6)
YEAR = 365.25

Counts = np.ndarray[Any, np.dtype[np.int64]]
Rule = Callable[[Counts, Counts], "Told"]


@dataclass(frozen=True)
class Told:
    """Days a rule could have fired on and did not already, and the days on which it fired."""

    watched: int
    fired_on: list[int]


def run() -> None:
    """Print false alarms per category-year, days between them, and how late a change is seen."""
    began = time.perf_counter()
    rules: dict[str, Rule] = {"cusum": _cusum, "28 d + 3 sd": _mean_and_deviations}
    for name, rule in rules.items():
        print(f"{name}:")
        _print_false_alarms(rule)
        _print_delays(rule)
    _print_source_changes()
    counts, items = _stream(np.random.default_rng(1), np.full(500, 1.0))
    days = _days(counts, items)
    started = time.perf_counter()
    spikes.detect(days)
    print(f"500 days in {1000 * (time.perf_counter() - started):.1f} ms (under 50)")
    print(f"all of it in {time.perf_counter() - began:.0f} s")


def _print_false_alarms(rule: Rule) -> None:
    """Every rule sees the same streams: the seed is the rate's place in the list."""
    watched = alarms = 0
    parts = []
    for seed, rate in enumerate(RATES):
        rng = np.random.default_rng(seed)
        told = [rule(*_stream(rng, np.full(DAYS, rate))) for _ in range(STREAMS)]
        days, fired = sum(one.watched for one in told), sum(len(one.fired_on) for one in told)
        watched, alarms = watched + days, alarms + fired
        parts.append(f"{rate:g}/day {days / max(fired, 1):,.0f}{_interval(days, fired)}")
    print(f"  false alarms per category-year {YEAR * alarms / watched:.2f}; ARL0", end=" ")
    print(f"{watched / max(alarms, 1):,.0f}{_interval(watched, alarms)} days")
    print(f"  ARL0 by rate: {', '.join(parts)}")


def _interval(watched: int, alarms: int) -> str:
    """95% of days per alarm, the alarms taken as Poisson."""
    from scipy.stats import chi2

    most = chi2.ppf(0.975, 2 * alarms + 2) / 2
    least = chi2.ppf(0.025, 2 * alarms) / 2 if alarms else 0.0
    longest = f"{watched / least:,.0f}" if least else "inf"
    return f" [{watched / most:,.0f}, {longest}]"


def _print_delays(rule: Rule) -> None:
    for factor in (1.0, 2.0, 4.0):
        parts = []
        for seed, rate in enumerate(RATES):
            means = np.full(SHIFT_ON + PATIENCE, rate)
            means[SHIFT_ON:] *= factor
            parts.append(f"{rate:g}/day {_delay(rule, means, 10 + seed)}")
        what = f"{factor:g}x seen" if factor > 1 else "no change, yet fired"
        print(f"  {what} within {PATIENCE} days, after median days: {', '.join(parts)}")
    parts = [
        f"{rate:g}/day {_burst_seen(rule, rate, 20 + seed):.0%}" for seed, rate in enumerate(RATES)
    ]
    print(f"  one day of ten events more, seen that day: {', '.join(parts)}")


def _print_source_changes() -> None:
    """A list of sources changes on one day: how many of SHIFTED streams fire in the year after.

    Everybody brings events at a rate of their own; "added" writes of nothing but the subject.
    """
    usual = np.array([0.002, 0.004, 0.006, 0.02])
    items = np.array([80, 60, 40, 20])
    doubled = np.tile(usual, 2), np.concatenate([np.zeros(4), items])
    changes = {
        "no change": (usual, items, items),
        "list doubled": (doubled[0], np.concatenate([items, np.zeros(4)]), np.tile(items, 2)),
        "largest dies": (usual, items, np.array([0, 60, 40, 20])),
        "on topic dies": (usual, items, np.array([80, 60, 40, 0])),
        "on topic added": (
            np.array([*usual, 0.3, 0.3]),
            np.array([*items, 0, 0]),
            np.array([*items, 5, 5]),
        ),
    }
    print(f"sources change on day {SHIFT_ON}; share of streams that fire in the 120 days after:")
    for name, (rates, before, after) in changes.items():
        both = [_fires(rates, before, after, seed) for seed in range(SHIFTED // 3)]
        with_owners, plain = np.mean(both, axis=0)
        print(f"  {name}: {with_owners:.0%}, by the number of items alone {plain:.0%}")


def _fires(rates: Counts, before: Counts, after: Counts, seed: int) -> tuple[bool, bool]:
    """Whether a stream fires after its sources change: weighing owners, and counting items."""
    rng = np.random.default_rng(1000 + seed)
    looked, events = [], []
    for day in range(SHIFT_ON + 120):
        at = FIRST + timedelta(days=day)
        for owner, (rate, size) in enumerate(
            zip(rates, after if day >= SHIFT_ON else before, strict=True)
        ):
            if size:
                read = int(rng.poisson(size * WEEK[day % 7]))
                brought = rng.poisson(rng.gamma(DISPERSION, rate * read / DISPERSION))
                looked.append((at, f"owner{owner}", max(read, int(brought))))
                events += [(at, f"owner{owner}")] * int(brought)
    found = Exposure(looked)
    leans = found.leans(events)
    by_day: dict[date, list[str]] = {}
    for at, name in events:
        by_day.setdefault(at, []).append(name)
    days = [_day(found, at, by_day.get(at, []), leans[at]) for at in found.days]
    plain = [replace(one, events=one.events + one.left_out, lean=1.0, left_out=0) for one in days]
    change = FIRST + timedelta(days=SHIFT_ON)
    told = [any(s.fired_on >= change for s in spikes.detect(d).spikes) for d in (days, plain)]
    return told[0], told[1]


def _day(found: Exposure, at: date, owners: list[str], lean: float) -> spikes.Day:
    """Two people share each event, so that nothing is held back for want of owners."""
    counted = [owner for owner in owners if owner not in found.newcomers(at)]
    heard = frozenset(f"{owner}{side}" for owner in counted for side in "ab")
    left_out = len(owners) - len(counted)
    return spikes.Day(at, len(counted), heard, found.items(at), lean, left_out)


def _delay(rule: Rule, means: np.ndarray[Any, Any], seed: int) -> str:
    """Share that saw the change, and the median delay of all (0: the same day)."""
    rng = np.random.default_rng(seed)
    waits = []
    for _ in range(SHIFTED):
        later = [day for day in rule(*_stream(rng, means)).fired_on if day >= SHIFT_ON]
        waits.append(later[0] - SHIFT_ON if later else np.inf)
    seen = np.isfinite(waits).mean()
    middle = np.quantile(waits, 0.5, method="lower")
    return f"{seen:.0%} {middle:.0f}" if np.isfinite(middle) else f"{seen:.0%} -"


def _burst_seen(rule: Rule, rate: float, seed: int) -> float:
    rng = np.random.default_rng(seed)
    seen = 0
    for _ in range(SHIFTED):
        counts, items = _stream(rng, np.full(SHIFT_ON + 1, rate))
        counts[SHIFT_ON] += 10
        items[SHIFT_ON] += 10
        seen += SHIFT_ON in rule(counts, items).fired_on
    return seen / SHIFTED


def _stream(rng: np.random.Generator, means: np.ndarray[Any, Any]) -> tuple[Counts, Counts]:
    """Events and items looked at on each day, both with the week's rhythm."""
    week = WEEK[np.arange(len(means)) % 7]
    counts = rng.poisson(rng.gamma(DISPERSION, means * week / DISPERSION))
    return counts, np.maximum(rng.poisson(LOOKED_AT * week), counts)


def _days(counts: Counts, items: Counts) -> list[spikes.Day]:
    """Each event from an owner of its own: nothing is held back for want of owners."""
    return [
        spikes.Day(
            FIRST + timedelta(days=day),
            events,
            frozenset(f"owner{(7 * day + i) % 40}" for i in range(events)),
            looked_at,
        )
        for day, (events, looked_at) in enumerate(zip(counts.tolist(), items.tolist(), strict=True))
    ]


def _cusum(counts: Counts, items: Counts) -> Told:
    found = spikes.detect(_days(counts, items))
    judged = {state.day.day for state in found.states if not state.learning}
    fired = [spike.fired_on for spike in found.spikes if spike.fired_on in judged]
    calm = sum(not state.learning and not state.firing for state in found.states)
    return Told(calm + len(fired), [(day - FIRST).days for day in fired])


def _mean_and_deviations(counts: Counts, items: Counts) -> Told:
    """Above the mean of the 28 days before by 3 sd; the same three days of firing, then anew."""
    windows = np.lib.stride_tricks.sliding_window_view(counts, 28)[:-1]
    above = counts[28:] > windows.mean(axis=1) + 3 * windows.std(axis=1, ddof=1)
    days = np.flatnonzero(above) + 28
    days = days[days >= spikes.LEARNING]
    fired = [int(day) for i, day in enumerate(days) if not i or day - days[i - 1] > 3]
    return Told(len(counts) - spikes.LEARNING, fired)
