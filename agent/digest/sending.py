"""Puts a digest into the outbox, once a morning, and keeps it as it was sent."""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time
from email.utils import parseaddr
from typing import Any

from agent import delivery
from agent.config import ChannelSection, Config
from agent.days import ONE_DAY, end_of
from agent.digest import making
from agent.digest.making import Digest
from agent.digest.schedule import Kind, Schedule, due, next_morning
from agent.errors import ThesiswatchError
from agent.workspace import Workspace
from store import digests, ledger, messages, settings


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a digest, a line for each channel; `is_sent` when all of them took it."""

    lines: tuple[str, ...]
    is_sent: bool


def send_due(workspace: Workspace, now: datetime) -> list[Digest]:
    """Queue the digests that are due and were neither sent nor skipped; returns what was queued.

    Raises ThesiswatchError when one cannot be made; the others are queued all the same.
    """
    local = now.astimezone(workspace.config.alerts.zone)
    queued: list[Digest] = []
    failures: list[ThesiswatchError] = []
    for kind, day in pending(workspace, now):
        if day < local.date() - ONE_DAY and not _was_any(workspace, kind):
            _mark_done(workspace, kind, day)  # missed before anybody asked for it
            continue
        try:
            queued += _send_one(workspace, kind, day, now)
        except ThesiswatchError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return queued


def _send_one(workspace: Workspace, kind: Kind, day: date, now: datetime) -> list[Digest]:
    """Make and queue the digest of a day, if it is one that goes out."""
    made = making.make(workspace, day, now, kind, ask=True, catching_up=True)
    is_wanted = workspace.config.digest.quiet_days or not made.facts.is_quiet
    if is_wanted:
        send(workspace, made, now)
    _mark_done(workspace, kind, day)
    return [made] if is_wanted else []


def pending(workspace: Workspace, now: datetime) -> list[tuple[Kind, date]]:
    """The digests that should be out by now and are not, by the last day each covers."""
    if not workspace.config.digest.channels:
        return []
    local = now.astimezone(workspace.config.alerts.zone)
    found = due(local, _schedule(workspace.config))
    today = local.date()
    return [(kind, day) for kind, day in found if not _is_done(workspace, kind, day, today)]


def next_at(workspace: Workspace, now: datetime) -> datetime | None:
    """When a digest goes out next: `now` when one is pending, None when nobody is to get any."""
    if not workspace.config.digest.channels:
        return None
    if pending(workspace, now):
        return now
    local = now.astimezone(workspace.config.alerts.zone)
    return next_morning(local, _schedule(workspace.config)).astimezone(UTC)


def _schedule(config: Config) -> Schedule:
    chosen = config.digest
    return Schedule(time.fromisoformat(chosen.at), chosen.weekends, chosen.weekly)


def send(workspace: Workspace, made: Digest, now: datetime) -> None:
    """Keep a digest and queue it to its channels; the same digest is queued once.

    One that was given up is tried again.

    Raises ThesiswatchError when [digest] names no channel, and while its day is not over: what
    came later that day would be in no digest.
    """
    channels = _channels(workspace.config)
    day = date.fromisoformat(made.day)
    if datetime.fromisoformat(made.facts.until) < end_of(day, workspace.config.alerts.zone):
        raise ThesiswatchError(f"{made.day} is not over yet", "Send it tomorrow, or an earlier one")
    row = {
        "thesis_id": workspace.thesis.id,
        "kind": made.kind.value,
        "day": day,
        "since": datetime.fromisoformat(made.facts.since),
        "until": datetime.fromisoformat(made.facts.until),
        "language": workspace.config.digest.language,
        "subject": made.parcel.subject,
        "text": made.parcel.text,
        "html": made.parcel.html,
        "facts": asdict(made.facts),
        "images": made.parcel.images,
        "made_at": now,
    }
    with workspace.database.writing() as connection:
        digests.keep(connection, row)
        for channel in channels:
            message = _message(workspace, made, channel, now)
            if not messages.queue(connection, message):
                messages.revive_one(connection, message["id"], now)


def _message(
    workspace: Workspace, made: Digest, channel: ChannelSection, now: datetime
) -> dict[str, Any]:
    thesis = workspace.thesis.id
    parcel = replace(made.parcel, headers=_headers(thesis, channel), made_at=now)
    return {
        "id": _id(thesis, made, channel.name),
        "thesis_id": thesis,
        "channel": channel.name,
        "kind": "digest",
        **asdict(parcel),
        "alerts": [],
        "due_at": now,
    }


def send_now(workspace: Workspace, made: Digest, now: datetime) -> Told:
    """Send a digest at once, and say what became of it, be it sent before."""
    send(workspace, made, now)
    delivery.deliver(workspace, now)
    rows: list[Any] = []
    for channel in _channels(workspace.config):
        with workspace.database.reading() as connection:
            rows.append(messages.by_id(connection, _id(workspace.thesis.id, made, channel.name)))
    lines = [_line(row) for row in rows]
    return Told(tuple(lines), all(row.state == messages.SENT for row in rows))


def _line(row: Any) -> str:
    """What became of a message."""
    at = f" on {row.sent_at:%Y-%m-%d at %H:%M} UTC" if row.sent_at else ""
    return f"{row.channel}: {row.state}{at}{': ' + row.error if row.error else ''}"


def _id(thesis: str, made: Digest, channel: str) -> str:
    name = f"{thesis} {made.kind} {made.day} {channel}"
    return "digest-" + hashlib.sha256(name.encode()).hexdigest()[:24]


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


def _is_done(workspace: Workspace, kind: Kind, day: date, today: date) -> bool:
    """Whether it was; a digest of a day yet to come was made under a clock that was wrong."""
    end = end_of(day, workspace.config.alerts.zone)
    with workspace.database.reading() as connection:
        if ledger.snapshot_before(connection, workspace.thesis.id, end) is None:
            return True  # there was no score to tell of yet
        done = settings.read(connection, _mark(kind)) or ""
        return day.isoformat() <= done <= today.isoformat()


def _was_any(workspace: Workspace, kind: Kind) -> bool:
    with workspace.database.reading() as connection:
        return settings.read(connection, _mark(kind)) is not None


def _mark_done(workspace: Workspace, kind: Kind, day: date) -> None:
    with workspace.database.writing() as connection:
        settings.keep(connection, _mark(kind), day.isoformat())


def _mark(kind: Kind) -> str:
    return f"digest {kind}"
