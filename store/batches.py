"""Questions handed over in batches, until their answers are calls."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from store import bulk
from store.models import Batch, BatchRequest

_BATCH = Batch.__table__  # type: ignore[attr-defined]
_REQUEST = BatchRequest.__table__  # type: ignore[attr-defined]


def add(
    connection: Connection, mark: str, now: datetime, requests: Sequence[Mapping[str, Any]]
) -> None:
    """Note a batch that is about to be handed over, with its questions."""
    bulk.insert(connection, _BATCH, [{"mark": mark, "provider_id": "", "submitted_at": now}])
    bulk.insert(connection, _REQUEST, [{**row, "mark": mark} for row in requests])


def taken(connection: Connection, mark: str, provider_id: str) -> None:
    """The other side has it, under this id."""
    query = update(_BATCH).where(_BATCH.c.mark == mark)
    connection.execute(query.values(provider_id=provider_id))


def open_ones(connection: Connection) -> list[Any]:
    """Batches that were not collected yet, the oldest first."""
    return list(connection.execute(select(_BATCH).order_by(_BATCH.c.submitted_at, _BATCH.c.mark)))


def requests(connection: Connection, mark: str) -> dict[str, Any]:
    """A batch's questions by key."""
    query = select(_REQUEST).where(_REQUEST.c.mark == mark)
    return {row.key: row for row in connection.execute(query)}


def holds(connection: Connection, key: str) -> bool:
    """Whether a question is in a batch that was not collected yet."""
    query = select(_REQUEST.c.key).where(_REQUEST.c.key == key)
    return connection.execute(query).first() is not None


def close(connection: Connection, mark: str) -> None:
    """Forget a batch and its questions: they were answered, or may be asked again."""
    connection.execute(delete(_REQUEST).where(_REQUEST.c.mark == mark))
    connection.execute(delete(_BATCH).where(_BATCH.c.mark == mark))
