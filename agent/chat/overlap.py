"""How much of a question an item's words hold, a like word counting nearly as much as the same.

A sum over the question's words of the likeness of the nearest word of the item, each word by how
rare it is: the late interaction of ColBERT (Khattab and Zaharia 2020) with static vectors. BM25
misses "nuclear" where "atomic" was asked for, one vector for a whole text blurs both.
"""

from collections.abc import Sequence

import numpy as np

from agent.embed import Embedder

LIKE = 0.3
"""Cosine below which two words have nothing in common."""
KEPT = 50_000
"""Words whose vectors are remembered."""


class Overlap:
    """Remembers the vectors of words that it met."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._row: dict[str, int] = {}
        self._vectors = np.zeros((0, embedder.dimension), dtype=np.float32)

    def scores(
        self, wanted: Sequence[str], weights: Sequence[float], texts: Sequence[Sequence[str]]
    ) -> list[float]:
        """For each text, given as its words, the share in [0, 1] of `wanted` that it holds."""
        total = sum(weights)
        if not wanted or total <= 0:
            return [0.0] * len(texts)
        self._learn([*wanted, *(word for words in texts for word in words)])
        vectors = self._vectors
        question = vectors[[self._row[word] for word in wanted]]
        places: dict[str, int] = {}
        for words in texts:
            for word in words:
                places.setdefault(word, len(places))
        likeness = question @ vectors[[self._row[word] for word in places]].T
        likeness = np.where(likeness >= LIKE, likeness, 0.0)
        shares = np.asarray(weights, dtype=np.float32) / total
        held = (
            shares @ likeness[:, [places[word] for word in words]].max(axis=1) if words else 0.0
            for words in texts
        )
        return [min(1.0, float(one)) for one in held]

    def _learn(self, words: Sequence[str]) -> None:
        new = [word for word in dict.fromkeys(words) if word not in self._row]
        if not new:
            return
        if len(self._row) > KEPT:
            self._row, self._vectors, new = {}, self._vectors[:0], list(dict.fromkeys(words))
        start = len(self._row)
        self._row.update({word: start + n for n, word in enumerate(new)})
        self._vectors = np.concatenate([self._vectors, self._embedder.embed(new)])
