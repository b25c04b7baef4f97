"""The lines the local judge learns from: there is no model file, exemplars are the model."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.embed import as_text
from agent.errors import ThesisFileError
from agent.thesis import Thesis

STANCES = ("supports", "weakens", "neutral")
FEWEST = 40


@dataclass(frozen=True, slots=True)
class Mark:
    """What an exemplar is an example of."""

    category: str
    stance: str
    severity: int


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A line as an item would read, and its marks, most important first; none: off topic.

    A line of `weight` 3 teaches as much as three lines that say the same.
    """

    text: str
    marks: tuple[Mark, ...]
    weight: float = 1.0


def load(thesis: Thesis) -> list[Exemplar]:
    """Every exemplar of a thesis: its own files and the example lines of its categories.

    Raises ThesisFileError naming file and line, or when there are too few to learn from.
    """
    found = [
        Exemplar(line, (Mark(category.id, side, 2),))
        for category in thesis.categories
        for side, lines in (("supports", category.supports), ("weakens", category.weakens))
        for line in lines
    ]
    for path in thesis.exemplars:
        found.extend(_read(path, {category.id for category in thesis.categories}))
    off_topic = sum(not exemplar.marks for exemplar in found)
    if len(found) - off_topic < FEWEST or off_topic < FEWEST:
        raise ThesisFileError(
            thesis.path,
            None,
            f"{len(found) - off_topic} relevant and {off_topic} off-topic exemplars are too few "
            "for the local judge",
            f"Write at least {FEWEST} of each as exemplars/*.jsonl beside the thesis file",
        )
    return found


def digest(exemplars: Iterable[Exemplar]) -> str:
    """Hash of everything the exemplars teach."""
    content = json.dumps(
        [(one.text, [_spell(mark) for mark in one.marks], one.weight) for one in exemplars]
    )
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _read(path: Path, categories: set[str]) -> Iterable[Exemplar]:
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")  # no other end: texts may hold those
    except (OSError, UnicodeDecodeError) as error:
        raise ThesisFileError(path, None, f"cannot be read: {error}", "Check the file") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _exemplar(json.loads(line), categories)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise ThesisFileError(
                    path, number, f"not an exemplar: {error}", "Correct or delete that line"
                ) from error


def _exemplar(row: Any, categories: set[str]) -> Exemplar:
    title, summary = row["title"], row.get("summary") or ""
    for text in (title, summary):
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is no text")
        text.encode()  # half of a surrogate pair is none either
    return Exemplar(
        as_text(title, summary), tuple(_mark(spelled, categories) for spelled in row["labels"])
    )


def _mark(spelled: str, categories: set[str]) -> Mark:
    category, stance, severity = spelled.split()
    if category not in categories:
        raise ValueError(f"unknown category {category!r}")
    if stance not in STANCES or severity not in ("1", "2", "3"):
        raise ValueError(f"{spelled!r} is not 'category stance severity'")
    return Mark(category, stance, int(severity))


def _spell(mark: Mark) -> str:
    return f"{mark.category} {mark.stance} {mark.severity}"
