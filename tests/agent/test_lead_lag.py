"""A lead that is there is found at its lag, and chance is called chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lead_lag import lead_lag

DAYS = 300


def noise(seed: int, days: int = DAYS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=days)


def leading(by: int, strength: float, seed: int = 1) -> tuple[list[float], list[float]]:
    """Score changes, and returns that repeat them `by` days later with noise."""
    changes, returns = noise(seed), noise(seed + 1)
    returns[by:] += strength * changes[: DAYS - by]
    return changes.tolist(), returns.tolist()


@pytest.mark.parametrize("by", [1, 5, 20])
def test_lead_is_found_at_its_lag_with_a_small_p(by: int) -> None:
    found = lead_lag(*leading(by, 0.5))
    assert found.leading.lag.lag == by
    assert found.leading.p < 0.01
    low, high = found.leading.lag.interval
    assert 0 < low < found.leading.lag.correlation < high


def test_price_that_moves_first_is_followed_and_not_led() -> None:
    changes, returns = leading(3, 0.5)
    found = lead_lag(returns, changes)
    assert found.following is not None
    assert (found.following.lag.lag, found.following.p < 0.01) == (-3, True)
    assert found.leading.p > 0.1


def test_family_wise_p_of_independent_series_is_no_smaller_than_chance() -> None:
    """The best of 20 lags looks good in most of 200 pairs of noise; p knows that."""
    p = [
        lead_lag(noise(2 * n, 120), noise(2 * n + 1, 120), resamples=199).leading.p
        for n in range(200)
    ]
    assert np.mean(np.array(p) < 0.1) <= 0.15
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=0.12)


@given(st.integers(0, 10_000))
def test_mirrored_score_mirrors_every_correlation(seed: int) -> None:
    changes, returns = noise(seed, 60), noise(seed + 1, 60)
    one = lead_lag(changes, returns, resamples=9)
    other = lead_lag(-changes, returns, resamples=9)
    for a, b in zip(one.lags, other.lags, strict=True):
        assert a.correlation == pytest.approx(-b.correlation)
        assert a.interval == pytest.approx((-b.interval[1], -b.interval[0]))
    assert one.leading.p == other.leading.p


@given(st.floats(0.01, 100), st.floats(-5, 5))
def test_scale_and_level_of_the_returns_do_not_matter(scale: float, level: float) -> None:
    changes, returns = leading(2, 0.3)
    one, other = (
        lead_lag(changes, r, resamples=19) for r in (returns, np.array(returns) * scale + level)
    )
    for a, b in zip(one.lags, other.lags, strict=True):
        assert a.correlation == pytest.approx(b.correlation, abs=1e-9)


def test_same_input_gives_the_same_figures() -> None:
    assert lead_lag(*leading(1, 0.2)) == lead_lag(*leading(1, 0.2))


def test_lag_that_leaves_too_few_days_is_left_out() -> None:
    found = lead_lag(noise(1, 20), noise(2, 20))
    assert [one.lag for one in found.lags] == list(range(-10, 11))


@pytest.mark.parametrize(
    ("changes", "returns", "words"),
    [
        ([1.0] * 9, [1.0] * 9, "at least 10"),
        ([0.0] * 20, list(range(20)), "the score changed alike"),
        (list(range(20)), [0.1] * 20, "the price changed alike"),
        ([float("nan"), *range(19)], list(range(20)), "not finite"),
        (list(range(20)), list(range(21)), "as many"),
    ],
)
def test_what_cannot_be_correlated_says_why(
    changes: list[float], returns: list[float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        lead_lag(changes, returns)
