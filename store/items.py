"""Items, their vectors and how far each has come."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select, text, true, update

from store import bulk, search
from store.bulk import WANTED, wanted
from store.models import Embedding, IndexOutbox, Item, ItemState, Verdict

Vectors = np.ndarray[Any, np.dtype[np.float32]]
_ITEM = Item.__table__  # type: ignore[attr-defined]
_EMBEDDING = Embedding.__table__  # type: ignore[attr-defined]
_OUTBOX = IndexOutbox.__table__  # type: ignore[attr-defined]
_VERDICT = Verdict.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Known:
    """What is already stored under an id."""

    number: int
    title: str
    canonical_url: str | None
    dated: bool


def known(connection: Connection, ids: Iterable[str]) -> dict[str, Known]:
    """Those of `ids` that are stored."""
    columns = (_ITEM.c.id, _ITEM.c.number, _ITEM.c.title, _ITEM.c.canonical_url)
    query = select(*columns, _ITEM.c.published_at.is_not(None)).where(_ITEM.c.id.in_(WANTED))
    found = connection.execute(query, wanted(ids))
    return {row[0]: Known(row[1], row[2], row[3], bool(row[4])) for row in found}


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store new items, given as column values."""
    bulk.insert(connection, _ITEM, rows)
    search.learn(connection, rows)


def give_date(connection: Connection, number: int, published_at: datetime, now: datetime) -> None:
    """An undated item turned up with its date: it may count from `now` on."""
    query = (
        update(_ITEM)
        .where(_ITEM.c.number == number, _ITEM.c.published_at.is_(None))
        .values(
            published_at=published_at,
            dated_at=now,
            state=text("CASE WHEN state='scored' THEN 'judged' ELSE state END"),
        )
    )
    connection.execute(query)


def waiting(connection: Connection, state: ItemState, until: datetime, limit: int) -> list[int]:
    """Numbers of the first `limit` items in `state` seen by `until`, in the order they were.

    A judged item whose date was missing waits until it arrived.
    """
    known = or_(_ITEM.c.dated_at.is_(None), _ITEM.c.dated_at <= until)
    query = (
        select(_ITEM.c.number)
        .where(_ITEM.c.state == state, _ITEM.c.first_seen_at <= until)
        .where(known if state == ItemState.JUDGED else true())
        .order_by(_ITEM.c.first_seen_at, _ITEM.c.id)
        .limit(limit)
    )
    return [int(number) for number in connection.execute(query).scalars()]


def days(connection: Connection, start: datetime, end: datetime) -> list[date]:
    """The days, oldest first, on which items were first seen or dated in [start, end]."""
    found: set[str] = set()
    for at in (_ITEM.c.first_seen_at, _ITEM.c.dated_at):
        query = select(func.date(at)).where(at >= start, at <= end).distinct()
        found.update(connection.execute(query).scalars())
    return sorted(map(date.fromisoformat, found))


def by_numbers(connection: Connection, numbers: Sequence[int]) -> list[Any]:
    """Items whole, in the order asked for."""
    query = select(_ITEM).where(_ITEM.c.number.in_(WANTED))
    rows = connection.execute(query, wanted(numbers))
    found = {row.number: row for row in rows}
    return [found[number] for number in numbers]


def events_of(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """The event that each item belongs to, by number."""
    query = select(_ITEM.c.number, _ITEM.c.event_id).where(_ITEM.c.number.in_(WANTED))
    return {row[0]: row[1] for row in connection.execute(query, wanted(numbers))}


def events_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """The events of those items, by id, that have one."""
    query = select(_ITEM.c.id, _ITEM.c.event_id)
    query = query.where(_ITEM.c.id.in_(WANTED), _ITEM.c.event_id.is_not(None))
    return {row[0]: row[1] for row in connection.execute(query, wanted(ids))}


def event_ids(connection: Connection, numbers: Sequence[int]) -> list[str]:
    """The events that items belong to, each once, in order of id."""
    query = select(_ITEM.c.event_id).where(_ITEM.c.number.in_(WANTED)).distinct()
    found = connection.execute(query, wanted(numbers))
    return sorted(found.scalars())


def advance(connection: Connection, numbers: Sequence[int], state: ItemState) -> None:
    """Mark items as having come as far as `state`."""
    query = update(_ITEM).where(_ITEM.c.number.in_(WANTED)).values(state=str(state))
    connection.execute(query, wanted(numbers))


def defer(connection: Connection, reasons: Mapping[int, str]) -> None:
    """Let items wait for a judge that could not be asked, with the reason on each row."""
    query = update(_ITEM).where(_ITEM.c.number == bindparam("n"))
    rows = [{"n": number, "why": reason} for number, reason in reasons.items()]
    if rows:
        kept = query.values(state=ItemState.DEFERRED, state_reason=bindparam("why"))
        connection.execute(kept, rows)


def resume(connection: Connection) -> int:
    """Put the items that wait for a judge back before it; returns how many."""
    query = update(_ITEM).where(_ITEM.c.state == ItemState.DEFERRED)
    return connection.execute(query.values(state=ItemState.GROUPED, state_reason="")).rowcount


def reopen(connection: Connection, start: datetime, end: datetime, judges: Sequence[str]) -> int:
    """Put items first seen in [start, end] that none of `judges` judged back before the judge.

    Those whose text was trimmed have nothing that could be judged. Returns how many.
    """
    heard = select(_VERDICT.c.item_number).where(_VERDICT.c.judge.in_(judges))
    query = (
        update(_ITEM)
        .where(_ITEM.c.state.in_([ItemState.JUDGED, ItemState.SCORED]))
        .where(_ITEM.c.first_seen_at >= start, _ITEM.c.first_seen_at <= end)
        .where(_ITEM.c.number.not_in(heard), _ITEM.c.text_hash == "")
    )
    return connection.execute(query.values(state=ItemState.GROUPED)).rowcount


def published_between(connection: Connection, after: datetime, until: datetime) -> tuple[int, int]:
    """How many items are dated after an instant and by another, and of how many owners."""
    within = _ITEM.c.published_at > after, _ITEM.c.published_at <= until
    query = select(func.count(), func.count(_ITEM.c.owner.distinct())).where(*within)
    count, owners = connection.execute(query).one()
    return int(count), int(owners)


def quarantined(connection: Connection, limit: int) -> list[str]:
    """Ids of the last `limit` items that were set aside."""
    query = select(_ITEM.c.id).where(_ITEM.c.state == ItemState.QUARANTINED)
    query = query.order_by(_ITEM.c.first_seen_at.desc(), _ITEM.c.id).limit(limit)
    return list(connection.execute(query).scalars())


def quarantine(connection: Connection, number: int, reason: str) -> None:
    """Take an item out of the pass, with the reason on its row."""
    connection.execute(
        update(_ITEM)
        .where(_ITEM.c.number == number)
        .values(state=ItemState.QUARANTINED, state_reason=reason)
    )


def add_vectors(connection: Connection, numbers: Sequence[int], vectors: Vectors) -> None:
    """Store vectors (n, d) and put them in the index's outbox, in the caller's transaction."""
    rows = [
        {"item_number": number, "vector": vector.tobytes()}
        for number, vector in zip(numbers, vectors, strict=True)
    ]
    bulk.insert(connection, _EMBEDDING, rows)
    bulk.insert(connection, _OUTBOX, [{"item_number": number} for number in numbers])


def vectors_of(connection: Connection, numbers: Sequence[int]) -> Vectors:
    """Vectors (n, d) of items, in the order asked for."""
    if not numbers:
        return np.zeros((0, 0), dtype=np.float32)
    query = select(_EMBEDDING.c.item_number, _EMBEDDING.c.vector)
    rows = connection.execute(query.where(_EMBEDDING.c.item_number.in_(WANTED)), wanted(numbers))
    found = {row[0]: row[1] for row in rows}
    return np.stack([np.frombuffer(found[number], dtype=np.float32) for number in numbers])


def count_vectors(connection: Connection) -> int:
    """How many items have a vector."""
    return int(connection.execute(select(func.count()).select_from(_EMBEDDING)).scalar_one())


def newest_vector(connection: Connection) -> int:
    """The highest number of an item with a vector; 0 when there is none."""
    return int(connection.execute(select(func.max(_EMBEDDING.c.item_number))).scalar_one() or 0)


def vectors_after(connection: Connection, number: int, limit: int) -> list[int]:
    """Numbers above `number` of items with a vector, lowest first."""
    query = select(_EMBEDDING.c.item_number).where(_EMBEDDING.c.item_number > number)
    query = query.order_by(_EMBEDDING.c.item_number).limit(limit)
    return [int(found) for found in connection.execute(query).scalars()]


def have_vectors(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Those of these items that have a vector by now."""
    query = select(_EMBEDDING.c.item_number).where(_EMBEDDING.c.item_number.in_(WANTED))
    return set(connection.execute(query, wanted(numbers)).scalars())


def with_vectors(connection: Connection) -> set[int]:
    """The numbers of all items that have a vector."""
    return set(connection.execute(select(_EMBEDDING.c.item_number)).scalars())


def with_text(connection: Connection) -> list[Any]:
    """Number and text of all items that have a vector."""
    query = select(_ITEM.c.number, _ITEM.c.title, _ITEM.c.summary, _ITEM.c.text)
    query = query.join(_EMBEDDING, _EMBEDDING.c.item_number == _ITEM.c.number)
    return list(connection.execute(query.order_by(_ITEM.c.number)))


def replace_vectors(connection: Connection, numbers: Sequence[int], vectors: Vectors) -> None:
    """Give items other vectors (n, d) than they had."""
    query = update(_EMBEDDING).where(_EMBEDDING.c.item_number == bindparam("n"))
    rows = [
        {"n": number, "v": vector.tobytes()}
        for number, vector in zip(numbers, vectors, strict=True)
    ]
    if rows:
        connection.execute(query.values(vector=bindparam("v")), rows)


def set_events(connection: Connection, placements: Sequence[tuple[int, str, str]]) -> None:
    """Write each item's event: rows of number, event, reason."""
    if placements:
        connection.exec_driver_sql(
            "UPDATE item SET event_id = ?2, event_reason = ?3, state = 'grouped' WHERE number = ?1",
            list(placements),
        )


def arrivals(
    connection: Connection,
    sources: Collection[str],
    start: datetime,
    end: datetime,
    copied: Collection[str],
) -> list[tuple[str, datetime, bool]]:
    """(source, first seen, whether it copied) of items first seen in [start, end], oldest first.

    `copied` are the beginnings of the reasons for which an item is a copy of a known one.
    """
    copy = or_(*(_ITEM.c.event_reason.startswith(reason) for reason in copied))
    query = (
        select(_ITEM.c.source, _ITEM.c.first_seen_at, copy)
        .where(_ITEM.c.source.in_(WANTED))
        .where(_ITEM.c.first_seen_at >= start, _ITEM.c.first_seen_at <= end)
        .order_by(_ITEM.c.first_seen_at, _ITEM.c.number)
    )
    return [(row[0], row[1], bool(row[2])) for row in connection.execute(query, wanted(sources))]


def grouped_between(connection: Connection, start: datetime, end: datetime) -> list[Any]:
    """Items with an event, first seen in [start, end], in that order."""
    query = (
        select(_ITEM)
        .where(
            _ITEM.c.first_seen_at >= start,
            _ITEM.c.first_seen_at <= end,
            _ITEM.c.event_id.is_not(None),
        )
        .order_by(_ITEM.c.first_seen_at, _ITEM.c.id)
    )
    return list(connection.execute(query))


def per_day_and_owner(connection: Connection, until: datetime) -> list[tuple[date, str, int]]:
    """How many items of each owner were first seen on each day up to an instant."""
    day = func.date(_ITEM.c.first_seen_at)
    query = select(day, _ITEM.c.owner, func.count()).where(_ITEM.c.first_seen_at <= until)
    found = connection.execute(query.group_by(day, _ITEM.c.owner))
    return [(date.fromisoformat(row[0]), row[1], int(row[2])) for row in found]


def seen_between(connection: Connection, start: datetime, end: datetime) -> int:
    """How many items were first seen after `start` and by `end`."""
    query = select(func.count()).select_from(_ITEM)
    query = query.where(_ITEM.c.first_seen_at > start, _ITEM.c.first_seen_at <= end)
    return int(connection.execute(query).scalar_one())


def counts(connection: Connection) -> dict[str, int]:
    """Items per state, and how many are undated."""
    query = select(_ITEM.c.state, func.count()).group_by(_ITEM.c.state)
    found = {row[0]: int(row[1]) for row in connection.execute(query)}
    undated = select(func.count()).where(_ITEM.c.published_at.is_(None))
    return {**found, "undated": connection.execute(undated).scalar_one()}


def count_in(connection: Connection, states: Collection[ItemState], until: datetime) -> int:
    """How many items seen by `until` are in one of `states`."""
    query = select(func.count()).where(_ITEM.c.state.in_(states), _ITEM.c.first_seen_at <= until)
    return int(connection.execute(query).scalar_one())


def newest_in(connection: Connection, state: ItemState, limit: int) -> list[Any]:
    """The items in `state` that came last, newest first."""
    query = select(_ITEM).where(_ITEM.c.state == state)
    return list(connection.execute(query.order_by(_ITEM.c.first_seen_at.desc()).limit(limit)))


def newest_gated(connection: Connection, gate: str, limit: int) -> list[Any]:
    """The items that came last of which the gate made `gate`, newest first."""
    query = select(_ITEM).join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
    query = query.where(_VERDICT.c.gate == gate).order_by(_ITEM.c.first_seen_at.desc())
    return list(connection.execute(query.limit(limit)))


def by_id(connection: Connection, id_: str) -> Row[Any] | None:
    """One item, whole."""
    return connection.execute(select(_ITEM).where(_ITEM.c.id == id_)).first()


def of_event(connection: Connection, event_id: str) -> list[Any]:
    """An event's members in the order they were seen."""
    query = (
        select(_ITEM)
        .where(_ITEM.c.event_id == event_id)
        .order_by(_ITEM.c.first_seen_at, _ITEM.c.id)
    )
    return list(connection.execute(query))


def listing(
    connection: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    category: str | None = None,
    event_id: str | None = None,
    moved: Mapping[int, str] = MappingProxyType({}),
    match: str | None = None,
    limit: int | None = None,
) -> list[Any]:
    """Items newest first with the newest verdict's labels; every filter narrows.

    `until` answers as the program would have then: by first-seen time; `moved` names the events
    of then of items that are in others now.
    """
    newest = select(func.max(_VERDICT.c.id)).group_by(_VERDICT.c.item_number)
    if until is not None:
        newest = newest.where(_VERDICT.c.recorded_at <= until)
    query = (
        select(_ITEM, _VERDICT.c.labels, _VERDICT.c.p_relevant, _VERDICT.c.abstained)
        .outerjoin(_VERDICT, (_VERDICT.c.item_number == _ITEM.c.number) & _VERDICT.c.id.in_(newest))
        .order_by(_ITEM.c.first_seen_at.desc(), _ITEM.c.id)
    )
    if since is not None:
        query = query.where(_ITEM.c.first_seen_at >= since)
    if until is not None:
        query = query.where(_ITEM.c.first_seen_at <= until)
    if event_id is not None:
        came = [number for number, event in moved.items() if event == event_id]
        in_it = and_(_ITEM.c.event_id == event_id, _ITEM.c.number.not_in(list(moved)))
        query = query.where(or_(in_it, _ITEM.c.number.in_(came)))
    if category is not None:
        has = text(
            "EXISTS (SELECT 1 FROM json_each(verdict.labels) AS label"
            " WHERE label.value ->> 'category' = :category)"
        )
        query = query.where(has.bindparams(category=category))
    if match and match.strip():
        found = text(
            "item.number IN (SELECT rowid FROM item_text WHERE item_text MATCH :match"
            " UNION SELECT rowid FROM item_cjk WHERE item_cjk MATCH :chinese)"
        )
        chinese = " ".join(search.pairs(match)) or "-"
        query = query.where(found.bindparams(match=_quoted(match), chinese=f'"{chinese}"'))
    return list(connection.execute(query.limit(limit)))


def _quoted(words: str) -> str:
    """Each word as an FTS5 string, so that no query syntax is taken from the user."""
    return " ".join('"' + word.replace('"', '""') + '"' for word in words.split())
