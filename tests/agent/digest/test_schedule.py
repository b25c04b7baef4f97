"""A digest goes out once a morning, on the days it should, and covers what no other did."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.digest.schedule import Kind, Schedule, covered, due, next_morning

MONDAY = date(2025, 1, 27)
EVERY_DAY = Schedule(time(7), weekends=True, weekly="")
BERLIN = ZoneInfo("Europe/Berlin")
WORKDAYS = Schedule(time(7), weekends=False, weekly="monday")


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)


def test_nothing_is_due_before_its_hour() -> None:
    before = [(Kind.DAILY, MONDAY - timedelta(days=2))]
    assert due(at(MONDAY, 6, 59), EVERY_DAY) == before  # that of the morning before
    assert due(at(MONDAY, 7), EVERY_DAY) == [(Kind.DAILY, MONDAY - timedelta(days=1))]
    assert due(at(MONDAY, 23, 59), EVERY_DAY) == [(Kind.DAILY, MONDAY - timedelta(days=1))]


def test_morning_that_was_missed_is_due_until_the_next() -> None:
    only_early = [due(at(MONDAY + timedelta(days=n), 6, 30), EVERY_DAY) for n in range(3)]
    assert [found[0][1] for found in only_early] == [
        MONDAY + timedelta(days=n - 2) for n in range(3)
    ]


def test_weekend_mornings_are_free_and_monday_covers_them() -> None:
    saturday, sunday = MONDAY - timedelta(days=2), MONDAY - timedelta(days=1)
    last = [(Kind.DAILY, saturday - timedelta(days=2)), (Kind.WEEKLY, sunday - timedelta(days=7))]
    for day in (saturday - timedelta(days=1), saturday, sunday):
        assert due(at(day, 9), WORKDAYS) == last  # Friday's, whoever comes when
    assert due(at(MONDAY, 9), WORKDAYS) == [(Kind.DAILY, sunday), (Kind.WEEKLY, sunday)]
    assert covered(Kind.DAILY, sunday, weekends=False) == 3
    assert covered(Kind.DAILY, sunday, weekends=True) == 1
    assert covered(Kind.WEEKLY, sunday, weekends=False) == 7


@pytest.mark.parametrize("weekends", [True, False])
@given(st.integers(0, 400))
def test_every_day_is_covered_once(weekends: bool, start: int) -> None:
    schedule = Schedule(time(7), weekends, "")
    days: list[date] = []
    first = MONDAY + timedelta(days=7 * start)
    done = date.min
    for n in range(1, 15):
        for kind, day in due(at(first + timedelta(days=n), 8), schedule):
            if n < 3 or day <= done:
                done = day
                continue
            done = day
            length = covered(kind, day, weekends)
            days += [day - timedelta(days=back) for back in range(length)]
    assert len(days) == len(set(days))
    assert max(days) - min(days) == timedelta(days=len(days) - 1)


@pytest.mark.parametrize("at", [time(2), time(2, 30), time(7)], ids=str)
@pytest.mark.parametrize("switch", [date(2026, 3, 29), date(2026, 10, 25)], ids=str)
def test_clock_that_is_switched_costs_no_morning_and_doubles_none(switch: date, at: time) -> None:
    schedule = Schedule(at, weekends=True, weekly="")
    days = [switch + timedelta(days=n) for n in (-1, 0, 1)]
    instant = datetime.combine(days[0], time(), BERLIN).astimezone(UTC)
    end = datetime.combine(days[-1], time(23, 59), BERLIN).astimezone(UTC)
    last = due(instant.astimezone(BERLIN), schedule)
    promised = next_morning(instant.astimezone(BERLIN), schedule)
    sent: list[date] = []
    while instant <= end:
        local = instant.astimezone(BERLIN)
        if (found := due(local, schedule)) != last:
            assert instant == promised.astimezone(UTC)
            sent += [day + timedelta(days=1) for _, day in found]
            last = found
        promised = next_morning(local, schedule)
        assert promised.astimezone(UTC) > instant
        instant += timedelta(minutes=10)
    assert sent == days
