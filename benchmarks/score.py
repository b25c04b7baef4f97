"""The score with its band beside a plain numpy evaluation of the same formula, without a band."""

import time
from datetime import UTC, datetime, timedelta

import numpy as np

from agent import score

ROWS = 20_000
CATEGORIES = 12


def run() -> None:
    """Print both times and their ratio."""
    rng = np.random.default_rng(7)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    weights = {f"c{i}": 1.0 for i in range(CATEGORIES)}
    rows = [
        score.LedgerRow(
            event_id=f"e{i // 2}",
            category=f"c{rng.integers(CATEGORIES)}",
            weight=float(rng.normal(0, 0.2)),
            half_life_days=60.0,
            occurred_at=start + timedelta(days=float(rng.uniform(0, 500))),
            owners=(f"o{rng.integers(300)}",),
        )
        for i in range(ROWS)
    ]
    as_of = start + timedelta(days=500)
    score.compute(rows[:100], as_of=as_of, weights=weights, prior=0.5, seed="warm")
    began = time.perf_counter()
    ours = score.compute(rows, as_of=as_of, weights=weights, prior=0.5, seed="bench")
    taken = time.perf_counter() - began
    began = time.perf_counter()
    plain = _plain(rows, as_of)
    peer = time.perf_counter() - began
    print(f"{ROWS:,} rows: {1000 * taken:.0f} ms with the band, plain {1000 * peer:.0f} ms")
    print(f"ratio {taken / peer:.1f}; same score: {abs(ours.score - plain) < 1e-9}")


def _plain(rows: list[score.LedgerRow], as_of: datetime) -> float:
    ages = np.array([(as_of - row.occurred_at).total_seconds() / 86_400 for row in rows])
    lives = np.array([row.half_life_days for row in rows])
    terms = np.array([row.weight for row in rows]) * 2.0 ** (-ages / lives)
    codes = np.array([int(row.category[1:]) for row in rows])
    sums = np.bincount(codes, weights=terms, minlength=CATEGORIES)
    log_odds = (3.0 * np.tanh(sums / 3.0)).mean()
    return float(100 / (1 + np.exp(-log_odds)))
