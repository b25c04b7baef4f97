"""Whether a thesis' falsifiers came true, as far as filings say.

Pure. Only originals count, as first filed: a promise about what a company reports is kept or broken
on that day, and a later restatement does not undo it.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from agent.kpis import Figure, originals
from agent.numerals import whole
from agent.thesis import Falsifier, Thesis

MEETS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
EVENT = "an event: decided by judgement of the evidence, not by a figure"


class Status(StrEnum):
    """What filings say of a falsifier."""

    TRUE = "true"
    FALSE = "false"
    NOT_YET = "not yet reported"


@dataclass(frozen=True, slots=True)
class Ruling:
    """A falsifier's status since `on`, and the figure that decided it.

    Not `final` while a later report may still make it true: then false means false so far.
    """

    status: Status
    on: date
    final: bool
    reason: str
    figure: Figure | None = None


def rule(thesis: Thesis, falsifier: Falsifier, figures: Sequence[Figure], today: date) -> Ruling:
    """The status at `today`; `figures` are those of the falsifier's KPI, none for an event.

    What counts is a period that ends after `after` and was filed on or before `by`.
    """
    over = today > falsifier.by
    if falsifier.kind == "event":
        return Ruling(Status.NOT_YET, today, False, EVENT)
    comparison, threshold = falsifier.comparison, falsifier.threshold
    if comparison is None or threshold is None:
        raise ValueError(f"the falsifier {falsifier.id!r} has nothing to compare with")
    after = falsifier.after or thesis.date
    counting = sorted(
        (one for one in originals(figures) if one.end > after),
        key=lambda one: (one.filed, one.end),
    )
    counting = [one for one in counting if one.filed <= min(today, falsifier.by)]
    for one in counting:
        if MEETS[comparison](one.value, threshold):
            reason = f"the period to {one.end} is {comparison} {whole(threshold)}"
            return Ruling(Status.TRUE, one.filed, True, reason, one)
    if not counting:
        reason = f"no period ending after {after} is reported"
        return Ruling(Status.NOT_YET, falsifier.by if over else today, over, reason)
    last = counting[-1]
    reason = f"none of {len(counting)} reported is {comparison} {whole(threshold)}"
    reason += f", the last to {last.end}" + ("" if over else f"; open until {falsifier.by}")
    return Ruling(Status.FALSE, falsifier.by if over else last.filed, over, reason, last)
