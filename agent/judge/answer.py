"""The shape a language model must answer in, and what code makes of it.

The model supplies labels and quotes; code decides what of them counts. A label whose quote does
not stand in the text is listed with its fault and never scored.
"""

import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.judge import quotes
from agent.judge.verdict import Judgeable, Label, Missing, Verdict
from agent.thesis import Thesis

MOST_LABELS = 3
STATED = 0.9
"""The probability given to what a model states: it is not asked for numbers."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LabelSaid(_Part):
    """One label as the model gives it, its reason first."""

    reason: str
    quote: str
    category: str
    stance: str
    severity: int
    claim: str


class Answer(_Part):
    """A whole answer."""

    event: str
    relevant: bool
    novelty: Literal["new", "known"]
    labels: list[LabelSaid]


def schema(thesis: Thesis) -> dict[str, Any]:
    """The answer's JSON schema in the strict subset, with the thesis' names as enumerations."""
    names = {
        "category": [category.id for category in thesis.categories],
        "stance": ["supports", "weakens", "neutral"],
        "severity": [1, 2, 3],
        "claim": ["", *(claim.id for claim in thesis.claims)],
    }
    label = {
        "type": "object",
        "properties": {
            name: {"type": "integer" if name == "severity" else "string"}
            | ({"enum": names[name]} if name in names else {})
            for name in LabelSaid.model_fields
        },
        "required": list(LabelSaid.model_fields),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "event": {"type": "string"},
            "relevant": {"type": "boolean"},
            "novelty": {"type": "string", "enum": ["new", "known"]},
            "labels": {"type": "array", "items": label},
        },
        "required": list(Answer.model_fields),
        "additionalProperties": False,
    }


def read(text: str) -> Answer:
    """The answer in a reply; prose around the object is passed over. Raises ValueError."""
    start = text.find("{")
    if start < 0:
        raise ValueError("it holds no JSON object")
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:])
        return Answer.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {first['msg']}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError("its JSON cannot be read") from error


def verdict(answer: Answer, item: Judgeable, thesis: Thesis) -> Verdict:
    """What of an answer stands after every name and quote was checked."""
    labels = (
        tuple(_labels(answer.labels[:MOST_LABELS], item.text, thesis)) if answer.relevant else ()
    )
    if answer.relevant and not labels:
        return abstention(item, "relevant, it says, and names no front")
    p = STATED if answer.relevant else 1 - STATED
    faults = [f"{label.category}: {label.fault}" for label in labels if label.fault]
    reason = "; ".join([answer.labels[0].reason if labels else "not relevant", *faults])
    return Verdict(
        id=item.id,
        relevant=answer.relevant,
        p_relevant=p,
        labels=labels,
        abstained=False,
        reason=reason,
        input_hash=item.input_hash,
        event=answer.event,
        known=answer.novelty == "known",
    )


def abstention(item: Judgeable, reason: str, missing: Missing | None = None) -> Verdict:
    """An item that could not be judged, or was not."""
    return Verdict(item.id, False, 0.0, (), True, reason, item.input_hash, missing=missing)


def _labels(said: Iterable[LabelSaid], text: str, thesis: Thesis) -> Iterable[Label]:
    taken: set[str] = set()
    for one in said:
        found = quotes.check(one.quote, text)
        fault = _fault(one, thesis, taken) or (found if isinstance(found, str) else "")
        taken.add(one.category)
        yield Label(
            category=one.category,
            stance=one.stance,
            p=STATED,
            severity=min(max(one.severity, 1), 3),
            quote=one.quote if isinstance(found, str) else text[found.start : found.end],
            quote_at=None if isinstance(found, str) else (found.start, found.end),
            claim=one.claim or None,
            fault=fault,
        )


def _fault(said: LabelSaid, thesis: Thesis, taken: set[str]) -> str:
    """What is wrong with a label's names, or ""."""
    if said.category not in thesis.weights:
        return f"there is no front {said.category[:40]!r}"
    if said.stance not in ("supports", "weakens", "neutral"):
        return f"there is no stance {said.stance[:40]!r}"
    if said.severity not in (1, 2, 3):
        return f"there is no severity {said.severity}"
    if said.claim and said.claim not in {claim.id for claim in thesis.claims}:
        return f"there is no claim {said.claim[:40]!r}"
    return "the front was labelled before" if said.category in taken else ""
