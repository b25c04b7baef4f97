"""Which items report the same event. Pure: it is given fingerprints and knows nothing of storage.

The same address, the same words, nearly the same text (MinHash), or a high likeness
(agent.likeness), within a window of days. Anything less stays apart: two launches by one firm
are two events. Two events that a later report shows to be one are merged. Two weeks after it
opened an event is frozen: only copies join it then, and what is like it goes on with its story.
"""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import fsum
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np

from agent.likeness import PERMUTATIONS, SAME_OWNER, WORD, Fingerprint, Usage

NEAR_COPY = 0.8
"""Estimated Jaccard of word shingles from which two texts are one text."""
STORYLINE_LIKENESS = 0.38
"""Likeness from which a new event continues an older one's storyline."""
STORYLINE_SPAN = timedelta(days=7)
FROZEN = timedelta(days=14)
"""From its opening on an event grows for so long."""
UNITED = 0.32
"""Mean likeness of the members of two events from which a report that is like both unites them."""
SAME_LINE = 0.6
"""Likeness of two judges' lines on what happened from which they tell of one happening."""
LOOKED_AT = 8
"""The last members of an event that are held against those of another."""
CANDIDATES = 50
"""Members that are looked at closely: those nearest by vector that share an entity."""

_SECTION = re.compile(r"[a-z0-9]+(-[a-z0-9]+){2,}")
_TRACKING = re.compile(r"^(utm_\w+|fbclid|gclid|mc_[ce]id|ref|cmpid|smid|at_\w+|guccounter)$")

Pair = frozenset[str]
COPIES = ("same address", "same words", "near copy")
"""How the reasons begin for which an item is called a copy of another."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an item went and why; `opened` when it began the event."""

    item_id: str
    event_id: str
    storyline: str
    reason: str
    opened: bool
    merges: tuple["Merge", ...] = ()


@dataclass(frozen=True, slots=True)
class Home:
    """An event that an item is known to belong to."""

    event_id: str
    storyline: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Merge:
    """Two events turn out to be one: the members of `gone` are `into`'s from now on."""

    gone: str
    into: str
    reason: str


@dataclass(slots=True)
class _Known:
    """An event in the window: when it opened, its storyline, where its members are."""

    opened_at: datetime
    storyline: str
    members: list[int]


@dataclass(frozen=True, slots=True)
class _Found:
    """A member like the item and why; `same` when it is the same event, not just its story."""

    member: int
    reason: str
    same: bool
    bridged: tuple[str, ...] = ()
    """Other events with a member that is as surely the same happening."""


class Window:
    """The recent past that new items are compared with; items must come in time order."""

    def __init__(self, days: int, likeness: float, apart: Collection[Pair] = ()) -> None:
        """`apart` are pairs of events that a person took apart: nothing unites them."""
        self._span = timedelta(days=days)
        self._likeness = likeness
        self._apart = frozenset(apart)
        self._start = 0
        self._clear()

    def _clear(self) -> None:
        self._members: list[tuple[Fingerprint, str]] = []
        self._events: dict[str, _Known] = {}
        self._vectors = np.zeros((0, 0), dtype=np.float32)
        self._by_entity: dict[str, list[int]] = {}
        self._by_key: dict[str, int] = {}
        self._copies: Any = None
        self._usage = Usage()

    def place(self, item: Fingerprint) -> Placement:
        """Decide the item's event, and remember the item."""
        self._forget(item.at - self._span)
        found = self._same(item) or self._near_copy(item) or self._alike(item)
        like = self._members[found.member][1] if found else ""
        same = bool(found and found.same)
        event_id = like if same else event_id_of(item.item_id)
        storyline = self._events[like].storyline if like else event_id
        self.remember(item, event_id, storyline, item.at)
        reason = found.reason if found else "nothing like it in the window"
        merges = self._united(item, event_id, found.bridged) if found else ()
        return Placement(item.item_id, event_id, storyline, reason, not same, merges)

    def join(self, item: Fingerprint, home: Home, why: str) -> Placement:
        """Put an item into an event that it is known to belong to, frozen or not."""
        self._forget(item.at - self._span)
        self.remember(item, home.event_id, home.storyline, home.opened_at)
        return Placement(item.item_id, home.event_id, home.storyline, why, False)

    def home(self, event_id: str) -> Home:
        """An event of the window, by id."""
        known = self._events[event_id]
        return Home(event_id, known.storyline, known.opened_at)

    def remember(
        self, item: Fingerprint, event_id: str, storyline: str, opened_at: datetime
    ) -> None:
        """Take in an item whose event is known, with what is known of the event."""
        index = len(self._members)
        self._members.append((item, event_id))
        event = self._events.setdefault(event_id, _Known(opened_at, storyline, []))
        event.members.append(index)
        if index >= len(self._vectors):
            grown = np.zeros((max(1024, 2 * index), len(item.vector)), dtype=np.float32)
            grown[:index] = self._vectors.reshape(-1, len(item.vector))[:index]
            self._vectors = grown
        self._vectors[index] = item.vector
        self._usage.add(item)
        for entity in item.entities:
            self._by_entity.setdefault(entity, []).append(index)
        for key in _keys(item):
            self._by_key[key] = index
        if item.shingles:
            self._copies_index.insert(str(index), item.minhash)

    def _forget(self, before: datetime) -> None:
        while self._start < len(self._members) and self._members[self._start][0].at < before:
            self._usage.add(self._members[self._start][0], -1)
            self._start += 1
        if self._start > 2048 and self._start > len(self._members) // 2:
            kept, self._start, events = self._members[self._start :], 0, self._events
            self._clear()
            for item, event_id in kept:
                self.remember(
                    item, event_id, events[event_id].storyline, events[event_id].opened_at
                )

    def _same(self, item: Fingerprint) -> _Found | None:
        for key in _keys(item):
            index = self._by_key.get(key, -1)
            if index >= self._start:
                return _Found(index, f"same {key.split(' ', 1)[0]}", True)
        return None

    def _near_copy(self, item: Fingerprint) -> _Found | None:
        if not item.shingles:
            return None
        best, found = 0.0, -1
        for index in sorted(map(int, self._copies_index.query(item.minhash))):
            if index < self._start:
                continue
            other = self._members[index][0].shingles
            jaccard = len(item.shingles & other) / len(item.shingles | other)
            if jaccard > best:
                best, found = jaccard, index
        return _Found(found, f"near copy (Jaccard {best:.2f})", True) if best >= NEAR_COPY else None

    def _alike(self, item: Fingerprint) -> _Found | None:
        """The member that is surest the same happening, or else the one whose story goes on.

        A publisher's next article is less surely the same happening, but no less the same story.
        """
        alike = (0.0, 0)
        sure: dict[str, tuple[float, int]] = {}
        for index in self._candidates(item):
            other, event_id = self._members[index]
            found = self._usage.likeness(item, other)
            alike = max(alike, (found, -index))
            surely = found * (SAME_OWNER if _same_owner(item, other) else 1.0)
            if surely >= self._likeness and not self._is_frozen(event_id, item.at):
                sure[event_id] = max(sure.get(event_id, (0.0, 0)), (surely, -index))
        if sure:
            best, *others = sorted(sure, key=lambda event: sure[event], reverse=True)
            return self._told("same happening", item, *sure[best], tuple(others))
        if alike[0] >= STORYLINE_LIKENESS:
            return self._told("same storyline", item, *alike)
        return None

    def _is_frozen(self, event_id: str, now: datetime) -> bool:
        return now - self._events[event_id].opened_at > FROZEN

    def _united(
        self, item: Fingerprint, event_id: str, bridged: Iterable[str]
    ) -> tuple[Merge, ...]:
        """The merges that `item`, like the members of several events, calls for."""
        merges: list[Merge] = []
        for other in bridged:
            alike = self._mean_likeness(event_id, other)
            if alike >= UNITED and frozenset((event_id, other)) not in self._apart:
                into, gone = sorted((event_id, other), key=self._age)
                reason = f"both are like {item.item_id!r} (mean likeness {alike:.2f})"
                merges.append(Merge(gone, into, reason))
                self.merge(merges[-1])
                event_id = into
        return tuple(merges)

    def _age(self, event_id: str) -> tuple[datetime, str]:
        return self._events[event_id].opened_at, event_id

    def merge(self, merge: Merge) -> None:
        """Make one event of two that were known apart, where the window knows them."""
        if merge.gone not in self._events:
            return
        gone = self._events.pop(merge.gone)
        for index in gone.members:
            self._members[index] = (self._members[index][0], merge.into)
        kept = self._events.setdefault(merge.into, _Known(gone.opened_at, gone.storyline, []))
        kept.members = sorted([*kept.members, *gone.members])

    def _mean_likeness(self, one: str, other: str) -> float:
        first, second = (self._last_members(event) for event in (one, other))
        alike = [self._likeness_of(a, b) for a in first for b in second]
        return fsum(alike) / len(alike)

    def _last_members(self, event_id: str) -> list[int]:
        kept = [index for index in self._events[event_id].members if index >= self._start]
        return kept[-LOOKED_AT:]

    def _likeness_of(self, one: int, other: int) -> float:
        later, earlier = self._members[max(one, other)][0], self._members[min(one, other)][0]
        found = self._usage.likeness(later, earlier)
        return found * (SAME_OWNER if _same_owner(later, earlier) else 1.0)

    def _candidates(self, item: Fingerprint) -> list[int]:
        """The members that share an entity with the item, those of the nearest vectors."""
        sharing: set[int] = set()
        for entity in item.entities:
            named = self._by_entity.get(entity, [])
            sharing.update(named[bisect_left(named, self._start) :])
        members = np.array(sorted(sharing), dtype=np.int64)
        if len(members) > CANDIDATES:
            cosines = np.round(self._vectors[members] @ item.vector, 5)
            members = members[np.argsort(-cosines, kind="stable")[:CANDIDATES]]
        return [int(index) for index in members]

    def _told(
        self, verb: str, item: Fingerprint, alike: float, place: int, bridged: tuple[str, ...] = ()
    ) -> _Found:
        shared = ", ".join(sorted(item.entities & self._members[-place][0].entities))
        same = verb == "same happening"
        return _Found(-place, f"{verb} (likeness {alike:.2f}; {shared})", same, bridged)

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
        """n: the event is, or would be, the n-th of its storyline within 7 days."""
        events = self._events.get(storyline, [])
        start = bisect_left(events, (opened_at - STORYLINE_SPAN, ""))
        return 1 + bisect_left(events, (opened_at, event_id)) - start

    def add(self, storyline: str, opened_at: datetime, event_id: str) -> None:
        """From now on the event counts for those after it."""
        events = self._events.setdefault(storyline, [])
        key = (opened_at, event_id)
        place = bisect_left(events, key)
        if place == len(events) or events[place] != key:
            events.insert(place, key)

    def drop(self, storyline: str, opened_at: datetime, event_id: str) -> None:
        """The event is part of another one now and counts for none after it."""
        events = self._events.get(storyline, [])
        if (opened_at, event_id) in events:
            events.remove((opened_at, event_id))


@dataclass(frozen=True, slots=True)
class Line:
    """What a judge says happened, as a fingerprint of that line, and the event it says it of."""

    said: Fingerprint
    event_id: str
    opened_at: datetime


def same_happening(line: Line, others: Sequence[Line], usage: Usage) -> tuple[Line, float] | None:
    """The line of another event that says the same thing happened, and how alike they are.

    `usage` counts the words of `others`, none of which is later than `line`.
    """
    found = [
        (usage.likeness(line.said, other.said), other)
        for other in others
        if other.event_id != line.event_id
        and line.said.entities & other.said.entities
        and line.said.at - other.opened_at <= FROZEN
    ]
    alike, best = max(found, key=lambda pair: (pair[0], pair[1].event_id), default=(0.0, line))
    return (best, alike) if alike >= SAME_LINE else None


def event_id_of(item_id: str) -> str:
    """The id of the event that an item opens: the same in every replay."""
    return "e" + hashlib.sha256(item_id.encode()).hexdigest()[:12]


def canonical_url(url: str | None) -> str | None:
    """The address without what does not change the page: scheme, www, tracking, fragment.

    A fragment that is a heading's slug (three words or more) stays: sections of a newsletter
    are articles of their own.
    """
    if not url:
        return None
    try:
        parts = urlsplit("".join(url.split()))
        host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    except ValueError:
        return None
    if not host:
        return None
    query = [pair for pair in parse_qsl(parts.query) if not _TRACKING.match(pair[0])]
    path = parts.path.rstrip("/")
    section = f"#{parts.fragment}" if _SECTION.fullmatch(parts.fragment.casefold()) else ""
    return f"{host}{path}" + (f"?{urlencode(sorted(query))}" if query else "") + section


def content_hash(title: str, body: str) -> str:
    """Hash of the words alone: case, spacing and punctuation do not count."""
    words = " ".join(WORD.findall(f"{title} {body}".casefold()))
    return hashlib.sha256((words or f"{title} {body}").encode()).hexdigest()


def _same_owner(one: Fingerprint, other: Fingerprint) -> bool:
    return bool(one.owner) and one.owner == other.owner


def _keys(item: Fingerprint) -> Iterable[str]:
    if item.url:
        yield f"address {item.url}"
    yield f"words {item.content_hash}"
