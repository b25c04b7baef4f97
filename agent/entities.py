"""Which of the thesis' entities a text names. Pure.

English aliases match as whole words whatever their case, Chinese ones wherever they stand.
"""

import re
from collections.abc import Iterable, Iterator

from agent.thesis import Entity

_WORD = re.compile(r"[a-z0-9]+")
_CJK = re.compile(r"[\u3400-\u9fff]")


class Mentions:
    """Finds entities in text; build once per thesis, then `find` costs some microseconds."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._phrases: dict[tuple[str, ...], str] = {}
        cjk: dict[str, str] = {}
        for entity in entities:
            for name in entity.names:
                if _CJK.search(name):
                    cjk[name.casefold()] = entity.id
                elif words := tuple(_WORD.findall(name.casefold())):
                    self._phrases[words] = entity.id
        self._lengths = {
            first: sorted({len(phrase) for phrase in self._phrases if phrase[0] == first})
            for first in {phrase[0] for phrase in self._phrases}
        }
        self._cjk = cjk
        longest_first = sorted(cjk, key=len, reverse=True)
        self._cjk_pattern = re.compile("|".join(map(re.escape, longest_first))) if cjk else None

    def find(self, text: str) -> frozenset[str]:
        """Ids of the entities that `text` names."""
        return frozenset(entity for *_, entity in self._walk(text.casefold()))

    def in_order(self, text: str) -> list[str]:
        """Ids in the order in which `text` names them, each as often as it does.

        A name inside a longer one is none: "DeepSeek R1" is not DeepSeek too.
        """
        found: list[str] = []
        reached = 0
        for _, end, entity in sorted(self._walk(text.casefold()), key=_longest_first):
            if end > reached:
                found.append(entity)
                reached = end
        return found

    def _walk(self, low: str) -> Iterator[tuple[int, int, str]]:
        """Where in a case-folded text each name starts and ends, and whose it is."""
        words = _WORD.findall(low)
        if not self._lengths.keys().isdisjoint(words):
            spans = [match.span() for match in _WORD.finditer(low)]
            for start, word in enumerate(words):
                for length in self._lengths.get(word, ()):
                    phrase = tuple(words[start : start + length])
                    if len(phrase) == length and phrase in self._phrases:
                        yield spans[start][0], spans[start + length - 1][1], self._phrases[phrase]
        if self._cjk_pattern and _CJK.search(low):
            for match in self._cjk_pattern.finditer(low):
                yield *match.span(), self._cjk[match[0]]


def _longest_first(named: tuple[int, int, str]) -> tuple[int, int]:
    """By where a name starts, the longest one first."""
    start, end, _ = named
    return start, -end
