"""A replay among other passes: killed before them, older than them, ahead of them."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from agent import pipeline, report
from agent.replay import replay
from agent.sources.draft import from_mapping
from agent.workspace import Workspace
from store import items
from store.models import ItemState
from tests.fakes import FakeJudge, fetched, item
from tests.story import STORY

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


ONE = item("one", "Trainium spreads [custom_silicon+3]", "2025-01-25")
TWO = item("two", "Blackwell sold out [growth_and_margins-2]", "2025-01-27")


class JudgeThatDies(FakeJudge):
    def judge(self, items: object, vectors: object) -> object:
        raise KeyboardInterrupt


def test_run_after_a_killed_replay_leaves_its_items_on_their_day(workspace: Workspace) -> None:
    judge = workspace.judge
    workspace.__dict__["judge"] = JudgeThatDies()
    with pytest.raises(KeyboardInterrupt):
        replay(workspace, fetched(ONE, TWO), "t")
    workspace.__dict__["judge"] = judge
    pipeline.run(workspace, NOW)
    rows = report.explain(workspace, as_of=datetime(2025, 1, 25, 23, 59, 59, 999999, UTC))["rows"]
    assert [row["item_id"] for row in rows] == ["one"]
    assert rows[0]["recorded"].startswith("2025-01-25")


def test_run_after_a_killed_replay_keeps_the_score_of_every_day_in_between(
    workspaces: Callable[..., Workspace], told: Workspace
) -> None:
    workspace = workspaces("killed")
    judge = workspace.judge
    workspace.__dict__["judge"] = JudgeThatDies()
    with pytest.raises(KeyboardInterrupt):
        replay(workspace, fetched(*STORY), "story")
    workspace.__dict__["judge"] = judge
    pipeline.run(workspace, NOW)
    *days, _ = report.history(workspace, None, None)
    assert days == report.history(told, None, None)


def test_replaying_an_older_file_restates_the_kept_scores_after_it(workspace: Workspace) -> None:
    replay(workspace, fetched(TWO), "newer")
    before = report.history(workspace, None, None)[-1]["score"]
    replay(workspace, fetched(ONE), "older")
    for kept in report.history(workspace, None, None):
        asked = report.score(workspace, datetime.fromisoformat(kept["as_of"]))
        assert asked["score"] == kept["score"]
    assert report.history(workspace, None, None)[-1]["score"] != before


def test_item_from_the_future_is_a_fault_and_not_the_last_score(workspace: Workspace) -> None:
    late = item("late", "Trainium rules [custom_silicon+3]", "2099-01-01")
    done = replay(workspace, fetched(ONE, late), "t", today=NOW)
    assert [fault.reason for fault in done.intake.faults] == ["is dated in the future"]
    assert report.score(workspace, None)["as_of"].startswith("2025-01-25")


def test_year_one_is_no_date() -> None:
    draft = from_mapping(item("a", "T", "0001-01-01"), source="t", line=1)
    assert draft.published is None


def test_label_nobody_gives_any_more_is_retracted(workspace: Workspace) -> None:
    replay(workspace, fetched(ONE), "t")
    sure = workspace.config.judge.model_copy(update={"certainty": 0.99})
    workspace.__dict__["config"] = workspace.config.model_copy(update={"judge": sure})
    with workspace.database.writing() as connection:
        numbers = [known.number for known in items.known(connection, ["one"]).values()]
        items.advance(connection, numbers, ItemState.JUDGED)
    later = datetime(2025, 1, 26, tzinfo=UTC)
    with pipeline.Pass(workspace) as one:
        one.advance(later)
        found = one.snapshot(later)
    assert found.score.score == 50.0
    assert found.score.events == 0
    rows = report.explain(workspace, as_of=later)["rows"]
    assert [(row["stance"], row["cause"]) for row in rows] == [("neutral", "retraction")]
