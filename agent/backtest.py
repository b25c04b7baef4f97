"""Whether the score ever knew anything about the price of the subject. Pure.

It must never look ahead, and never sell the best of many tries as a find: log returns, score
points and trading days go in; figures with intervals, and sentences that say "nothing", come out.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import pairwise
from math import expm1, isfinite, log
from typing import Literal

import numpy as np

from agent.evaluation import brier
from agent.lead_lag import TAILS, Interval, LeadLag, Strongest, Whole, lead_lag

__all__ = ["align", "brier", "event_study", "lead_lag", "verdict"]

CLOSE = time(20, tzinfo=UTC)
"""New York's close in summer, an hour before the one in winter: early at worst, but on the three
half days of a year."""
WINDOWS = ((-10, -2), (-1, 1), (0, 0), (1, 5), (1, 20))
ESTIMATION = (-130, -11)
"""First and last of the 120 trading days, counted from the event, that say what is normal."""
MERGED_WITHIN = 5
FEWEST_EVENTS = 5
"""Events without which their mean gets no interval."""
ENOUGH_DAYS = 60
SIGNIFICANT = 0.1

Closes = Sequence[tuple[date, float]]
Word = Literal["led", "followed", "led and followed", "shows nothing"]


@dataclass(frozen=True, slots=True)
class Aligned:
    """Side by side, by trading day: log return to its close, score change in points till then."""

    days: tuple[date, ...]
    returns: tuple[float, ...]
    changes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Mean cumulative abnormal log return over the trading days `first` to `last`, both counted."""

    first: int
    last: int
    mean: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class EventStudy:
    """`events` are the days 0 that count; `merged` and `left_out` how many more were given."""

    windows: tuple[Window, ...]
    events: tuple[date, ...]
    merged: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One word, the sentences that explain it, and a warning or nothing."""

    word: Word
    sentences: tuple[str, ...]
    warning: str = ""


def align(
    scores: Sequence[tuple[datetime, float]], closes: Closes, close_time: time = CLOSE
) -> Aligned:
    """The score's change between two closes beside the log return between them.

    The score at a close is the last one kept by `close_time` of that day, an aware time; a time of
    New York's zone follows its summer time. Days before the first score are left out.
    """
    prices = _checked_closes(closes)
    instants = _checked_instants(scores)
    if close_time.tzinfo is None:
        raise ValueError(f"the closing time {close_time} has no time zone: give it one")
    known = [bisect_right(instants, datetime.combine(day, close_time)) for day, _ in closes]
    rows = [n for n in range(1, len(closes)) if known[n - 1]]
    if len(rows) < 2:
        raise ValueError(
            f"the score and the prices share {len(rows)} trading days: at least 2 are needed, give "
            "prices that begin before the first score and end days after it"
        )
    return Aligned(
        tuple(closes[n][0] for n in rows),
        tuple(float(prices[n] - prices[n - 1]) for n in rows),
        tuple(scores[known[n] - 1][1] - scores[known[n - 1] - 1][1] for n in rows),
    )


def event_study(
    closes: Closes,
    events: Iterable[date],
    windows: Sequence[tuple[int, int]] = WINDOWS,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> EventStudy:
    """Abnormal log returns around events: constant-mean-return model (MacKinlay, 1997).

    Day 0 is the first trading day on or after the event; one within 5 trading days of a kept one
    is that one. The 90% interval resamples events: too narrow where long windows overlap.
    """
    prices = _checked_closes(closes)
    for first, last in windows:
        if not ESTIMATION[1] < first <= last:
            raise ValueError(f"window {first} to {last}: give days in order, none before -10")
    days = [day for day, _ in closes]
    found = [bisect_left(days, event) for event in events]
    starts = _merged(n for n in found if n < len(days))
    furthest = max((last for _, last in windows), default=0)
    kept = [n for n in starts if n + ESTIMATION[0] > 0 and n + max(furthest, 0) < len(days)]
    outside = sum(n == len(days) for n in found)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, max(len(kept), 1), (resamples, len(kept)))
    return EventStudy(
        tuple(_window(prices, kept, first, last, draws) for first, last in windows),
        tuple(days[n] for n in kept),
        merged=len(found) - outside - len(starts),
        left_out=outside + len(starts) - len(kept),
    )


def verdict(found: LeadLag, study: EventStudy | None = None) -> Finding:
    """What it comes to, in plain sentences; the word rests on the family-wise p alone."""
    led = found.leading.p < SIGNIFICANT
    follower = found.following
    if follower is not None and follower.p >= SIGNIFICANT:
        follower = None
    word: Word = "led" if led else "shows nothing"
    if follower is not None:
        word = "led and followed" if led else "followed"
    rests = (
        f"This rests on {found.days} trading days, worth about {found.independent} independent "
        f"ones; the score moved on {found.moved} of them."
    )
    warning = f"Fewer than {ENOUGH_DAYS} independent days: too few to build on, either way."
    return Finding(
        word,
        (
            _led(found.leading) if led else _nothing(found.leading),
            *([_followed(follower)] if follower is not None else []),
            rests,
            *(_after_events(study) if study is not None else []),
        ),
        warning if found.independent < ENOUGH_DAYS else "",
    )


def _checked_closes(closes: Closes) -> list[float]:
    """The logarithms of closes that are fit to use."""
    if len(closes) < 2:
        raise ValueError(f"{len(closes)} daily closes: give at least 2")
    for (earlier, _), (later, _) in pairwise(closes):
        if earlier == later:
            raise ValueError(f"two closes for {later}: keep one for each day")
        if earlier > later:
            raise ValueError(f"the close of {later} comes after {earlier}: sort them by day")
    for day, price in closes:
        if not (isfinite(price) and price > 0):
            raise ValueError(f"the close of {day} is {price}: give a positive price, or drop it")
    return [log(price) for _, price in closes]


def _checked_instants(scores: Sequence[tuple[datetime, float]]) -> list[datetime]:
    for at, value in scores:
        if at.tzinfo is None:
            raise ValueError(f"the score of {at} has no time zone: give it in UTC")
        if not 0 <= value <= 100:
            raise ValueError(f"the score of {at} is {value}: give one between 0 and 100")
    for (earlier, _), (later, _) in pairwise(scores):
        if earlier > later:
            raise ValueError(f"the score of {later} comes after {earlier}: sort them by time")
    return [at for at, _ in scores]


def _merged(found: Iterable[int]) -> list[int]:
    kept: list[int] = []
    for n in sorted(found):
        if not kept or n - kept[-1] > MERGED_WITHIN:
            kept.append(n)
    return kept


def _window(prices: list[float], kept: list[int], first: int, last: int, draws: Whole) -> Window:
    if not kept:
        return Window(first, last, None, None)
    begin, end = ESTIMATION
    span = end - begin + 1
    abnormal = np.array(
        [
            prices[n + last]
            - prices[n + first - 1]
            - (last - first + 1) * (prices[n + end] - prices[n + begin - 1]) / span
            for n in kept
        ]
    )
    mean = float(abnormal.mean())
    if len(kept) < FEWEST_EVENTS:
        return Window(first, last, mean, None)
    low, high = np.quantile(abnormal[draws].mean(axis=1), TAILS)
    return Window(first, last, mean, (float(low), float(high)))


def _led(best: Strongest) -> str:
    way = "rises" if best.lag.correlation > 0 else "falls"
    return (
        f"The score led the price: {way} of the price came most clearly {_days(best.lag.lag)} "
        f"after rises of the score ({_figures(best)})."
    )


def _nothing(best: Strongest) -> str:
    return (
        "The score shows nothing about the price of later days: its best lag, "
        f"{_days(best.lag.lag)}, is no better than chance ({_figures(best)})."
    )


def _followed(best: Strongest) -> str:
    way = "rises" if best.lag.correlation > 0 else "falls"
    when = f"{_days(-best.lag.lag)} after" if best.lag.lag else "on the same day as"
    return (
        f"The score followed the price: its {way} came most clearly {when} rises of the price "
        f"({_figures(best)})."
    )


def _figures(best: Strongest) -> str:
    low, high = best.lag.interval
    return (
        f"correlation {best.lag.correlation:.2f}, 90% interval {low:.2f} to {high:.2f}, "
        f"p = {best.p:.3f} for the best of {best.of} lags"
    )


def _after_events(study: EventStudy) -> list[str]:
    counted = (
        f"Events: {len(study.events)} counted, {study.merged} merged into an earlier one, "
        f"{study.left_out} left out near the ends of the prices."
    )
    return [counted, *(_after(one) for one in study.windows if one.first > 0)]


def _after(window: Window) -> str:
    if window.mean is None or window.interval is None:
        return f"{_span(window)} nothing can be said: at least {FEWEST_EVENTS} events are needed."
    low, high = window.interval
    chance = ", which shows nothing" if low <= 0 <= high else ""
    return (
        f"{_span(window)} the abnormal return averages {expm1(window.mean):+.1%} "
        f"(90% interval {expm1(low):+.1%} to {expm1(high):+.1%}){chance}."
    )


def _span(window: Window) -> str:
    return f"In trading days {window.first} to {window.last} after an event"


def _days(count: int) -> str:
    return f"{count} trading day" + ("" if count == 1 else "s")
