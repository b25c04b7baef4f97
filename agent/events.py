"""Which items report the same event. Pure: it is given fingerprints and knows nothing of storage.

First form: the same address, the same words, nearly the same text (MinHash), or a likeness of
vectors, entities and telling words, within a window of days. Anything less stays apart: two
launches by one firm are two events.
"""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np

Vector = np.ndarray[Any, np.dtype[np.float32]]

NEAR_COPY = 0.8
"""Estimated Jaccard of word shingles from which two texts are one text."""
STORYLINE_LIKENESS = 0.40
"""Likeness from which a new event continues an older one's storyline."""
STORYLINE_SPAN = timedelta(days=7)
PERMUTATIONS = 64
LONG_ENOUGH = 30
"""Words from which a text's shingles say something."""

_TRACKING = re.compile(r"^(utm_\w+|fbclid|gclid|mc_[ce]id|ref|cmpid|smid|at_\w+|guccounter)$")
_WORD = re.compile(r"[a-z0-9]+(?:[.,][0-9]+)*|[\u3400-\u9fff]")
_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "of",
        "to",
        "in",
        "on",
        "for",
        "with",
        "by",
        "from",
        "at",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "its",
        "it",
        "this",
        "that",
        "these",
        "those",
        "will",
        "would",
        "could",
        "should",
        "can",
        "may",
        "might",
        "has",
        "have",
        "had",
        "not",
        "no",
        "new",
        "over",
        "after",
        "before",
        "about",
        "into",
        "than",
        "then",
        "out",
        "up",
        "down",
        "off",
        "more",
        "most",
        "how",
        "why",
        "what",
        "when",
        "who",
        "which",
        "your",
        "you",
        "i",
        "we",
        "they",
        "he",
        "she",
        "his",
        "her",
        "their",
        "our",
        "us",
        "says",
        "said",
        "say",
        "year",
        "years",
        "day",
        "week",
        "today",
        "now",
        "just",
        "may",
        "still",
        "here",
        "的",
        "了",
        "在",
        "是",
        "和",
        "与",
        "对",
        "将",
        "为",
        "有",
        "不",
        "一",
        "中",
        "上",
        "个",
    ]
)


@dataclass(frozen=True)
class Fingerprint:
    """What is compared of an item. `vector` has unit length; `at` is when it was first seen."""

    item_id: str
    at: datetime
    url: str | None
    content_hash: str
    title: str
    text: str
    vector: Vector
    entities: frozenset[str]

    @cached_property
    def words(self) -> frozenset[str]:
        """The title's telling words."""
        return frozenset(_WORD.findall(self.title.casefold())) - _STOP

    @cached_property
    def shingles(self) -> frozenset[str]:
        """Three-word shingles of the text; none when it is too short to say anything."""
        words = _WORD.findall(self.text.casefold())
        if len(words) < LONG_ENOUGH:
            return frozenset()
        return frozenset(" ".join(words[i : i + 3]) for i in range(len(words) - 2))


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an item went and why; `opened` when it began the event."""

    item_id: str
    event_id: str
    storyline: str
    reason: str
    opened: bool


class Window:
    """The recent past that new items are compared with; items must come in time order."""

    def __init__(self, days: int, likeness: float) -> None:
        self._span = timedelta(days=days)
        self._likeness = likeness
        self._members: list[tuple[Fingerprint, str, str]] = []
        self._vectors = np.zeros((0, 0), dtype=np.float32)
        self._by_key: dict[str, int] = {}
        self._copies: Any = None
        self._start = 0

    def place(self, item: Fingerprint) -> Placement:
        """Decide the item's event, and remember the item."""
        self._forget(item.at - self._span)
        found = self._same(item) or self._near_copy(item) or self._alike(item)
        if found and found[2]:
            member, reason, _ = found
            _, event_id, storyline = self._members[member]
            placement = Placement(item.item_id, event_id, storyline, reason, opened=False)
        else:
            event_id = event_id_of(item.item_id)
            storyline = self._members[found[0]][2] if found else event_id
            reason = found[1] if found else "nothing like it in the window"
            placement = Placement(item.item_id, event_id, storyline, reason, opened=True)
        self.remember(item, placement.event_id, placement.storyline)
        return placement

    def remember(self, item: Fingerprint, event_id: str, storyline: str) -> None:
        """Take in an item whose event is known."""
        index = len(self._members)
        self._members.append((item, event_id, storyline))
        if index >= len(self._vectors):
            grown = np.zeros((max(1024, 2 * index), len(item.vector)), dtype=np.float32)
            grown[:index] = self._vectors.reshape(-1, len(item.vector))[:index]
            self._vectors = grown
        self._vectors[index] = item.vector
        for key in _keys(item):
            self._by_key[key] = index
        if item.shingles:
            self._copies_index.insert(str(index), _minhash(item.shingles))

    def _forget(self, before: datetime) -> None:
        while self._start < len(self._members) and self._members[self._start][0].at < before:
            self._start += 1
        if self._start > 2048 and self._start > len(self._members) // 2:
            kept = self._members[self._start :]
            self._members, self._start, self._by_key, self._copies = [], 0, {}, None
            self._vectors = np.zeros((0, 0), dtype=np.float32)
            for item, event_id, storyline in kept:
                self.remember(item, event_id, storyline)

    def _same(self, item: Fingerprint) -> tuple[int, str, bool] | None:
        for key in _keys(item):
            index = self._by_key.get(key, -1)
            if index >= self._start:
                return index, f"same {key.split(' ', 1)[0]}", True
        return None

    def _near_copy(self, item: Fingerprint) -> tuple[int, str, bool] | None:
        if not item.shingles:
            return None
        best = 0.0
        found = -1
        for key in sorted(self._copies_index.query(_minhash(item.shingles)), key=int):
            index = int(key)
            if index < self._start:
                continue
            other = self._members[index][0].shingles
            jaccard = len(item.shingles & other) / len(item.shingles | other)
            if jaccard > best:
                best, found = jaccard, index
        return (found, f"near copy (Jaccard {best:.2f})", True) if best >= NEAR_COPY else None

    def _alike(self, item: Fingerprint) -> tuple[int, str, bool] | None:
        """The most alike member that shares an entity; True when it is the same event."""
        members = self._members[self._start :]
        if not members or not item.entities:
            return None
        cosines = np.round(self._vectors[self._start : len(self._members)] @ item.vector, 5)
        best, found = 0.0, -1
        for offset in np.flatnonzero(cosines >= 0.35):
            other = members[offset][0]
            if not item.entities & other.entities:
                continue
            alike = likeness(item, other, float(cosines[offset]))
            if alike > best:
                best, found = alike, int(offset)
        if best < STORYLINE_LIKENESS:
            return None
        shared = ", ".join(sorted(item.entities & members[found][0].entities))
        same = best >= self._likeness
        verb = "same happening" if same else "same storyline"
        return found + self._start, f"{verb} (likeness {best:.2f}; {shared})", same

    @property
    def _copies_index(self) -> Any:
        if self._copies is None:
            from datasketch import MinHashLSH

            self._copies = MinHashLSH(threshold=NEAR_COPY, num_perm=PERMUTATIONS)
        return self._copies


class Storylines:
    """Which events with evidence make up each storyline, so that repetition grows stale."""

    def __init__(self, known: Iterable[tuple[str, datetime, str]]) -> None:
        self._events: dict[str, list[tuple[datetime, str]]] = {}
        for storyline, opened_at, event_id in sorted(known):
            self._events.setdefault(storyline, []).append((opened_at, event_id))

    def rank(self, storyline: str, opened_at: datetime, event_id: str) -> int:
        """n: the event is the n-th of its storyline within 7 days; from now on it is known."""
        events = self._events.setdefault(storyline, [])
        key = (opened_at, event_id)
        place = bisect_left(events, key)
        if place == len(events) or events[place] != key:
            events.insert(place, key)
        return 1 + place - bisect_left(events, (opened_at - STORYLINE_SPAN, ""))


def likeness(one: Fingerprint, other: Fingerprint, cosine: float) -> float:
    """0 to 1: how surely two items tell of one happening."""
    union = one.words | other.words
    words = len(one.words & other.words) / len(union) if union else 0.0
    entities = len(one.entities & other.entities) / len(one.entities | other.entities)
    return 0.55 * max(cosine, 0.0) + 0.30 * words + 0.15 * entities


def event_id_of(item_id: str) -> str:
    """The id of the event that an item opens: the same in every replay."""
    return "e" + hashlib.sha256(item_id.encode()).hexdigest()[:12]


def canonical_url(url: str | None) -> str | None:
    """The address without what does not change the page: scheme, www, tracking, fragment."""
    if not url:
        return None
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return None
    if not host:
        return None
    query = [pair for pair in parse_qsl(parts.query) if not _TRACKING.match(pair[0])]
    path = parts.path.rstrip("/")
    return f"{host}{path}" + (f"?{urlencode(sorted(query))}" if query else "")


def content_hash(title: str, body: str) -> str:
    """Hash of the words alone: case, spacing and punctuation do not count."""
    words = " ".join(_WORD.findall(f"{title} {body}".casefold()))
    return hashlib.sha256((words or f"{title} {body}").encode()).hexdigest()


def _keys(item: Fingerprint) -> Iterable[str]:
    if item.url:
        yield f"address {item.url}"
    yield f"words {item.content_hash}"


def _minhash(shingles: frozenset[str]) -> Any:
    from datasketch import MinHash

    minhash = MinHash(num_perm=PERMUTATIONS, seed=1)
    minhash.update_batch([shingle.encode() for shingle in sorted(shingles)])
    return minhash
