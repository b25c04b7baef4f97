"""What is made good once a clock that was far ahead is right again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from agent import pipeline, report
from agent.daemon import situation
from agent.daemon.jobs import Job
from agent.errors import ThesiswatchError
from agent.replay import replay
from agent.workspace import Workspace
from store import ledger
from tests.fakes import fetched
from tests.story import STORY

LAST = datetime(2025, 2, 3, 23, 59, 59, 999999, tzinfo=UTC)
"""The end of the story, and so of what was scored."""
EVERY = timedelta(hours=1)


@pytest.fixture
def ahead(workspaces: Callable[..., Workspace]) -> Workspace:
    """A folder that the story came into by a clock that is to be set back."""
    opened = workspaces("ahead")
    replay(opened, fetched(*STORY), "story")
    with opened.database.writing() as connection:
        situation.begin(connection, opened.thesis.id, LAST)
    return opened


def put_right(workspace: Workspace, now: datetime) -> int:
    with workspace.database.writing() as connection:
        return situation.put_right(connection, workspace.thesis.id, now)


def test_scores_of_days_to_come_go_and_those_of_before_stay(ahead: Workspace) -> None:
    now = datetime(2025, 1, 25, 12, tzinfo=UTC)
    with ahead.database.reading() as connection:
        of_before = ledger.snapshots(connection, ahead.thesis.id, until=now + timedelta(days=1))
    assert of_before
    assert put_right(ahead, now) > 0
    with ahead.database.reading() as connection:
        assert ledger.snapshots(connection, ahead.thesis.id) == of_before
    assert put_right(ahead, now) == 0


def test_where_every_score_is_of_a_day_to_come_there_is_none_until_the_next_one(
    ahead: Workspace,
) -> None:
    now = datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert put_right(ahead, now) > 0
    with pytest.raises(ThesiswatchError, match="there is no score yet. Run `thesis run`"):
        report.score(ahead, None)
    answer = report.status(ahead, now)
    assert (answer["score"], answer["status"]) == (None, "no pass yet")
    assert situation.plan(ahead, now)[Job.SCORE] == now  # at once, in the same round of jobs
    pipeline.score(ahead, now, EVERY)
    said = report.score(ahead, None)
    assert (said["score"], said["events"]) == (pytest.approx(50), 0)  # nothing had come by then
    assert said["as_of"] == "2024-01-01T12:00:00Z"


def test_scores_stay_while_the_clock_is_waited_for(ahead: Workspace) -> None:
    assert put_right(ahead, LAST - timedelta(hours=23)) == 0
    assert report.score(ahead, None)["as_of"].startswith("2025-02-03")


def begin(workspace: Workspace, wall: datetime) -> tuple[datetime, int]:
    with workspace.database.writing() as connection:
        return situation.begin(connection, workspace.thesis.id, wall)


def test_work_that_begins_puts_right_what_a_clock_far_ahead_left(ahead: Workspace) -> None:
    now = datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert begin(ahead, now) == (LAST, 0), "what the story was published on is believed"
    with ahead.database.writing() as connection:
        connection.exec_driver_sql("UPDATE item SET published_at = '2023-12-24 08:00:00.000000'")
    at, dropped = begin(ahead, now)
    assert at == now
    assert dropped > 0
    assert begin(ahead, now + EVERY) == (now + EVERY, 0)


@pytest.mark.parametrize(
    ("published", "owners", "is_behind"),
    [
        ("2024-06-01", ("a", "b"), True),
        ("2024-06-01", ("a", "a"), False),
        ("2099-01-01", ("a", "b"), False),
        ("2024-01-02", ("a", "b"), False),
    ],
)
def test_clock_is_behind_by_what_several_published_between_it_and_the_last_work(
    ahead: Workspace, published: str, owners: tuple[str, str], is_behind: bool
) -> None:
    now = datetime(2024, 1, 1, 12, tzinfo=UTC)
    query = "UPDATE item SET owner = ?, published_at = ? WHERE number % 2 = ?"
    with ahead.database.writing() as connection:
        for n, owner in enumerate(owners):
            values = (owner, f"{published} 08:00:00.000000", n)
            connection.exec_driver_sql(query, values)
    with ahead.database.reading() as connection:
        assert (situation.instant(connection, now) == LAST) is is_behind
