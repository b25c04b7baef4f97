"""Where days and months begin and end, UTC."""

from datetime import UTC, date, datetime, time


def start_of(day: date) -> datetime:
    """The first instant of a day."""
    return datetime.combine(day, time.min, UTC)


def end_of(day: date) -> datetime:
    """The last instant of a day."""
    return datetime.combine(day, time.max, UTC)


def start_of_month(day: date) -> datetime:
    """The first instant of the month that `day` lies in."""
    return start_of(date(day.year, day.month, 1))
