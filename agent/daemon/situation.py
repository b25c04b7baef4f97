"""What decides when jobs are due, read from the database: see agent.daemon.jobs."""

from datetime import datetime, timedelta
from typing import Any

from agent import standing
from agent.clock import HELD, steady
from agent.config import Config
from agent.daemon import jobs
from agent.daemon.jobs import KINDS, Job, Situation
from agent.digest import sending
from agent.workspace import Workspace
from store import items, ledger, messages, outbox, settings, sources, vectors
from store import jobs as stored
from store.models import ItemState

CLOCK_KEY = "clock"
"""The latest instant of a job or of a pass by hand."""
FEWEST = 3
"""Items published later than the clock shows, by two owners, by which it is called behind: one
may be misdated, and all of one publisher."""
UNJUDGED = (ItemState.FETCHED, ItemState.EMBEDDED, ItemState.GROUPED)


def read(workspace: Workspace, now: datetime) -> Situation:
    """The situation at `now`."""
    thesis, config = workspace.thesis.id, workspace.config
    every = timedelta(minutes=config.schedule.score)
    next_digest = sending.next_at(workspace, now)
    with workspace.database.reading() as connection:
        states = sources.states(connection)
        last = ledger.snapshot_before(connection, thesis, now)
        return Situation(
            looks={job: _looks(config, states, job, now) for job in KINDS},
            unjudged=items.count_in(connection, UNJUDGED, now),
            deferred=items.count_in(connection, [ItemState.DEFERRED], now),
            unindexed=outbox.lag(connection),
            has_index=vectors.exists(workspace.database.folder),
            unscored=items.count_in(connection, [ItemState.JUDGED], now),
            next_score=standing.next_at(connection, workspace.thesis, every, now),
            last_score=last.as_of if last else None,
            next_message=messages.next_due(connection, now, now + HELD),
            next_digest=next_digest,
        )


def plan(workspace: Workspace, now: datetime) -> dict[Job, datetime | None]:
    """When each job runs next; None for one that waits for something to do."""
    found = read(workspace, now)
    with workspace.database.reading() as connection:
        states = stored.states(connection)
    return {job: jobs.due_at(job, states.get(job), found, now) for job in Job}


def due_sources(workspace: Workspace, job: Job, now: datetime) -> list[str]:
    """The names of the sources of a group that are to be looked at by now."""
    every = _every(workspace.config, job)
    with workspace.database.reading() as connection:
        states = sources.states(connection)
    return [
        one.name
        for one in workspace.config.sources
        if one.kind == KINDS[job] and jobs.look_at(states.get(one.name), every, now) <= now
    ]


def last_instant(connection: Any) -> datetime | None:
    """The latest instant of a job or of a pass by hand."""
    said = settings.read(connection, CLOCK_KEY)
    return datetime.fromisoformat(said) if said else None


def instant(connection: Any, wall: datetime) -> datetime:
    """The instant to work at while the clock shows `wall`: see agent.clock.steady.

    A clock is behind when what is stored was published after what it shows, and before the last
    instant: a date beyond that is some publisher's mistake.
    """
    last = last_instant(connection)
    if last is None or last - wall <= HELD:
        return steady(wall, last)
    count, owners = items.published_between(connection, wall + HELD, last)
    return steady(wall, last, is_behind=count >= FEWEST and owners > 1)


def begin(connection: Any, thesis: str, wall: datetime) -> tuple[datetime, int]:
    """The instant of work that begins while the clock shows `wall`, noted as the latest; and how
    many scores were dropped: see `put_right`."""
    now = instant(connection, wall)
    dropped = put_right(connection, thesis, now)
    settings.keep(connection, CLOCK_KEY, now.isoformat())
    return now, dropped


def put_right(connection: Any, thesis: str, now: datetime) -> int:
    """Drop the scores that were kept under a clock that was far ahead; returns how many.

    They follow from the ledger, which stays; with them the last score would be of a day to come.
    Where none is left there is no score, and the next is due at once.
    """
    last = last_instant(connection)
    if last is None or last - now <= HELD:
        return 0
    return ledger.drop_snapshots(connection, thesis, now + HELD)


def _looks(config: Config, states: dict[str, Any], job: Job, now: datetime) -> tuple[datetime, ...]:
    every = _every(config, job)
    return tuple(
        jobs.look_at(states.get(one.name), every, now)
        for one in config.sources
        if one.kind == KINDS[job]
    )


def _every(config: Config, job: Job) -> timedelta:
    """How often the sources of a group are looked at."""
    chosen = config.schedule
    minutes = {
        Job.FEEDS: chosen.feeds,
        Job.PAPERS: chosen.papers,
        Job.FILINGS: chosen.filings,
        Job.FILES: chosen.files,
    }
    return timedelta(minutes=minutes[job])
