"""The score: ledger rows in, score, band and attribution out (DESIGN section 6).

Pure arithmetic: no clock, no I/O, no model. All weights are in nats; + strengthens the thesis.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import log
from typing import Any, Self

import numpy as np

from agent import draws

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
Codes = np.ndarray[Any, np.dtype[np.int64]]
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


@dataclass(frozen=True)
class Ledger:
    """Rows as columns, each (n,): a million of them are scored in about a second.

    `events` are draws.key of the events' names, `codes` places in `categories`, `weights` in nats,
    `occurred` in seconds since 1970. Owners are counted, so `owners` only says whose each row's
    are: place in the ledger's own list of names, -1 where there is none, (n, most of any row).
    """

    categories: tuple[str, ...]
    events: draws.Words
    codes: Codes
    weights: Array
    half_lives: Array
    occurred: Array
    owners: Codes

    @classmethod
    def of(cls, rows: Sequence[LedgerRow], categories: Sequence[str]) -> Self:
        """Rows in columns. Raises KeyError for one on none of `categories`."""
        place = {name: i for i, name in enumerate(categories)}
        keys = {name: draws.key(name) for name in dict.fromkeys(row.event_id for row in rows)}
        names = {name: i for i, name in enumerate({o: 0 for row in rows for o in row.owners})}
        owners = np.full((len(rows), max((len(r.owners) for r in rows), default=0)), -1, np.int64)
        for i, row in enumerate(rows):
            owners[i, : len(row.owners)] = [names[owner] for owner in row.owners]
        return cls(
            tuple(categories),
            np.array([keys[row.event_id] for row in rows], dtype=np.uint64),
            np.array([place[row.category] for row in rows], dtype=np.int64),
            np.array([row.weight for row in rows], dtype=np.float64),
            np.array([row.half_life_days for row in rows], dtype=np.float64),
            np.array([row.occurred_at.timestamp() for row in rows], dtype=np.float64),
            owners,
        )

    def decayed(self, as_of: datetime) -> Array:
        """weight * 2^-(age/H); what lies in the future is as of today."""
        ages = np.maximum(as_of.timestamp() - self.occurred, 0.0)
        found: Array = self.weights * np.exp2(-ages / (self.half_lives * DAY_SECONDS))
        return found

    @cached_property
    def order(self) -> Codes:
        """The rows by event and category: sums in it are the same however rows are given."""
        return np.lexsort((self.codes, self.events))

    def sums(self, terms: Array) -> Array:
        """`terms` of the rows by category, (categories,), whatever the order of the rows."""
        codes, size = self.codes[self.order], len(self.categories)
        found = np.bincount(codes, weights=terms[self.order], minlength=size)
        return found.astype(np.float64)


@dataclass(frozen=True, slots=True)
class Part:
    """A category's or pillar's share: `log_odds` it adds, and the band of that."""

    log_odds: float
    low: float
    high: float
    events: int


@dataclass(frozen=True, slots=True)
class Band:
    """Log-odds and what each category adds, in nats; `bands` are 10-90% of these, in that order."""

    log_odds: float
    parts: Array
    bands: Sequence[tuple[float, float]]


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
    rows: Sequence[LedgerRow] | Ledger,
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
    return Tally.of(
        rows, as_of=as_of, weights=weights, prior=prior, seed=seed, confusion=confusion
    ).score(blind)


@dataclass(frozen=True, slots=True)
class Tally:
    """A ledger added up at an instant: each category's sum in nats, and what it was in each draw.

    Events that come with `more` are added without looking at the others again.
    """

    ledger: Ledger
    terms: Array
    sums: Array
    drawn: Array
    omega: Array
    prior: float
    as_of: datetime
    seed: int
    confusion: Confusion | None

    @classmethod
    def of(
        cls,
        rows: Sequence[LedgerRow] | Ledger,
        *,
        as_of: datetime,
        weights: Mapping[str, float],
        prior: float,
        seed: str,
        confusion: Confusion | None = None,
    ) -> Self:
        """Add up `rows`; see compute."""
        omega = normalised(weights)
        ledger = rows if isinstance(rows, Ledger) else Ledger.of(rows, tuple(omega))
        if ledger.categories != tuple(omega):
            raise KeyError(f"a ledger of {ledger.categories} has no weights for {tuple(omega)}")
        terms = ledger.decayed(as_of)
        number = _seed(seed)
        drawn = _drawn(ledger, terms, number, confusion)
        sums = ledger.sums(terms)
        sizes = np.array(list(omega.values()))
        return cls(ledger, terms, sums, drawn, sizes, prior, as_of, number, confusion)

    def more(self, rows: Sequence[LedgerRow]) -> Band:
        """The band with events that the ledger does not have yet."""
        new = Ledger.of(rows, self.ledger.categories)
        terms = new.decayed(self.as_of)
        drawn = self.drawn + _drawn(new, terms, self.seed, self.confusion)
        return self._band(self.sums + new.sums(terms), drawn, 0.0)

    def band(self, blind: float = 0.0) -> Band:
        """Score and band, without what each row contributes."""
        return self._band(self.sums, self.drawn, blind)

    def _band(self, sums: Array, drawn: Array, blind: float) -> Band:
        parts = self.omega * KAPPA * np.tanh(sums / KAPPA)
        base = log(self.prior) - log(1 - self.prior)
        log_odds = base + float(parts.sum())
        chances = (self.omega[:, None] * KAPPA * np.tanh(drawn / KAPPA)).T
        centre = np.array([log_odds, *parts])
        bands = _bands(np.column_stack([chances.sum(axis=1) + base, chances]), centre, blind)
        return Band(log_odds, parts, bands)

    def score(self, blind: float = 0.0) -> Score:
        """The score whole."""
        ledger, found = self.ledger, self.band(blind)
        said = ledger.weights != 0
        lambdas = KAPPA * np.tanh(self.sums / KAPPA)
        ones = np.ones_like(self.sums)
        shrink = np.divide(lambdas, self.sums, out=ones, where=self.sums != 0)
        contributions = self.terms * (self.omega * shrink)[ledger.codes]
        order = ledger.order[said[ledger.order]]
        names = np.unique(ledger.events[order], return_inverse=True)[1]
        sizes = np.bincount(names, weights=np.abs(contributions[order]))
        low, high = found.bands[0]
        owners = np.unique(ledger.owners[said])
        return Score(
            score=sigma(found.log_odds),
            low=sigma(low),
            high=sigma(high),
            prior=100 * self.prior,
            log_odds=found.log_odds,
            categories=_parts(ledger, said, found),
            contributions=tuple(contributions.tolist()),
            events=len(sizes),
            publishers=int((owners >= 0).sum()),
            largest_share=float(sizes.max() / sizes.sum()) if sizes.sum() else 0.0,
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


def _drawn(ledger: Ledger, terms: Array, seed: int, confusion: Confusion | None) -> Array:
    """Each category's sum in nats with every event counted Poisson(1) times, (categories, B).

    An event carries all its categories with it. With a confusion matrix each judgement is also
    redrawn: kept, silenced or reversed as often as the judge errs so, about a mean of one.
    """
    order = ledger.order[ledger.weights[ledger.order] != 0]
    events, codes, sizes = ledger.events[order], ledger.codes[order], terms[order]
    found = np.zeros((len(ledger.categories), BOOTSTRAP))
    for part in draws.chunks(len(order)):
        counts: Array = draws.poisson(events[part], seed, BOOTSTRAP).astype(np.float64)
        if confusion is not None:
            counts *= _relabelled(events[part], codes[part], seed, confusion)
        by_category = np.zeros((len(ledger.categories), len(counts)))
        by_category[codes[part], np.arange(len(counts))] = sizes[part]
        found += by_category @ counts
    return found


def _relabelled(events: draws.Words, codes: Codes, seed: int, confusion: Confusion) -> Array:
    """Factors (n, B) for how the truth may stand to what the judge said: 1, 0 or -1, centred.

    They are moved to a mean of one. Left as drawn they would pull every draw to the middle by what
    the judge's errors have taken from the score already, and the band to one side of it.
    """
    table = np.array(confusion, dtype=np.float64) + 1.0
    same = (table[0, 0] + table[1, 1]) / 2
    reverse = (table[0, 1] + table[1, 0]) / 2
    silent = (table[2, 0] + table[2, 1]) / 2
    total = same + reverse + silent
    rows = events ^ ((codes.astype(np.uint64) + np.uint64(1)) * draws.STEP)
    drawn = draws.uniforms(rows, seed, BOOTSTRAP)
    kept, heard = (round(share / total * draws.LEVELS) for share in (same, same + silent))
    found: Array = (drawn < kept).astype(np.float64) - (drawn >= heard)
    found += 1.0 - (same - reverse) / total
    return found


def _bands(draws: Array, centre: Array, blind: float) -> list[tuple[float, float]]:
    """10-90% of each column of `draws` (B, n), always around its `centre`, wider by `blind`."""
    low, high = np.quantile(draws, BAND, axis=0)
    low, high = np.minimum(low, centre), np.maximum(high, centre)
    low, high = centre - (centre - low) * (1 + blind), centre + (high - centre) * (1 + blind)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _parts(
    ledger: Ledger, said: np.ndarray[Any, np.dtype[np.bool_]], found: Band
) -> dict[str, Part]:
    counts = np.bincount(ledger.codes[said], minlength=len(ledger.categories)).tolist()
    sizes = found.parts.tolist()
    return {
        name: Part(sizes[i], *found.bands[1 + i], counts[i])
        for i, name in enumerate(ledger.categories)
    }


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
