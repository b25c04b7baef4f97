"""Sentences that the program writes, each with the source that it rests on. Pure."""

import re
from dataclasses import dataclass

from agent.chat.shelf import Source


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence and the source it rests on."""

    text: str
    source: Source

    def __str__(self) -> str:
        return f"{unmarked(self.text)} [{self.source.n}]"


def unmarked(text: str) -> str:
    """Words from outside in which nothing looks like the number of a source."""
    return re.sub(r"\[(\d+)\]", r"(\1)", text)
