"""Merges and splits of events, and which event an item was in at any time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from store.bulk import WANTED, wanted
from store.models import Event, Item, Move, Regrouping

_REGROUPING = Regrouping.__table__  # type: ignore[attr-defined]
_MOVE = Move.__table__  # type: ignore[attr-defined]
_EVENT = Event.__table__  # type: ignore[attr-defined]
_ITEM = Item.__table__  # type: ignore[attr-defined]
MERGE, SPLIT = "merge", "split"


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note regroupings, given as column values, in the order in which they are to be settled."""
    for row in rows:
        connection.execute(insert(_REGROUPING).values(**row))


def unsettled(connection: Connection, until: datetime | None = None) -> list[Any]:
    """Regroupings that did not take place yet, those that hold by `until`, the oldest first."""
    query = select(_REGROUPING).where(_REGROUPING.c.settled.is_(False))
    if until is not None:
        query = query.where(_REGROUPING.c.at <= until)
    return list(connection.execute(query.order_by(_REGROUPING.c.id)))


def settle_merge(connection: Connection, row: Any) -> None:
    """Let the members of one event be the other's, and remember whom that moved."""
    members = select(_ITEM.c.number).where(_ITEM.c.event_id == row.from_event)
    move(connection, row, list(connection.execute(members).scalars()))
    gone = update(_EVENT).where(_EVENT.c.id == row.from_event)
    connection.execute(gone.values(merged_into=row.to_event))


def move(connection: Connection, row: Any, numbers: Sequence[int]) -> None:
    """Put items into a regrouping's other event."""
    if numbers:
        moves = [{"regrouping_id": row.id, "item_number": number} for number in numbers]
        connection.execute(insert(_MOVE), moves)
    moved = update(_ITEM).where(_ITEM.c.number.in_(WANTED)).values(event_id=row.to_event)
    connection.execute(moved, wanted(numbers))
    done = update(_REGROUPING).where(_REGROUPING.c.id == row.id).values(settled=True)
    connection.execute(done)


def splits(connection: Connection) -> list[tuple[str, str]]:
    """Pairs of events that a person took apart."""
    query = select(_REGROUPING.c.from_event, _REGROUPING.c.to_event)
    query = query.where(_REGROUPING.c.kind == SPLIT).order_by(_REGROUPING.c.id)
    return [(row[0], row[1]) for row in connection.execute(query)]


def of_event(connection: Connection, event_id: str) -> list[Any]:
    """Regroupings that took items from an event or brought it some, the oldest first."""
    either = or_(_REGROUPING.c.from_event == event_id, _REGROUPING.c.to_event == event_id)
    return list(connection.execute(select(_REGROUPING).where(either).order_by(_REGROUPING.c.id)))


def until(connection: Connection, at: datetime) -> list[Any]:
    """Regroupings that held by `at`, the oldest first."""
    query = select(_REGROUPING).where(_REGROUPING.c.at <= at).order_by(_REGROUPING.c.id)
    return list(connection.execute(query))


def moves(connection: Connection, numbers: Sequence[int]) -> list[Any]:
    """The regroupings of items: (item_number, at, from_event, to_event, reason), oldest first."""
    query = (
        select(_MOVE.c.item_number, _REGROUPING)
        .join(_REGROUPING, _REGROUPING.c.id == _MOVE.c.regrouping_id)
        .where(_MOVE.c.item_number.in_(WANTED))
        .order_by(_REGROUPING.c.id)
    )
    return list(connection.execute(query, wanted(numbers)))


def events_then(connection: Connection, at: datetime) -> dict[int, str]:
    """The event that each item was in at `at`, of those that were moved since."""
    query = (
        select(_MOVE.c.item_number, _REGROUPING.c.from_event)
        .join(_REGROUPING, _REGROUPING.c.id == _MOVE.c.regrouping_id)
        .where(_REGROUPING.c.at > at)
        .order_by(_REGROUPING.c.id.desc())
    )
    return {row[0]: row[1] for row in connection.execute(query)}
