"""Several rankings made one, and near repetitions in it pushed down. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

SMOOTHING = 60
"""The constant of reciprocal-rank fusion (Cormack, Clarke, Büttcher 2009)."""

Vectors = np.ndarray[Any, np.dtype[np.float32]]


def fuse(rankings: Sequence[Sequence[int]]) -> dict[int, float]:
    """Reciprocal-rank fusion: sum of 1 / (60 + rank) over the rankings that have it, by number."""
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, number in enumerate(ranking, start=1):
            scores[number] += 1 / (SMOOTHING + rank)
    return dict(scores)


def diverse(
    numbers: Sequence[int],
    scores: Mapping[int, float],
    vectors: Vectors,
    count: int,
    keenness: float,
) -> list[int]:
    """The `count` best by maximal marginal relevance, best first.

    `vectors` (n, d) are of `numbers`, of length 1; a score is taken as a share of the best one and
    loses `keenness`, in [0, 1], times the likeness to the nearest that was chosen before.
    """
    if not numbers:
        return []
    most = max(scores[number] for number in numbers) or 1.0
    worth = np.array([scores[number] / most for number in numbers])
    nearest = np.zeros(len(numbers))
    chosen: list[int] = []
    left = np.ones(len(numbers), dtype=bool)
    while left.any() and len(chosen) < count:
        gain = np.where(left, worth - keenness * nearest, -np.inf)
        best = int(np.argmax(gain))
        chosen.append(numbers[best])
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return chosen
