"""What the local judge learns on the job: lines a person corrected, lines a model judged.

They are kept apart from the thesis' exemplars: they are the stored verdicts themselves, so that the
same data folder always teaches the same. A model's come in steps, or every run would fit anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.calibration import PERSON
from agent.embed import as_text
from agent.judge.exemplars import Exemplar, Mark
from agent.judge.llm import LlmJudge
from store import verdicts

TEACHERS = (PERSON, LlmJudge.name)
"""Judges whose verdicts teach, those that found nothing among them."""
PERSON_WEIGHT = 3.0
"""A correction is about the very kind of line the judge gets wrong."""
MODEL_WEIGHT = 0.5
"""A model errs too, and its lines are many."""
STEP = 100
"""A model's verdicts are learned from when so many more have come."""
MOST = 1000
"""The newest of a model's verdicts that count: fitting takes the square of it."""


def learned(connection: Any, categories: Iterable[str]) -> list[Exemplar]:
    """Lines from corrections and from a model's verdicts, by the categories the thesis has."""
    known = set(categories)
    corrected = {row.number: row for row in verdicts.taught(connection, PERSON)}
    judged = [
        row for row in verdicts.taught(connection, LlmJudge.name) if row.number not in corrected
    ]
    judged = judged[: len(judged) // STEP * STEP][-MOST:]
    return [
        *_lines(corrected.values(), known, PERSON_WEIGHT),
        *_lines(judged, known, MODEL_WEIGHT),
    ]


def _lines(rows: Iterable[Any], known: set[str], weight: float) -> Iterable[Exemplar]:
    for row in rows:
        marks = tuple(_marks(row.labels, known))
        if bool(marks) == row.relevant:
            yield Exemplar(as_text(row.title, row.summary, row.text), marks, weight)


def _marks(labels: Sequence[Mapping[str, Any]], known: set[str]) -> Iterable[Mark]:
    for label in labels:
        if label["category"] in known and not label.get("fault"):
            yield Mark(label["category"], label["stance"], label["severity"])
