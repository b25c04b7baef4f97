"""Score and price side by side without a look ahead, and returns around events."""

from datetime import UTC, date, datetime, time, timedelta
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import backtest
from agent.backtest import align, event_study, verdict
from agent.evaluation import brier
from agent.lead_lag import lead_lag

FRIDAY = date(2025, 1, 24)
MONDAY, TUESDAY = date(2025, 1, 27), date(2025, 1, 28)
CLOSES = [(FRIDAY, 142.0), (MONDAY, 118.0), (TUESDAY, 129.0)]
CLOSE = time(21, tzinfo=UTC)


def at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def walk(days: int, seed: int = 1, drift: float = 0.0) -> list[tuple[date, float]]:
    steps = np.random.default_rng(seed).normal(drift, 0.01, days).cumsum()
    start = date(2024, 1, 1)
    return [(start + timedelta(days=n), 100 * exp(step)) for n, step in enumerate(steps)]


def test_score_of_the_evening_counts_for_the_next_trading_day() -> None:
    scores = [(at(FRIDAY, 9), 50.0), (at(MONDAY, 9), 55.0), (at(MONDAY, 23), 70.0)]
    found = align(scores, CLOSES, CLOSE)
    assert found.days == (MONDAY, TUESDAY)
    assert found.changes == (5.0, 15.0)
    assert found.returns == pytest.approx((log(118 / 142), log(129 / 118)))


def test_score_of_the_weekend_counts_for_monday() -> None:
    scores = [(at(FRIDAY, 9), 50.0), (at(FRIDAY + timedelta(days=1), 12), 60.0)]
    assert align(scores, CLOSES, CLOSE).changes == (10.0, 0.0)


@given(st.floats(0, 100), st.floats(0, 100))
def test_later_score_changes_nothing_that_was_aligned_before(one: float, other: float) -> None:
    before = [(at(FRIDAY, 9), 50.0), (at(MONDAY, 9), 55.0)]
    first, second = (
        align([*before, (at(MONDAY, 22), late)], CLOSES, CLOSE) for late in (one, other)
    )
    assert first.changes[0] == second.changes[0]


def test_days_before_the_first_score_are_left_out() -> None:
    closes = [*((FRIDAY - timedelta(days=n), 140.0 + n) for n in (3, 2, 1)), *CLOSES]
    assert align([(at(FRIDAY, 9), 50.0)], closes, CLOSE).days == (MONDAY, TUESDAY)


@pytest.mark.parametrize(
    ("closes", "words"),
    [
        (CLOSES[:1], "at least 2"),
        (CLOSES[::-1], "sort them"),
        ([*CLOSES, CLOSES[-1]], "two closes"),
        ([(FRIDAY, 0.0), *CLOSES[1:]], "positive"),
        ([(FRIDAY, float("nan")), *CLOSES[1:]], "positive"),
        ([(FRIDAY - timedelta(days=900), 1.0), (FRIDAY - timedelta(days=899), 1.0)], "share 0"),
    ],
)
def test_prices_that_cannot_be_used_say_why(closes: list[tuple[date, float]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        align([(at(FRIDAY, 9), 50.0), (at(MONDAY, 9), 55.0)], closes, CLOSE)


def shocked(events: list[int], size: float, days: int = 700) -> list[tuple[date, float]]:
    """A walk that falls by `size`, in logs, on the day of each event."""
    return [
        (day, close * exp(-size * sum(n >= event for event in events)))
        for n, (day, close) in enumerate(walk(days))
    ]


def test_fall_on_the_day_is_found_on_the_day_and_not_around_it() -> None:
    events = [200, 280, 360, 440, 520, 600]
    closes = shocked(events, 0.1)
    found = event_study(closes, [closes[n][0] for n in events], ((-5, -2), (0, 0), (1, 5)))
    before, day, after = found.windows
    assert day.mean == pytest.approx(-0.1, abs=0.02)
    assert day.interval is not None
    assert day.interval[1] < -0.08
    assert all(abs(one.mean or 0) < 0.03 for one in (before, after))
    assert len(found.events) == 6


def test_growth_as_usual_is_nothing_abnormal() -> None:
    closes = [(day, close * exp(0.002 * n)) for n, (day, close) in enumerate(walk(400, seed=3))]
    (found,) = event_study(closes, [closes[n][0] for n in range(200, 380, 20)], ((1, 5),)).windows
    assert abs(found.mean or 1) < 0.02


@given(st.floats(0.01, 1000))
def test_unit_of_the_price_does_not_matter(factor: float) -> None:
    closes = shocked([200], 0.1, 300)
    scaled = [(day, close * factor) for day, close in closes]
    day = closes[200][0]
    one, other = (event_study(c, [day]).windows for c in (closes, scaled))
    assert [w.mean for w in one] == pytest.approx([w.mean for w in other])


def test_few_events_get_a_mean_and_no_interval() -> None:
    closes = walk(400)
    found = event_study(closes, [closes[200][0], closes[300][0]])
    assert all(one.mean is not None and one.interval is None for one in found.windows)


def test_events_close_together_are_one_and_those_at_the_ends_are_counted_out() -> None:
    closes = walk(400)
    days = [closes[n][0] for n in (10, 200, 202, 204, 395)]
    found = event_study(closes, [*days, closes[-1][0] + timedelta(days=50)])
    assert (found.events, found.merged, found.left_out) == ((days[1],), 2, 3)


def test_weekend_event_counts_on_the_next_trading_day() -> None:
    closes = [one for one in walk(500) if one[0].weekday() < 5]
    saturday = next(day for day, _ in walk(500)[300:] if day.weekday() == 5)
    assert event_study(closes, [saturday]).events == (saturday + timedelta(days=2),)


def changes(days: int, by: int = 0, seed: int = 5) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=days), rng.normal(size=days)
    if by:
        other[by:] += one[:-by]
    return one.tolist(), other.tolist()


def test_verdict_says_plainly_that_nothing_is_shown() -> None:
    found = verdict(lead_lag(*changes(200)))
    assert found.word == "shows nothing"
    assert any("shows nothing" in sentence for sentence in found.sentences)
    assert any("200 trading days" in sentence for sentence in found.sentences)


def test_verdict_names_a_lead() -> None:
    found = verdict(lead_lag(*changes(200, by=2)))
    assert found.word == "led"
    assert "2 trading days" in found.sentences[0]


def test_verdict_on_few_days_warns() -> None:
    assert "60" in verdict(lead_lag(*changes(40))).warning
    assert verdict(lead_lag(*changes(200))).warning == ""


def test_brier_parts_add_up_and_bad_input_is_refused() -> None:
    p, true = [0.1, 0.4, 0.4, 0.8, 0.95], [False, True, False, True, True]
    found = brier(p, true)
    assert found.score == pytest.approx(
        found.reliability - found.resolution + found.uncertainty + found.within
    )
    for bad in ([], [1.2]):
        with pytest.raises(ValueError, match="give"):
            brier(bad, [True] * len(bad))
    assert backtest.brier is brier
