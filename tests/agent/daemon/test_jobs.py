"""When a job is due, by what is stored alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from agent.daemon import jobs
from agent.daemon.jobs import KINDS, Job, Situation

NOW = datetime(2026, 3, 29, 6, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
IDLE = Situation(
    looks=dict.fromkeys(KINDS, (NOW + HOUR,)),
    unjudged=0,
    deferred=0,
    unindexed=0,
    unscored=0,
    has_index=True,
    last_score=NOW - MINUTE,
    next_score=NOW + HOUR,
    next_message=None,
    next_digest=None,
)


def ran(at: datetime, **more: Any) -> Any:
    """The row of a job that ran well at an instant."""
    row = {"started_at": at, "finished_at": at, "succeeded_at": at, "failures": 0}
    return SimpleNamespace(**{**row, **more})


def due(job: Job, found: Situation = IDLE, state: Any = None, now: datetime = NOW) -> Any:
    return jobs.due_at(job, state, found, now)


@pytest.mark.parametrize("job", list(Job))
def test_nothing_runs_again_while_there_is_nothing_to_do(job: Job) -> None:
    at = due(job, state=ran(NOW))
    assert at is None or at > NOW


@pytest.mark.parametrize(
    ("job", "found"),
    [
        (Job.FEEDS, replace(IDLE, looks={**IDLE.looks, Job.FEEDS: (NOW + HOUR, NOW)})),
        (Job.JUDGE, replace(IDLE, unjudged=1)),
        (Job.SCORE, replace(IDLE, unscored=1)),
        (Job.SCORE, replace(IDLE, next_score=NOW)),
        (Job.ALERTS, replace(IDLE, last_score=NOW)),
        (Job.ALERTS, replace(IDLE, next_message=NOW)),
        (Job.DIGEST, replace(IDLE, next_digest=NOW)),
        (Job.INDEX, replace(IDLE, unindexed=jobs.INDEX_BATCH)),
        (Job.INDEX, replace(IDLE, unindexed=1, has_index=False)),
    ],
)
def test_what_waits_makes_a_job_due(job: Job, found: Situation) -> None:
    assert due(job, found, ran(NOW - MINUTE)) <= NOW


@pytest.mark.parametrize("job", [Job.FIGURES, Job.INDEX, Job.UPKEEP])
def test_what_was_missed_for_days_is_due_once(job: Job) -> None:
    found = replace(IDLE, unindexed=1)
    assert due(job, found, ran(NOW - timedelta(days=30))) <= NOW
    assert due(job, found, ran(NOW)) > NOW


def test_items_that_wait_for_a_judge_are_taken_up_after_a_while_and_new_ones_at_once() -> None:
    out = replace(IDLE, deferred=5)
    assert due(Job.JUDGE, out, ran(NOW)) == NOW + jobs.ASK_AGAIN
    assert due(Job.JUDGE, replace(out, unjudged=1), ran(NOW)) == NOW


def test_blindness_is_looked_for_though_nothing_comes() -> None:
    found = replace(IDLE, last_score=NOW - HOUR)
    assert due(Job.ALERTS, found, ran(NOW)) == NOW + jobs.WATCH_EVERY
    assert due(Job.ALERTS, replace(IDLE, last_score=None)) is None


def test_a_group_without_sources_is_never_due() -> None:
    assert due(Job.PAPERS, replace(IDLE, looks={**IDLE.looks, Job.PAPERS: ()})) is None


def test_job_that_failed_rests_longer_each_time_but_not_for_ever() -> None:
    found = replace(IDLE, unjudged=1)
    waits = [due(Job.JUDGE, found, ran(NOW, failures=n)) - NOW for n in (1, 2, 3, 7, 50, 10_000)]
    minutes = [wait / MINUTE for wait in waits]
    assert minutes == [1, 2, 4, 60, 60, 60]


def test_source_that_fails_is_looked_at_less_often_and_at_least_every_six_hours() -> None:
    def after(failures: int, **more: Any) -> timedelta:
        state = SimpleNamespace(last_attempt_at=NOW, not_before=None, failures=failures)
        state.__dict__.update(more)
        return jobs.look_at(state, 15 * MINUTE, NOW) - NOW

    assert [after(n) / MINUTE for n in (0, 1, 2, 3, 6, 99)] == [15, 15, 30, 60, 360, 360]
    assert after(0, not_before=NOW + 3 * HOUR) == 3 * HOUR
    assert after(0, not_before=NOW) == 15 * MINUTE
    assert jobs.look_at(None, HOUR, NOW) == NOW


def test_source_that_is_to_be_looked_at_seldom_is_not_looked_at_more_often_for_failing() -> None:
    state = SimpleNamespace(last_attempt_at=NOW, not_before=None, failures=3)
    assert jobs.look_at(state, timedelta(days=1), NOW) == NOW + timedelta(days=1)
