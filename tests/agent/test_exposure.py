"""A new source on the subject is no news, a dead one no peace; newcomers must be known first."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import spikes
from agent.exposure import CREDIT, KNOWN, LOUD, Exposure
from agent.spikes import LAG, WINDOW, Day

FIRST = date(2024, 1, 1)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def steady(owner: str, items: int, first: int, last: int) -> list[tuple[date, str, int]]:
    return [(day(n), owner, items) for n in range(first, last)]


def test_without_events_nobody_leans() -> None:
    exposure = Exposure([*steady("a", 3, 0, 10), *steady("b", 2, 0, 10)])
    assert exposure.leans([]) == {day(n): 1.0 for n in range(10)}
    assert [exposure.items(day(n)) for n in (0, 9, 10)] == [5, 5, 0]


def test_owner_that_writes_of_nothing_else_promises_more_by_hand() -> None:
    """a: 1 item and 1 event a day, b: 99 items and none; u = 1/100 over the 112 days before."""
    looked = [*steady("a", 1, 0, 140), *steady("b", 99, 0, 140)]
    found = Exposure(looked).leans((day(n), "a") for n in range(140))
    a = (112 + CREDIT * 0.01) / (112 + CREDIT) / 0.01
    b = CREDIT * 0.01 / (112 * 99 + CREDIT) / 0.01
    assert found[day(139)] == pytest.approx((a + 99 * b) / 100)


def test_habit_is_that_of_spikes() -> None:
    """An event counts from LAG days after it came until WINDOW days later."""
    looked = [*steady("a", 1, 0, 200), *steady("b", 9, 0, 200)]
    calm = Exposure(looked).leans([(day(0), "b")])
    found = Exposure(looked).leans([(day(0), "b"), (day(20), "a")])
    changed = [n for n in range(200) if found[day(n)] != calm[day(n)]]
    assert (changed[0], changed[-1]) == (20 + LAG, 20 + LAG + WINDOW - 1)


@given(st.lists(st.integers(0, 4), min_size=20, max_size=60), st.integers(1, 5))
def test_owners_who_are_alike_do_not_lean(counts: list[int], items: int) -> None:
    looked = [(day(n), owner, items) for n in range(len(counts)) for owner in "ab"]
    events = [(day(n), owner) for n, count in enumerate(counts) for owner in "ab" * count]
    assert list(Exposure(looked).leans(events).values()) == pytest.approx([1.0] * len(counts))


def test_loud_newcomer_is_left_out_until_enough_of_it_is_known() -> None:
    looked = [*steady("old", 10, 0, 120), *steady("new", 5, 80, 120)]
    found = Exposure(looked)
    out = [n for n in range(120) if "new" in found.newcomers(day(n))]
    assert out[0] == 80 + LOUD // 5  # the second day makes seven items in a week
    assert out[-1] == 80 + LAG + KNOWN // 5 - 2
    assert not any("old" in found.newcomers(day(n)) for n in range(120))


def test_nobody_is_a_newcomer_while_everything_is_learned() -> None:
    found = Exposure(steady("a", 50, 0, 56))
    assert not any(found.newcomers(day(n)) for n in range(56))


def test_quiet_newcomer_counts_at_once() -> None:
    looked = [*steady("old", 10, 0, 120), (day(100), "rare", 3)]
    assert Exposure(looked).newcomers(day(100)) == frozenset()


def daily(looked: list[tuple[date, str, int]], events: list[tuple[date, str]]) -> list[Day]:
    exposure = Exposure(looked)
    leans = exposure.leans(events)
    days = []
    for at in exposure.days:
        every = [owner for when, owner in events if when == at]
        counted = [owner for owner in every if owner not in exposure.newcomers(at)]
        left_out = len(every) - len(counted)
        owners = frozenset(counted)
        days.append(Day(at, len(counted), owners, exposure.items(at), leans[at], left_out))
    return days


def test_new_sources_on_the_subject_are_no_spike() -> None:
    """Two publishers of nothing but the subject are added on day 200; plain counts would fire."""
    looked = [*steady("wire", 60, 0, 320), *steady("x", 3, 200, 320), *steady("y", 3, 200, 320)]
    events = [(day(n), "wire") for n in range(0, 320, 4)]
    events += [(day(n), owner) for n in range(200, 320) for owner in ("x", "y")]
    naive = [replace(one, lean=1.0, left_out=0) for one in daily(looked, events)]
    naive = [
        replace(one, events=len(owners), owners=owners)
        for one in naive
        if (owners := frozenset(owner for when, owner in events if when == one.day)) or True
    ]
    assert spikes.detect(naive).spikes
    assert spikes.detect(daily(looked, events)).spikes == ()


def test_dead_source_on_the_subject_is_no_spike_of_the_others() -> None:
    looked = [*steady("wire", 60, 0, 320), *steady("x", 3, 0, 200)]
    events = [(day(n), "wire") for n in range(0, 320, 4)]
    events += [(day(n), "x") for n in range(200)]
    assert spikes.detect(daily(looked, events)).spikes == ()
