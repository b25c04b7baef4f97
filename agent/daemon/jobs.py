"""Which jobs there are, and when each is due. Pure: what the database knows goes in.

A timer only ever asks "is it due?"; the answer follows from what is stored, so that whatever was
missed, by sleep, by death or by a clock that jumped, is made good once and nothing is done twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from agent.clock import credible


class Job(StrEnum):
    """What the daemon does, in the order in which a day goes through it."""

    FEEDS = "feeds"
    PAPERS = "papers"
    FILINGS = "filings"
    FILES = "files"
    FIGURES = "figures"
    JUDGE = "judge"
    SCORE = "score"
    ALERTS = "alerts"
    DIGEST = "digest"
    INDEX = "index"
    UPKEEP = "upkeep"


KINDS = {Job.FEEDS: "feed", Job.PAPERS: "arxiv", Job.FILINGS: "edgar", Job.FILES: "file"}
"""The kind of the sources that a job looks at."""
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
"""A job that failed is tried again after the first wait, then twice as late each time."""
FIGURES_EVERY = timedelta(hours=1)
ASK_AGAIN = timedelta(minutes=15)
"""Items that wait for a judge that could not be asked are taken up again after so long."""
WATCH_EVERY = timedelta(minutes=15)
"""Alerts on silence and blindness need no event to fire."""
INDEX_EVERY = timedelta(hours=24)
INDEX_BATCH = 1000
"""Vectors wait for the index until there are so many, or so long, where there is one: a search
finds them all the same, and Chroma keeps large batches better than small ones."""
UPKEEP_EVERY = timedelta(hours=24)
LONGEST_REST = timedelta(hours=6)
"""A source that fails is looked at less and less often, but that often."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides when jobs are due: counts of what waits, and instants.

    `looks` are when each source of a group is due next; `next_message` when a message may be sent,
    `next_digest` when one is to go out, None where there is nobody to send it to; `next_score` is
    when the score is to be kept though nothing is `unscored`.
    """

    looks: Mapping[Job, tuple[datetime, ...]]
    unjudged: int
    deferred: int
    unindexed: int
    has_index: bool
    unscored: int
    last_score: datetime | None
    next_score: datetime
    next_message: datetime | None
    next_digest: datetime | None


def due_at(job: Job, state: Any | None, found: Situation, now: datetime) -> datetime | None:
    """When a job is to run next; None while there is nothing for it to do.

    `state` is what it did last, a row of the job table, None before its first run.
    """
    wanted = _wanted_at(job, state, found, now)
    if wanted is None or state is None or not state.failures:
        return wanted
    failed_at = credible(state.finished_at, now)
    return max(wanted, failed_at + wait_after(state.failures)) if failed_at else wanted


def wait_after(failures: int) -> timedelta:
    """How long a job rests that failed so often in a row."""
    return min(FIRST_WAIT * int(2 ** min(failures - 1, 10)), LONGEST_WAIT)


def look_at(state: Any | None, every: timedelta, now: datetime) -> datetime:
    """When a source with this stored state is to be looked at next, `every` so often.

    One that fails rests longer each time; one that asked to be left alone is.
    """
    last_look = credible(state.last_attempt_at, now) if state else None
    if state is None or last_look is None:
        return now
    rest = every * int(2 ** min(max(state.failures - 1, 0), 10))
    later = last_look + max(every, min(rest, LONGEST_REST))
    return max(later, state.not_before or later)


def _wanted_at(job: Job, state: Any | None, found: Situation, now: datetime) -> datetime | None:
    match job:
        case Job.FIGURES:
            return _after(state, FIGURES_EVERY, now)
        case Job.JUDGE:
            return _judge_at(state, found, now)
        case Job.SCORE:
            return now if found.unscored else found.next_score
        case Job.ALERTS:
            return _alerts_at(state, found, now)
        case Job.DIGEST:
            return found.next_digest
        case Job.INDEX:
            return _index_at(state, found, now)
        case Job.UPKEEP:
            return _after(state, UPKEEP_EVERY, now)
        case _:
            return min(found.looks[job], default=None)


def _judge_at(state: Any | None, found: Situation, now: datetime) -> datetime | None:
    if found.unjudged:
        return now
    return _after(state, ASK_AGAIN, now) if found.deferred else None


def _index_at(state: Any | None, found: Situation, now: datetime) -> datetime | None:
    if found.unindexed >= INDEX_BATCH or (found.unindexed and not found.has_index):
        return now
    return _after(state, INDEX_EVERY, now) if found.unindexed else None


def _alerts_at(state: Any | None, found: Situation, now: datetime) -> datetime | None:
    if found.last_score is None:
        return None
    started_at = credible(state.started_at, now) if state else None
    if started_at is None or found.last_score > started_at:
        return now
    return _first([_after(state, WATCH_EVERY, now), found.next_message])


def _after(state: Any | None, span: timedelta, now: datetime) -> datetime:
    """So long after it last went well."""
    last = credible(state.succeeded_at, now) if state else None
    return now if last is None else last + span


def _first(times: Iterable[datetime | None]) -> datetime:
    return min(at for at in times if at is not None)
