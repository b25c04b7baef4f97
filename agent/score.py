"""The score: ledger rows in, score, band and attribution out (DESIGN section 6).

Pure arithmetic: no clock, no I/O, no model. All weights are in nats; + strengthens the thesis.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import log
from typing import Any

import numpy as np

KAPPA = 3.0
"""Saturation of one category, nats: volume cannot run away."""
STRENGTH = {1: 0.10, 2: 0.25, 3: 0.50}
"""Uncalibrated |l| by severity, nats; used until a confusion matrix has been measured."""
CAP = {"news": 0.7, "release": 0.7, "paper": 1.4, "filing": 2.3}
"""Largest |contribution| of one event on one category, nats, by kind of its best witness."""
HALF_LIFE_DAYS = {"opinion": 14.0, "news": 60.0, "release": 60.0, "paper": 120.0, "filing": 180.0}
STALENESS = 0.75
SELF_REPORT = 0.5
BOOTSTRAP = 200
BAND = (0.10, 0.90)
DAY_SECONDS = 86_400.0

SIGN = {"supports": 1.0, "weakens": -1.0, "neutral": 0.0}
STANCES = ("supports", "weakens", "neutral")

Array = np.ndarray[Any, np.dtype[np.float64]]
Confusion = Sequence[Sequence[float]]
"""Counts [true stance][judged stance], both in the order of STANCES."""


def strength(
    stance: str,
    severity: int,
    *,
    kind: str,
    self_report: bool = False,
    confusion: Confusion | None = None,
    stated: float | None = None,
) -> float:
    """Signed strength l of one judgement, nats, within the cap of its `kind`.

    It is `stated` where a rule says so, whatever the severity.

    With a confusion matrix the severity's value is scaled by how much better than the
    uncalibrated guess the judge tells the two sides apart; the two sides are made to mirror.
    """
    size = STRENGTH[severity] if stated is None else stated
    if stated is None and confusion is not None:
        size = calibrated_strength(confusion) * STRENGTH[severity] / STRENGTH[2]
    size = min(size, CAP[kind]) * (SELF_REPORT if self_report else 1.0)
    return SIGN[stance] * size


def calibrated_strength(confusion: Confusion) -> float:
    """|l| of a medium judgement: Laplace-smoothed log-likelihood ratio, never below 0.

    The mean of log P(says s | is s) / P(says s | is not s) over the two sides, so that
    weakening needs exactly as much proof as strengthening.
    """
    supports, weakens = (
        [count + 1.0 for count in confusion[STANCES.index(side)]] for side in STANCES[:2]
    )
    rates = [[count / sum(row) for count in row] for row in (supports, weakens)]
    up = log(rates[0][0] / rates[1][0])
    down = log(rates[1][1] / rates[0][1])
    return max(0.0, (up + down) / 2)


def corroboration(owners: int) -> float:
    """g(k) = k / (1 + 0.8 (k-1)) for k independent owners: at most 1.25."""
    return owners / (1 + 0.8 * (owners - 1)) if owners else 0.0


def staleness(rank: int) -> float:
    """0.75^(n-1) for the n-th event of a storyline within 7 days, n >= 1."""
    return float(STALENESS ** (rank - 1))


def weight(strength: float, reliability: float, owners: int, rank: int, cap: float) -> float:
    """The undecayed contribution r g stale l of an event on a category, never beyond `cap`."""
    size = abs(strength) * reliability * corroboration(owners) * staleness(rank)
    return (1.0 if strength > 0 else -1.0) * min(size, cap) if strength else 0.0


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One event on one category: undecayed `weight` in nats and what it decays by."""

    event_id: str
    category: str
    weight: float
    half_life_days: float
    occurred_at: datetime
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A category's or pillar's share: `log_odds` it adds, and the band of that."""

    log_odds: float
    low: float
    high: float
    events: int


@dataclass(frozen=True, slots=True)
class Score:
    """Score and band in 0-100, `log_odds` in nats; `contributions` add up to it with the prior.

    `contributions` is in the order of the rows given; `largest_share` is the share of the
    biggest event in the sum of |contributions|.
    """

    score: float
    low: float
    high: float
    prior: float
    log_odds: float
    categories: Mapping[str, Part]
    contributions: tuple[float, ...]
    events: int
    publishers: int
    largest_share: float


def compute(
    rows: Sequence[LedgerRow],
    *,
    as_of: datetime,
    weights: Mapping[str, float],
    prior: float,
    seed: str,
    blind: float = 0.0,
    confusion: Confusion | None = None,
) -> Score:
    """Score `rows` as of an instant.

    `weights` are omega_c (normalised here), `seed` names thesis and date, `blind` in [0, 1] is
    the share of the sources that could not be looked at: it widens the band, never moves the
    score. Rows of an unknown category are an error (KeyError).
    """
    order = sorted(range(len(rows)), key=lambda i: (rows[i].event_id, rows[i].category))
    ledger = [rows[i] for i in order]
    names = sorted(weights)
    omega = np.array([normalised(weights)[name] for name in names])
    place = {name: i for i, name in enumerate(names)}
    codes = np.array([place[row.category] for row in ledger], dtype=np.int64)
    terms = _decayed(ledger, as_of)
    sums = np.bincount(codes, weights=terms, minlength=len(names)) if ledger else omega * 0
    lambdas = KAPPA * np.tanh(sums / KAPPA)
    shrink = np.divide(lambdas, sums, out=np.ones_like(sums), where=sums != 0)
    contributions = terms * (omega * shrink)[codes] if ledger else terms
    base = log(prior) - log(1 - prior)
    log_odds = base + float((omega * lambdas).sum())
    said = [i for i, row in enumerate(ledger) if row.weight]
    draws = _bootstrap(
        [ledger[i] for i in said], codes[said], terms[said], len(names), seed, confusion
    )
    draws *= omega
    centre = np.array([log_odds, *(omega * lambdas)])
    bands = _bands(np.column_stack([draws.sum(axis=1) + base, draws]), centre, blind)
    low, high = bands[0]
    sizes = _by_event(ledger, np.abs(contributions))
    return Score(
        score=sigma(log_odds),
        low=sigma(low),
        high=sigma(high),
        prior=100 * prior,
        log_odds=log_odds,
        categories=_parts(names, codes[said], centre[1:], bands[1:]),
        contributions=_unsort(contributions, order),
        events=len(sizes),
        publishers=len({owner for i in said for owner in ledger[i].owners}),
        largest_share=max(sizes.values()) / sum(sizes.values()) if sum(sizes.values()) else 0.0,
    )


def pillars(score: Score, pillar_of: Mapping[str, str]) -> dict[str, float]:
    """Log-odds each pillar adds: its categories' summed."""
    found: dict[str, float] = dict.fromkeys(pillar_of.values(), 0.0)
    for category, part in score.categories.items():
        found[pillar_of[category]] += part.log_odds
    return found


def normalised(weights: Mapping[str, float]) -> dict[str, float]:
    """omega_c, by category in the order of their names: they sum to 1."""
    names = sorted(weights)
    raw = np.array([weights[name] for name in names], dtype=np.float64)
    return dict(zip(names, (raw / raw.sum()).tolist(), strict=True))


def sigma(log_odds: float) -> float:
    """Log-odds to 0-100, written so that sigma(x) and sigma(-x) mirror around 50."""
    return float(50.0 + 50.0 * np.tanh(log_odds / 2))


def _decayed(rows: Sequence[LedgerRow], as_of: datetime) -> Array:
    """weight * 2^-(age/H); what lies in the future is as of today."""
    now = as_of.timestamp()
    ages = np.array([now - row.occurred_at.timestamp() for row in rows], dtype=np.float64)
    lives = np.array([row.half_life_days for row in rows], dtype=np.float64) * DAY_SECONDS
    sizes = np.array([row.weight for row in rows], dtype=np.float64)
    decayed: Array = sizes * np.exp2(-np.maximum(ages, 0.0) / lives)
    return decayed


def _bootstrap(
    rows: Sequence[LedgerRow],
    codes: np.ndarray[Any, np.dtype[np.int64]],
    terms: Array,
    categories: int,
    seed: str,
    confusion: Confusion | None,
) -> Array:
    """Lambda_c (B, categories) with every event counted Poisson(1) times.

    An event carries all its categories with it. With a confusion matrix each judgement is also
    redrawn: kept, silenced or reversed as often as the judge errs so, about a mean of one.
    """
    if not rows:
        return np.zeros((BOOTSTRAP, categories))
    events = {event: i for i, event in enumerate(dict.fromkeys(row.event_id for row in rows))}
    rng = np.random.Generator(np.random.PCG64(_seed(seed)))
    counts = _poisson_table()[rng.integers(0, 65536, (BOOTSTRAP, len(events)), dtype=np.uint16)]
    drawn = counts[:, [events[row.event_id] for row in rows]].astype(np.float64)
    if confusion is not None:
        drawn *= _relabelled(rng, terms, confusion)
    by_category = np.zeros((len(rows), categories))
    by_category[np.arange(len(rows)), codes] = terms
    sums: Array = drawn @ by_category
    return KAPPA * np.tanh(sums / KAPPA)


def _relabelled(rng: np.random.Generator, terms: Array, confusion: Confusion) -> Array:
    """Factors (B, rows) for how the truth may stand to what the judge said: 1, 0 or -1, centred.

    They are moved to a mean of one. Left as drawn they would pull every draw to the middle by what
    the judge's errors have taken from the score already, and the band to one side of it.
    """
    table = np.array(confusion, dtype=np.float64) + 1.0
    same = (table[0, 0] + table[1, 1]) / 2
    reverse = (table[0, 1] + table[1, 0]) / 2
    silent = (table[2, 0] + table[2, 1]) / 2
    total = same + reverse + silent
    drawn = rng.random((BOOTSTRAP, len(terms)))
    found = np.where(
        drawn < same / total, 1.0, np.where(drawn < (same + silent) / total, 0.0, -1.0)
    )
    centred: Array = found + (1.0 - (same - reverse) / total)
    return centred


def _bands(draws: Array, centre: Array, blind: float) -> list[tuple[float, float]]:
    """10-90% of each column of `draws` (B, n), always around its `centre`, wider by `blind`."""
    low, high = np.quantile(draws, BAND, axis=0)
    low, high = np.minimum(low, centre), np.maximum(high, centre)
    low, high = centre - (centre - low) * (1 + blind), centre + (high - centre) * (1 + blind)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _parts(
    names: Sequence[str],
    codes: np.ndarray[Any, np.dtype[np.int64]],
    centre: Array,
    bands: Sequence[tuple[float, float]],
) -> dict[str, Part]:
    counts = np.bincount(codes, minlength=len(names)) if len(codes) else [0] * len(names)
    return {name: Part(float(centre[i]), *bands[i], int(counts[i])) for i, name in enumerate(names)}


def _by_event(rows: Sequence[LedgerRow], sizes: Array) -> dict[str, float]:
    found: dict[str, float] = {}
    for row, size in zip(rows, sizes, strict=True):
        if row.weight:
            found[row.event_id] = found.get(row.event_id, 0.0) + float(size)
    return found


def _unsort(values: Array, order: Sequence[int]) -> tuple[float, ...]:
    unsorted = [0.0] * len(order)
    for value, place in zip(values, order, strict=True):
        unsorted[place] = float(value)
    return tuple(unsorted)


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


@lru_cache(maxsize=1)
def _poisson_table() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Inverse CDF of Poisson(1) on 65,536 equal steps: a draw costs one look-up."""
    mass, total, k = float(np.exp(-1.0)), 0.0, 0
    table = np.zeros(65536, dtype=np.uint8)
    while total < 1 - 2**-17:
        start, total = total, total + mass
        table[round(start * 65536) : round(total * 65536)] = k
        k += 1
        mass /= k
    return table
