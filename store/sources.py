"""The health of each source, and the input that could not become an item."""

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import insert

from store.models import Rejected, SourceState

_STATE = SourceState.__table__  # type: ignore[attr-defined]
_REJECTED = Rejected.__table__  # type: ignore[attr-defined]
LONGEST_RAW = 4000


def states(connection: Connection) -> dict[str, Any]:
    """Every source ever looked at, by name."""
    return {row.name: row for row in connection.execute(select(_STATE))}


def keep_state(connection: Connection, name: str, **values: Any) -> None:
    """Write what changed about a source."""
    query = insert(_STATE).values(
        {
            "failures": 0,
            "error": "",
            "items": 0,
            "etag": "",
            "last_modified": "",
            **values,
            "name": name,
        }
    )
    connection.execute(query.on_conflict_do_update(index_elements=["name"], set_=values))


def reject(
    connection: Connection, source: str, line: int, reason: str, raw: str, at: datetime
) -> bool:
    """Keep what was refused, once however often it comes; returns whether it came for once."""
    digest = hashlib.sha256(f"{source}\0{line}\0{raw}".encode()).hexdigest()
    query = insert(_REJECTED).values(
        digest=digest,
        source=source,
        line=line,
        reason=reason,
        raw=raw[:LONGEST_RAW],
        rejected_at=at,
    )
    return connection.execute(query.on_conflict_do_nothing()).rowcount > 0


def rejected_count(connection: Connection) -> int:
    """How much input was refused."""
    return int(connection.execute(select(func.count()).select_from(_REJECTED)).scalar_one())
