"""Stored items for a question: words and vectors side by side, each event once, few repetitions.

BM25 over the words and cosine over the vectors bring candidates; how much of the question each
holds, like words counted too, ranks them a third time, and the three are fused by their ranks. What
the judge thinks of an item's bearing on the thesis weighs it, because the store holds everything
that its sources brought. Reads only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import log
from typing import Any, Self

import numpy as np

from agent.chat import fusion, wording
from agent.chat.bearing import ENOUGH, NEAR, Needs, misses, needs, share
from agent.chat.nearest import Nearest
from agent.chat.overlap import Overlap
from agent.chat.passages import Passage, Similar, choose
from agent.chat.wording import Names
from agent.embed import StaticEmbedder
from agent.errors import EmbedderError
from agent.injection import sift
from agent.thesis import Entity
from agent.workspace import Workspace
from store import items, regroupings, search
from store.search import Scope, pairs

DEEP = 200
"""Items that each ranking brings."""
SHOWN = 8
"""Events that an answer may rest on."""
CLOSE = 150
"""Candidates that are ranked a third time."""
POOL = 40
"""Events from which they are chosen."""
KEENNESS = 0.15
"""See agent.chat.fusion.diverse."""
DOUBT = 0.6
"""What is left of the rank of news that the judge holds to be off the thesis for certain."""
SURE = 0.5
"""Probability of bearing on the thesis from which on an item's rank is left whole."""
HALVES = ("words", "vectors")
COMMON = 0.2
"""A word that more of the items than this hold is not searched for: it costs and tells nothing."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that was found, with the words of it that bear on the question."""

    number: int
    id: str
    title: str
    url: str
    publisher: str
    published: datetime | None
    kind: str
    event_id: str
    passage: Passage
    relevance: float

    @property
    def text(self) -> str:
        """All of it that may be spoken of, without what it says to a machine."""
        title = sift(self.title).text
        return f"{title}. {self.passage.text}" if self.passage.text else title


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for: the words, the Chinese, and the entities under all their names."""

    question: str
    words: tuple[str, ...]
    chinese: tuple[str, ...]
    entities: tuple[Entity, ...]

    @classmethod
    def of(cls, question: str, names: Names) -> Self:
        """As a question says it."""
        found = names.find(question)
        return cls(
            question, tuple(wording.words(question)), tuple(wording.chinese(question)), tuple(found)
        )

    @property
    def phrases(self) -> list[str]:
        """Words and names for the full-text index."""
        return list(dict.fromkeys([*self.words, *wording.phrases(self.entities)]))

    @property
    def pairs(self) -> list[str]:
        """The same for Chinese, where it is asked in Chinese: else names alone would drown all."""
        runs = [*self.chinese, *wording.phrases_cjk(self.entities)] if self.chinese else []
        return list(dict.fromkeys(pair for run in runs for pair in pairs(run)))


class Retriever:
    """Finds; keeps the index open between questions, and lets go of it with `close`."""

    def __init__(self, workspace: Workspace) -> None:
        self.names = Names(workspace.thesis)
        self._workspace = workspace
        self._nearest = Nearest(workspace)
        self._unembedded = ""

    @property
    def trouble(self) -> str:
        """Why only words were searched, or ""."""
        return self._unembedded or self._nearest.trouble

    @cached_property
    def _overlap(self) -> Overlap:
        """Always with the static vectors: others cost a request for every word."""
        chosen = self._workspace.embedder
        return Overlap(chosen if isinstance(chosen, StaticEmbedder) else StaticEmbedder())

    def close(self) -> None:
        """Let go of the index."""
        self._nearest.close()

    def find(
        self,
        question: str,
        scope: Scope,
        *,
        count: int = SHOWN,
        halves: Sequence[str] = HALVES,
    ) -> list[Hit]:
        """At most `count` items, each of another event, the best first.

        `halves` is for measuring what either ranking does without the other.
        """
        wanted = Wanted.of(question, self.names)
        vector = self._vector(wanted)
        rankings = []
        if "words" in halves:
            rankings.append(self._by_words(wanted, scope))
        if "vectors" in halves and vector is not None:
            rankings.append(self._nearest.search(vector, scope, DEEP))
        with self._workspace.database.reading() as connection:
            found = {number for ranking in rankings for number in ranking}
            rows = search.candidates(connection, list(found), scope)
            then = regroupings.events_then(connection, scope.until)
        if set(halves) == set(HALVES):
            fused = fusion.fuse(rankings)
            near = sorted(rows, key=lambda row: -fused[row.number])[:CLOSE]
            rankings.append(self._by_overlap(wanted, near, scope.until))
        scores = fusion.fuse(rankings)
        worth = {row.number: scores[row.number] * _weight(row) for row in rows}
        best = _once_an_event(rows, worth, then)[:POOL]
        if not best:
            return []
        with self._workspace.database.reading() as connection:
            vectors = self._vectors(connection, best)
        chosen = fusion.diverse(best, worth, vectors, count, KEENNESS)
        return self._hits(chosen, rows, wanted, vector)

    def bearing(self, question: str, hits: Sequence[Hit], until: datetime) -> list[Hit]:
        """Those of `hits` that may be shown as an answer without anybody reading them."""
        needed = self._needs(question)
        held = self._shares(question, hits, until)
        least = max(ENOUGH, NEAR * max(held, default=0.0))
        return [
            hit
            for hit, part in zip(hits, held, strict=True)
            if part >= least and not misses(needed, hit.text, self.names.ids(hit.text))
        ]

    def near(self, question: str, hits: Sequence[Hit], least: float, until: datetime) -> list[Hit]:
        """Those of `hits` that hold at least this share of the question."""
        held = self._shares(question, hits, until)
        return [hit for hit, part in zip(hits, held, strict=True) if part >= least]

    def unheard(self, question: str, until: datetime) -> list[str]:
        """The names in a question that no stored item holds."""
        needed = self._needs(question)
        every = {name: [name] for name in needed.names}
        every |= {one.name: list(one.names) for one in self.names.called(needed.entities)}
        with self._workspace.database.reading() as connection:
            return [
                called
                for called, names in every.items()
                if not any(search.frequency(connection, name, until) for name in names)
            ]

    def similar(self, wanted: Wanted) -> Similar:
        """How like the question texts are; all alike where it has no vector."""
        return self._similar(self._vector(wanted))

    def _needs(self, question: str) -> Needs:
        entities = Wanted.of(question, self.names).entities
        subject = self._workspace.thesis.subject
        return needs(
            question,
            frozenset(one.id for one in entities if one.id != subject),
            frozenset(name.casefold() for one in entities for name in one.names),
        )

    def _shares(self, question: str, hits: Sequence[Hit], until: datetime) -> list[float]:
        wanted = Wanted.of(question, self.names)
        words, weights = self._weighed(wanted, until)
        return [self._held(words, weights, hit, bool(wanted.pairs)) for hit in hits]

    def _held(
        self, words: Sequence[str], weights: Sequence[float], hit: Hit, chinese: bool
    ) -> float:
        """The share of a question that an item holds, to the letter or by like words."""
        (like,) = self._overlap.scores(words, weights, [_words(hit.text, chinese)])
        return max(like, share(words, weights, hit.text))

    def _weighed(self, wanted: Wanted, until: datetime) -> tuple[list[str], list[float]]:
        """The words of a question, each with how rare it is, in nats."""
        words = list(dict.fromkeys([*wanted.words, *wanted.pairs]))
        with self._workspace.database.reading() as connection:
            count = search.count(connection, until)
            found = [search.frequency(connection, word, until) for word in words]
        return words, [log((count + 1) / (one + 1)) for one in found]

    def _vector(self, wanted: Wanted) -> Any | None:
        """The question's vector; None, and the reason kept, where it cannot be had now."""
        try:
            vector = self._workspace.embedder.embed([self._embedded(wanted)])[0]
        except EmbedderError as error:
            self._unembedded = error.message
            return None
        self._unembedded = ""
        return vector

    def _by_overlap(self, wanted: Wanted, rows: Sequence[Any], until: datetime) -> list[int]:
        """The candidates by how much of the question they hold."""
        words, weights = self._weighed(wanted, until)
        chinese = bool(wanted.pairs)
        texts = [_words(f"{row.title} {row.beginning}", chinese) for row in rows]
        held = self._overlap.scores(words, weights, texts)
        order = sorted(range(len(rows)), key=lambda n: (-held[n], rows[n].number))
        return [rows[n].number for n in order]

    def _embedded(self, wanted: Wanted) -> str:
        """The question as it is embedded: names in the Latin letters that the vectors know."""
        names = [one.name for one in wanted.entities] if wanted.chinese else []
        return " ".join([wanted.question, *names])

    def _by_words(self, wanted: Wanted, scope: Scope) -> list[int]:
        with self._workspace.database.reading() as connection:
            phrases = self._telling(connection, wanted.phrases, scope.until)
            return search.lexical(connection, phrases, wanted.pairs, scope, DEEP)

    def _telling(self, connection: Any, phrases: Sequence[str], until: datetime) -> list[str]:
        """The phrases without those that nearly everything holds, or all when none is left."""
        most = COMMON * search.count(connection, until)
        rare = [one for one in phrases if search.frequency(connection, one, until) <= most]
        return rare or list(phrases)

    def _vectors(self, connection: Any, numbers: Sequence[int]) -> Any:
        have = items.have_vectors(connection, numbers)
        dimension = self._workspace.embedder.dimension
        found = items.vectors_of(connection, [number for number in numbers if number in have])
        vectors = np.zeros((len(numbers), found.shape[1] or dimension), dtype=np.float32)
        vectors[[number in have for number in numbers]] = found
        return vectors

    def _hits(
        self, numbers: Sequence[int], rows: Iterable[Any], wanted: Wanted, vector: Any
    ) -> list[Hit]:
        by_number = {row.number: row for row in rows}
        with self._workspace.database.reading() as connection:
            texts = items.by_numbers(connection, numbers)
        return [
            _hit(by_number[one.number], one, self._passage(one, wanted, vector)) for one in texts
        ]

    def _passage(self, item: Any, wanted: Wanted, vector: Any) -> Passage:
        body = item.text if len(item.text) > len(item.summary) else item.summary
        return choose(body, [*wanted.words, *wanted.chinese], self._similar(vector))

    def _similar(self, vector: Any | None) -> Similar:
        def similar(texts: list[str]) -> list[float]:
            if vector is None:
                return [0.0] * len(texts)
            found: list[float] = (self._workspace.embedder.embed(texts) @ vector).tolist()
            return found

        return similar


def _words(text: str, chinese: bool) -> list[str]:
    """Telling words, and pairs of Chinese characters where asked, each once."""
    return list(dict.fromkeys([*wording.words(text), *(pairs(text) if chinese else ())]))


def _weight(row: Any) -> float:
    """What the judge's word leaves of an item's rank; documents and the unjudged keep it whole."""
    if row.p_relevant is None or row.abstained or row.labels or row.kind != "news":
        return 1.0
    return float(DOUBT + (1 - DOUBT) * min(1.0, row.p_relevant / SURE))


def _once_an_event(
    rows: Iterable[Any], worth: dict[int, float], then: Mapping[int, str]
) -> list[int]:
    """The best item of each event, the best first; `then` names events that were others then."""
    best: dict[str, Any] = {}
    for row in rows:
        event = then.get(row.number, row.event_id) or row.id
        before = best.get(event)
        if before is None or (-worth[row.number], row.number) < (
            -worth[before.number],
            before.number,
        ):
            best[event] = row
    numbers = [row.number for row in best.values()]
    return sorted(numbers, key=lambda number: (-worth[number], number))


def _hit(row: Any, item: Any, passage: Passage) -> Hit:
    return Hit(
        number=row.number,
        id=row.id,
        title=row.title,
        url=row.url or "",
        publisher=row.publisher,
        published=row.published_at,
        kind=row.kind,
        event_id=row.event_id or "",
        passage=passage,
        relevance=1.0 if row.p_relevant is None else float(row.p_relevant),
    )
