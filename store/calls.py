"""Calls of language models: what was asked, answered and paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from store import bulk
from store.models import Call, Evidence, Verdict

_CALL = Call.__table__  # type: ignore[attr-defined]
_EVIDENCE = Evidence.__table__  # type: ignore[attr-defined]
_VERDICT = Verdict.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Spending:
    """What the calls since an instant came to; `cost` in dollars."""

    calls: int
    hits: int
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost: float


def add(connection: Connection, row: Mapping[str, Any]) -> None:
    """Record a call, given as column values."""
    bulk.insert(connection, _CALL, [row])


def recall(connection: Connection, key: str) -> Any | None:
    """The newest settled call with this key."""
    query = select(_CALL).where(_CALL.c.key == key, _CALL.c.settled)
    return connection.execute(query.order_by(_CALL.c.id.desc()).limit(1)).first()


def hit(connection: Connection, id_: int) -> None:
    """Count that a call's answer served again."""
    connection.execute(update(_CALL).where(_CALL.c.id == id_).values(hits=_CALL.c.hits + 1))


def spending(
    connection: Connection, since: datetime | None = None, until: datetime | None = None
) -> Spending:
    """The sums over all calls from `since` on and until `until`, or over all there are."""
    parts = (_CALL.c.hits, _CALL.c.tokens_in, _CALL.c.tokens_cached, _CALL.c.tokens_out)
    sums = [func.coalesce(func.sum(part), 0) for part in parts]
    query = select(func.count(), *sums, func.coalesce(func.sum(_CALL.c.cost), 0.0))
    if since is not None:
        query = query.where(_CALL.c.asked_at >= since)
    if until is not None:
        query = query.where(_CALL.c.asked_at <= until)
    return Spending(*connection.execute(query).one())


def newest(connection: Connection) -> Any | None:
    """The last call that was made."""
    return connection.execute(select(_CALL).order_by(_CALL.c.id.desc()).limit(1)).first()


def scored_events(connection: Connection, judge: str) -> int:
    """Events with a ledger row that rests on a verdict of `judge`."""
    query = (
        select(func.count(func.distinct(_EVIDENCE.c.event_id)))
        .join(_VERDICT, _VERDICT.c.id == _EVIDENCE.c.verdict_id)
        .where(_VERDICT.c.judge == judge)
    )
    return int(connection.execute(query).scalar_one())
