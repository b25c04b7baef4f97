"""Whether a quote really stands in a text. Pure.

A model that quotes is believed only word for word: both sides are folded (NFKC, quotation marks,
dashes, white space, invisible characters) and then compared as they are. A quote that stands there
and turns its sentence round, because it was cut off behind a "not", does not pass either.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

SHORTEST = 12
"""Folded characters that a quote needs at least; five when they are Chinese, Japanese or Korean."""
SHORTEST_CJK = 5
REACH = 4
"""How many words before a quote a negation still governs it."""
NEAR = 500
"""Characters before a quote in which those words are looked for: no four words are longer."""
MOST_MARKS = 30
"""Marks on one character that are folded with it (UAX 15); more take quadratic time."""
_RAISED = {ord(raised): f"^{digit}" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_FOLDED = str.maketrans("‘’‚‛′“”„‟″«»‐‑‒–—―−", "'''''" + '"' * 7 + "-" * 7)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SENTENCE_END = re.compile(r"[.!?;:](?=\s|$)|[。！？；：]|\n|, (?:but|yet|and) ")
_NEGATION = re.compile(
    r"(?:^|\W)(?:not|no|never|none|neither|nor|cannot|without|hardly|barely|untrue|false|falsely|"
    r"den(?:y|ies|ied|ying)|refut\w+|reject\w*|dismiss\w*|debunk\w*|doubt\w*|fail(?:s|ed)? to|"
    r"unlikely|\w+n't)(?:\W|$)",
    re.IGNORECASE,
)
_NEGATION_CJK = re.compile(r"(?:不|没|沒|未|非|否认|否認|并无|並無)\w{0,2}$")


@dataclass(frozen=True, slots=True)
class Span:
    """Where a quote stands in the text as stored: characters `start` to `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text and, for each of its characters, where it came from; one place more at the end.

    `text` and `places` with len(places) == len(text) + 1.
    """

    text: str
    places: tuple[int, ...]


def check(quote: str, text: str) -> Span | str:
    """Where `quote` stands in `text`, or why it does not count."""
    wanted = plain(quote)
    if len(wanted) < (SHORTEST_CJK if _CJK.search(wanted) else SHORTEST):
        return "the quote is too short to say anything"
    folded = fold(text)
    places = _places(wanted, folded.text)
    if not places:
        return "the quote is not in the text"
    for start in places:
        if not _is_negated(folded.text[max(0, start - NEAR) : start]):
            last = folded.places[start + len(wanted) - 1]
            return Span(folded.places[start], _end_of_character(text, last))
    return "the quote leaves out the negation before it"


def plain(quote: str) -> str:
    """The words of a quote, folded, without the marks around them: what two spellings share."""
    return fold(quote).text.strip().strip("\"'").strip()


def fold(text: str) -> Folded:
    """NFKC, one kind of quotation mark and dash, single spaces, nothing invisible; 10² is 10^2."""
    kept: list[str] = []
    places: list[int] = []
    for place, cluster in _clusters(text):
        plain = unicodedata.normalize("NFKC", cluster.translate(_RAISED))
        for character in plain.translate(_FOLDED):
            space = character.isspace()
            if unicodedata.category(character) == "Cf" or (space and kept and kept[-1] == " "):
                continue
            kept.append(" " if space else character)
            places.append(place)
    return Folded("".join(kept), (*places, len(text)))


def _clusters(text: str) -> Iterator[tuple[int, str]]:
    """Characters with the marks that combine with them, and where each starts."""
    start = 0
    for end in range(1, len(text) + 1):
        goes_on = end < len(text) and unicodedata.combining(text[end])
        if not goes_on or end - start == MOST_MARKS:
            yield start, text[start:end]
            start = end


def _end_of_character(text: str, start: int) -> int:
    """Where the character at `start` ends, with the marks that combine with it."""
    end = start + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end


def _places(wanted: str, text: str) -> list[int]:
    """Where `wanted` stands as whole words and whole numbers."""
    found, start = [], text.find(wanted)
    while start >= 0:
        if _is_whole(text, start, start + len(wanted)):
            found.append(start)
        start = text.find(wanted, start + 1)
    return found


def _is_whole(text: str, start: int, end: int) -> bool:
    """False when a word or figure goes on beyond either end: "profitable" out of "unprofitable"."""
    return not (_joins(text, start) or _joins(text, end))


def _joins(text: str, at: int) -> bool:
    before, after = text[max(0, at - 3) : at], text[at : at + 2]
    if not before or not after or _CJK.match(before[-1]) or _CJK.match(after[0]):
        return False
    if before[-1].isalnum() and after[0].isalnum():
        return True
    ends = before[-1].isdigit() and re.match(r"[.,:/⁄]\d|[%^]", after)
    begins = after[0].isdigit() and re.search(r"\d[.,:/⁄^]$", before)
    return bool(ends or begins or _is_signed(before, after))


def _is_signed(before: str, after: str) -> bool:
    """Whether a figure begins behind its minus: -5% is not 5%, though 2-5% may be."""
    return bool(re.match(r"[$€£¥]?\d", after) and re.search(r"(?<![^\W_])-[$€£¥]?$", before))


def _is_negated(before: str) -> bool:
    """Whether the words just before, in the same sentence, deny what follows."""
    clause = _SENTENCE_END.split(before)[-1]
    if _NEGATION_CJK.search(clause.rstrip()):
        return True
    return bool(_NEGATION.search(" ".join(clause.split()[-REACH:])))
