"""The past judged in a batch: half price, resumed after any death, never paid for twice."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent import backfill, pipeline, report
from agent.backfill import Backfill
from agent.errors import JudgeError
from agent.workspace import Workspace
from store import batches
from tests.batch_server import BatchServer
from tests.chat_server import fails, judgement, label, says
from tests.fakes import fetched, item
from tests.stored import select

NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUOTE = "training V3 cost $5.6 million"
PAST = [
    item("a", f"DeepSeek says {QUOTE} [training_efficiency+1]", "2025-01-20"),
    item("b", f"Cerebras sells a wafer, {QUOTE} [novel_accelerators+1]", "2025-01-22"),
    item("c", "Rain is expected in the north", "2025-01-23"),
    item("d", f"Broadcom wins a TPU order, {QUOTE} [custom_silicon+1]", "2025-01-24"),
]
DECISIVE = says(judgement(label(QUOTE, severity=3)))


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as running:
        running.always(DECISIVE)
        yield running


@pytest.fixture
def workspace(workspaces: Callable[..., Workspace], server: BatchServer) -> Workspace:
    return workspaces("one", config=f'[judge]\nbase_url = "{server.url}"\nsample = 0.0\n')


def step(workspace: Workspace, at: datetime = NOW) -> Backfill:
    return backfill.run(workspace, fetched(*PAST), "past", at)


def count(workspace: Workspace, query: str) -> int:
    return int(select(workspace.database.folder, f"SELECT count(*) FROM {query}")[0][0])


def test_batch_is_handed_over_collected_and_scored_on_its_own_days(
    workspace: Workspace, server: BatchServer
) -> None:
    first = step(workspace)
    assert first.waiting
    assert first.lines == (
        "handed over 3 questions as batch batch-0; run this again to collect it",
    )
    assert count(workspace, "item WHERE state = 'deferred'") == 3
    running = step(workspace, NOW + HOUR)
    assert running.lines == ("batch batch-0: 0 of 0 done",)
    assert len(server.batches) == 1
    server.finish()
    last = step(workspace, NOW + 2 * HOUR)
    assert not last.waiting
    assert last.lines[0].startswith("batch batch-0 ended: 3 of 3 answered, $0.00")
    assert len(server.batches) == 1
    assert len(server.paid) == 3
    days = [row["score"] for row in report.history(workspace, None, None)]
    assert days[-1] > days[0] > 50
    said = report.show(workspace, "a")["verdicts"][-1]
    assert (said["judge"], said["hindsight"]) == ("llm", True)
    assert said["recorded"].startswith("2025-01-20")


def test_answer_of_a_batch_costs_half(workspace: Workspace, server: BatchServer) -> None:
    step(workspace)
    (body, *_) = server.asked(server.batches[0]).values()
    assert body["response_format"]["type"] == "json_schema"
    server.finish()
    step(workspace, NOW + HOUR)
    full = 3 * (464 * 0.75 + 1536 * 0.075 + 90 * 4.5) / 1e6
    assert report.status(workspace, NOW)["judge"]["cost"] == pytest.approx(full / 2)
    assert count(workspace, "call WHERE batch = 'batch-0' AND settled") == 3


def test_reply_that_was_lost_is_found_again_and_nothing_is_paid_twice(
    workspace: Workspace, server: BatchServer
) -> None:
    server.lose_reply = True
    with pytest.raises(JudgeError, match="could not hand over a batch"):
        step(workspace)
    assert len(server.batches) == 1
    server.finish()
    done = step(workspace, NOW + HOUR)
    assert not done.waiting
    assert len(server.batches) == 1
    assert sorted(server.paid) == sorted(set(server.paid))
    assert count(workspace, "evidence WHERE weight != 0") == 3


def test_batch_that_never_arrived_is_handed_over_anew(
    workspace: Workspace, server: BatchServer
) -> None:
    server.refuse = 500
    with pytest.raises(JudgeError):
        step(workspace)
    server.refuse = 0
    done = step(workspace, NOW + HOUR)
    assert "was never taken" in done.lines[0]
    assert len(server.batches) == 1
    server.finish()
    assert not step(workspace, NOW + 2 * HOUR).waiting


def test_expired_batch_gives_what_it_has_and_the_rest_is_asked_again(
    workspace: Workspace, server: BatchServer
) -> None:
    step(workspace)
    server.finish("expired", share=0.67)
    second = step(workspace, NOW + HOUR)
    assert second.lines[0].startswith("batch batch-0 ended: 2 of 3 answered")
    assert second.lines[1].startswith("handed over 1 questions")
    server.finish()
    assert not step(workspace, NOW + 2 * HOUR).waiting
    assert sorted(server.paid) == sorted(set(server.paid))


def test_failed_batch_says_so_and_is_asked_again(workspace: Workspace, server: BatchServer) -> None:
    step(workspace)
    server.finish("failed")
    done = step(workspace, NOW + HOUR)
    assert done.lines[0].startswith("batch batch-0 failed: 0 of 3 answered")
    assert len(server.batches) == 2


def test_run_in_between_neither_asks_nor_waits_for_the_batch(
    workspace: Workspace, server: BatchServer
) -> None:
    step(workspace)
    standing = pipeline.run(workspace, NOW + HOUR).standing
    assert standing.score.events == 0
    assert count(workspace, "item WHERE state = 'deferred'") == 3
    server.finish()
    step(workspace, NOW + 2 * HOUR)
    assert count(workspace, "item WHERE state = 'scored'") == 4
    assert report.history(workspace, None, None)[0]["score"] > 50


@pytest.mark.parametrize("broken", ["{", '{"custom_id": 1}', "null"])
def test_line_that_cannot_be_read_is_no_answer(
    workspace: Workspace, server: BatchServer, broken: str
) -> None:
    step(workspace)
    server.edit = lambda lines: [broken, *lines[1:]]
    server.finish()
    done = step(workspace, NOW + HOUR)
    assert done.lines[0].startswith("batch batch-0 ended: 2 of 3 answered")


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"status_code": 400, "body": {}}, "rejected"),
        ({"status_code": 200, "body": {"id": 1}}, "no choice"),
        ({"status_code": 200, "body": None}, "no answer that can be read"),
    ],
)
def test_answer_that_is_none_is_an_abstention(
    workspace: Workspace, server: BatchServer, response: Any, reason: str
) -> None:
    step(workspace)

    def spoil(lines: list[str]) -> list[str]:
        first = json.loads(lines[0])
        return [json.dumps({**first, "response": response}), *lines[1:]]

    server.edit = spoil
    server.finish()
    step(workspace, NOW + HOUR)
    (said,) = select(
        workspace.database.folder,
        "SELECT reason FROM verdict WHERE judge = 'llm' AND abstained",
    )
    assert reason in said[0]


def test_question_that_an_expired_batch_lists_without_a_response_is_asked_again(
    workspace: Workspace, server: BatchServer
) -> None:
    step(workspace)

    def expire(lines: list[str]) -> list[str]:
        left = {"response": None, "error": {"code": "batch_expired", "message": "too late"}}
        return [json.dumps({**json.loads(lines[0]), **left}), *lines[1:]]

    server.edit = expire
    server.finish("expired")
    done = step(workspace, NOW + HOUR)
    assert done.lines[0].startswith("batch batch-0 ended: 2 of 3 answered")
    assert done.lines[1].startswith("handed over 1 questions")


def test_batch_of_nothing_but_rejections_blames_the_settings_and_not_the_items(
    workspace: Workspace, server: BatchServer
) -> None:
    step(workspace)
    server.always(fails(400, "reasoning_effort is not supported"))
    server.finish()
    with pytest.raises(JudgeError, match="rejected all 3 questions"):
        step(workspace, NOW + HOUR)
    assert count(workspace, "call") == 0
    server.always(DECISIVE)
    step(workspace, NOW + 2 * HOUR)
    server.finish()
    assert not step(workspace, NOW + 3 * HOUR).waiting
    assert count(workspace, "evidence WHERE weight != 0") == 3


def test_many_questions_are_handed_over_in_files_that_are_taken(
    workspace: Workspace, server: BatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "MOST", 2)
    assert len(step(workspace).lines) == 2
    assert [len(server.asked(batch)) for batch in server.batches] == [2, 1]
    server.finish()
    assert not step(workspace, NOW + HOUR).waiting


def test_unreadable_answer_is_the_last_word(workspace: Workspace, server: BatchServer) -> None:
    server.always(says("No idea."))
    step(workspace)
    server.finish()
    done = step(workspace, NOW + HOUR)
    assert not done.waiting
    assert len(server.batches) == 1
    assert count(workspace, "verdict WHERE judge = 'llm' AND abstained") == 3


def test_past_its_budget_nothing_is_handed_over(
    workspaces: Callable[..., Workspace], server: BatchServer
) -> None:
    config = f'[judge]\nbase_url = "{server.url}"\nmodel = "gpt-5.4-mini"\nrun_budget = 0.0\n'
    workspace = workspaces("poor", config=config)
    done = step(workspace)
    assert server.batches == []
    assert not done.waiting
    assert count(workspace, "evidence") == 3


def test_key_is_in_no_error(workspace: Workspace, server: BatchServer) -> None:
    server.refuse = 401
    with pytest.raises(JudgeError) as refused:
        step(workspace)
    assert "sk-secret" not in str(refused.value)
    assert "401" in str(refused.value)
    with workspace.database.reading() as connection:
        assert len(batches.open_ones(connection)) == 1
