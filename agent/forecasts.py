"""Dated questions: what the score said of each when it was posed and after, and how it came out.

The score is read as the probability that the thesis holds, so that a question whose coming true
supports it has the probability score / 100, one that weakens it the rest. The falsifiers of the
thesis file are questions; a person poses others.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from agent import falsifiers
from agent.errors import ThesiswatchError
from agent.evaluation import brier, reliability
from agent.falsifiers import Status
from agent.kpi_report import as_figures
from agent.report import standing_at
from agent.standing import Standing
from agent.thesis import Effect
from agent.workspace import Workspace
from store import kpis, ledger, questions

Answer = dict[str, Any]
BY_HAND = "by hand"
OWN = "Q"
"""How the ids of a person's own questions begin."""


def update(workspace: Workspace, found: Standing, now: datetime) -> None:
    """Pose the falsifiers that are new, and resolve those that reported figures decide."""
    thesis = workspace.thesis
    with workspace.database.writing() as connection:
        known = {row.id: row for row in questions.of_thesis(connection, thesis.id)}
        for one in thesis.falsifiers:
            if one.id not in known and one.by >= now.date():
                _pose(connection, found, now, (one.id, one.text, one.effect, one.by))
        wanted = {kpi.id: kpi.definition for kpi in thesis.kpis}
        stored = kpis.of_thesis(connection, thesis.id, wanted)
        for one in thesis.falsifiers:
            row = known.get(one.id)
            if row is None or row.came_true is not None or one.kind != "kpi":
                continue
            figures = as_figures(stored.get(one.kpi or "", []))
            ruling = falsifiers.rule(thesis, one, figures, now.date())
            if ruling.final and ruling.status is not Status.NOT_YET:
                came_true = ruling.status is Status.TRUE
                questions.resolve(connection, row.number, came_true, now, ruling.reason)


def pose(workspace: Workspace, text: str, effect: Effect, by: date, now: datetime) -> Answer:
    """Ask a question of one's own. Raises ThesiswatchError when its date is past."""
    if not text.strip():
        raise ThesiswatchError("a question without words", "Say what is to come true")
    if by <= now.date():
        raise ThesiswatchError(f"{by} is no day to come", "Give a later one with --by")
    found = standing_at(workspace, None)
    with workspace.database.writing() as connection:
        known = questions.of_thesis(connection, workspace.thesis.id)
        own = sum(row.id.startswith(f"{OWN}-") for row in known)
        id_ = f"{OWN}-{own + 1}"
        _pose(connection, found, now, (id_, text.strip(), effect, by))
    return {"id": id_, "probability": _probability(found.score.score, effect)}


def resolve(workspace: Workspace, id_: str, came_true: bool, now: datetime) -> None:
    """Say how a question came out. Raises ThesiswatchError when there is none, or it is settled."""
    with workspace.database.writing() as connection:
        known = {row.id: row for row in questions.of_thesis(connection, workspace.thesis.id)}
        row = known.get(id_)
        if row is None:
            raise ThesiswatchError(f"there is no question {id_!r}", "See `thesis forecast list`")
        if row.came_true is not None:
            word = "yes" if row.came_true else "no"
            raise ThesiswatchError(f"{id_!r} came out {word} already", "Pose a new question")
        questions.resolve(connection, row.number, came_true, now, BY_HAND)


def table(workspace: Workspace, now: datetime) -> Answer:
    """Every question with the score's probability, and how well those that came out were told."""
    with workspace.database.reading() as connection:
        rows = questions.of_thesis(connection, workspace.thesis.id)
        history = ledger.snapshots(connection, workspace.thesis.id)
    asked = [_question(row, history, now) for row in rows]
    settled = [one for one in asked if one["came_true"] is not None]
    truth = [bool(one["came_true"]) for one in settled]
    posed = [one["probability"] for one in settled]
    return {
        "questions": asked,
        "resolved": len(settled),
        "brier_when_posed": brier(posed, truth).score if settled else None,
        "brier_day_by_day": _mean([one["brier"] for one in settled]) if settled else None,
        "reliability": reliability(truth, posed) if settled else [],
    }


def _pose(
    connection: Any, found: Standing, now: datetime, asked: tuple[str, str, Effect, date]
) -> None:
    id_, text, effect, by = asked
    row = {"thesis_id": found.thesis.id, "id": id_, "text": text, "effect": effect, "by": by}
    row |= {"posed_at": now, "probability": _probability(found.score.score, effect)}
    questions.add(connection, {**row, "reason": ""})


def _question(row: Any, history: Sequence[Any], now: datetime) -> Answer:
    """A question with every day's probability until it came out."""
    end = row.resolved_at or now
    daily = {one.as_of.date(): one.score for one in history if row.posed_at <= one.as_of <= end}
    said = [_probability(score, row.effect) for score in daily.values()] or [row.probability]
    settled = row.came_true is not None
    return {
        "id": row.id,
        "text": row.text,
        "effect": row.effect,
        "by": row.by.isoformat(),
        "posed": row.posed_at.date().isoformat(),
        "probability": row.probability,
        "probability_last": said[-1],
        "came_true": row.came_true,
        "resolved": row.resolved_at.date().isoformat() if row.resolved_at else None,
        "reason": row.reason,
        "overdue": not settled and row.by < now.date(),
        "brier": brier(said, [row.came_true] * len(said)).score if settled else None,
    }


def _probability(score: float, effect: str) -> float:
    return score / 100 if effect == "supports" else 1 - score / 100


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def in_words(answer: Mapping[str, Any]) -> str:
    """How well the score told what came true, plainly."""
    if not answer["resolved"]:
        return "No question came out yet: nothing is known of how well the score tells the future."
    posed, daily = answer["brier_when_posed"], answer["brier_day_by_day"]
    better = "better than a coin" if daily < 0.25 else "no better than a coin"
    return (
        f"{answer['resolved']} came out. Brier score {posed:.3f} when posed, {daily:.3f} day by "
        f"day: {better} (0.250)."
    )
