"""As of a day, every reading command answers to the bit what it answered on that day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from agent import recalibrating, regrouping, report, reviewing
from agent.days import end_of
from agent.events import event_id_of
from agent.grading import Graded
from agent.judge import Label
from agent.replay import replay
from agent.reviewing import Decision
from agent.thesis import Thesis
from agent.workspace import Workspace
from tests.agent.test_report import edited
from tests.fakes import fetched
from tests.story import STORY

LATER = datetime(2025, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def answers(workspace: Workspace, as_of: datetime | None) -> dict[str, Any]:
    listed = report.listing(
        workspace, since=None, as_of=as_of, category=None, event_id=None, match=None, limit=None
    )
    return {
        "score": report.score(workspace, as_of),
        "explain": report.explain(workspace, as_of=as_of),
        "items": listed,
    }


def day_of(row: dict[str, Any]) -> str:
    return str(row.get("fetched") or row.get("published") or "")[:10]


def told_day_by_day(workspace: Workspace) -> dict[datetime, dict[str, Any]]:
    """What was answered at the end of each day of the story, by that instant."""
    found = {}
    dated = sorted((row for row in STORY if day_of(row)), key=day_of)
    for day, rows in groupby(dated, key=day_of):
        replay(workspace, fetched(*rows), "story")
        found[end_of(datetime.fromisoformat(day).date())] = answers(workspace, None)
    return found


def measured() -> Graded:
    """A judge that is right on 30 of 40 labels of either side."""
    names = ("supports", "weakens", "neutral")
    counts = dict(zip(names, ((30, 5, 5), (5, 30, 5), (1, 1, 8)), strict=True))
    table = {true: dict(zip(names, row, strict=True)) for true, row in counts.items()}
    figures = {"stance": {"confusion": table}}
    return Graded("fake", figures, "", ("fake", "fake-1", "orders"))


def test_nothing_that_comes_later_changes_what_was_said_of_a_day(workspace: Workspace) -> None:
    then = told_day_by_day(workspace)
    assert len(then) > 3
    rows = [row for row in report.explain(workspace)["rows"] if row["weight"]]
    item_id = rows[0]["item_id"]
    reviewing.decide(workspace, Decision(item_id, (Label("amd_stack", "weakens", 1.0, 2),)), LATER)
    one, other = list(dict.fromkeys(row["event_id"] for row in rows))[:2]
    regrouping.merge(workspace, one, other, LATER + HOUR)
    recalibrating.keep(workspace, [measured()], "gold", LATER + 2 * HOUR)
    for at, said in then.items():
        assert answers(workspace, at) == said, at
    assert answers(workspace, None) != said


def test_edited_thesis_leaves_the_days_before_it_as_they_were(
    workspaces: Callable[..., Workspace], thesis: Thesis, tmp_path: Path
) -> None:
    then = told_day_by_day(workspaces("one", config=edited(thesis, tmp_path)))
    workspaces.close("one")  # type: ignore[attr-defined]
    changes = (("prior = 0.5", "prior = 0.4"), ("weight = 1.25", "weight = 3.0"))
    workspace = workspaces("one", config=edited(thesis, tmp_path, *changes))
    for at, said in then.items():
        assert answers(workspace, at) == said, at


@pytest.mark.parametrize("hours", [0, 30])
def test_event_that_was_merged_later_is_two_before_it(workspace: Workspace, hours: int) -> None:
    then = told_day_by_day(workspace)
    at = max(then)
    events = {row["event_id"] for row in report.explain(workspace)["rows"]}
    one, other = sorted(events)[:2]
    regrouping.merge(workspace, one, other, LATER + hours * HOUR)
    assert {row["event_id"] for row in answers(workspace, at)["explain"]["rows"]} == events
    assert event_id_of("x") not in events
