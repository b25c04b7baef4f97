"""An item as numbers: weighted words and word pairs, named entities, and its embedding.

The same code serves fitting and judging, and treats every item alone: what is in the batch
beside it changes no bit of its features.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

import numpy as np

from agent.entities import Mentions
from agent.thesis import Thesis

_WORD = re.compile(r"[a-z0-9$%]+(?:[.,][0-9]+)*|[\u3400-\u9fff]")
_NUMBER = re.compile(r"[\d.,$%]+")
_STOP = frozenset(
    "a an the and or of to in on at as is are was were be by it its this that these with for "
    "from".split()
)
RAREST = 2
"""A word must stand in this many exemplars to be a feature."""
ENTITY_WEIGHT = 0.5
"""Below a word of its own: a name says what an item is about, seldom which way it points."""


@dataclass(frozen=True, slots=True)
class Sparse:
    """Rows of (column, value) pairs: row i owns `columns[starts[i]:starts[i+1]]`."""

    columns: np.ndarray
    values: np.ndarray
    starts: np.ndarray
    width: int


class Vocabulary:
    """Words with their inverse document frequency, then entities, as feature columns."""

    def __init__(self, words: Sequence[str], idf: Sequence[float], thesis: Thesis) -> None:
        self.words = list(words)
        self.idf = list(idf)
        self._column = {word: i for i, word in enumerate(words)}
        self._mentions = Mentions(thesis.entities)
        entities = [entity.id for entity in thesis.entities]
        self._entity = {name: len(words) + i for i, name in enumerate(entities)}
        base = len(words) + len(entities)
        categories = {category.id: base + i for i, category in enumerate(thesis.categories)}
        self._witness = {
            entity.id: [categories[name] for name in entity.categories]
            for entity in thesis.entities
        }
        self.width = base + len(categories)

    def rows(self, texts: Sequence[str]) -> Sparse:
        """Features of `texts`: TF-IDF (sublinear, unit length) and entity marks."""
        columns: list[int] = []
        values: list[float] = []
        starts = [0]
        for text in texts:
            for column, value in self._row(text):
                columns.append(column)
                values.append(value)
            starts.append(len(columns))
        return Sparse(
            np.array(columns, dtype=np.int64), np.array(values), np.array(starts), self.width
        )

    def _row(self, text: str) -> list[tuple[int, float]]:
        known = [i for word in terms(text) if (i := self._column.get(word)) is not None]
        row = [(i, (1 + log(n)) * self.idf[i]) for i, n in Counter(known).items()]
        length = sum(value * value for _, value in row) ** 0.5 or 1.0
        row = [(column, value / length) for column, value in row]
        marks: set[int] = set()
        for entity in self._mentions.find(text):
            marks.add(self._entity[entity])
            marks.update(self._witness[entity])
        return row + [(column, ENTITY_WEIGHT) for column in sorted(marks)]


def learn(texts: Sequence[str], thesis: Thesis) -> Vocabulary:
    """The vocabulary of `texts`, in alphabetical order."""
    document_counts = Counter(word for text in texts for word in set(terms(text)))
    words = sorted(word for word, n in document_counts.items() if n >= RAREST)
    idf = [log((1 + len(texts)) / (1 + document_counts[word])) + 1 for word in words]
    return Vocabulary(words, idf, thesis)


def terms(text: str) -> list[str]:
    """Words and neighbouring pairs; figures become one word, Chinese is read by character."""
    words = [
        "#" if _NUMBER.fullmatch(word) else word
        for word in _WORD.findall(text.casefold())
        if word not in _STOP
    ]
    return words + [f"{one} {other}" for one, other in pairwise(words)]
