"""Messages on their way: queued in the transaction that has reason to, sent later, never twice
queued, given up only with a reason."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.sqlite import insert

from store.models import Message

_MESSAGE = Message.__table__  # type: ignore[attr-defined]
WAITING, SENT, DEAD = "waiting", "sent", "dead"


def queue(connection: Connection, row: Mapping[str, Any]) -> bool:
    """Put a message in the outbox; False when one of its id was there before."""
    query = insert(_MESSAGE).values({"state": WAITING, **row}).on_conflict_do_nothing()
    return connection.execute(query).rowcount > 0


def due(connection: Connection, now: datetime, beyond: datetime) -> list[Any]:
    """What waits and may be tried at `now`, the oldest first; what is put off to a time
    after `beyond` was so under a clock that was wrong."""
    is_due = (_MESSAGE.c.due_at <= now) | (_MESSAGE.c.due_at > beyond)
    query = select(_MESSAGE).where(_MESSAGE.c.state == WAITING, is_due)
    return list(connection.execute(query.order_by(_MESSAGE.c.made_at, _MESSAGE.c.id)))


def next_due(connection: Connection, now: datetime, beyond: datetime) -> datetime | None:
    """When the first of the messages that wait may be tried: see `due`."""
    query = select(_MESSAGE.c.due_at).where(_MESSAGE.c.state == WAITING)
    times = connection.execute(query).scalars()
    return min((now if at > beyond else at for at in times), default=None)


def begin(connection: Connection, id_: str) -> None:
    """Note that a message is about to be handed over: from here on it may have arrived."""
    counts = {"attempts": _MESSAGE.c.attempts + 1, "unsure": _MESSAGE.c.unsure + 1}
    connection.execute(update(_MESSAGE).where(_MESSAGE.c.id == id_).values(counts))


def sent(connection: Connection, id_: str, at: datetime) -> None:
    """Note that a message was taken."""
    values = {"state": SENT, "sent_at": at, "error": ""}
    connection.execute(update(_MESSAGE).where(_MESSAGE.c.id == id_).values(values))


def failed(connection: Connection, id_: str, due_at: datetime, error: str, *, sure: bool) -> None:
    """Note why a message was not taken, and when to try again; `sure` that it did not arrive."""
    values: dict[str, Any] = {"due_at": due_at, "error": error}
    if sure:
        values["unsure"] = _MESSAGE.c.unsure - 1
    connection.execute(update(_MESSAGE).where(_MESSAGE.c.id == id_).values(values))


def put_off(connection: Connection, channels: Collection[str], until: datetime) -> None:
    """Let what else waits for these channels wait until then; no attempt was made."""
    query = update(_MESSAGE).where(_MESSAGE.c.state == WAITING, _MESSAGE.c.due_at < until)
    connection.execute(query.where(_MESSAGE.c.channel.in_(channels)).values(due_at=until))


def give_up(connection: Connection, id_: str, error: str) -> None:
    """Try a message no more."""
    values = {"state": DEAD, "error": error}
    connection.execute(update(_MESSAGE).where(_MESSAGE.c.id == id_).values(values))


def revive(connection: Connection, now: datetime) -> int:
    """Let what was given up be tried again, as if it had been queued now; returns how many."""
    values = {"state": WAITING, "made_at": now, "due_at": now, "attempts": 0, "unsure": 0}
    return connection.execute(
        update(_MESSAGE).where(_MESSAGE.c.state == DEAD).values(values)
    ).rowcount


def revive_one(connection: Connection, id_: str, now: datetime) -> None:
    """Let a message be tried again if it was given up."""
    values = {"state": WAITING, "made_at": now, "due_at": now, "attempts": 0, "unsure": 0}
    query = update(_MESSAGE).where(_MESSAGE.c.id == id_, _MESSAGE.c.state == DEAD)
    connection.execute(query.values(values))


def by_id(connection: Connection, id_: str) -> Any | None:
    """One message."""
    return connection.execute(select(_MESSAGE).where(_MESSAGE.c.id == id_)).first()


def by_state(connection: Connection, state: str) -> list[Any]:
    """Messages in a state, the oldest first."""
    query = select(_MESSAGE).where(_MESSAGE.c.state == state)
    return list(connection.execute(query.order_by(_MESSAGE.c.made_at, _MESSAGE.c.id)))


def of_alert(connection: Connection, alert_id: str) -> list[Any]:
    """The messages that tell of an alert, the oldest first."""
    held = text("EXISTS (SELECT 1 FROM json_each(message.alerts) AS one WHERE one.value = :alert)")
    query = select(_MESSAGE).where(held.bindparams(alert=alert_id))
    return list(connection.execute(query.order_by(_MESSAGE.c.made_at, _MESSAGE.c.id)))


def counts(connection: Connection) -> dict[str, int]:
    """How many messages are in each state."""
    query = select(_MESSAGE.c.state, func.count()).group_by(_MESSAGE.c.state)
    return {row[0]: int(row[1]) for row in connection.execute(query)}
