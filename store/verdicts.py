"""What the judges said, one row per item, judge and version."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from store import bulk
from store.bulk import WANTED, wanted
from store.models import Item, Verdict

_VERDICT = Verdict.__table__  # type: ignore[attr-defined]
_ITEM = Item.__table__  # type: ignore[attr-defined]


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record verdicts; one already recorded under the same key stays as it is."""
    bulk.insert(connection, _VERDICT, rows, skip_known=True)


def of_events(connection: Connection, event_ids: Sequence[str]) -> list[Any]:
    """The newest verdict of every member of `event_ids`, beside what the ledger needs of it."""
    query = (
        select(
            _ITEM.c.number,
            _ITEM.c.id,
            _ITEM.c.event_id,
            _ITEM.c.title,
            _ITEM.c.kind,
            _ITEM.c.publisher,
            _ITEM.c.owner,
            _ITEM.c.url,
            _ITEM.c.published_at,
            _ITEM.c.first_seen_at,
            _ITEM.c.dated_at,
            _VERDICT.c.id.label("verdict_id"),
            _VERDICT.c.abstained,
            _VERDICT.c.relevant,
            _VERDICT.c.labels,
        )
        .join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
        .where(_ITEM.c.event_id.in_(WANTED))
        .order_by(_ITEM.c.first_seen_at, _ITEM.c.id, _VERDICT.c.id)
    )
    return list({row.number: row for row in connection.execute(query, wanted(event_ids))}.values())


def of_item(connection: Connection, number: int) -> list[Any]:
    """Every verdict on an item, oldest first."""
    query = select(_VERDICT).where(_VERDICT.c.item_number == number).order_by(_VERDICT.c.id)
    return list(connection.execute(query))


def relevant_events(connection: Connection, event_ids: Sequence[str]) -> list[str]:
    """Those of `event_ids` with a member that was judged relevant."""
    query = (
        select(_ITEM.c.event_id)
        .join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
        .where(_ITEM.c.event_id.in_(WANTED), _VERDICT.c.relevant)
    )
    return sorted(set(connection.execute(query, wanted(event_ids)).scalars()))
