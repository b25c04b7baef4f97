"""The local judge learns on the job, the same from the same data folder."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import learning, report, reviewing, spending
from agent.embed import StaticEmbedder
from agent.intake import take
from agent.judge import Judgeable, Label, local
from agent.judge.exemplars import Exemplar, Mark
from agent.replay import replay
from agent.reviewing import Decision
from agent.thesis import Thesis
from agent.workspace import Workspace
from store import verdicts
from tests.fakes import fetched, item

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
LINES = [f"Quokka {n} powers a glacier of knitted looms" for n in range(6)]


def lines(workspace: Workspace) -> list[Exemplar]:
    with workspace.database.reading() as connection:
        return learning.learned(connection, workspace.thesis.weights)


def by_model(workspace: Workspace, count: int) -> None:
    """As if a model had judged the first `count` items."""
    rows = [
        {
            "judge": "llm",
            "model": "m",
            "prompt_hash": "p",
            "thesis_version": "v",
            "recorded_at": NOW,
            "item_number": number,
            "input_hash": "h",
            "relevant": number % 2,
            "p_relevant": 0.9,
            "abstained": False,
            "reason": "",
            "labels": [Label("amd_stack", "weakens", 0.9, 2).as_row()] if number % 2 else [],
        }
        for number in range(1, count + 1)
    ]
    with workspace.database.writing() as connection:
        verdicts.add(connection, rows)


def test_corrections_teach_at_once_and_weigh_most(workspace: Workspace) -> None:
    replay(workspace, fetched(item("a", "[amd_stack+2] boots"), item("b", "Rain")), "s")
    assert lines(workspace) == []
    reviewing.decide(workspace, Decision("a", (Label("interconnect", "weakens", 1.0, 3),)), NOW)
    reviewing.decide(workspace, Decision("b"), NOW)
    found = lines(workspace)
    assert [(one.marks, one.weight) for one in found] == [
        ((Mark("interconnect", "weakens", 3),), learning.PERSON_WEIGHT),
        ((), learning.PERSON_WEIGHT),
    ]
    reviewing.decide(workspace, Decision("a"), NOW + timedelta(hours=1))
    assert [one.marks for one in lines(workspace)] == [(), ()]


def test_models_verdicts_teach_in_steps_and_less(workspace: Workspace) -> None:
    rows = [item(f"n{n}", f"Story number {n} of many") for n in range(learning.STEP + 50)]
    with workspace.database.writing() as connection:
        take(
            connection,
            workspace.publishers,
            fetched(*rows).drafts,
            (),
            source="s",
            now=NOW,
            seen_at=lambda draft: NOW,
        )
    by_model(workspace, learning.STEP - 1)
    assert lines(workspace) == []
    by_model(workspace, learning.STEP + 50)
    found = lines(workspace)
    assert len(found) == learning.STEP
    assert {one.weight for one in found} == {learning.MODEL_WEIGHT}
    assert found == lines(workspace)


def test_correction_takes_the_place_of_the_models_verdict(workspace: Workspace) -> None:
    rows = [item(f"n{n}", f"Story number {n} of many") for n in range(learning.STEP + 1)]
    replay(workspace, fetched(*rows), "s")
    by_model(workspace, learning.STEP + 1)
    reviewing.decide(workspace, Decision("n0"), NOW)
    weights = [one.weight for one in lines(workspace)]
    assert weights.count(learning.PERSON_WEIGHT) == 1
    assert weights.count(learning.MODEL_WEIGHT) == learning.STEP


@pytest.mark.uncounted
def test_judge_that_was_corrected_says_so_of_its_like_and_of_nothing_else(
    thesis: Thesis,
    static_embedder: StaticEmbedder,
    tmp_path: Path,
    ask: Callable[..., list[Any]],
) -> None:
    mark = Mark("interconnect", "supports", 3)
    taught = [Exemplar(text, (mark,), learning.PERSON_WEIGHT) for text in LINES[:5]]
    judge = local.make(
        thesis, static_embedder, tmp_path, threshold=0.5, margin=0.03, learned=taught
    )
    other = "A bakery opens in the old town hall"
    given = [Judgeable(str(n), text) for n, text in enumerate((LINES[5], other))]
    after = judge.judge(given, static_embedder.embed([one.text for one in given]))
    before = ask(LINES[5], other)
    assert (before[0].relevant, after[0].relevant) == (False, True)
    assert after[0].labels[0].category == "interconnect"
    assert not after[1].relevant
    again = local.make(
        thesis, static_embedder, tmp_path / "b", threshold=0.5, margin=0.03, learned=taught
    )
    assert again.prompt_hash == judge.prompt_hash
    assert again.judge(given, static_embedder.embed([one.text for one in given])) == after


def test_status_says_how_far_the_two_judges_agree(workspace: Workspace) -> None:
    replay(workspace, fetched(item("a", "[amd_stack+2] boots"), item("b", "Rain")), "s")
    with workspace.database.writing() as connection:
        connection.exec_driver_sql("UPDATE verdict SET judge = 'local'")
    by_model(workspace, 2)
    found = report.status(workspace, NOW)["judge"]["agreement"]
    assert (found["relevance"]["value"], found["relevance"]["of"]) == (1.0, 2)
    assert found["by_category"]["amd_stack"]["of"] == 1
    with workspace.database.reading() as connection:
        assert spending.overview(connection, workspace.config, NOW)["agreement"] == found
