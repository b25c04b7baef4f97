"""When a server may be asked: how far apart, how soon again, and when it asked to be left alone."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

ASKED_FOR: Mapping[str, float] = {
    "export.arxiv.org": 3.0,
    "www.sec.gov": 0.2,
    "data.sec.gov": 0.2,
}
"""Seconds between requests that hosts ask for: arXiv's API manual; SEC's ten a second in all."""
WORTH_RETRYING = (429, 500, 502, 503, 504)
LONGEST_REST = 10.0
"""Seconds that a pass waits for one server; a longer wait is for a later pass."""
FRESH_AT_MOST = 3600.0
"""Seconds that an answer is taken for fresh, whatever the server says: this is a news reader."""
LONGEST_BAN = 7 * 86400.0
"""Seconds that a server can keep us away with one header."""
_FIRST_REST = 0.5

Sleep = Callable[[float], None]


class Pace:
    """Keeps requests to one host `interval` seconds apart; threads may share it."""

    def __init__(self, interval: float, sleep: Sleep = time.sleep) -> None:
        self._interval = interval
        self._sleep = sleep
        self._next: dict[str, float] = {}
        self._asked_for = dict(ASKED_FOR)
        self._lock = threading.Lock()

    def at_least(self, host: str, seconds: float) -> None:
        """A host that asks for more time between requests gets it."""
        with self._lock:
            self._asked_for[host] = max(seconds, self._asked_for.get(host, 0.0))

    def wait(self, host: str) -> None:
        """Return when it is this request's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next.get(host, now))
            self._next[host] = turn + max(self._interval, self._asked_for.get(host, 0.0))
        if turn > now:
            self._sleep(turn - now)


def rest(attempt: int, asked_for: float, chance: Callable[[], float] = random.random) -> float:
    """Seconds to wait before attempt number `attempt` (from 1): doubling, with full jitter.

    Never less than the server `asked_for`.
    """
    return asked_for + _FIRST_REST * 2.0 ** (attempt - 1) * chance()


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds a server asks to be left alone (RFC 9110); 0 when it does not.

    A date is read against the server's own `Date`: our clock and its clock may differ.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:12]), LONGEST_BAN)
    until, now = _date(said), _date(headers.get("date", ""))
    seconds = (until - now).total_seconds() if until and now else 0.0
    return min(max(seconds, 0.0), LONGEST_BAN)


def fresh_for(headers: Mapping[str, str]) -> float:
    """Seconds an answer stays fresh by its Cache-Control (RFC 9111), at most FRESH_AT_MOST."""
    said = {
        name.strip().lower(): value.strip(' "')
        for name, _, value in (
            part.partition("=") for part in headers.get("cache-control", "").split(",")
        )
    }
    age, most = headers.get("age", "0").strip(), said.get("max-age", "0")
    if "no-cache" in said or "no-store" in said or not (_is_count(age) and _is_count(most)):
        return 0.0
    return min(max(float(most[:12]) - float(age[:12]), 0.0), FRESH_AT_MOST)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit()
