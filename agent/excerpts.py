"""Sentences of a stored text, word for word: what may stand in quotation marks. Pure."""

import re

LONGEST = 240
"""Characters of an excerpt; one that is longer is no sentence but a wall."""
_END = re.compile(
    r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9\u4e00-\u9fff])|(?<=[。！？])[”’」』]*|\n+"
)
ABBREVIATED = re.compile(
    r"(?:\b(?:U\.S|U\.K|Inc|Corp|Co|Ltd|Mr|Ms|Mrs|Dr|vs|No|St|Jan|Feb|Aug|Sept|Oct|Nov|Dec"
    r"|e\.g|i\.e)|\b[A-Z])\.$"
)
"""Ends in a full stop that ends no sentence."""


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of `text` starts and ends, in order, without the space around it."""
    found, start = [], 0
    for match in _END.finditer(text):
        end = match.start() if match[0].isspace() else match.end()
        if ABBREVIATED.search(text[start : match.start()]):
            continue
        found.append((start, end))
        start = match.end()
    found.append((start, len(text)))
    return [span for span in (_bare(text, *one) for one in found) if span[0] < span[1]]


def beginning(text: str, title: str) -> str:
    """The first sentence that says more than the title; "" when none does or it is a wall."""
    said = _words(title)
    for start, end in sentences(text[: 4 * LONGEST]):
        sentence = text[start:end]
        if _words(sentence) - said:
            return sentence if len(sentence) <= LONGEST else ""
    return ""


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without the white space at its ends."""
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())


def _words(text: str) -> set[str]:
    """Longer words, or single Chinese characters."""
    return set(re.findall(r"[a-z0-9]{4,}|[\u4e00-\u9fff]", text.casefold()))
