"""Dated questions and how they came out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from store import bulk
from store.models import Question

_QUESTION = Question.__table__  # type: ignore[attr-defined]


def add(connection: Connection, row: Mapping[str, Any]) -> None:
    """Pose a question, given as column values."""
    bulk.insert(connection, _QUESTION, [row])


def of_thesis(connection: Connection, thesis_id: str) -> list[Any]:
    """Every question about a thesis, in the order they were posed."""
    query = select(_QUESTION).where(_QUESTION.c.thesis_id == thesis_id)
    return list(connection.execute(query.order_by(_QUESTION.c.number)))


def resolve(
    connection: Connection, number: int, came_true: bool, at: datetime, reason: str
) -> None:
    """Note how a question came out."""
    query = update(_QUESTION).where(_QUESTION.c.number == number)
    connection.execute(query.values(came_true=came_true, resolved_at=at, reason=reason))
