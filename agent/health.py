"""How a source does, from what it brought: well, failing, silent beyond its habit, only copying.

Pure. A source that says nothing and one that cannot be read look alike in a list of news; here
they do not, and neither looks like good news.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

WINDOW = timedelta(days=56)
"""How far back a source's habit is read."""
FEWEST = 5
"""Arrivals without which a source has no habit yet."""
SLACK = 1.5
"""A silence this many times the longest so far is out of habit."""
SHORTEST_SILENCE = timedelta(days=2)
RUN_OF_COPIES = 10
"""So many copies in a row, after times when it brought news of its own, are no accident."""

Word = Literal["ok", "failing", "silent", "only copies", "never looked at"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An item of a source: when it was first seen, and whether it copied one already known."""

    at: datetime
    copy: bool


@dataclass(frozen=True, slots=True)
class Health:
    """One word, why, and what to do; `blind` when what the source has is not seen."""

    word: Word
    why: str = ""

    @property
    def blind(self) -> bool:
        """Whether its share of the world is hidden from us."""
        return self.word in ("failing", "silent", "only copies")

    @property
    def looked_at(self) -> bool:
        """Whether it ever was."""
        return self.word != "never looked at"


def assess(state: Any | None, arrivals: Sequence[Arrival], now: datetime) -> Health:
    """The health at `now` of a source with this stored state; `arrivals` oldest first."""
    if state is None or state.last_attempt_at is None or state.last_attempt_at > now:
        return Health("never looked at")
    if state.failures:
        return Health("failing", state.error)
    seen = [one for one in arrivals if now - WINDOW <= one.at <= now]
    return _silent(sorted({one.at for one in seen}), now) or _copying(seen) or Health("ok")


def per_week(arrivals: Sequence[Arrival], now: datetime) -> float:
    """Items a week over the window, or since the first of them when that is later."""
    seen = [one for one in arrivals if now - WINDOW <= one.at <= now]
    if not seen:
        return 0.0
    span = max(now - seen[0].at, timedelta(days=7))
    return len(seen) / (span / timedelta(days=7))


def _silent(times: Sequence[datetime], now: datetime) -> Health | None:
    if len(times) < FEWEST:
        return None
    habit = max(later - earlier for earlier, later in pairwise(times))
    silence = now - times[-1]
    if silence <= max(SLACK * habit, SHORTEST_SILENCE):
        return None
    return Health(
        "silent",
        f"nothing for {_days(silence)}, never before for more than {_days(habit)}. See whether its "
        "page still lists news, and correct its url",
    )


def _copying(seen: Sequence[Arrival]) -> Health | None:
    last, before = seen[-RUN_OF_COPIES:], seen[:-RUN_OF_COPIES]
    own_news = sum(not one.copy for one in before)
    if len(last) < RUN_OF_COPIES or not all(one.copy for one in last) or own_news < FEWEST:
        return None
    return Health(
        "only copies",
        f"its last {len(last)} items all repeat known ones. Look whether its feed lists news",
    )


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.1f} days"
