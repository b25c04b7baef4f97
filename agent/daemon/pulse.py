"""The daemon's sign of life: a file, a line to systemd, and an address whose silence is an alarm.

It beats when work gets done, in the thread that does it: a daemon that hangs falls silent.
"""

import json
import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

from pydantic import SecretStr

from agent.channels.redaction import redact
from agent.daemon import logs
from store import private
from store.database import daemon_pid
from store.swap import swap_in

FILE_NAME = "heartbeat"
BEAT_EVERY = timedelta(seconds=30)
PING_EVERY = timedelta(minutes=5)
PING_TIMEOUT = 10.0
STALE = timedelta(minutes=15)
"""A heartbeat older than this is none.

Work beats between its steps, which take seconds or minutes. One that takes longer, as a few hundred
items may with a model that hardly answers, the SEC's filings over a slow line or a vacuum of many
gigabytes, cannot be told from one that hangs; whoever is killed in it does that step again.
"""
RESTART = timedelta(minutes=2)
"""A daemon that ended may take so long to be there again before that is called out."""
NOTIFY = "NOTIFY_SOCKET"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When a daemon last showed that it lives, which process it is and since when it runs."""

    at: datetime
    pid: int
    started_at: datetime
    version: str

    def is_fresh(self, now: datetime) -> bool:
        """Whether it may be believed at `now`: one of a time to come was made by a wrong clock."""
        return abs(now - self.at) <= STALE


class Pulse:
    """Beats into `folder` at most every BEAT_EVERY."""

    def __init__(self, folder: Path, started_at: datetime) -> None:
        self._path = folder / FILE_NAME
        self._started_at = started_at
        self._beaten: datetime | None = None
        self._pinged: datetime | None = None

    def ready(self) -> None:
        """Tell systemd that the start is over."""
        tell_systemd("READY=1")

    def beat(self, now: datetime) -> None:
        """Show that work goes on; a disk that takes no file is complained about elsewhere."""
        if self._beaten is not None and timedelta(0) <= now - self._beaten < BEAT_EVERY:
            return
        self._beaten = now
        said = {
            "at": now.isoformat(),
            "pid": os.getpid(),
            "started_at": self._started_at.isoformat(),
            "version": version("thesiswatch"),
        }
        draft = self._path.with_name(f"{FILE_NAME}.draft")
        try:
            with open(draft, "w", encoding="utf-8", opener=private.opener) as out:
                json.dump(said, out)
            swap_in(draft, self._path)
        except OSError as error:
            logs.warn("no heartbeat could be written", error=error.strerror)
        tell_systemd("WATCHDOG=1")

    def ping(self, address: SecretStr | None, now: datetime) -> None:
        """Ask the address that waits for us; one that cannot be reached is a line in the log.

        A look-up or an answer that takes its time is left behind: work goes on.
        """
        if address is None:
            return
        if self._pinged is not None and timedelta(0) <= now - self._pinged < PING_EVERY:
            return
        self._pinged = now
        came: list[str] = []
        asking = Thread(target=lambda: came.append(_ask(address)), name="ping", daemon=True)
        asking.start()
        asking.join(PING_TIMEOUT)
        error = came[0] if came else f"no answer within {PING_TIMEOUT:g} seconds"
        if error:
            logs.warn("the ping did not get through", error=error)


def _ask(address: SecretStr) -> str:
    """Why an address could not be asked, without the address; "" when it was."""
    import httpx

    secret = address.get_secret_value()
    try:
        with httpx.stream("GET", secret, timeout=PING_TIMEOUT) as answer:
            answer.raise_for_status()  # whatever else it says is not waited for
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        return redact(f"{type(error).__name__}: {error}", secret)
    return ""


def is_alive(folder: Path, now: datetime) -> bool:
    """Whether a folder has a daemon that showed in the last minutes that it gets work done."""
    beat = read(folder)
    return beat is not None and beat.is_fresh(now) and daemon_pid(folder) is not None


def read(folder: Path) -> Heartbeat | None:
    """The last heartbeat of a folder's daemon; None when there is none that can be read."""
    try:
        said: dict[str, Any] = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        at, started = (datetime.fromisoformat(said[name]) for name in ("at", "started_at"))
        return Heartbeat(at, int(said["pid"]), started, str(said["version"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def tell_systemd(state: str) -> None:
    """A line over the socket that systemd gave us, where it did (sd_notify(3))."""
    path = os.environ.get(NOTIFY)
    if not path or not hasattr(socket, "AF_UNIX"):
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.connect(address)
            line.sendall(state.encode())
    except OSError as error:
        logs.warn("systemd could not be told", error=error.strerror)
