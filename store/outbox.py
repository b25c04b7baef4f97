"""Vectors that wait to be indexed."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select

from store.models import Embedding, IndexOutbox

_OUTBOX = IndexOutbox.__table__  # type: ignore[attr-defined]
_EMBEDDING = Embedding.__table__  # type: ignore[attr-defined]


def waiting(connection: Connection, limit: int, after: int = 0) -> list[int]:
    """Item numbers to index, lowest first, above `after`."""
    query = select(_OUTBOX.c.item_number).where(_OUTBOX.c.item_number > after)
    query = query.order_by(_OUTBOX.c.item_number).limit(limit)
    return [int(number) for number in connection.execute(query).scalars()]


def lag(connection: Connection) -> int:
    """How many vectors wait."""
    return int(connection.execute(select(func.count()).select_from(_OUTBOX)).scalar_one())


def done(connection: Connection, numbers: Sequence[int]) -> None:
    """Forget what has been indexed."""
    for start in range(0, len(numbers), 500):
        chunk = numbers[start : start + 500]
        connection.execute(delete(_OUTBOX).where(_OUTBOX.c.item_number.in_(chunk)))


def refill(connection: Connection) -> int:
    """Queue every stored vector again, for a rebuild; returns how many."""
    connection.execute(delete(_OUTBOX))
    connection.execute(
        insert(_OUTBOX).from_select(["item_number"], select(_EMBEDDING.c.item_number))
    )
    return lag(connection)
