"""How surely two items tell of one happening. Pure.

Both are compared by what their vectors, their words and the entities they name have in common.
What everybody in the window says or names tells little; headlines tell more than what follows;
the news of one happening comes close together; and a publisher's next article is rarely the
same news again.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from math import fsum, isclose, log, sqrt
from typing import Any
from zlib import crc32

import numpy as np

Terms = Mapping[str, float]
Vector = np.ndarray[Any, np.dtype[np.float32]]

WORD = re.compile(r"[a-z0-9]+(?:[.,][0-9]+)*|[\u3400-\u9fff]")
PERMUTATIONS = 64
LONG_ENOUGH = 30
"""Words from which a text's shingles say something."""

VECTORS, WORDS, ENTITIES = 0.3, 0.5, 0.2
HEADLINE = 2.0
"""What a word in the headline counts, beside one in the text."""
HEAD = 40
"""Words of a text that are compared: the head of an article says what happened."""
STEM = 6
"""Letters of a word that are compared: its ending does not count."""
FADE = timedelta(days=7)
"""Two reports so far apart are half as likely to be of one happening."""
SAME_MOVE, SAME_DAY = 0.1, timedelta(days=1)
"""Two headlines of one day on a subject's fall tell of the same fall: it happened once."""
LAUNCH_AND_WHO, OTHER_LAUNCH = 2, 0.6
"""Headlines that share no more than a launch and who launches tell of two launches by one firm."""
OTHER_FIGURES = 0.5
"""Headlines on amounts that are a tenth or more apart tell of two happenings."""
NO_REPORT, DENIED = 0.75, 0.45
"""What a headline tells as news that asks, picks or predicts, and beside one that it denies."""
SAME_OWNER = 0.6
"""What the likeness of two articles of one publisher is worth."""
UNSEEN = 200
"""Items that a window is thought to hold besides its own: a young one cannot tell rare words."""

_STOP = frozenset(
    "a an the and or of to in on for with by from at as is are was were be been its it this that "
    "these those will would could should can may might has have had not no new over after before "
    "about into than then out up down off more most how why what when who which your you i we "
    "they he she his her their our us says said say year years day week today now just still here "
    "的 了 在 是 和 与 对 将 为 有 不 一 中 上 个".split()
)
_SENSES = {
    word: line.split()[0]
    for line in """
        FALL fall falls fell falling drop drops dropped plunge plunges plunged plunging plummet
        FALL plummets plummeted plummeting sink sinks sank sinking tank tanks tanked tanking
        FALL rattle rattles rattled shock shocks shocked shockwave shockwaves panic wipe wipes wiped
        FALL tumble tumbles tumbled slide slides slid sliding slump slumps slumped crash crashes
        FALL crashed slip slips slipped decline declines declined selloff rout loses lost sheds
        RISE rise rises rose rising surge surges surged surging soar soars soared soaring jump
        RISE jumps jumped rally rallies rallied climb climbs climbed gain gains gained rebound
        STOCK stock stocks share shares market markets nasdaq
        LAUNCH launch launches launched unveil unveils unveiled release releases released debut
        LAUNCH introduce introduces introduced announce announces announced debuts
        BUY buy buys bought acquire acquires acquired acquisition
        BAN ban bans banned block blocks blocked restrict restricts restrictions curb curbs
        INVEST invest invests investment raise raises raised funding
        BEAT beat beats surpass surpasses outperform outperforms tops
        CUT cut cuts slash slashes slashed
        COPY reproduce reproduces reproduction replicate replicates replication
    """.strip().splitlines()
    for word in line.split()[1:]
}
"""Words that headlines use for one another, by what they say."""
_AMOUNT = re.compile(
    r"\b(\d+(?:\.\d+)?)[ -]?(k|m|mn|b|bn|t|tn|thousand|million|billion|trillion|percent|per cent|%)"
    r"(?![a-z0-9])"
)
_UNITS = {"thousand": "k", "mn": "m", "million": "m", "billion": "b", "bn": "b"}
_UNITS |= {"trillion": "t", "tn": "t", "percent": "%", "per cent": "%"}
_SIZES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_NO_REPORT = re.compile(
    r"^(show|ask|tell) hn\b|^(where|how|why|when|what|should|could|is|are|can|will) .*\?$"
    r"|^(prediction|opinion|better)\b|\bstocks? to (buy|own|hold|sell)\b|\bshould you buy\b"
)
_DENIES = re.compile(r"\b(won|isn|doesn|don|didn|can|wasn|aren).?t\b|\b(not|never|no)\b")


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
    owner: str = ""

    @cached_property
    def headline(self) -> frozenset[str]:
        """The title's telling words, stemmed, those of one sense made one."""
        return frozenset(_telling(_words(self.title)))

    @cached_property
    def words(self) -> Mapping[str, float]:
        """The telling words of title and text and what each counts."""
        head = dict.fromkeys(_telling(_words(self.text)[:HEAD]), 1.0)
        return {**head, **dict.fromkeys(self.headline, HEADLINE)}

    @cached_property
    def figures(self) -> frozenset[tuple[str, float]]:
        """The amounts in the headline: ("", so much) and ("%", per cent)."""
        return frozenset(_figures(self.title.casefold()))

    @cached_property
    def denies(self) -> bool:
        """Whether the headline says that something is not so."""
        return bool(_DENIES.search(self.title.casefold()))

    @cached_property
    def reports(self) -> bool:
        """Whether the headline says that something happened; a question about a fall does."""
        return bool(self.move) or not _NO_REPORT.search(self.title.casefold())

    @cached_property
    def move(self) -> int:
        """+1 when the headline tells of a rise, -1 of a fall, 0 of neither, both or a denial."""
        if self.denies:
            return 0
        return ("RISE" in self.headline) - ("FALL" in self.headline)

    @cached_property
    def shingles(self) -> frozenset[str]:
        """Three-word shingles of the text; none when it is too short to say anything."""
        words = WORD.findall(self.text.casefold())
        if len(words) < LONG_ENOUGH:
            return frozenset()
        return frozenset(" ".join(words[i : i + 3]) for i in range(len(words) - 2))

    @cached_property
    def minhash(self) -> Any:
        """Signature of the shingles, from which their likeness is estimated."""
        signature = _empty_minhash().copy()
        signature.update_batch([shingle.encode() for shingle in sorted(self.shingles)])
        return signature


class _Rarities(dict[int, float]):
    """What a term counts by how many of so many `items` use it."""

    def __init__(self, items: int) -> None:
        self._items = items

    def __missing__(self, uses: int) -> float:
        self[uses] = found = log((self._items + UNSEEN) / (uses + 1))
        return found


class Usage:
    """How many of the window's items use each word and name each entity."""

    def __init__(self) -> None:
        self._items = 0
        self._rarities = _Rarities(0)
        self._words: Counter[str] = Counter()
        self._entities: Counter[str] = Counter()

    def add(self, item: Fingerprint, times: int = 1) -> None:
        """Count what `item` says; with `times` -1, take it back."""
        self._items += times
        self._rarities = _Rarities(self._items)
        for uses, terms in ((self._words, item.words), (self._entities, item.entities)):
            for term in terms:
                uses[term] += times

    def likeness(self, one: Fingerprint, other: Fingerprint) -> float:
        """0 to 1.1: how surely two items that share an entity tell of one happening.

        `other` is not the later one. Order of words does not matter, nor how sums are ordered
        (fsum), so that every replay finds the same.
        """
        cosine = max(float(one.vector @ other.vector), 0.0)
        words = self._overlap(self._words, one.words, other.words)
        apart = one.at - other.at
        alike = VECTORS * cosine + WORDS * words + ENTITIES * self._named(one, other)
        if apart < SAME_DAY and one.move and one.move == other.move:
            alike += SAME_MOVE
        shared = one.headline & other.headline
        if "LAUNCH" in shared and len(shared) <= LAUNCH_AND_WHO:
            alike *= OTHER_LAUNCH
        alike *= 1.0 if one.reports and other.reports else NO_REPORT
        alike *= 1.0 if one.denies == other.denies else DENIED
        if one.figures and other.figures and not _agree(one, other):
            alike *= OTHER_FIGURES
        return alike * float(0.5 ** (apart / FADE))

    def _named(self, one: Fingerprint, other: Fingerprint) -> float:
        """How far both name the same, less when everybody names it: the thesis' own subject."""
        first, second = dict.fromkeys(one.entities, 1.0), dict.fromkeys(other.entities, 1.0)
        shared = [self._entities[entity] for entity in first.keys() & second.keys()]
        if not shared:
            return 0.0
        rarity = self._rarities
        return self._overlap(self._entities, first, second) * sqrt(rarity[min(shared)] / rarity[0])

    def _overlap(self, uses: Mapping[str, int], one: Terms, other: Terms) -> float:
        """Cosine of two bags of terms, each weighed by how few use it."""
        shared = one.keys() & other.keys()
        if not shared:
            return 0.0
        rarity = self._rarities
        both = fsum([one[term] * other[term] * rarity[uses[term]] ** 2 for term in shared])
        return both / (self._length(uses, one) * self._length(uses, other))

    def _length(self, uses: Mapping[str, int], terms: Terms) -> float:
        rarity = self._rarities
        return sqrt(fsum([(n * rarity[uses[term]]) ** 2 for term, n in terms.items()]))


def _agree(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether some amount in one headline is about one in the other."""
    return any(
        unit == other_unit and isclose(size, other_size, rel_tol=0.1)
        for unit, size in one.figures
        for other_unit, other_size in other.figures
    )


def _figures(text: str) -> Iterator[tuple[str, float]]:
    for number, unit in _AMOUNT.findall(text):
        short = _UNITS.get(unit, unit)
        yield ("%", float(number)) if short == "%" else ("", float(number) * _SIZES[short])


def _words(text: str) -> list[str]:
    return WORD.findall(text.casefold().replace("sell-off", "selloff"))


def _telling(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        if word not in _STOP and (len(word) > 1 or word > "z"):
            yield _SENSES.get(word) or (word[:STEM] if word.isascii() else word)


@lru_cache(maxsize=1)
def _empty_minhash() -> Any:
    """Drawing the permutations costs more than hashing a text: they are drawn once."""
    from datasketch import MinHash

    return MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=crc32)
