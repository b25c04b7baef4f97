"""A look at every source. One that fails is state on its row, not a dead run."""

from datetime import datetime
from typing import Any

from agent.errors import SourceError
from agent.intake import Intake, take
from agent.progress import Progress, silent
from agent.sources import Fetched, look
from agent.workspace import Workspace
from store import sources


def collect(
    workspace: Workspace, now: datetime, progress: Progress = silent
) -> tuple[Intake, tuple[SourceError, ...]]:
    """Take what every configured source has; returns what came in and which could not be read."""
    intake, failures = Intake(), []
    with workspace.database.reading() as connection:
        states = sources.states(connection)
    with look.Looker(workspace.config) as looker:
        for source in workspace.config.sources:
            before = states.get(source.name)
            try:
                fetched = looker.look(source, before)
            except SourceError as error:
                failures.append(error)
                _note_failure(workspace, error, before, now)
            else:
                intake += _keep(workspace, source.name, fetched, before, now)
            progress("collect", 1)
    return intake, tuple(failures)


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
            failures=(before.failures if before else 0) + 1,
            error=str(error),
        )
