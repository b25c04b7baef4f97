"""A quiet source, a dead one and one that only repeats others are told apart."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from agent import health
from agent.health import Arrival

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def state(**more: Any) -> Any:
    return SimpleNamespace(**{"failures": 0, "error": "", "last_attempt_at": NOW, **more})


def arrivals(*days_ago: float, copy: bool = False) -> list[Arrival]:
    return [Arrival(NOW - days * DAY, copy) for days in sorted(days_ago, reverse=True)]


DAILY = [float(n) for n in range(1, 20)]


@pytest.mark.parametrize("known", [None, state(last_attempt_at=None)])
def test_source_never_looked_at_is_neither_well_nor_blind(known: Any) -> None:
    found = health.assess(known, [], NOW)
    assert (found.word, found.blind) == ("never looked at", False)


def test_look_that_lies_ahead_tells_nothing_of_the_past() -> None:
    later = state(last_attempt_at=NOW + DAY, failures=3)
    assert health.assess(later, [], NOW).word == "never looked at"


def test_failing_source_says_why() -> None:
    found = health.assess(state(failures=2, error="answered 503"), arrivals(*DAILY), NOW)
    assert (found.word, found.why, found.blind) == ("failing", "answered 503", True)


@pytest.mark.parametrize(
    ("days_ago", "word"),
    [
        (DAILY, "ok"),
        ([n + 1.5 for n in DAILY], "silent"),  # 2.5 days; its longest pause is one
        ([n + 0.9 for n in DAILY], "ok"),  # under two days nobody is silent
        ([1, 8, 15, 22, 29, 36], "ok"),
        ([10, 17, 24, 31, 38, 45], "ok"),  # weekly, and 10 days is within its habit
        ([12, 19, 26, 33, 40, 47], "silent"),
        ([40, 41, 42, 43], "ok"),  # too few to have a habit
        ([60, 61, 62, 63, 64, 65], "ok"),  # all before the window
        ([], "ok"),
    ],
)
def test_silence_is_measured_by_the_sources_own_habit(days_ago: list[float], word: str) -> None:
    found = health.assess(state(), arrivals(*days_ago), NOW)
    assert found.word == word
    assert found.blind == (word == "silent")


def test_many_items_at_once_are_one_arrival() -> None:
    at_once = [Arrival(NOW - 40 * DAY, False)] * 30
    assert health.assess(state(), at_once, NOW).word == "ok"


def test_source_that_turns_to_copies_is_flagged() -> None:
    own = arrivals(*[n + 0.5 for n in range(12, 20)])
    copies = arrivals(*[n + 0.5 for n in range(10)], copy=True)
    assert health.assess(state(), own + copies, NOW).word == "only copies"
    assert health.assess(state(), own + copies[1:], NOW).word == "ok"


def test_source_that_always_copied_is_as_it_always_was() -> None:
    always = arrivals(*[n + 0.5 for n in range(30)], copy=True)
    assert health.assess(state(), always, NOW).word == "ok"


def test_items_a_week() -> None:
    assert health.per_week(arrivals(*[float(n) for n in range(1, 29)]), NOW) == pytest.approx(7)
    assert health.per_week(arrivals(1, 2), NOW) == 2.0
    assert health.per_week([], NOW) == 0.0
