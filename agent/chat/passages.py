"""The part of a long text that a question is about, with what stands around it. Pure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from agent.excerpts import sentences
from agent.injection import sift

SHORT = 900
"""Characters of a text that is one passage."""
SIZE = 600
"""Characters at which a passage of a longer text ends with its sentence."""
AROUND = 1
"""Passages before and after the best one that are shown with it."""
MOST = 400
"""Passages of one text that are looked at: a filing's section, and no endless page."""

Similar = Callable[[list[str]], list[float]]
"""How like the question each text is."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of an item, whole sentences, with nothing in them that talks to a machine."""

    text: str
    is_part: bool


def cut(text: str) -> list[str]:
    """A text in passages of whole sentences, in order."""
    found: list[str] = []
    start = end = None
    for begin, stop in sentences(text):
        if start is None or end is None:
            start = begin
        elif stop - start > SIZE:
            found.append(text[start:end])
            start = begin
        end = stop
    if start is not None:
        found.append(text[start:end])
    return found[:MOST]


def choose(body: str, wanted: Collection[str], similar: Similar) -> Passage:
    """The passage of `body` that holds most of the `wanted` words and is most like the question.

    A short body is taken whole; of a long one the neighbours come along. What orders a machine
    about is taken out first.
    """
    text = sift(body).text.strip()
    if len(text) <= SHORT:
        return Passage(text, False)
    parts = cut(text)
    held = [_held(part, wanted) for part in parts]
    likeness = similar(parts)
    best = max(range(len(parts)), key=lambda n: (held[n] + likeness[n], -n))
    around = parts[max(0, best - AROUND) : best + AROUND + 1]
    return Passage("\n".join(around), len(around) < len(parts))


def _held(text: str, wanted: Collection[str]) -> float:
    """The share of the wanted words that a text holds."""
    low = text.casefold()
    return sum(word in low for word in wanted) / len(wanted) if wanted else 0.0


def telling(text: str, wanted: Sequence[str], similar: Similar) -> str:
    """The one sentence of a passage that answers best; "" when there is no sentence."""
    spans = sentences(text)
    if not spans:
        return ""
    parts = [text[start:end] for start, end in spans]
    likeness = similar(parts)
    best = max(range(len(parts)), key=lambda n: (_held(parts[n], wanted) + likeness[n], -n))
    return parts[best]
