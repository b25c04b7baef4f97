"""Dated questions: what the score said of them is kept, and held against how they came out."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from agent import forecasts, pipeline, report
from agent.errors import ThesiswatchError
from agent.figures import BASE_VARIABLE
from agent.workspace import Workspace
from tests.agent.test_figures import ACME, THESIS, opened, put, server  # noqa: F401  # fixtures
from tests.agent.test_kpis import year_to_date
from tests.command import thesis as command
from tests.feed_server import FeedServer
from tests.stored import select

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BY = date(2026, 6, 30)
Opened = Callable[..., Workspace]


@pytest.fixture
def running(
    opened: Opened,  # noqa: F811
    server: FeedServer,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Workspace]:
    """A workspace after a run in which Acme has reported these sales."""

    def run(*sales: float, at: datetime = NOW, text: str = THESIS) -> Workspace:
        put(server, ACME, *year_to_date(*sales))
        monkeypatch.setenv(BASE_VARIABLE, server.url(""))
        workspace = opened(text)
        pipeline.run(workspace, at)
        return workspace

    return run


def test_falsifiers_are_questions_with_the_score_of_their_first_day(
    running: Callable[..., Workspace],
) -> None:
    workspace = running(10, 20)
    (asked,) = forecasts.table(workspace, NOW)["questions"]
    assert (asked["id"], asked["posed"], asked["came_true"]) == ("F-1", "2026-03-01", None)
    assert asked["probability"] == report.score(workspace, None)["score"] / 100


def test_figure_that_decides_a_falsifier_resolves_its_question(
    running: Callable[..., Workspace],
) -> None:
    running(10, 20)
    workspace = running(10, 20, 5, at=NOW + DAY)
    answer = forecasts.table(workspace, NOW + DAY)
    (asked,) = answer["questions"]
    assert (asked["came_true"], asked["resolved"]) == (True, "2026-03-02")
    assert "the period to 2025-10-26 is < 10" in asked["reason"]
    assert answer["brier_when_posed"] == pytest.approx((1 - asked["probability"]) ** 2)
    assert "came out" in forecasts.in_words(answer)


def test_question_that_weakens_has_the_other_probability(workspace: Workspace) -> None:
    with pipeline.Pass(workspace) as one:
        one.snapshot(NOW)
    up = forecasts.pose(workspace, "It holds.", "supports", BY, NOW)
    down = forecasts.pose(workspace, "It does not.", "weakens", BY, NOW)
    assert (up["id"], down["id"]) == ("Q-1", "Q-2")
    assert up["probability"] + down["probability"] == pytest.approx(1)


def test_day_by_day_brier_is_over_the_days_until_it_came_out(workspace: Workspace) -> None:
    with pipeline.Pass(workspace) as one:
        one.snapshot(NOW)
    forecasts.pose(workspace, "It holds.", "supports", BY, NOW)
    forecasts.resolve(workspace, "Q-1", False, NOW + 3 * DAY)
    answer = forecasts.table(workspace, NOW + 9 * DAY)
    assert answer["brier_day_by_day"] == pytest.approx(0.25)
    assert "no better than a coin" in forecasts.in_words(answer)


def test_question_past_its_day_is_said_to_be_due(workspace: Workspace) -> None:
    with pipeline.Pass(workspace) as one:
        one.snapshot(NOW)
    forecasts.pose(workspace, "It holds.", "supports", BY, NOW)
    later = datetime(2026, 7, 1, tzinfo=UTC)
    assert [one["overdue"] for one in forecasts.table(workspace, later)["questions"]] == [True]
    assert "nothing is known" in forecasts.in_words(forecasts.table(workspace, later))


def test_what_makes_no_sense_is_refused_with_a_way_out(workspace: Workspace) -> None:
    with pipeline.Pass(workspace) as one:
        one.snapshot(NOW)
    with pytest.raises(ThesiswatchError, match="no day to come"):
        forecasts.pose(workspace, "It held.", "supports", NOW.date(), NOW)
    with pytest.raises(ThesiswatchError, match="without words"):
        forecasts.pose(workspace, " ", "supports", BY, NOW)
    with pytest.raises(ThesiswatchError, match="no question 'Q-9'"):
        forecasts.resolve(workspace, "Q-9", True, NOW)
    forecasts.pose(workspace, "It holds.", "supports", BY, NOW)
    forecasts.resolve(workspace, "Q-1", True, NOW)
    with pytest.raises(ThesiswatchError, match="came out yes already"):
        forecasts.resolve(workspace, "Q-1", False, NOW)
    assert select(workspace.database.folder, "SELECT count(*) FROM question") == [(1,)]


def test_user_poses_lists_and_resolves(workspace: Workspace, config_path: Path) -> None:
    with pipeline.Pass(workspace) as one:
        one.snapshot(NOW)
    workspace.database.close()
    given = ("--config", config_path)
    # The lock is this process' own: the commands that write are tried through their functions.
    assert command("forecast", "list", *given).code == 0
    assert command("forecast", "pose", "It holds.", "--by", "soon", *given).code == 2
