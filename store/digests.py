"""Digests as they were sent."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from store.models import Digest

_DIGEST = Digest.__table__  # type: ignore[attr-defined]


def keep(connection: Connection, row: Mapping[str, Any]) -> None:
    """Keep a digest; one of the same kind and day stays as it was."""
    connection.execute(insert(_DIGEST).values(dict(row)).on_conflict_do_nothing())


def of_day(connection: Connection, thesis_id: str, kind: str, day: date) -> Any | None:
    """The digest of a day that was sent, if one was."""
    query = select(_DIGEST).where(_DIGEST.c.thesis_id == thesis_id, _DIGEST.c.kind == kind)
    return connection.execute(query.where(_DIGEST.c.day == day)).first()


def newest_before(connection: Connection, thesis_id: str, kind: str, day: date) -> Any | None:
    """The last one that was sent before a day."""
    query = select(_DIGEST).where(_DIGEST.c.thesis_id == thesis_id, _DIGEST.c.kind == kind)
    query = query.where(_DIGEST.c.day < day).order_by(_DIGEST.c.day.desc())
    return connection.execute(query.limit(1)).first()
