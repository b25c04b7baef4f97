"""`thesis eval --calibrate`: what judges' words are worth, measured, and the ledger by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent import calibration
from agent.errors import SourceError
from agent.grading import Graded
from agent.score import STANCES
from agent.standing import Standing
from agent.weighing import Weigher
from agent.workspace import Workspace
from store import calibrations, ledger, verdicts

CAUSE = "judge change"
FEWEST = 20
"""Labels of a side below which chance would set the strengths."""


@dataclass(frozen=True, slots=True)
class Recalibration:
    """How many ledger rows were restated, and the score before and after, both of now."""

    rows: int
    before: float
    after: Standing


def keep(workspace: Workspace, graded: Sequence[Graded], gold: str, now: datetime) -> Recalibration:
    """Keep the judges' confusion of stances and restate the whole ledger by it.

    Rows of before stay where they are; the new ones say "judge change". Raises SourceError when
    the labels are too few.
    """
    rows = [_row(one, gold, now) for one in graded]
    with workspace.database.writing() as connection:
        for row in rows:
            calibrations.add(connection, row)
    weigher = Weigher(workspace)
    with workspace.database.writing() as connection:
        before = weigher.keep_score(connection, now).score.score
        known = ledger.count(connection, workspace.thesis.id)
        weigher.weigh(connection, verdicts.every_event(connection), now, CAUSE)
        after = weigher.keep_score(connection, now)
        restated = ledger.count(connection, workspace.thesis.id) - known
    return Recalibration(restated, before, after)


def _row(graded: Graded, gold: str, now: datetime) -> dict[str, Any]:
    judge, model, prompt_hash = graded.who
    matrix = calibration.as_matrix(graded.figures["stance"]["confusion"])
    for side, counts in zip(STANCES[:2], matrix, strict=False):
        if sum(counts) < FEWEST:
            raise SourceError(
                gold,
                f"it has {sum(counts)} items that the {judge} judge gave a stance and that are "
                f"labelled {side!r}; too few to measure it by",
                f"Label at least {FEWEST} of each side, or leave --calibrate out",
            )
    return {
        "judge": judge,
        "model": model,
        "prompt_hash": prompt_hash,
        "gold": Path(gold).name,
        "confusion": matrix,
        "measured_at": now,
    }
