"""What is held of a clock that may be wrong."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent import clock

NOW = datetime(2026, 3, 29, 6, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def test_clock_that_was_set_back_stands_still_until_it_has_caught_up() -> None:
    assert clock.steady(NOW - HOUR, NOW) == NOW
    assert clock.steady(NOW, NOW) == NOW
    assert clock.steady(NOW + MINUTE, NOW) == NOW + MINUTE
    assert clock.steady(NOW, None) == NOW


def test_clock_that_was_far_ahead_is_not_waited_for() -> None:
    assert clock.steady(NOW, NOW + timedelta(days=400)) == NOW


@given(st.lists(st.timedeltas(timedelta(hours=-20), timedelta(hours=3)), max_size=50))
def test_instants_of_jobs_never_go_back_by_a_clock_that_is_set_back_for_hours(
    steps: list[timedelta],
) -> None:
    wall, last = NOW, NOW
    for step in steps:
        wall = max(wall + step, NOW - timedelta(hours=20))
        at = clock.steady(wall, last)
        assert at >= last or last - wall > clock.HELD
        last = max(last, at)


def test_what_was_noted_more_than_a_day_ahead_is_not_believed() -> None:
    assert clock.credible(None, NOW) is None
    assert clock.credible(NOW - timedelta(days=900), NOW) == NOW - timedelta(days=900)
    assert clock.credible(NOW + clock.HELD, NOW) == NOW + clock.HELD
    assert clock.credible(NOW + clock.HELD + MINUTE, NOW) is None
