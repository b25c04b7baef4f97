"""`thesis eval`: judges side by side against items labelled by hand; nothing is stored."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent import evaluation
from agent.classify import Classifier
from agent.config import Config
from agent.errors import JudgeError, SourceError
from agent.evaluation import STANCES, Said, Truth
from agent.sources import Draft, Fault, files
from agent.sources.draft import from_mapping
from agent.thesis import Thesis


@dataclass(frozen=True, slots=True)
class Graded:
    """One judge's figures, and what its calls took; `who` is its name, model and version."""

    judge: str
    figures: dict[str, Any]
    spent: str
    who: tuple[str, str, str]

    def as_row(self) -> dict[str, Any]:
        """As `thesis eval --json` prints it."""
        return {"judge": self.judge, **_plain(self.figures), "spent": self.spent}


def grade(
    config: Config,
    thesis: Thesis,
    path: str,
    judges: Sequence[str],
    prompts: Sequence[Path] = (),
) -> tuple[list[Graded], list[Fault]]:
    """Each judge's figures, in order, and the lines of `path` that are no labelled items.

    The model is graded once more for each folder of `prompts`. Raises SourceError when no line is
    a labelled item, JudgeError when a judge could not be asked about all of them.
    """
    names = list(thesis.weights)

    def make(raw: Any, line: int) -> tuple[Draft, Truth]:
        return from_mapping(raw, source=path, line=line), _truth(raw, names)

    gold, faults = files.read(path, path, make)
    if not gold:
        raise SourceError(
            path,
            "it holds no labelled item" + (f" ({faults[0].reason})" if faults else ""),
            'Give lines such as {"title": ..., "relevant": true, "labels": [{"category": ..., '
            '"stance": ...}]}',
        )
    graded = []
    wanted: list[tuple[str, Path | None]] = [(kind, None) for kind in judges]
    for kind, folder in [*wanted, *(("llm", folder) for folder in prompts)]:
        classifier = Classifier(config, thesis, kind, folder)
        answers = list(classifier.classify([draft for draft, _ in gold]))
        _refuse_gaps(answers, classifier.spent())
        said = [_said(answer) for answer in answers]
        figures = evaluation.evaluate([truth for _, truth in gold], said, names)
        who = classifier.who
        graded.append(Graded(" ".join(who), figures, classifier.spent(), who))
    return graded, faults


def _refuse_gaps(answers: Sequence[dict[str, Any]], spent: str) -> None:
    """Figures over the items that a judge could be asked about would flatter or slander it."""
    gaps = [answer for answer in answers if "missing" in answer]
    if gaps:
        raise JudgeError(
            f"{len(gaps)} of {len(answers)} items could not be judged: {gaps[0]['reason']} "
            f"({spent or 'nothing was asked'})",
            "Raise [judge] run_budget or wait for the endpoint, and grade again",
        )


def _truth(raw: Any, names: Sequence[str]) -> Truth:
    """The labels of a line. Raises ValueError when they are none of the thesis'."""
    relevant, labels = raw.get("relevant"), raw.get("labels", [])
    if not isinstance(relevant, bool):
        raise ValueError("relevant: is neither true nor false")
    if not relevant:
        return Truth(False)
    try:
        category, stance = labels[0]["category"], labels[0]["stance"]
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("labels: a relevant item needs a category and a stance") from error
    if category not in names:
        raise ValueError(f"labels: the thesis has no category {category!r}")
    if stance not in STANCES:
        raise ValueError(f"labels: there is no stance {stance!r}")
    return Truth(True, category, stance)


def _said(answer: dict[str, Any]) -> Said:
    first = next((one for one in answer["labels"] if "fault" not in one), None)
    return Said(
        relevant=answer["relevant"],
        p=answer["p_relevant"],
        abstained=answer["abstained"],
        category=first["category"] if first else "",
        stance=first["stance"] if first else "",
    )


def _plain(value: Any) -> Any:
    """Dataclasses as mappings, all the way down."""
    if isinstance(value, evaluation.Rate):
        return asdict(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value
