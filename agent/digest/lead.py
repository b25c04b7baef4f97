"""Whether a sentence that a model wrote holds against the events it cites. Pure.

A model may choose words; it brings in no figure, no name and no "not" of its own. A sentence that
does, or that shares too little with what it cites, is dropped, not mended.
"""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.alerts import Evidence
from agent.digest.facts import Sentence

MOST_SENTENCES = 3
LONGEST = 320
SHARED = 0.5
"""Least share of a sentence's longer words that stand in what it cites."""
_FIGURE = re.compile(r"(?<![\w.-])[$€£¥]?(\d+(?:[.,:/]\d+)*%?)")
_OPENERS = frozenset(
    "a an the in on at it its this that these those some two one both as by for from after before "
    "while with according meanwhile separately another others there".split()
)
"""Words that may open a sentence without standing in an event."""
_NAME = re.compile(r"\b(?:[A-Z][\w&'’.-]*|\w*[a-z][A-Z]\w*|[A-Za-z]+\d[\w-]*)")
_WORD = re.compile(r"[^\W\d_]{4,}")
_NOT = re.compile(
    r"\b(?:not|no|never|none|without|denie[sd]|refuse[sd]?|reject(?:s|ed)?|fail(?:s|ed)?|cancel\w*)\b"
    r"|n['’]t\b|[不没未否非无]",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"https?:|www\.|[<>{}\[\]`|]|\*\*")


class Written(BaseModel):
    """One sentence, and the numbers of the events it rests on, from 1."""

    model_config = ConfigDict(extra="forbid")
    text: str
    events: list[int]


class Lead(BaseModel):
    """What a model answers."""

    model_config = ConfigDict(extra="forbid")
    sentences: list[Written]


def shape() -> dict[str, Any]:
    """The JSON schema of an answer."""
    return Lead.model_json_schema()


def read(text: str) -> Lead:
    """An answer; ValueError when it is none."""
    try:
        return Lead.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(str(error.errors()[0]["msg"])) from error


def holding(lead: Lead, events: Sequence[Evidence]) -> tuple[Sentence, ...]:
    """The sentences without a fault, the first ones only."""
    kept = [one for one in lead.sentences if not fault(one, events)]
    return tuple(
        Sentence(" ".join(one.text.split()), tuple(n - 1 for n in dict.fromkeys(one.events)))
        for one in kept[:MOST_SENTENCES]
    )


def fault(sentence: Written, events: Sequence[Evidence]) -> str:
    """What is wrong with a sentence; "" when nothing is."""
    text = sentence.text.strip()
    if not text or len(text) > LONGEST or _MARKUP.search(text) or not text.isprintable():
        return "no plain sentence"
    cited = sentence.events
    if not 1 <= len(cited) <= 2 or not all(1 <= n <= len(events) for n in cited):
        return "cites none of the events, or too many"
    source = " ".join(words_of(events[n - 1]) for n in cited)
    figures = set(_FIGURE.findall(source))
    for figure in _FIGURE.findall(text):
        if figure not in figures:
            return f"the figure {figure} does not stand there"
    low = source.casefold()
    for name in _names(text):
        if name.casefold() not in low:
            return f"the name {name} does not stand there"
    if bool(_NOT.search(text)) != bool(_NOT.search(source)):
        return "it says no where the event does not, or the other way round"
    return "" if _shares(text, low) else "too little of it stands there"


def words_of(event: Evidence) -> str:
    """All that is known of an event, as the model is given it."""
    parts = (event.title, event.happening, event.quote, event.publisher, event.published)
    return ". ".join(part for part in parts if part)


def _names(text: str) -> list[str]:
    """Words that look like names; a sentence's first one does too and must stand there."""
    found = []
    for match in _NAME.finditer(text):
        name = match[0].rstrip(".’'-")
        name = re.sub(r"['’]s$", "", name)
        if name.casefold() not in _OPENERS:
            found.append(name)
    return found


def _shares(text: str, source: str) -> bool:
    """Whether enough of its longer Latin words stand in the source; of other scripts none count."""
    words = [word.casefold() for word in _WORD.findall(text) if word.isascii()]
    if not words:
        return True
    stems = [word[:5] for word in words]
    return sum(stem in source for stem in stems) >= SHARED * len(stems)
