"""Where days and months begin and end: in UTC, or where somebody lives; instants are in UTC.

And what they are called in English, whatever the language of the machine. Pure.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

ONE_DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
MONTHS = (
    "january february march april may june july august september october november december".split()
)
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()


def start_of(day: date, zone: tzinfo = UTC) -> datetime:
    """The first instant of a day."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def end_of(day: date, zone: tzinfo = UTC) -> datetime:
    """The last instant of a day. Raises OverflowError for the last day that there is."""
    return start_of(day + ONE_DAY, zone) - INSTANT


def start_of_month(day: date) -> datetime:
    """The first instant of the month that `day` lies in."""
    return start_of(date(day.year, day.month, 1))


def month_of(name: str) -> int:
    """Which month it is, 1 to 12, by the first three letters of its name in lower case."""
    return next(n for n, month in enumerate(MONTHS, start=1) if month.startswith(name[:3]))
