"""Events and the storylines they belong to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from store.models import Event

_EVENT = Event.__table__  # type: ignore[attr-defined]


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Open events, given as column values."""
    if rows:
        connection.execute(insert(_EVENT), list(rows))


def touch(connection: Connection, last_seen: Mapping[str, datetime]) -> None:
    """Note when each event last got a member."""
    query = update(_EVENT).where(_EVENT.c.id == bindparam("e")).values(last_at=bindparam("at"))
    if last_seen:
        connection.execute(query, [{"e": key, "at": at} for key, at in last_seen.items()])


def by_ids(connection: Connection, ids: Sequence[str]) -> dict[str, Any]:
    """Events by id."""
    found: dict[str, Any] = {}
    for start in range(0, len(ids), 500):
        query = select(_EVENT).where(_EVENT.c.id.in_(ids[start : start + 500]))
        found.update((row.id, row) for row in connection.execute(query))
    return found
