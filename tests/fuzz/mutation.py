"""Valid input, spoiled: pieces cut out, doubled, put elsewhere, or replaced by what hurts."""

from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

Text = TypeVar("Text", str, bytes)

LONGEST = 60_000
"""Of an example; what is spoiled further is cut here."""
MOST_CHANGES = 6

NASTY = (
    "\0",
    "\x1b]0;owned\x07",
    "\x9b31m",
    "\x85",
    "\u2028",
    "\ufeff",
    "\u202e",
    "\u200b",
    "e\u0301\u0316\u0301",
    "\U0001f600",
    "ﬃ",
    "²½",
    "Ⅳ",
    "٣",
    "训练成本",
    "\ufffe",
    "İ",
    "ß",
    "\r",
    "\r\n",
    "\n",
    "\t",
    " " * 200,
    "9" * 5_000,
    "-1",
    "1e999",
    "nan",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "1969-12-31",
    "<",
    ">",
    "&",
    '"',
    "'",
    "{",
    "[",
    "[" * 3_000,
    '{"a":' * 3_000,
    "\\",
    "\\u0000",
    "\\ud800",
    "../../etc/passwd",
    "http://[::1",
    "http://a:99999999/",
    "javascript:alert(1)",
)
"""What has hurt parsers before."""


@st.composite
def spoiled(draw: Any, seeds: Sequence[Text], pieces: Sequence[Text] = ()) -> Text:
    """One of `seeds` after a few changes; `pieces` are the words of its language."""
    text: Text = draw(st.sampled_from(seeds))
    nasty: list[Text] = [_like(text, piece) for piece in NASTY]
    inserts = st.sampled_from([*nasty, *pieces]) | _noise(text)
    for _ in range(draw(st.integers(0, MOST_CHANGES))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40) | st.integers(0, len(text))))
        change = draw(st.sampled_from(["replace", "cut", "double", "move", "splice", "end"]))
        text = _changed(draw, text, start, end, change, seeds, inserts)[:LONGEST]
    return text


def _changed(
    draw: Any,
    text: Text,
    start: int,
    end: int,
    change: str,
    seeds: Sequence[Text],
    inserts: st.SearchStrategy[Text],
) -> Text:
    before, piece, after = text[:start], text[start:end], text[end:]
    if change == "cut":
        return before + after
    if change == "double":
        times = draw(st.sampled_from([2, 3, 50, 2_000]))
        return before + piece[:LONGEST] * min(times, LONGEST // (len(piece) or 1) + 1) + after
    if change == "move":
        place = draw(st.integers(0, len(before)))
        return before[:place] + piece + before[place:] + after
    if change == "splice":
        other: Text = draw(st.sampled_from(seeds))
        return before + other[draw(st.integers(0, len(other))) :]
    if change == "end":
        return before
    return before + draw(inserts) + after


def _like(text: Text, piece: str) -> Text:
    return piece if isinstance(text, str) else piece.encode()


def _noise(text: Text) -> st.SearchStrategy[Text]:
    return st.text(max_size=8) if isinstance(text, str) else st.binary(max_size=8)
