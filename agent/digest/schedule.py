"""When a digest is due, and what days it is about. Pure: the wall clock of the user goes in."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum

from agent.days import ONE_DAY, WEEKDAYS

SATURDAY = 5
WEEK = 7


class Kind(StrEnum):
    """How much a digest covers."""

    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def days(self) -> int:
        """Days it covers when none was missed."""
        return 7 if self is Kind.WEEKLY else 1


@dataclass(frozen=True, slots=True)
class Schedule:
    """Mornings at `at`; on Saturday and Sunday only with `weekends`; weekly on a day, or ""."""

    at: time
    weekends: bool
    weekly: str


def due(local: datetime, schedule: Schedule) -> list[tuple[Kind, date]]:
    """The newest digest of each kind that should be out by now, by the last day it covers.

    It is that of the last morning there was, be it days ago: whoever comes late, or only ever
    before `at`, makes good what was missed.
    """
    mornings = [local.date() - n * ONE_DAY for n in range(WEEK)]
    if local.astimezone(UTC) < _morning(mornings[0], schedule, local.tzinfo):
        mornings = [*mornings[1:], mornings[-1] - ONE_DAY]
    daily = [one for one in mornings if schedule.weekends or one.weekday() < SATURDAY]
    weekly = [one for one in mornings if WEEKDAYS[one.weekday()] == schedule.weekly]
    found = [(Kind.DAILY, daily[0] - ONE_DAY)]
    return found + [(Kind.WEEKLY, one - ONE_DAY) for one in weekly]


def next_morning(local: datetime, schedule: Schedule) -> datetime:
    """When the next digest of any kind goes out, where the user lives."""
    days = [local.date() + n * ONE_DAY for n in range(WEEK + 1)]
    mornings = [
        _morning(one, schedule, local.tzinfo)
        for one in days
        if schedule.weekends
        or one.weekday() < SATURDAY
        or WEEKDAYS[one.weekday()] == schedule.weekly
    ]
    now = local.astimezone(UTC)
    return next(one for one in mornings if one > now).astimezone(local.tzinfo)


def covered(kind: Kind, day: date, weekends: bool) -> int:
    """Days up to `day` that a digest covers: one more for each morning without any before it."""
    days = kind.days
    morning = day + ONE_DAY
    while kind is Kind.DAILY and not weekends and (morning - days * ONE_DAY).weekday() >= SATURDAY:
        days += 1
    return days


def _morning(day: date, schedule: Schedule, zone: tzinfo | None) -> datetime:
    """The instant of a morning, in UTC: where the clock is put back, an hour of the wall comes
    twice, and it is the first of the two; where it is put on, it is as late as without that."""
    return datetime.combine(day, schedule.at, zone).astimezone(UTC)
