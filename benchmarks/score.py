"""A million ledger rows: the score with its band, one more event, and any day of the past.

Beside it a plain numpy evaluation of the same formula, without a band, in the same run.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from agent import draws, score

ROWS = 1_000_000
"""Two of each event, on two of the categories."""
CATEGORIES = 12
DAYS = 500
START = datetime(2024, 1, 1, tzinfo=UTC)
NAMES = tuple(f"c{n:02}" for n in range(CATEGORIES))
CONFUSION = ((114, 10, 16), (14, 30, 15), (8, 6, 18))
"""Of the size that a gold set of 230 labels gives."""


def run() -> None:
    """Print times in seconds, and the ratio of the band's to the plain formula's."""
    ledger = _ledger()
    as_of = START + timedelta(days=DAYS)
    _tally(ledger, as_of)  # the tables are drawn once
    whole, taken = _timed(lambda: score.compute(ledger, **_given(as_of)))
    plain, peer = _timed(lambda: _plain(ledger, as_of))
    print(
        f"{ROWS:,} rows: {taken:.2f} s with the band, plain {peer:.3f} s, "
        f"ratio {taken / peer:.0f}; same score: {abs(whole.score - plain) < 1e-9}"
    )
    _, calibrated = _timed(lambda: score.compute(ledger, **_given(as_of), confusion=CONFUSION))
    print(f"with the judge's errors in the band: {calibrated:.2f} s")
    tally = _tally(ledger, as_of)
    new = score.LedgerRow("new", NAMES[0], 0.5, 60.0, as_of, ("o1",))
    band, more = _timed(lambda: tally.more([new]))
    print(f"one more event: {1000 * more:.1f} ms, {band.log_odds - whole.log_odds:+.2e} nats")
    _, past = _timed(lambda: score.compute(_until(ledger, 250), **_given(START + timedelta(250))))
    print(f"as of another day: {past:.2f} s")


def _ledger() -> score.Ledger:
    rng = np.random.default_rng(7)
    events = np.repeat(rng.integers(0, 2**63, ROWS // 2, dtype=np.uint64), 2)
    first = rng.integers(CATEGORIES, size=ROWS // 2)
    codes = np.column_stack([first, (first + 1) % CATEGORIES]).ravel()
    at = np.repeat(rng.uniform(0, DAYS, ROWS // 2), 2) * 86_400 + START.timestamp()
    return score.Ledger(
        NAMES,
        events ^ draws.STEP,
        codes.astype(np.int64),
        rng.normal(0, 0.2, ROWS),
        np.full(ROWS, 60.0),
        at,
        rng.integers(300, size=(ROWS, 2)),
    )


def _until(ledger: score.Ledger, days: int) -> score.Ledger:
    """What was known on a day of the past."""
    known = ledger.occurred <= (START + timedelta(days=days)).timestamp()
    return score.Ledger(
        ledger.categories,
        ledger.events[known],
        ledger.codes[known],
        ledger.weights[known],
        ledger.half_lives[known],
        ledger.occurred[known],
        ledger.owners[known],
    )


def _given(as_of: datetime) -> dict[str, Any]:
    weights = dict.fromkeys(NAMES, 1.0)
    return {"as_of": as_of, "weights": weights, "prior": 0.5, "seed": "bench"}


def _tally(ledger: score.Ledger, as_of: datetime) -> score.Tally:
    return score.Tally.of(ledger, **_given(as_of))


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def _plain(ledger: score.Ledger, as_of: datetime) -> float:
    ages = (as_of.timestamp() - ledger.occurred) / 86_400
    terms = ledger.weights * 2.0 ** (-ages / ledger.half_lives)
    sums = np.bincount(ledger.codes, weights=terms, minlength=CATEGORIES)
    log_odds = (3.0 * np.tanh(sums / 3.0)).mean()
    return float(100 / (1 + np.exp(-log_odds)))
