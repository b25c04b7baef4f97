"""A filing's document cut into pieces that can be judged. Runs where it can be killed.

edgartools finds the items and sections; what is kept of them is what moves a thesis.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_PIECE = 1_500
MOST_PIECES = 12
"""Pieces of one section: risk factors go on for a hundred pages, the new ones stand first."""
SHORTEST = 80
"""Characters below which a piece says nothing: a heading, "None.", a reference."""
KEPT: dict[str, tuple[str, ...]] = {
    "10-Q": ("part_i_item_2", "part_ii_item_1a"),
    "10-K": ("part_i_item_1a", "part_ii_item_7"),
    "20-F": ("part_i_item_3", "part_i_item_5"),
}
"""Sections of the long forms that are read: risk factors, and management's discussion."""
_EXHIBITS = ("item_901", "signatures")
_RULE = re.compile(r"[\s\u2500-\u257f_=-]*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a section, verbatim: `number` of `of`, from 1."""

    section: str
    number: int
    of: int
    text: str


def read(body: bytes, form: str) -> list[Piece]:
    """The pieces of a filing's main document or exhibit, in order; `form` such as 8-K."""
    from edgar.documents import ParserConfig, parse_html

    config = ParserConfig(form=form, extract_xbrl=False, enable_parallel=False)
    document = parse_html(body.decode("utf-8", "replace"), config)
    sections = {key: (one.title or key, one.text()) for key, one in document.sections.items()}
    wanted = KEPT.get(form) or tuple(key for key in sections if key not in _EXHIBITS)
    found = [sections[key] for key in wanted if key in sections]
    pieces: list[Piece] = []
    for title, text in found or [("", document.text())]:
        cut = list(_cut(text))[:MOST_PIECES]
        pieces += [Piece(title, n, len(cut), one) for n, one in enumerate(cut, start=1)]
    return pieces


def _cut(text: str) -> Iterator[str]:
    """Paragraphs, joined while they fit; one that is too long is cut at LONGEST_PIECE."""
    piece = ""
    for paragraph in _paragraphs(text):
        for start in range(0, len(paragraph), LONGEST_PIECE):
            part = paragraph[start : start + LONGEST_PIECE]
            if piece and len(piece) + len(part) + 1 > LONGEST_PIECE:
                if len(piece) >= SHORTEST:
                    yield piece
                piece = ""
            piece = f"{piece}\n{part}" if piece else part
    if len(piece) >= SHORTEST:
        yield piece


def _paragraphs(text: str) -> Iterator[str]:
    for line in text.splitlines():
        folded = " ".join(line.split())
        if folded and not _RULE.fullmatch(folded):
            yield folded
