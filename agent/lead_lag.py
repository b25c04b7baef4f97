"""Whether one daily series moves before, with or after another, and whether by more than chance.

Pure. The best of many lags always looks good: it must never be shown without its family-wise p.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FEWEST_DAYS = 10
"""Days without which nothing is correlated."""
TAILS = (0.05, 0.95)
STILL = 1e-12
"""A standard deviation below this is rounding, not movement."""

Array = np.ndarray[Any, np.dtype[np.float64]]
Whole = np.ndarray[Any, np.dtype[np.int64]]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Lag:
    """Correlation of the score's change with the return `lag` trading days later."""

    lag: int
    correlation: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Strongest:
    """The lag of largest |correlation| among `of`; `p` is family-wise, the choice paid for."""

    lag: Lag
    p: float
    of: int


@dataclass(frozen=True, slots=True)
class LeadLag:
    """`leading` is over positive lags, `following` over the others: same day or the price first.

    The score moved on `moved` of `days`; `independent` is how many the days are worth.
    """

    lags: tuple[Lag, ...]
    leading: Strongest
    following: Strongest | None
    days: int
    moved: int
    independent: int


def lead_lag(
    score_changes: Sequence[float],
    returns: Sequence[float],
    lags: Iterable[int] = range(-20, 21),
    *,
    block: float | None = None,
    resamples: int = 999,
    seed: int = 0,
) -> LeadLag:
    """Correlation of score and price at each lag in trading days; positive: the score moved first.

    90% intervals by stationary bootstrap of the days (Politis & Romano, 1994) in blocks of `block`
    days on average, n^(1/3) unless told. The family-wise p resamples the score alone, which cuts
    its tie to the price. Lags that leave fewer than half of the days are left out.
    """
    x, y = _standardised(score_changes, "score"), _standardised(returns, "price")
    tried = sorted({lag for lag in lags if 2 * abs(lag) <= len(x)})
    if len(x) != len(y) or not any(lag > 0 for lag in tried):
        raise ValueError("give as many score changes as returns, and at least one positive lag")
    if block is not None and not block >= 1:
        raise ValueError(f"blocks of {block} days: give 1 or more")
    length = block or len(x) ** (1 / 3)
    draws = _stationary(len(x), length, resamples, np.random.default_rng(seed))
    measured = _weighted(x, y, np.ones((1, len(x))), tried)[0]
    low, high = np.quantile(_weighted(x, y, _counts(draws), tried), TAILS, axis=0)
    found = tuple(
        Lag(lag, float(r), (float(a), float(b)))
        for lag, r, a, b in zip(tried, measured, low, high, strict=True)
    )
    null = np.abs(_untied(x[draws], y, tried))
    leads = np.array(tried) > 0
    return LeadLag(
        lags=found,
        leading=_strongest(found, null, leads),
        following=None if leads.all() else _strongest(found, null, ~leads),
        days=len(x),
        moved=int(np.count_nonzero(score_changes)),
        independent=_independent(x, y),
    )


def _standardised(values: Sequence[float], name: str) -> Array:
    held = np.asarray(values, dtype=np.float64)
    if len(held) < FEWEST_DAYS:
        raise ValueError(f"{len(held)} days: at least {FEWEST_DAYS} are needed, keep the score on")
    if not np.isfinite(held).all():
        raise ValueError(f"a change of the {name} is not finite: leave such days out")
    spread = held.std()
    if spread < STILL:
        raise ValueError(
            f"the {name} changed alike on all {len(held)} days, so nothing can be correlated: "
            "take a longer time"
        )
    standard: Array = (held - held.mean()) / spread
    return standard


def _stationary(n: int, length: float, resamples: int, rng: np.random.Generator) -> Whole:
    """Days of each resample: circular runs whose length is geometric with this mean."""
    at = np.arange(n)
    begins = rng.random((resamples, n)) < 1 / length
    begins[:, 0] = True
    begun = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    origins = np.take_along_axis(rng.integers(0, n, (resamples, n)), begun, axis=1)
    drawn: Whole = (origins + at - begun) % n
    return drawn


def _counts(draws: Whole) -> Array:
    """How often each resample drew each day."""
    resamples, n = draws.shape
    cells = (draws + n * np.arange(resamples)[:, None]).ravel()
    return np.bincount(cells, minlength=draws.size).reshape(resamples, n).astype(np.float64)


def _overlap(n: int, lag: int) -> tuple[slice, slice]:
    """The days of the score and of the price that are `lag` apart."""
    return slice(max(0, -lag), n - max(0, lag)), slice(max(0, lag), n - max(0, -lag))


def _weighted(x: Array, y: Array, weights: Array, lags: Sequence[int]) -> Array:
    """Correlations [weighting, lag] when day t counts weights[t] times."""
    found = []
    for lag in lags:
        early, late = _overlap(len(x), lag)
        a, b = x[early], y[late]
        terms = np.column_stack([np.ones(len(a)), a, b, a * a, b * b, a * b])
        found.append(_pearson(*(weights[:, early] @ terms).T))
    return np.column_stack(found)


def _untied(x: Array, y: Array, lags: Sequence[int]) -> Array:
    """Correlations [resample, lag] of resampled scores with the price as it was."""
    squares, found = x * x, []
    for lag in lags:
        early, late = _overlap(len(y), lag)
        a, b = x[:, early], y[late]
        sums = a.sum(axis=1), b.sum(), squares[:, early].sum(axis=1), b @ b, a @ b
        found.append(_pearson(float(len(b)), *sums))
    return np.column_stack(found)


def _pearson(n: Any, a: Any, b: Any, aa: Any, bb: Any, ab: Any) -> Array:
    """Correlation from sums; 0 where one side stands still."""
    n = np.maximum(n, 1.0)
    product = np.maximum(aa - a * a / n, 0.0) * np.maximum(bb - b * b / n, 0.0)
    moving = product > STILL * n * n
    found: Array = np.where(moving, ab - a * b / n, 0.0) / np.sqrt(np.where(moving, product, 1.0))
    return np.clip(found, -1.0, 1.0)


def _strongest(lags: Sequence[Lag], null: Array, family: Any) -> Strongest:
    tried = [one for one, belongs in zip(lags, family, strict=True) if belongs]
    best = max(tried, key=lambda one: abs(one.correlation))
    beaten = int((null[:, family].max(axis=1) >= abs(best.correlation)).sum())
    return Strongest(best, (1 + beaten) / (1 + len(null)), len(tried))


def _independent(x: Array, y: Array) -> int:
    """Days' worth when both series remember (Bartlett, 1935), never more than the days."""
    n = len(x)
    memory = sum(float(x[k:] @ x[:-k]) * float(y[k:] @ y[:-k]) for k in range(1, n // 4)) / n**2
    return round(n / max(1.0, 1 + 2 * memory))
