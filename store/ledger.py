"""The ledger: append-only rows, and the score's snapshots."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from store import bulk
from store.bulk import WANTED, wanted
from store.models import Event, Evidence, Item, Snapshot, ThesisVersion, Verdict

_EVIDENCE = Evidence.__table__  # type: ignore[attr-defined]
_ITEM = Item.__table__  # type: ignore[attr-defined]
_EVENT = Event.__table__  # type: ignore[attr-defined]
_VERDICT = Verdict.__table__  # type: ignore[attr-defined]
_SNAPSHOT = Snapshot.__table__  # type: ignore[attr-defined]
_VERSION = ThesisVersion.__table__  # type: ignore[attr-defined]

_FRESH = upsert(_SNAPSHOT)
_KEEP_SNAPSHOT = _FRESH.on_conflict_do_update(
    index_elements=["thesis_id", "as_of"],
    set_={
        column.name: _FRESH.excluded[column.name]
        for column in _SNAPSHOT.c
        if column.name not in ("id", "thesis_id", "as_of")
    },
)


def append(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add ledger rows; nothing is ever changed or deleted here."""
    bulk.insert(connection, _EVIDENCE, rows)


def standing(connection: Connection, thesis_id: str, as_of: datetime) -> list[Any]:
    """The rows that count at `as_of`: the latest of each event and category by then."""
    latest = _latest(thesis_id, as_of)
    return list(connection.execute(select(_EVIDENCE).where(_EVIDENCE.c.id.in_(latest))))


def standing_of(
    connection: Connection, thesis_id: str, event_ids: Sequence[str], as_of: datetime
) -> list[Any]:
    """Of these events, the rows that count at `as_of`."""
    latest = (
        select(func.max(_EVIDENCE.c.id))
        .where(_EVIDENCE.c.thesis_id == thesis_id, _EVIDENCE.c.recorded_at <= as_of)
        .where(_EVIDENCE.c.event_id.in_(WANTED))
        .group_by(_EVIDENCE.c.event_id, _EVIDENCE.c.category)
    )
    query = select(_EVIDENCE).where(_EVIDENCE.c.id.in_(latest))
    return list(connection.execute(query, wanted(event_ids)))


def every(connection: Connection, thesis_id: str) -> list[Any]:
    """The whole ledger of a thesis in the order it was recorded, restated rows included."""
    query = select(_EVIDENCE).where(_EVIDENCE.c.thesis_id == thesis_id)
    return list(connection.execute(query.order_by(_EVIDENCE.c.recorded_at, _EVIDENCE.c.id)))


def with_sources(connection: Connection, thesis_id: str, as_of: datetime) -> list[Any]:
    """The rows that count at `as_of`, beside the item and the verdict that they come from."""
    query = (
        select(
            _EVIDENCE,
            _ITEM.c.id.label("item_id"),
            _ITEM.c.title,
            _ITEM.c.url,
            _ITEM.c.publisher,
            _ITEM.c.published_at,
            _ITEM.c.kind,
            _VERDICT.c.judge,
            _VERDICT.c.model,
            _VERDICT.c.prompt_hash,
            _VERDICT.c.input_hash,
            _VERDICT.c.labels,
            _VERDICT.c.happening,
        )
        .join(_ITEM, _ITEM.c.number == _EVIDENCE.c.item_number)
        .join(_VERDICT, _VERDICT.c.id == _EVIDENCE.c.verdict_id)
        .where(_EVIDENCE.c.id.in_(_latest(thesis_id, as_of)))
    )
    return list(connection.execute(query))


def between(connection: Connection, thesis_id: str, start: datetime, end: datetime) -> list[Any]:
    """Rows recorded after `start` and by `end`, in their order."""
    query = select(_EVIDENCE).where(_EVIDENCE.c.thesis_id == thesis_id)
    query = query.where(_EVIDENCE.c.recorded_at > start, _EVIDENCE.c.recorded_at <= end)
    return list(connection.execute(query.order_by(_EVIDENCE.c.recorded_at, _EVIDENCE.c.id)))


def first_days(connection: Connection, thesis_id: str, until: datetime) -> list[Any]:
    """What was recorded of each event and category on its first day, with the leading owner.

    Rows of (event_id, category, stance, weight, owners, occurred_at, recorded_at, owner), in the
    order they were recorded.
    """
    first = (
        select(
            _EVIDENCE.c.event_id,
            _EVIDENCE.c.category,
            func.date(func.min(_EVIDENCE.c.recorded_at)).label("day"),
        )
        .where(_EVIDENCE.c.thesis_id == thesis_id, _EVIDENCE.c.recorded_at <= until)
        .group_by(_EVIDENCE.c.event_id, _EVIDENCE.c.category)
        .subquery()
    )
    names = ("event_id", "category", "stance", "weight", "owners", "occurred_at", "recorded_at")
    query = (
        select(*(_EVIDENCE.c[name] for name in names), _ITEM.c.owner)
        .join(_ITEM, _ITEM.c.number == _EVIDENCE.c.item_number)
        .join(
            first,
            (first.c.event_id == _EVIDENCE.c.event_id)
            & (first.c.category == _EVIDENCE.c.category)
            & (first.c.day == func.date(_EVIDENCE.c.recorded_at)),
        )
        .where(_EVIDENCE.c.thesis_id == thesis_id, _EVIDENCE.c.recorded_at <= until)
    )
    return list(connection.execute(query.order_by(_EVIDENCE.c.id)))


def ranks(
    connection: Connection, thesis_id: str, event_ids: Sequence[str], until: datetime
) -> dict[str, int]:
    """Which of their storyline's week events were, by their last rows recorded by `until`."""
    query = select(_EVIDENCE.c.event_id, _EVIDENCE.c.storyline_rank)
    query = query.where(_EVIDENCE.c.thesis_id == thesis_id, _EVIDENCE.c.recorded_at <= until)
    query = query.where(_EVIDENCE.c.event_id.in_(WANTED))
    found = connection.execute(query.order_by(_EVIDENCE.c.id), wanted(event_ids))
    return {row[0]: row[1] for row in found}


def storylines(connection: Connection, thesis_id: str) -> list[tuple[str, datetime, str]]:
    """(storyline, opened_at, event) of every event with evidence for one side."""
    query = (
        select(_EVENT.c.storyline, _EVENT.c.opened_at, _EVENT.c.id)
        .join(_EVIDENCE, _EVIDENCE.c.event_id == _EVENT.c.id)
        .where(_EVIDENCE.c.thesis_id == thesis_id, _EVIDENCE.c.weight != 0)
        .where(_EVENT.c.merged_into == "")
        .distinct()
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def count(connection: Connection, thesis_id: str) -> int:
    """Ledger rows of a thesis, restated ones included."""
    query = select(func.count()).where(_EVIDENCE.c.thesis_id == thesis_id)
    return int(connection.execute(query).scalar_one())


def newest(connection: Connection, thesis_id: str, until: datetime) -> datetime | None:
    """When a row was last recorded by `until`."""
    query = select(func.max(_EVIDENCE.c.recorded_at)).where(_EVIDENCE.c.thesis_id == thesis_id)
    query = query.where(_EVIDENCE.c.recorded_at <= until)
    found: datetime | None = connection.execute(query).scalar()
    return found


def keep_snapshot(connection: Connection, row: Mapping[str, Any]) -> None:
    """Store the score of an instant; a second pass over the same instant replaces it."""
    connection.execute(_KEEP_SNAPSHOT, [dict(row)])


def drop_snapshots(connection: Connection, thesis_id: str, after: datetime) -> int:
    """Forget the scores of instants after `after`; returns how many there were."""
    query = delete(_SNAPSHOT).where(_SNAPSHOT.c.thesis_id == thesis_id)
    return connection.execute(query.where(_SNAPSHOT.c.as_of > after)).rowcount


def snapshots(
    connection: Connection,
    thesis_id: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Any]:
    """Scores over time, oldest first."""
    query = select(_SNAPSHOT).where(_SNAPSHOT.c.thesis_id == thesis_id)
    if since is not None:
        query = query.where(_SNAPSHOT.c.as_of >= since)
    if until is not None:
        query = query.where(_SNAPSHOT.c.as_of <= until)
    return list(connection.execute(query.order_by(_SNAPSHOT.c.as_of)))


def snapshot_before(
    connection: Connection, thesis_id: str, as_of: datetime | None
) -> Row[Any] | None:
    """The newest score kept by `as_of`, or the newest of all."""
    query = select(_SNAPSHOT).where(_SNAPSHOT.c.thesis_id == thesis_id)
    if as_of is not None:
        query = query.where(_SNAPSHOT.c.as_of <= as_of)
    return connection.execute(query.order_by(_SNAPSHOT.c.as_of.desc()).limit(1)).first()


def thesis_text(connection: Connection, version: str) -> str | None:
    """The thesis file that `version` stands for."""
    return connection.execute(select(_VERSION.c.text).where(_VERSION.c.version == version)).scalar()


def keep_thesis(
    connection: Connection, version: str, thesis_id: str, text: str, at: datetime
) -> None:
    """Remember the text a version stands for."""
    query = upsert(_VERSION).values(
        version=version, thesis_id=thesis_id, text=text, first_used_at=at
    )
    connection.execute(query.on_conflict_do_nothing())


def _latest(thesis_id: str, as_of: datetime) -> Select[tuple[int]]:
    """Row ids: the newest of each event and category recorded by `as_of`."""
    return (
        select(func.max(_EVIDENCE.c.id))
        .where(_EVIDENCE.c.thesis_id == thesis_id, _EVIDENCE.c.recorded_at <= as_of)
        .group_by(_EVIDENCE.c.event_id, _EVIDENCE.c.category)
    )
