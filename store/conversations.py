"""Conversations and their turns. Whoever asks may write them while another process runs a pass."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from store.models import Conversation, Turn

_CONVERSATION = Conversation.__table__  # type: ignore[attr-defined]
_TURN = Turn.__table__  # type: ignore[attr-defined]


def begin(connection: Connection, thesis_id: str, now: datetime) -> int:
    """A new conversation; its number."""
    query = insert(_CONVERSATION).values(thesis_id=thesis_id, started_at=now)
    return int(connection.execute(query.returning(_CONVERSATION.c.id)).scalar_one())


def add(connection: Connection, row: Mapping[str, Any]) -> None:
    """A turn, given as column values."""
    connection.execute(insert(_TURN).values(dict(row)))


def newest(connection: Connection, thesis_id: str) -> int | None:
    """The conversation that was spoken in last."""
    query = (
        select(_TURN.c.conversation_id)
        .join(_CONVERSATION, _CONVERSATION.c.id == _TURN.c.conversation_id)
        .where(_CONVERSATION.c.thesis_id == thesis_id)
        .order_by(_TURN.c.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar()


def turns(connection: Connection, conversation_id: int) -> list[Any]:
    """The turns of a conversation, in order."""
    query = select(_TURN).where(_TURN.c.conversation_id == conversation_id)
    return list(connection.execute(query.order_by(_TURN.c.id)))
