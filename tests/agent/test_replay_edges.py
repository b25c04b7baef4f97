"""A replay among other passes: killed before them, older than them, ahead of them."""

import gc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent import pipeline, report
from agent import replay as replaying
from agent.errors import StoreError
from agent.pipeline import Pass
from agent.replay import replay
from agent.sources.draft import from_mapping
from agent.workspace import REPLAY_KEY, Workspace
from store import items, settings
from store.database import FILE_NAME
from store.models import ItemState
from tests.fakes import FakeJudge, fetched, item
from tests.stored import tables
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


class JudgeThatDiesAt(FakeJudge):
    """Dies the first time it is asked about a text with these words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    def judge(self, items: Any, vectors: Any) -> Any:
        if any(self._words in one.text for one in items):
            raise KeyboardInterrupt
        return super().judge(items, vectors)


def died(workspace: Workspace, words: str, *rows: dict[str, Any]) -> None:
    """A replay of `rows` that ended when the judge came to `words`."""
    judge = workspace.judge
    workspace.__dict__["judge"] = JudgeThatDiesAt(words)
    with pytest.raises(KeyboardInterrupt):
        replay(workspace, fetched(*rows), "story")
    workspace.__dict__["judge"] = judge


def assert_what_is_kept_is_what_is_answered(workspace: Workspace) -> None:
    for kept in report.history(workspace, None, None):
        answer = report.score(workspace, datetime.fromisoformat(kept["as_of"]))
        assert {name: answer[name] for name in kept} == kept


def noted(workspace: Workspace) -> str | None:
    with workspace.database.reading() as connection:
        return settings.read(connection, REPLAY_KEY)


def test_replay_that_dies_twice_in_two_places_is_finished_by_a_run(
    workspaces: Callable[..., Workspace], told: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "STRETCH", 5)
    workspace = workspaces("killed")
    died(workspace, "halts data centres", *STORY)
    died(workspace, "A shoemaker who came late", *STORY, item("g", "A shoemaker who came late"))
    pipeline.run(workspace, NOW)
    undisturbed = tables(told.database.folder)
    *snapshots, _ = tables(workspace.database.folder)["snapshot"]
    assert tables(workspace.database.folder)["evidence"] == undisturbed["evidence"]
    assert snapshots == undisturbed["snapshot"]
    assert noted(workspace) == ""


def test_replay_of_another_file_finishes_the_dead_one_first(
    workspaces: Callable[..., Workspace],
) -> None:
    workspace = workspaces("killed")
    died(workspace, "Blackwell", ONE, TWO)
    middle = item("middle", "Groq [novel_accelerators+2]", "2025-01-26")
    replay(workspace, fetched(middle), "another")
    recorded = {row["item_id"]: row["recorded"][:10] for row in report.explain(workspace)["rows"]}
    assert recorded == {"one": "2025-01-25", "middle": "2025-01-26", "two": "2025-01-27"}
    assert_what_is_kept_is_what_is_answered(workspace)


def test_finishing_a_dead_replay_restates_the_scores_kept_among_and_after_its_days(
    workspace: Workspace,
) -> None:
    with Pass(workspace) as one:
        for at in (datetime(2025, 1, 26, 12, tzinfo=UTC), datetime(2025, 2, 9, tzinfo=UTC)):
            one.snapshot(at)
    died(workspace, "Blackwell", ONE, TWO)
    pipeline.run(workspace, NOW)
    assert len(report.history(workspace, None, None)) == 5
    assert_what_is_kept_is_what_is_answered(workspace)


def test_note_of_an_earlier_release_is_understood(workspace: Workspace) -> None:
    died(workspace, "Blackwell", ONE, TWO)
    with workspace.database.writing() as connection:
        settings.keep(connection, REPLAY_KEY, "2025-01-25T23:59:59.999999+00:00")
    pipeline.run(workspace, NOW)
    recorded = {row["item_id"]: row["recorded"][:10] for row in report.explain(workspace)["rows"]}
    assert recorded["one"] == "2025-01-25"


def test_restated_score_is_as_blind_as_it_was(
    workspaces: Callable[..., Workspace],
) -> None:
    dead = '[[sources]]\nname = "dead"\nkind = "file"\npath = "nowhere.jsonl"\n'
    workspace = workspaces("blind", config=dead)
    pipeline.run(workspace, NOW)
    (workspace.config.folder / "nowhere.jsonl").write_text("", encoding="utf-8")
    pipeline.run(workspace, NOW + timedelta(hours=1))
    replay(workspace, fetched(ONE), "older")
    blind, seeing = report.history(workspace, None, None)[-2:]
    assert blind["status"] == "blind to 100% of the sources; uncalibrated"
    assert seeing["status"] == "uncalibrated"


def test_settings_of_the_process_are_as_before_when_a_pass_cannot_begin(
    workspace: Workspace,
) -> None:
    before = gc.get_threshold()
    workspace.database.close()
    (workspace.database.folder / FILE_NAME).unlink()
    with pytest.raises(StoreError), Pass(workspace):
        pass
    assert gc.get_threshold() == before


def test_control_characters_in_an_id_are_not_kept(workspace: Workspace) -> None:
    strange = {**ONE, "id": "o\0ne\x1b"}
    for _ in range(2):
        replay(workspace, fetched(strange), "t")
    assert report.show(workspace, "one")["item"]["id"] == "one"


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
