"""Puts a digest into the outbox, once a morning, and keeps it as it was sent."""

import hashlib
from dataclasses import asdict, replace
from datetime import date, datetime, time
from email.utils import parseaddr
from typing import Any

from agent.config import ChannelSection, Config
from agent.digest import making
from agent.digest.making import Digest
from agent.digest.schedule import Kind, Schedule, due
from agent.errors import ThesiswatchError
from agent.workspace import Workspace
from store import digests, ledger, messages, settings


def send_due(workspace: Workspace, now: datetime) -> list[Digest]:
    """Queue the digests that are due and were neither sent nor skipped; returns what was queued."""
    chosen = workspace.config.digest
    if not chosen.channels:
        return []
    local = now.astimezone(workspace.config.alerts.zone)
    schedule = Schedule(time.fromisoformat(chosen.at), chosen.weekends, chosen.weekly)
    queued = []
    for kind, day in due(local, schedule):
        if _is_done(workspace, kind, day):
            continue
        made = making.make(workspace, day, now, kind, ask=True)
        if chosen.quiet_days or not made.facts.is_quiet:
            send(workspace, made, now)
            queued.append(made)
        with workspace.database.writing() as connection:
            settings.keep(connection, _mark(kind), day.isoformat())
    return queued


def send(workspace: Workspace, made: Digest, now: datetime) -> None:
    """Keep a digest and queue it to its channels; the same digest is queued once.

    Raises ThesiswatchError when [digest] names no channel.
    """
    channels = _channels(workspace.config)
    row = {
        "thesis_id": workspace.thesis.id,
        "kind": made.kind.value,
        "day": date.fromisoformat(made.day),
        "since": datetime.fromisoformat(made.facts.since),
        "until": datetime.fromisoformat(made.facts.until),
        "language": workspace.config.digest.language,
        "subject": made.parcel.subject,
        "text": made.parcel.text,
        "html": made.parcel.html,
        "facts": asdict(made.facts),
        "made_at": now,
    }
    with workspace.database.writing() as connection:
        digests.keep(connection, row)
        for channel in channels:
            messages.queue(connection, _message(workspace, made, channel, now))


def _message(
    workspace: Workspace, made: Digest, channel: ChannelSection, now: datetime
) -> dict[str, Any]:
    thesis = workspace.thesis.id
    parcel = replace(made.parcel, headers=_headers(thesis, channel))
    name = f"{thesis} {made.kind} {made.day} {channel.name}"
    return {
        "id": "digest-" + hashlib.sha256(name.encode()).hexdigest()[:24],
        "thesis_id": thesis,
        "channel": channel.name,
        "kind": "digest",
        **asdict(parcel),
        "alerts": [],
        "due_at": now,
    }


def _headers(thesis: str, channel: ChannelSection) -> dict[str, str]:
    """What makes the digests of a thesis one thread, and lets a reader leave it."""
    address = parseaddr(channel.sender)[1]
    if not address:
        return {}
    root = f"<{thesis}.digest@{address.rpartition('@')[2]}>"
    return {
        "References": root,
        "In-Reply-To": root,
        "List-Id": f"{thesis} digest <{thesis}.digest.thesiswatch>",
        "List-Unsubscribe": f"<mailto:{address}?subject=unsubscribe%20{thesis}>",
    }


def _channels(config: Config) -> list[ChannelSection]:
    named = [one for one in config.channels if one.name in config.digest.channels]
    if not named:
        raise ThesiswatchError(
            "[digest] channels names nobody to send it to",
            'Add a [[channels]] table to config.toml and name it, such as channels = ["mail"]',
        )
    return named


def _is_done(workspace: Workspace, kind: Kind, day: date) -> bool:
    with workspace.database.reading() as connection:
        if ledger.snapshot_before(connection, workspace.thesis.id, None) is None:
            return True  # there is no score to tell of yet
        return settings.read(connection, _mark(kind)) == day.isoformat()


def _mark(kind: Kind) -> str:
    return f"digest {kind}"
