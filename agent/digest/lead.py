"""Whether a sentence that a model wrote holds against the events it cites. Pure.

What does not hold is dropped, not mended: see agent.grounding.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agent import grounding
from agent.alerts import Evidence
from agent.digest.facts import Sentence
from agent.entities import Mentions
from agent.grounding import NOBODY

MOST_SENTENCES = 3
LONGEST = 320


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


def holding(
    lead: Lead, events: Sequence[Evidence], entities: Mentions = NOBODY
) -> tuple[Sentence, ...]:
    """The sentences without a fault, the first ones only; each with the events that it holds
    against, each by itself."""
    checked = [(one, *_checked(one, events, entities)) for one in lead.sentences]
    kept = [(one, bearing) for one, bearing, why in checked if not why]
    return tuple(
        Sentence(" ".join(one.text.split()), tuple(n - 1 for n in bearing))
        for one, bearing in kept[:MOST_SENTENCES]
    )


def fault(sentence: Written, events: Sequence[Evidence], entities: Mentions = NOBODY) -> str:
    """What is wrong with a sentence; "" when nothing is."""
    return _checked(sentence, events, entities)[1]


def _checked(
    sentence: Written, events: Sequence[Evidence], entities: Mentions
) -> tuple[list[int], str]:
    """The cited events that a sentence holds against, or what is wrong with it."""
    text = sentence.text.strip()
    if not text or len(text) > LONGEST or "\n" in text:
        return [], "no plain sentence"
    cited = sentence.events
    if not 1 <= len(cited) <= 2 or not all(1 <= n <= len(events) for n in cited):
        return [], "cites none of the events, or too many"
    faults = {n: grounding.fault(text, words_of(events[n - 1]), "", entities) for n in cited}
    bearing = [n for n, why in faults.items() if not why]
    return bearing, "" if bearing else next(iter(faults.values()))


def words_of(event: Evidence) -> str:
    """All that is known of an event, as the model is given it."""
    parts = (event.title, event.happening, event.quote, event.publisher, event.published)
    return ". ".join(part for part in parts if part)
