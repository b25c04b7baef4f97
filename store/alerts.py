"""Alerts, what became of them, and the silences that keep them back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from store import bulk
from store.bulk import WANTED, wanted
from store.models import Alert, AlertChange, Silence

_ALERT = Alert.__table__  # type: ignore[attr-defined]
_CHANGE = AlertChange.__table__  # type: ignore[attr-defined]
_SILENCE = Silence.__table__  # type: ignore[attr-defined]


def every(connection: Connection, thesis_id: str) -> list[Any]:
    """All alerts of a thesis, the latest first."""
    query = select(_ALERT).where(_ALERT.c.thesis_id == thesis_id)
    return list(connection.execute(query.order_by(_ALERT.c.began_at.desc(), _ALERT.c.id)))


def keep(connection: Connection, row: Mapping[str, Any]) -> None:
    """Write an alert as it is now."""
    query = insert(_ALERT).values(dict(row))
    connection.execute(query.on_conflict_do_update(index_elements=["id"], set_=dict(row)))


def note(connection: Connection, alert_id: str, at: datetime, change: str, detail: str) -> None:
    """Note what became of an alert."""
    row = {"alert_id": alert_id, "at": at, "change": change, "detail": detail}
    bulk.insert(connection, _CHANGE, [row])


def changes(connection: Connection, alert_id: str) -> list[Any]:
    """What became of an alert, in order."""
    query = select(_CHANGE).where(_CHANGE.c.alert_id == alert_id)
    return list(connection.execute(query.order_by(_CHANGE.c.id)))


def fired_between(
    connection: Connection, thesis_id: str, start: datetime, end: datetime
) -> list[Any]:
    """(id, rule, headline, at) of the alerts that fired after `start` and by `end`, in order.

    In the words they fired with, where these were kept.
    """
    now = _ALERT.c.case["headline"].as_string()
    said = func.coalesce(func.nullif(_CHANGE.c.detail, ""), now).label("headline")
    query = (
        select(_ALERT.c.id, _ALERT.c.rule, said, _CHANGE.c.at)
        .join(_ALERT, _ALERT.c.id == _CHANGE.c.alert_id)
        .where(_ALERT.c.thesis_id == thesis_id, _ALERT.c.inhibited_by == "")
        .where(_CHANGE.c.change == "fired", _CHANGE.c.at > start, _CHANGE.c.at <= end)
    )
    return list(connection.execute(query.order_by(_CHANGE.c.at, _CHANGE.c.id)))


def forget(connection: Connection, ids: Sequence[str]) -> None:
    """Take alerts away that never fired, or that a replay is about to tell anew."""
    connection.execute(delete(_CHANGE).where(_CHANGE.c.alert_id.in_(WANTED)), wanted(ids))
    connection.execute(delete(_ALERT).where(_ALERT.c.id.in_(WANTED)), wanted(ids))


def silence(
    connection: Connection, thesis_id: str, match: str, until: datetime, reason: str, now: datetime
) -> int:
    """Keep alerts that match back until then; returns its number."""
    query = insert(_SILENCE).values(
        thesis_id=thesis_id, match=match, until=until, reason=reason, made_at=now
    )
    return int(connection.execute(query).inserted_primary_key[0])  # type: ignore[index]


def end_silence(connection: Connection, thesis_id: str, number: int, now: datetime) -> bool:
    """End a silence that holds; whether there was one."""
    query = update(_SILENCE).where(_SILENCE.c.id == number, _SILENCE.c.thesis_id == thesis_id)
    done = connection.execute(query.where(_SILENCE.c.until > now).values(until=now))
    return done.rowcount > 0


def silences(connection: Connection, thesis_id: str, now: datetime) -> list[Any]:
    """Those that hold at `now`."""
    query = select(_SILENCE).where(_SILENCE.c.thesis_id == thesis_id, _SILENCE.c.until > now)
    return list(connection.execute(query.order_by(_SILENCE.c.id)))
