"""What each job does, in terms of the pipeline; each says in a line what came of it.

What a source, a channel or a company would not give is a value on its row and a complaint here,
and no failure of the job.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from agent import alerting, delivery, figures, pipeline
from agent.collecting import collect
from agent.daemon import situation
from agent.daemon.jobs import KINDS, Job
from agent.digest import sending
from agent.progress import Progress
from agent.upkeep import keeping
from agent.workspace import Workspace
from store import items
from store.models import ItemState


@dataclass(frozen=True, slots=True)
class Done:
    """What a job did, in a line, and what it could not do, a line each."""

    said: str
    complaints: tuple[str, ...] = ()


MOST_REFUSED = 10
"""Refused entries of a look that are complained of one by one."""
STRETCH = 60.0
"""Seconds after which the judge lets the other jobs have a turn: what is left is due at once."""

Work = Callable[[Workspace, datetime, Progress], Done]


def look(job: Job, workspace: Workspace, now: datetime, progress: Progress) -> Done:
    """Take what the sources of a group have that are due."""
    wanted = situation.due_sources(workspace, job, now)
    got, failures = collect(workspace, now, progress, wanted)
    unsaid = len(got.refused) - MOST_REFUSED
    more = (f"and {unsaid:,} more entries were refused",) if unsaid > 0 else ()
    said = f"{got.new:,} new items from {len(wanted) - len(failures)} of {len(wanted)} sources"
    return Done(said, (*_lines(failures), *_lines(got.refused[:MOST_REFUSED]), *more))


def read_figures(workspace: Workspace, now: datetime, progress: Progress) -> Done:
    """Read what companies reported, where that is due."""
    looked_at = 0

    def counting(stage: str, count: int) -> None:
        nonlocal looked_at
        looked_at += count
        progress(stage, count)

    failures = figures.update(workspace, now, counting)
    return Done(f"{looked_at - len(failures):,} companies read", _lines(failures))


def judge(workspace: Workspace, now: datetime, progress: Progress) -> Done:
    """Embed, group and judge what came in."""
    with workspace.database.reading() as connection:
        before = items.count_in(connection, (*situation.UNJUDGED, ItemState.DEFERRED), now)
    until = time.monotonic() + STRETCH
    spent = pipeline.judge(workspace, now, progress, enough=lambda: time.monotonic() >= until)
    with workspace.database.reading() as connection:
        left = items.count_in(connection, [ItemState.DEFERRED], now)
        behind = items.count_in(connection, situation.UNJUDGED, now)
    said = f"{before - behind - left:,} items" + (f"; {spent}" if spent else "")
    said += f"; {behind:,} have their turn next" if behind else ""
    late = (f"{left:,} items wait for the judge: `thesis status` says why",) if left else ()
    return Done(said, late)


def score(workspace: Workspace, now: datetime, progress: Progress) -> Done:
    """Bring the ledger and the score up to date."""
    every = timedelta(minutes=workspace.config.schedule.score)
    found = pipeline.score(workspace, now, every, progress)
    if found is None:
        return Done("no new evidence")
    return Done(f"score {found.score.score:.1f} from {found.score.events:,} events; {found.status}")


def alert(workspace: Workspace, now: datetime, progress: Progress) -> Done:
    """See which alerts fire, and send what waits."""
    try:
        told = alerting.update(workspace, now)
    finally:  # what waits has nobody else to send it
        sent = delivery.deliver(workspace, now)
    heads = "; ".join(f"{one.alert.id} {one.telling}" for one in told)
    return Done(_sent(sent) + (f"; {heads}" if heads else ""), _lines(sent.failures))


def digest(workspace: Workspace, now: datetime, progress: Progress) -> Done:
    """Send the digests that are due."""
    made = sending.send_due(workspace, now)
    sent = delivery.deliver(workspace, now)
    days = ", ".join(f"{one.kind} {one.day}" for one in made) or "none was called for"
    return Done(f"{days}; {_sent(sent)}", _lines(sent.failures))


def index(workspace: Workspace, now: datetime, progress: Progress) -> Done:
    """Give the vector index what waits for it."""
    anew = pipeline.index(workspace, progress)
    return Done("made anew from the database" if anew else "up to date")


def upkeep(workspace: Workspace, now: datetime, progress: Progress) -> Done:
    """Trim what is old, give room back, and note how large the data are."""
    kept = keeping.keep(workspace, now, progress)
    return Done(kept.summary, kept.complaints)


WORK: Mapping[Job, Work] = {
    **{job: partial(look, job) for job in KINDS},
    Job.FIGURES: read_figures,
    Job.JUDGE: judge,
    Job.SCORE: score,
    Job.ALERTS: alert,
    Job.DIGEST: digest,
    Job.INDEX: index,
    Job.UPKEEP: upkeep,
}


def _sent(sent: delivery.Delivered) -> str:
    waiting = f", {sent.waiting:,} wait" if sent.waiting else ""
    dead = f", {sent.dead:,} given up" if sent.dead else ""
    return f"{sent.sent:,} messages sent{waiting}{dead}"


def _lines(errors: Iterable[Exception]) -> tuple[str, ...]:
    return tuple(map(str, errors))
