"""Whole tables, row by row, as they stood at an instant: what has been written since is not there.

Rows are streamed. Read all of them over one connection, and they are of one moment whoever writes.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    String,
    Subquery,
    and_,
    case,
    cast,
    exists,
    func,
    null,
    select,
)

from store.models import (
    Alert,
    Event,
    Evidence,
    Item,
    KpiValue,
    Move,
    Regrouping,
    Snapshot,
    Verdict,
)
from store.regroupings import MERGE

_ITEM = Item.__table__  # type: ignore[attr-defined]
_EVENT = Event.__table__  # type: ignore[attr-defined]
_VERDICT = Verdict.__table__  # type: ignore[attr-defined]
_EVIDENCE = Evidence.__table__  # type: ignore[attr-defined]
_SNAPSHOT = Snapshot.__table__  # type: ignore[attr-defined]
_ALERT = Alert.__table__  # type: ignore[attr-defined]
_KPI = KpiValue.__table__  # type: ignore[attr-defined]
_MOVE = Move.__table__  # type: ignore[attr-defined]
_REGROUPING = Regrouping.__table__  # type: ignore[attr-defined]
ROWS = 1000
"""Rows that are fetched at a time."""


def items(connection: Connection, at: datetime) -> Iterator[Any]:
    """Every item, in the event that it was in, undated where its date came later."""
    then = _events_then(at)
    date = case((_ITEM.c.dated_at > at, null()), else_=_ITEM.c.published_at)
    judged = exists().where(_VERDICT.c.item_number == _ITEM.c.number, _VERDICT.c.recorded_at <= at)
    query = (
        select(
            _ITEM,
            func.coalesce(then.c.event_id, _ITEM.c.event_id).label("event_then"),
            date.label("date_then"),
            judged.label("judged"),
        )
        .outerjoin(then, then.c.item_number == _ITEM.c.number)
        .where(_ITEM.c.first_seen_at <= at)
        .order_by(_ITEM.c.first_seen_at, _ITEM.c.id)
    )
    return _streamed(connection, query)


def events(connection: Connection, at: datetime) -> Iterator[Any]:
    """Every event, with how many items and owners it had, and which event it was part of."""
    then = _events_then(at)
    event_then = cast(func.coalesce(then.c.event_id, _ITEM.c.event_id), String)  # or no index
    members = (
        select(
            event_then.label("event_id"),
            func.count().label("items"),
            func.count(func.distinct(_ITEM.c.owner)).label("owners"),
            func.max(_ITEM.c.first_seen_at).label("last_item_at"),
        )
        .outerjoin(then, then.c.item_number == _ITEM.c.number)
        .where(_ITEM.c.first_seen_at <= at)
        .group_by(event_then)
        .subquery()
    )
    merged_later = exists().where(
        _REGROUPING.c.kind == MERGE,
        _REGROUPING.c.from_event == _EVENT.c.id,
        _REGROUPING.c.at > at,
    )
    query = (
        select(
            _EVENT.c.id,
            _EVENT.c.title,
            _EVENT.c.storyline,
            _EVENT.c.opened_at,
            members.c.last_item_at,
            func.coalesce(members.c["items"], 0).label("items"),
            func.coalesce(members.c.owners, 0).label("owners"),
            case((merged_later, ""), else_=_EVENT.c.merged_into).label("merged_into"),
        )
        .outerjoin(members, members.c.event_id == _EVENT.c.id)
        .where(_EVENT.c.opened_at <= at)
        .order_by(_EVENT.c.opened_at, _EVENT.c.id)
    )
    return _streamed(connection, query)


def verdicts(connection: Connection, at: datetime) -> Iterator[Any]:
    """Every verdict, with the ids of its item and of the one that was judged in its place."""
    other = _ITEM.alias()
    query = (
        select(_VERDICT, _ITEM.c.id.label("item_id"), other.c.id.label("judged_as"))
        .join(_ITEM, _ITEM.c.number == _VERDICT.c.item_number)
        .outerjoin(other, other.c.number == _VERDICT.c.same_as)
        .where(_VERDICT.c.recorded_at <= at)
        .order_by(_VERDICT.c.id)
    )
    return _streamed(connection, query)


def ledger(connection: Connection, thesis_id: str, at: datetime) -> Iterator[Any]:
    """Every ledger row of a thesis, restated ones included, beside the item it comes from."""
    columns = (_ITEM.c.title, _ITEM.c.url, _ITEM.c.publisher, _ITEM.c.kind)
    query = (
        select(_EVIDENCE, _ITEM.c.id.label("item_id"), *columns, _VERDICT.c.judge, _VERDICT.c.model)
        .join(_ITEM, _ITEM.c.number == _EVIDENCE.c.item_number)
        .join(_VERDICT, _VERDICT.c.id == _EVIDENCE.c.verdict_id)
        .where(_EVIDENCE.c.thesis_id == thesis_id, _EVIDENCE.c.recorded_at <= at)
        .order_by(_EVIDENCE.c.recorded_at, _EVIDENCE.c.id)
    )
    return _streamed(connection, query)


def scores(connection: Connection, thesis_id: str, at: datetime) -> Iterator[Any]:
    """Every score that was kept."""
    query = select(_SNAPSHOT).where(_SNAPSHOT.c.thesis_id == thesis_id, _SNAPSHOT.c.as_of <= at)
    return _streamed(connection, query.order_by(_SNAPSHOT.c.as_of))


def alerts(connection: Connection, thesis_id: str, at: datetime) -> Iterator[Any]:
    """Every alert that had fired."""
    query = select(_ALERT).where(_ALERT.c.thesis_id == thesis_id, _ALERT.c.fired_at <= at)
    return _streamed(connection, query.order_by(_ALERT.c.fired_at, _ALERT.c.id))


def kpis(connection: Connection, thesis_id: str, at: datetime) -> Iterator[Any]:
    """Every figure from a filing, those that later ones restate included."""
    query = select(_KPI).where(_KPI.c.thesis_id == thesis_id, _KPI.c.recorded_at <= at)
    return _streamed(connection, query.order_by(_KPI.c.kpi, _KPI.c.period_end, _KPI.c.id))


def _events_then(at: datetime) -> Subquery:
    """The event that items were in at `at`, of those that were moved since: the first move counts.

    SQLite takes the other columns from the row that has the minimum.
    """
    return (
        select(
            _MOVE.c.item_number,
            _REGROUPING.c.from_event.label("event_id"),
            func.min(_REGROUPING.c.id),
        )
        .join(_REGROUPING, and_(_REGROUPING.c.id == _MOVE.c.regrouping_id, _REGROUPING.c.at > at))
        .group_by(_MOVE.c.item_number)
        .subquery()
    )


def _streamed(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    yield from connection.execute(query, execution_options={"yield_per": ROWS})
