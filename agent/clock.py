"""What to hold of a clock that may be wrong: ahead, behind, or set back. Pure.

Evidence is never dated before older evidence, so a clock that was set back a little is waited for.
One that was far ahead is not: what was noted under it is not believed, and work goes on.
"""

from datetime import datetime, timedelta

HELD = timedelta(days=1)
"""A clock that was set back by no more than this is waited for; an instant that lies further ahead
than this was noted under a clock that was wrong."""
NOTED = timedelta(minutes=1)
"""A clock that was set back by more than this is told of."""


def steady(wall: datetime, last: datetime | None, is_behind: bool = False) -> datetime:
    """The instant to work at: the clock's, but none before the `last` one.

    A clock that was set back stands still until it has caught up, so that no evidence is dated
    before older evidence; one that is behind by more than HELD was wrong before and is believed,
    unless what was published by then shows that it `is_behind`.
    """
    if last is not None and wall < last and (last - wall <= HELD or is_behind):
        return last
    return wall


def credible(at: datetime | None, now: datetime) -> datetime | None:
    """An instant that was noted; None when the clock must have been wrong then."""
    return None if at is None or at - now > HELD else at
