"""When a digest is due, and what days it is about. Pure: the wall clock of the user goes in."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

SATURDAY = 5
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ONE_DAY = timedelta(days=1)


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
    """The digests that should be out by now, each by the last day it covers: yesterday."""
    if local.time() < schedule.at:
        return []
    yesterday, weekday = local.date() - ONE_DAY, local.weekday()
    found = []
    if schedule.weekends or weekday < SATURDAY:
        found.append((Kind.DAILY, yesterday))
    if schedule.weekly and DAYS[weekday] == schedule.weekly:
        found.append((Kind.WEEKLY, yesterday))
    return found


def covered(kind: Kind, day: date, weekends: bool) -> int:
    """Days up to `day` that a digest covers: one more for each morning without any before it."""
    days = kind.days
    morning = day + ONE_DAY
    while kind is Kind.DAILY and not weekends and (morning - days * ONE_DAY).weekday() >= SATURDAY:
        days += 1
    return days
