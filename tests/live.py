"""A pass at an instant over rows that a source delivered just then, as a daemon would make it."""

from datetime import datetime
from typing import Any

from agent import pipeline
from agent.delivery import Delivered
from agent.intake import take
from agent.notices import Told
from agent.workspace import Workspace
from tests.fakes import fetched


def arrive(
    workspace: Workspace, now: datetime, *rows: dict[str, Any]
) -> tuple[list[Told], Delivered]:
    """Take `rows` as first seen at `now`, score them, and tell what there is to tell."""
    with pipeline.Pass(workspace, ask_at=now) as one:
        with workspace.database.writing() as connection:
            take(
                connection,
                workspace.publishers,
                fetched(*rows).drafts,
                (),
                source="test",
                now=now,
                seen_at=lambda draft: now,
            )
        one.advance(now)
        one.snapshot(now)
    return pipeline.tell(workspace, now)
