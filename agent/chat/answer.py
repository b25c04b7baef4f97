"""An answer as it reaches a person or a script."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.chat.shelf import Source

MODEL, PLAIN = "model", "without a model"


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that the answer cites; `quote` are words of it, or "" where it is not quoted.

    `item_id` is "" where the program computed it from stored rows; `command` shows them.
    """

    n: int
    item_id: str
    url: str
    quote: str
    title: str
    publisher: str
    published: str
    command: str

    @classmethod
    def of(cls, source: Source, quote: str = "") -> "Citation":
        """A citation of a source."""
        return cls(
            n=source.n,
            item_id=source.item_id,
            url=source.url,
            quote=quote,
            title=source.title,
            publisher=source.publisher,
            published=source.published,
            command=source.command,
        )

    @property
    def link(self) -> str:
        """Where to read it: the page, or the command."""
        return self.url or self.command

    @property
    def page(self) -> str:
        """The address that a browser may be sent to, or "": no file, no other program's scheme."""
        return self.url if self.url.lower().startswith(("http://", "https://")) else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered; `text` carries [n] behind each sentence. `refused` says what is lacking.

    `notes` say what was left out of it, and why.
    """

    text: str
    citations: tuple[Citation, ...]
    refused: bool
    mode: str
    notes: tuple[str, ...] = field(default=())

    def as_row(self) -> dict[str, Any]:
        """As `--json` prints it."""
        names = ("n", "item_id", "url", "quote", "title", "publisher", "published", "command")
        return {
            "answer": self.text,
            "citations": [{name: getattr(one, name) for name in names} for one in self.citations],
            "refused": self.refused,
            "mode": self.mode,
            "notes": list(self.notes),
        }


def cited(
    sources: Iterable[Source], numbers: Sequence[int], quotes: dict[int, str]
) -> tuple[Citation, ...]:
    """Citations of those sources that an answer names, in their order."""
    wanted = set(numbers)
    return tuple(Citation.of(one, quotes.get(one.n, "")) for one in sources if one.n in wanted)
