"""What a judge's word is worth: its stances against labels by hand, as the score takes them.

A judge that was never measured has none, and its labels count by the default strengths. A person
who corrects a verdict counts as a judge that never erred on the same labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.score import STANCES, Confusion
from store import calibrations

PERSON = "you"
"""The judge of corrections."""


@dataclass(frozen=True, slots=True)
class Calibrations:
    """Confusion matrices by judge and model, [true stance][said stance] in the score's order."""

    matrices: Mapping[tuple[str, str], Confusion]

    def of(self, judge: str, model: str) -> Confusion | None:
        """A judge's own matrix; a person's is what is right in everybody's."""
        if judge == PERSON:
            pooled = self.pooled
            return None if pooled is None else _flawless(pooled)
        return self.matrices.get((judge, model))

    @property
    def pooled(self) -> list[list[float]] | None:
        """All matrices in one: how often a label is wrong, whoever gave it."""
        if not self.matrices:
            return None
        size = range(len(STANCES))
        found = list(self.matrices.values())
        return [[float(sum(one[i][j] for one in found)) for j in size] for i in size]


def read(connection: Any) -> Calibrations:
    """The newest matrices that were measured here."""
    return Calibrations(
        {key: row.confusion for key, row in calibrations.newest(connection).items()}
    )


def as_matrix(table: Mapping[str, Mapping[str, int]]) -> list[list[int]]:
    """A confusion table by names, in the score's order."""
    return [[table[true][said] for said in STANCES] for true in STANCES]


def _flawless(matrix: Sequence[Sequence[float]]) -> Confusion:
    return [[sum(row) if i == j else 0.0 for j in range(len(row))] for i, row in enumerate(matrix)]
