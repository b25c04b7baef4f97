"""Events and the storylines they belong to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from store import bulk
from store.bulk import WANTED, wanted
from store.models import Event

_EVENT = Event.__table__  # type: ignore[attr-defined]


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Open events, given as column values."""
    bulk.insert(connection, _EVENT, rows)


def touch(connection: Connection, last_seen: Mapping[str, datetime]) -> None:
    """Note when each event last got a member."""
    query = update(_EVENT).where(_EVENT.c.id == bindparam("e")).values(last_at=bindparam("at"))
    if last_seen:
        connection.execute(query, [{"e": key, "at": at} for key, at in last_seen.items()])


def reopen(connection: Connection, id_: str) -> None:
    """An event that was merged into another is one of its own again."""
    connection.execute(update(_EVENT).where(_EVENT.c.id == id_).values(merged_into=""))


def by_ids(connection: Connection, ids: Sequence[str]) -> dict[str, Any]:
    """Events by id."""
    query = select(_EVENT).where(_EVENT.c.id.in_(WANTED))
    return {row.id: row for row in connection.execute(query, wanted(ids))}
