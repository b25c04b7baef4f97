"""What each job of the daemon did last."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from store.models import Job

_JOB = Job.__table__  # type: ignore[attr-defined]


def states(connection: Connection) -> dict[str, Any]:
    """Every job that ever ran, by name."""
    return {row.name: row for row in connection.execute(select(_JOB))}


def begin(connection: Connection, name: str, now: datetime) -> None:
    """Note that a job starts."""
    _keep(connection, name, started_at=now)


def succeed(connection: Connection, name: str, now: datetime, said: str, seconds: float) -> None:
    """Note that a job went well, and what it says of itself."""
    _keep(
        connection,
        name,
        finished_at=now,
        succeeded_at=now,
        failures=0,
        error="",
        said=said,
        seconds=seconds,
    )


def fail(connection: Connection, name: str, now: datetime, error: str) -> int:
    """Note that a job failed; returns how many times in a row by now."""
    before = connection.execute(select(_JOB.c.failures).where(_JOB.c.name == name)).scalar()
    failures = (before or 0) + 1
    _keep(connection, name, finished_at=now, failures=failures, error=error)
    return failures


def _keep(connection: Connection, name: str, **values: Any) -> None:
    empty = {"failures": 0, "error": "", "said": "", "seconds": 0.0}
    query = insert(_JOB).values({**empty, **values, "name": name})
    connection.execute(query.on_conflict_do_update(index_elements=["name"], set_=values))
