"""A look at every source. One that fails is state on its row, not a dead run."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent.clock import credible
from agent.config import Config, SourceSection
from agent.errors import SourceError
from agent.intake import Intake, take
from agent.progress import Progress, silent
from agent.sources import Fetched
from agent.sources.edgar import Known
from agent.sources.look import Looker
from agent.thesis import Entity
from agent.workspace import Workspace
from store import items, sources

AT_ONCE = 8
"""Sources that are looked at side by side: most of a look is waiting."""

Look = tuple[SourceSection, Fetched | BaseException, float]
"""A source, what it has or why that cannot be said, and how many seconds it took."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A source tried out, nothing stored: what it listed, or why it could not be read."""

    name: str
    seconds: float
    entries: int = 0
    newest: datetime | None = None
    error: str = ""


def try_out(
    config: Config, companies: Sequence[Entity], progress: Progress = silent
) -> Iterator[Trial]:
    """Look at every configured source as if for the first time."""
    for source, found, seconds in _looks(config, companies, config.sources, {}, lambda ids: ids):
        progress("check", 1)
        if isinstance(found, SourceError):
            yield Trial(source.name, seconds, error=str(found))
        elif isinstance(found, BaseException):
            raise found
        else:
            dates = [one.published for one in found.drafts if one.published]
            yield Trial(source.name, seconds, len(found.drafts), max(dates, default=None))


def collect(
    workspace: Workspace,
    now: datetime,
    progress: Progress = silent,
    wanted: Collection[str] | None = None,
) -> tuple[Intake, tuple[SourceError, ...]]:
    """Take what every configured source has; returns what came in and which could not be read.

    Only those called `wanted`, where given. A source whose last answer is fresh still, or that
    asked to be left alone, is not asked. A bug is raised after all others were taken; its source
    counts as one that failed, or it would be the first to be looked at for ever.
    """
    intake, failures, bugs = Intake(), [], []
    with workspace.database.reading() as connection:
        states = sources.states(connection)
    chosen = [one for one in workspace.config.sources if wanted is None or one.name in wanted]
    due = [one for one in chosen if _is_due(states.get(one.name), now)]
    progress("collect", len(chosen) - len(due))

    def known(ids: Collection[str]) -> Collection[str]:
        with workspace.database.reading() as connection:
            return items.known(connection, ids)

    for source, found, _ in _looks(workspace.config, workspace.thesis.entities, due, states, known):
        before = states.get(source.name)
        if isinstance(found, SourceError):
            failures.append(found)
            _note_failure(workspace, found, before, now)
        elif isinstance(found, BaseException):
            bugs.append(found)
            error = SourceError(source.name, f"{type(found).__name__}: {found}", "This is a bug")
            _note_failure(workspace, error, before, now)
        else:
            intake += _keep(workspace, source.name, found, before, now)
        progress("collect", 1)
    for bug in bugs:
        raise bug
    return intake, tuple(failures)


def _is_due(state: Any, now: datetime) -> bool:
    """Whether it may be asked; what was noted under a wrong clock is not to be relied on."""
    if state is None or state.not_before is None or state.not_before <= now:
        return True
    return credible(state.last_attempt_at, now) is None


def _looks(
    config: Config,
    companies: Sequence[Entity],
    due: Sequence[SourceSection],
    states: Mapping[str, Any],
    known: Known,
) -> Iterator[Look]:
    """What each source has, in the order of the configuration."""
    with (
        Looker(config, companies, known) as looker,
        ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look") as pool,
    ):
        seconds: dict[str, float] = {}

        def one(source: SourceSection) -> Fetched:
            started = time.perf_counter()
            try:
                return looker.look(source, states.get(source.name))
            finally:
                seconds[source.name] = time.perf_counter() - started

        looks = [pool.submit(one, source) for source in due]
        try:
            for source, look in zip(due, looks, strict=True):
                found = look.exception() or look.result()
                yield source, found, seconds[source.name]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _keep(workspace: Workspace, name: str, fetched: Fetched, before: Any, now: datetime) -> Intake:
    """Store what came and the marks for the next request together: neither without the other."""
    with workspace.database.writing() as connection:
        got = take(
            connection,
            workspace.publishers,
            fetched.drafts,
            fetched.faults,
            source=name,
            now=now,
            seen_at=lambda draft: now,
        )
        values: dict[str, Any] = {
            "last_attempt_at": now,
            "last_success_at": now,
            "failures": 0,
            "error": "",
            "etag": fetched.etag,
            "last_modified": fetched.last_modified,
            "not_before": _later(now, fetched.fresh_for),
            "items": (before.items if before else 0) + got.new,
        }
        if got.new:
            values["last_item_at"] = now
        sources.keep_state(connection, name, **values)
    return got


def _note_failure(workspace: Workspace, error: SourceError, before: Any, now: datetime) -> None:
    with workspace.database.writing() as connection:
        sources.keep_state(
            connection,
            error.source,
            last_attempt_at=now,
            not_before=_later(now, error.wait),
            failures=(before.failures if before else 0) + 1,
            error=str(error),
        )


def _later(now: datetime, seconds: float) -> datetime | None:
    return now + timedelta(seconds=seconds) if seconds else None
