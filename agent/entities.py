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
                    cjk[name] = entity.id
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
        return frozenset(self._walk(text))

    def _walk(self, text: str) -> Iterator[str]:
        words = _WORD.findall(text.casefold())
        for start, word in enumerate(() if self._lengths.keys().isdisjoint(words) else words):
            for length in self._lengths.get(word, ()):
                entity = self._phrases.get(tuple(words[start : start + length]))
                if entity:
                    yield entity
        if self._cjk_pattern and _CJK.search(text):
            for match in self._cjk_pattern.findall(text):
                yield self._cjk[match]
