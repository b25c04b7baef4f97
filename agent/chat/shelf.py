"""What an answer may cite: numbered sources, each with the words that may be spoken of.

A source is a stored item, or something that the program computed from stored rows; either leads
back to what is stored in one step.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from agent.days import MONTHS


@dataclass(frozen=True, slots=True)
class Source:
    """`text` are words of a stored item, `lines` sentences of the program's own; `command` shows
    what is stored of it.

    `item_id` is "" for what the program computed; `published` is an ISO day or "".
    """

    n: int
    title: str
    command: str
    text: str = ""
    lines: tuple[str, ...] = ()
    item_id: str = ""
    publisher: str = ""
    published: str = ""
    url: str = ""
    event_id: str = ""

    @property
    def allowed(self) -> str:
        """Words besides the text that a sentence may take: who wrote it, and when."""
        return " ".join((self.title, self.publisher, self.published, spelled(self.published)))


class Shelf:
    """Numbers sources in the order they come, the same one once."""

    def __init__(self) -> None:
        self._by_key: dict[str, Source] = {}

    def put(self, key: str, **parts: Any) -> Source:
        """The source called `key`; further words of it join those that are there."""
        new = Source(n=len(self._by_key) + 1, **parts)
        before = self._by_key.get(key)
        if before is not None:
            told = "\n".join(dict.fromkeys(filter(None, (before.text, new.text))))
            text = before.text if new.text in before.text else told
            lines = tuple(dict.fromkeys((*before.lines, *new.lines)))
            new = replace(before, text=text, lines=lines)
        self._by_key[key] = new
        return new

    def get(self, n: int) -> Source | None:
        """The source with this number."""
        return next((one for one in self if one.n == n), None)

    def __iter__(self) -> Iterator[Source]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)


def spelled(day: str) -> str:
    """A day as people write it, in the ways that they do."""
    if not day:
        return ""
    found = date.fromisoformat(day[:10])
    month = MONTHS[found.month - 1].capitalize()
    number, year = found.day, found.year
    return (
        f"{number} {month} {year}, {month} {number}, {year}, {month[:3]} {number}, "
        f"{number} {month[:3]}, {found:%A}, {year}年{found.month}月{number}日"
    )
