"""What a person sees of the alerts and says to them: acknowledged, snoozed, silenced."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from agent import alerting
from agent.alerts import Alert, Evidence, Status
from agent.errors import ThesiswatchError
from agent.report import iso
from agent.signals import Rule
from agent.workspace import Workspace
from store import alerts as stored
from store import messages

Answer = dict[str, Any]
EVERYTHING = "*"


def table(workspace: Workspace, now: datetime) -> list[Answer]:
    """Every alert in a row, the latest first."""
    return [summary(one, now) for one in alerting.listing(workspace)]


def show(workspace: Workspace, id_: str, now: datetime) -> Answer:
    """One alert whole, with what became of it and who was told."""
    alert = _find(workspace, id_)
    with workspace.database.reading() as connection:
        changes = stored.changes(connection, alert.id)
        told = messages.of_alert(connection, alert.id)
    case = alert.case
    return {
        **summary(alert, now),
        "score_before": case.score_before,
        "score_after": case.score_after,
        "figures": dict(case.figures),
        "series": [list(one) for one in case.series],
        "evidence": [as_source(one) for one in case.evidence],
        "against": [as_source(one) for one in case.against],
        "claims": [dict(one) for one in case.claims],
        "changes": [
            {"at": iso(row.at), "change": row.change, "detail": row.detail} for row in changes
        ],
        "messages": [_message(row) for row in told],
    }


def summary(alert: Alert, now: datetime) -> Answer:
    """An alert in a row."""
    return {
        "id": alert.id,
        "rule": alert.rule.value,
        "category": alert.subject,
        "direction": alert.direction.value,
        "severity": alert.severity.value,
        "state": alert.state(now),
        "headline": alert.case.headline,
        "began_at": iso(alert.began_at),
        "fired_at": iso(alert.fired_at),
        "resolved_at": iso(alert.resolved_at),
        "told_at": iso(alert.told_at),
        "snoozed_until": iso(alert.snoozed_until),
        "inhibited_by": alert.inhibited_by,
        "replayed": alert.replayed,
    }


def as_source(one: Evidence) -> Answer:
    """A source behind an alert, and the link that leads to it."""
    return {**asdict(one), "owners": list(one.owners), "link": one.link}


def acknowledge(workspace: Workspace, id_: str, now: datetime) -> None:
    """It was heard. Raises ThesiswatchError when it is over."""
    alert = _open(workspace, id_)
    with workspace.database.writing() as connection:
        kept = replace(alert, acknowledged_at=now)
        stored.keep(connection, alerting.as_row(kept, workspace.thesis.id))
        stored.note(connection, alert.id, now, "acknowledged", "")


def snooze(workspace: Workspace, which: str, days: float, now: datetime) -> datetime:
    """Keep one alert, or those of a category, back; returns until when."""
    if which in workspace.thesis.weights:
        return silence(workspace, which, days, "snoozed", now)[1]
    alert, until = _open(workspace, which), now + timedelta(days=days)
    with workspace.database.writing() as connection:
        kept = replace(alert, snoozed_until=until)
        stored.keep(connection, alerting.as_row(kept, workspace.thesis.id))
        stored.note(connection, alert.id, now, "snoozed", f"until {iso(until)}")
    return until


def silence(
    workspace: Workspace, match: str, days: float, reason: str, now: datetime
) -> tuple[int, datetime]:
    """Keep all alerts that match back; returns the silence's number and until when."""
    known = [*workspace.thesis.weights, *map(str, Rule), EVERYTHING]
    if match not in known:
        raise ThesiswatchError(f"no alert is about {match!r}", f"Name one of {', '.join(known)}")
    until = now + timedelta(days=days)
    with workspace.database.writing() as connection:
        number = stored.silence(connection, workspace.thesis.id, match, until, reason, now)
    return number, until


def end_silence(workspace: Workspace, number: int, now: datetime) -> None:
    """Let what it kept back be told again."""
    with workspace.database.writing() as connection:
        if not stored.end_silence(connection, workspace.thesis.id, number, now):
            raise ThesiswatchError(
                f"there is no silence {number} that holds", "See `thesis alerts silence`"
            )


def silences(workspace: Workspace, now: datetime) -> list[Answer]:
    """Those that hold."""
    with workspace.database.reading() as connection:
        rows = stored.silences(connection, workspace.thesis.id, now)
    return [
        {"id": row.id, "match": row.match, "until": iso(row.until), "reason": row.reason}
        for row in rows
    ]


def overview(workspace: Workspace, now: datetime) -> Answer:
    """For `status`: what fires, and what could not be sent."""
    every = alerting.listing(workspace)
    with workspace.database.reading() as connection:
        counts = messages.counts(connection)
        unsent = [
            *messages.by_state(connection, messages.DEAD),
            *(row for row in messages.by_state(connection, messages.WAITING) if row.error),
        ]
    firing = [summary(one, now) for one in every if one.status is Status.FIRING]
    return {"firing": firing, "messages": counts, "unsent": [_message(row) for row in unsent]}


def _message(row: Any) -> Answer:
    return {
        "id": row.id,
        "channel": row.channel,
        "subject": row.subject,
        "state": row.state,
        "attempts": row.attempts,
        "due_at": iso(row.due_at),
        "sent_at": iso(row.sent_at),
        "error": row.error,
    }


def _find(workspace: Workspace, id_: str) -> Alert:
    known: Mapping[str, Alert] = {one.id: one for one in alerting.listing(workspace)}
    if id_ not in known:
        raise ThesiswatchError(f"there is no alert {id_!r}", "See `thesis alerts list`")
    return known[id_]


def _open(workspace: Workspace, id_: str) -> Alert:
    alert = _find(workspace, id_)
    if not alert.is_open:
        raise ThesiswatchError(
            f"alert {id_!r} is {alert.status} already", "There is nothing to keep back"
        )
    return alert
