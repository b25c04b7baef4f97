"""Lets through, sentence by sentence, what a model says that holds against what it cites. Pure.

A sentence must name its sources by [n]; n must be on the shelf, and the sentence must hold against
the words of one of them alone (agent.grounding): two put together could say what neither does.
Marks of others are taken off; a sentence that holds against none is left out whole, never mended.
Words come in as they are spoken, so that a checked sentence can be shown before the next is there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent import grounding
from agent.chat.shelf import Shelf, Source
from agent.entities import Mentions
from agent.excerpts import ABBREVIATED
from agent.injection import sift

MOST_CITED = 4
"""Sources that one sentence may name: who names all of them, names none."""
_MARK = re.compile(r"[^\S\n]*[\[【]\s*(\d{1,3}(?:\s*[,，、;]\s*\d{1,3})*)\s*[\]】]")
_END = re.compile(r"[.!?]+[\"'”’)]*|[。！？]+[\"”』」]*|\n")
_GOES_ON = re.compile(r"[^\s\u3400-\u9fff“\[【]")
"""What stands behind a full stop that ends nothing: 3.5, v1.2, nvidia.com."""
_OF_SCORE = re.compile(
    r"\b(?:thesis|scores?|log-odds|points on|calibrated|uncalibrated)\b|论点|得分|对数几率",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")
_DECORATION = re.compile(r"\*\*|__|^#+\s*")


@dataclass(frozen=True, slots=True)
class Kept:
    """A sentence that holds, with its marks, and the numbers of what it cites."""

    text: str
    cited: tuple[int, ...]
    starts_line: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    """A sentence that does not, and why."""

    text: str
    why: str


@dataclass(slots=True)
class Checker:
    """Takes words as they come; `dropped` is what was left out."""

    shelf: Shelf
    entities: Mentions = grounding.NOBODY
    dropped: list[Dropped] = field(default_factory=list)
    _rest: str = ""
    _line_start: bool = True

    def feed(self, words: str) -> Iterator[Kept]:
        """The sentences that are whole with these words, those that hold."""
        self._rest += words
        while (end := _end_of_sentence(self._rest)) is not None:
            sentence, self._rest = self._rest[:end], self._rest[end:]
            yield from self._take(sentence)

    def finish(self) -> Iterator[Kept]:
        """What is left, when no more words come."""
        sentence, self._rest = self._rest, ""
        yield from self._take(sentence)
        self._line_start = True

    def forget(self) -> None:
        """Drop half a sentence: the words broke off."""
        self._rest = ""

    def _take(self, raw: str) -> Iterator[Kept]:
        text = raw.strip()
        starts = self._line_start or "\n" in raw[: len(raw) - len(raw.lstrip())]
        self._line_start = raw.endswith("\n") or (starts and not text)
        if not re.search(r"\w", _MARK.sub("", text)):
            return
        bearing, why = self._bearing(text, list(dict.fromkeys(_numbers(text))))
        if why:
            self.dropped.append(Dropped(text, why))
            self._line_start = starts or self._line_start
        else:
            yield Kept(_tidy(text, bearing), bearing, starts)

    def _bearing(self, text: str, cited: list[int]) -> tuple[tuple[int, ...], str]:
        """The cited sources that a sentence holds against, or what is wrong with it."""
        if not cited:
            return (), "it names no source"
        if len(cited) > MOST_CITED:
            return (), "it names too many sources"
        sources = [self.shelf.get(n) for n in cited]
        known = [one for one in sources if one is not None]
        if len(known) < len(cited):
            return (), "it names a source that was not found"
        faults = {one.n: self._fault(bare(text), one) for one in known}
        bearing = tuple(n for n, why in faults.items() if not why)
        return bearing, "" if bearing else next(iter(faults.values()))

    def _fault(self, text: str, source: Source) -> str:
        """What is wrong with a sentence on one source.

        What the program computed may only be repeated word for word, and of the score nobody else
        speaks: an item may say anything.
        """
        if _same_words(text) in {_same_words(line) for line in source.lines}:
            return ""
        if not source.item_id:
            return "the program's own figures are not repeated word for word"
        if _OF_SCORE.search(text):
            return "only the program speaks of the score"
        return grounding.fault(text, words_of(source), source.allowed, self.entities)


def bare(text: str) -> str:
    """A sentence without its marks, bullet and decoration."""
    return _DECORATION.sub("", _BULLET.sub("", _MARK.sub("", text))).strip()


def words_of(source: Source) -> str:
    """All that may be said of a source, without what it says to a machine."""
    title = sift(source.title).text
    return f"{title}. {source.text}" if source.text else title


def _same_words(text: str) -> str:
    return " ".join(text.strip(" .。").split()).casefold()


def _numbers(text: str) -> list[int]:
    return [int(n) for match in _MARK.finditer(text) for n in re.findall(r"\d+", match[1])]


def _tidy(text: str, cited: tuple[int, ...]) -> str:
    """A sentence with its marks behind it, each by itself."""
    bullet = "- " if _BULLET.match(text) else ""
    return f"{bullet}{bare(text)} {''.join(f'[{n}]' for n in cited)}"


def _end_of_sentence(text: str) -> int | None:
    """Where the first sentence ends, with its marks; None while more of it may come."""
    for match in _END.finditer(text):
        end = match.end()
        if match[0] == "\n":
            return end
        while mark := _MARK.match(text, end):
            end = mark.end()
        rest = text[end:]
        if _may_be_mark(rest):
            return None
        latin = match[0][0] in ".!?"
        no_end = latin and (_GOES_ON.match(rest) or ABBREVIATED.search(text[: match.end()]))
        if no_end or _BULLET.fullmatch(text[: match.end()].lstrip() + " "):
            continue
        return end
    return None


def _may_be_mark(rest: str) -> bool:
    """Whether what comes may yet become a mark of the sentence before."""
    return bool(re.fullmatch(r"[^\S\n]*(?:[\[【][\d,，、; ]*)?", rest))
