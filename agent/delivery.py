"""Sends what waits in the outbox: again after a failure, never three times, never silently lost.

A message is marked as begun before it is handed over and as sent after. Killed between the two it
may have arrived; it is sent once more, under the same id. What can still not be known then, and
what failed TRIES times and for GIVE_UP, becomes a dead letter that `thesis status` shows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent import channels, notices
from agent.channels import Channel
from agent.clock import HELD
from agent.config import Config
from agent.errors import ChannelError, ThesiswatchError
from agent.notices import Parcel
from agent.thesis import Thesis
from agent.workspace import Workspace
from store import messages
from store.database import Database

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=30)
GIVE_UP = timedelta(days=2)
"""After so long a message is given up that was tried often enough."""
TRIES = 12
"""So often at least, some three hours: the first try of a machine that slept over a weekend is
before its network is up."""
MOST_UNSURE = 2
"""Attempts of which nobody knows whether they arrived."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of the messages that were due, and how many are left."""

    sent: int = 0
    failures: tuple[ThesiswatchError, ...] = ()
    waiting: int = 0
    dead: int = 0


def deliver(workspace: Workspace, now: datetime) -> Delivered:
    """Try every message that is due at `now`, the oldest first; one that fails waits its turn."""
    database, config = workspace.database, workspace.config
    with database.reading() as connection:
        due = messages.due(connection, now, now + HELD)
    sent, failures = 0, []
    down: set[str] = set()
    for row in due:
        if row.channel in down:
            continue
        error = _attempt(database, config, row, now)
        if error is None:
            sent += 1
        else:
            failures.append(error)
            if row.unsure < MOST_UNSURE:  # else it was not even tried
                down.add(row.channel)
    if down:
        with database.writing() as connection:
            messages.put_off(connection, down, now + FIRST_WAIT)
    with database.reading() as connection:
        counts = messages.counts(connection)
    left = (counts.get(state, 0) for state in (messages.WAITING, messages.DEAD))
    return Delivered(sent, tuple(failures), *left)


def sample(config: Config, thesis: Thesis, name: str, now: datetime) -> None:
    """Send a marked sample over a channel at once. Raises ChannelError."""
    _channel(config, name).send(notices.sample(thesis, now), f"sample-{now:%Y%m%dT%H%M%S}")


def revive(workspace: Workspace, now: datetime) -> int:
    """Let dead letters be tried again; returns how many."""
    with workspace.database.writing() as connection:
        return messages.revive(connection, now)


def _attempt(database: Database, config: Config, row: Any, now: datetime) -> ChannelError | None:
    """Send one message; its error is noted on it."""
    if row.unsure >= MOST_UNSURE:
        error = ChannelError(
            row.channel,
            f"{row.unsure} attempts ended without an answer; it may have arrived",
            "Look there; `thesis alerts deliver --dead` sends it once more",
            sure=False,
        )
        return _give_up(database, row, error)
    try:
        channel = _channel(config, row.channel)
    except ChannelError as error:
        return _fail(database, row, now, error, begun=False)
    with database.writing() as connection:
        messages.begin(connection, row.id)
    refused: ChannelError | None = None
    try:
        channel.send(_parcel(row), row.id)
    except ChannelError as error:
        if not error.taken:
            return _fail(database, row, now, error, begun=True)
        refused = error
    with database.writing() as connection:
        messages.sent(connection, row.id, now)
    return refused


def _fail(
    database: Database, row: Any, now: datetime, error: ChannelError, *, begun: bool
) -> ChannelError:
    if now - row.made_at >= GIVE_UP and row.attempts + 1 >= TRIES:
        return _give_up(database, row, error)
    wait = min(FIRST_WAIT * 2 ** min(row.attempts, 10), LONGEST_WAIT)
    with database.writing() as connection:
        if not begun:
            messages.begin(connection, row.id)  # a try all the same, and one that sent nothing
        messages.failed(connection, row.id, now + wait, str(error), sure=not begun or error.sure)
    return error


def _give_up(database: Database, row: Any, error: ChannelError) -> ChannelError:
    with database.writing() as connection:
        messages.give_up(connection, row.id, str(error))
    return error


def _channel(config: Config, name: str) -> Channel:
    for chosen in config.channels:
        if chosen.name == name:
            return channels.make(config, chosen)
    names = ", ".join(repr(one.name) for one in config.channels) or "none"
    raise ChannelError(name, "config.toml has no such channel", f"It has {names}", sure=True)


def _parcel(row: Any) -> Parcel:
    return Parcel(row.subject, row.text, row.html, row.images, row.made_at, row.headers)
