"""A burst of news fires on its day; a louder list, a dead source and one loud owner do not."""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from math import log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import spikes
from agent.spikes import Day, Detection, Spike

FIRST = date(2024, 1, 1)
LOOKED_AT = 100


def owners(count: int, start: int = 0) -> frozenset[str]:
    return frozenset(f"owner{(start + i) % 40}" for i in range(count))


def stream(counts: Sequence[int], exposure: int | Sequence[int] = LOOKED_AT) -> list[Day]:
    """One day per count, every event from an owner of its own, other ones each day."""
    seen = [exposure] * len(counts) if isinstance(exposure, int) else exposure
    return [
        Day(FIRST + timedelta(days=i), count, owners(count, 7 * i), items)
        for i, (count, items) in enumerate(zip(counts, seen, strict=True))
    ]


def quiet(days: int) -> list[int]:
    """One event every third day."""
    return [int(i % 3 == 0) for i in range(days)]


def noisy(days: int, seed: int, mean: float = 2.0, dispersion: float = 4.0) -> list[int]:
    """Negative-binomial counts: a gamma-distributed rate, then as many arrivals in the day."""
    draw = random.Random(seed)
    rates = [draw.gammavariate(dispersion, mean / dispersion) for _ in range(days)]
    return [sum(draw.random() < rate / 50 for _ in range(50)) for rate in rates]


def fired(found: Detection) -> list[int]:
    return [(spike.fired_on - FIRST).days for spike in found.spikes]


def by_the_page(counts: Sequence[int], alarmed: Callable[[int], bool]) -> list[float]:
    """S of every day at constant exposure, straight from DESIGN 7, from day 56 on."""
    statistic, found = 0.0, [0.0] * 56
    for today in range(56, len(counts)):
        known = [d for d in range(max(today - 118, 0), today - 6) if not alarmed(d)]
        window = [counts[d] for d in known]
        m0 = max(statistics.mean(window), 0.2)
        s2 = statistics.variance(window)
        r = min(max(m0**2 / (s2 - m0), 0.7), 50.0) if s2 > m0 else 50.0
        m1 = max(2 * m0, m0 + 1.5 * sqrt(m0 + m0**2 / r))
        x = counts[today]
        step = x * log((m1 / (r + m1)) / (m0 / (r + m0))) - r * log((r + m1) / (r + m0))
        statistic = min(max(0.0, statistic + step), 2 * 6.0)  # the ceiling is ours
        found.append(statistic)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_statistic_is_that_of_the_design(seed: int) -> None:
    counts = noisy(330, seed)
    counts[200] += 25  # one alarm at the least
    days = [Day(day.day, day.events, owners(9), day.exposure) for day in stream(counts)]
    found = spikes.detect(days)
    alarmed = [state.firing and not state.learning for state in found.states]
    assert any(alarmed)
    assert [s.statistic for s in found.states] == pytest.approx(
        by_the_page(counts, alarmed.__getitem__), abs=1e-9
    )


def test_evidence_of_one_day_by_hand() -> None:
    # m0 = 1, r = 50: m1 = 1 + 1.5 sqrt(1.02) = 2.514926; ln(m1/m0) = 0.922243,
    # ln(52.514926 / 51) = 0.029272; 10 (0.922243 - 0.029272) - 50 * 0.029272 = 7.4661
    assert spikes.evidence(10, 1.0, 50.0) == pytest.approx(7.4661, abs=1e-4)
    # m0 = 8, r = 50: twice is more than 1.5 deviations; -50 ln(66 / 58) = -6.46058
    assert spikes.evidence(0, 8.0, 50.0) == pytest.approx(-6.46058, abs=1e-5)


def test_baseline_is_read_from_112_days_that_end_a_week_before() -> None:
    counts = quiet(140)
    for day in (21, 22, 133, 134):  # the window of day 140 is 22..133
        before = spikes.detect(stream([*counts, 0])).states[140].baseline
        counts[day] += 1
        after = spikes.detect(stream([*counts, 0])).states[140].baseline
        assert before is not None
        assert after is not None
        assert (before.days, after.days) == (112, 112)
        assert (before.rate != after.rate) == (day in (22, 133))


def test_exposure_says_how_much_to_expect() -> None:
    found = spikes.detect(stream([2] * 100, [100] * 99 + [250]))
    baseline = found.states[99].baseline
    assert baseline is not None
    assert baseline.rate == pytest.approx(0.02)
    assert found.states[99].expected == pytest.approx(5.0)


def test_no_less_than_the_floor_is_expected() -> None:
    assert spikes.detect(stream([0] * 80)).states[79].expected == 0.2


@pytest.mark.parametrize("count", [4, 5, 10])
def test_burst_over_a_quiet_habit_fires_that_day(count: int) -> None:
    counts = [*quiet(148), 0, 0, 10, *quiet(60)]
    days = stream(counts)
    days[150] = Day(days[150].day, 10, owners(count), LOOKED_AT)
    (spike,) = spikes.detect(days).spikes
    assert spike.fired_on == days[150].day
    assert (spike.since, spike.observed) == (days[150].day, 10)
    assert spike.expected == pytest.approx(1 / 3, rel=0.1)
    assert spike.owners >= owners(count)
    assert spike.statistic >= spikes.THRESHOLD
    assert spike.resolved_on is not None


def test_ten_events_of_one_owner_do_not_fire() -> None:
    days = stream([*quiet(150), 10, *quiet(30)])
    days[150] = Day(days[150].day, 10, owners(1), LOOKED_AT)
    assert not spikes.detect(days).spikes


def test_one_owner_never_fires_however_long_it_goes_on() -> None:
    loud = [
        Day(FIRST + timedelta(days=150 + i), 10, frozenset({"loud"}), LOOKED_AT) for i in range(40)
    ]
    assert not spikes.detect([*stream(quiet(150)), *loud]).spikes


def test_one_event_a_day_of_many_owners_adds_up() -> None:
    found = spikes.detect(stream([int(i % 20 == 0) for i in range(150)] + [1] * 12))
    (spike,) = found.spikes
    assert len(spike.owners) >= 2
    assert spike.since < spike.fired_on
    assert spike.observed == (spike.fired_on - spike.since).days + 1


@given(st.lists(st.integers(0, 30), min_size=60, max_size=200))
def test_stream_of_one_owner_is_never_a_spike(counts: list[int]) -> None:
    days = [
        Day(FIRST + timedelta(days=i), n, frozenset({"one"} if n else ()), 50)
        for i, n in enumerate(counts)
    ]
    assert not spikes.detect(days).spikes


@pytest.mark.parametrize("looked_at", [0, 1, 1000])
def test_silent_stream_never_fires(looked_at: int) -> None:
    found = spikes.detect(stream([0] * 400, looked_at))
    assert not found.spikes
    assert all(state.statistic == 0.0 for state in found.states)


def test_doubled_source_list_is_no_spike() -> None:
    factors = [1] * 200 + [2] * 150
    for seed in range(20):
        single = [1 + n for n in noisy(350, seed, 2.0, 50.0)]
        if spikes.detect(stream(single)).spikes:
            continue  # a false alarm of its own
        counts = [n * factor for n, factor in zip(single, factors, strict=True)]
        found = spikes.detect(stream(counts, [LOOKED_AT * factor for factor in factors]))
        assert not found.spikes, seed
    steady = spikes.detect(stream([3] * 200 + [6] * 150))
    assert steady.spikes, "the same counts from as many items are one"


def test_dead_source_is_no_spike() -> None:
    factors = [2] * 200 + [1] * 150
    for seed in range(20):
        single = [1 + n for n in noisy(350, seed, 2.0, 50.0)]
        counts = [n * factor for n, factor in zip(single, factors, strict=True)]
        found = spikes.detect(stream(counts, [LOOKED_AT * factor for factor in factors]))
        assert not [day for day in fired(found) if day >= 200], seed


@given(st.integers(1, 8), st.integers(2, 20), st.booleans())
def test_steady_share_of_any_exposure_is_no_spike(count: int, factor: int, grows: bool) -> None:
    factors = [1] * 120 + [factor] * 120
    factors = factors if grows else factors[::-1]
    found = spikes.detect(stream([count * f for f in factors], [LOOKED_AT * f for f in factors]))
    assert not [day for day in fired(found) if day >= spikes.LEARNING]


def test_alarmed_days_do_not_raise_the_baseline() -> None:
    counts = [*quiet(150), 8, 3, *quiet(61)]
    found = spikes.detect(stream(counts))
    calm = spikes.detect(stream(quiet(213)))
    alarmed = sum(state.firing for state in found.states)
    assert alarmed > 3
    last, usual = found.states[-1].baseline, calm.states[-1].baseline
    assert last is not None
    assert usual is not None
    assert last.days == 112 - alarmed
    assert last.rate == pytest.approx(usual.rate, rel=0.05)


def test_day_without_a_look_moves_nothing() -> None:
    counts = [*quiet(150), 10, 0, 0, 0, 0, 1]
    blind = spikes.detect(stream(counts, [LOOKED_AT] * 151 + [0] * 4 + [LOOKED_AT]))
    assert len({state.statistic for state in blind.states[150:155]}) == 1
    assert all(state.firing and state.expected is None for state in blind.states[151:155])


def test_days_left_out_are_days_without_a_look() -> None:
    days = stream([*quiet(150), 10, 0, 0, 0, *quiet(20)], [LOOKED_AT] * 151 + [0] * 3 + [80] * 20)
    left_out = [day for day in days if day.exposure]
    assert spikes.detect(left_out) == spikes.detect(days)


def test_quiet_that_was_not_looked_at_resolves_nothing() -> None:
    """The same days, with two weeks of blindness within the spike: it ends two weeks later."""
    counts = [*quiet(150), 10]
    seen = stream([*counts, *[0] * 40])
    ahead = [Day(d.day + timedelta(days=14), d.events, d.owners, d.exposure) for d in seen[151:]]
    usual, blind = spikes.detect(seen).spikes[0], spikes.detect([*seen[:151], *ahead]).spikes[0]
    assert usual.resolved_on is not None
    assert blind.resolved_on == usual.resolved_on + timedelta(days=14)


def test_spike_resolves_on_the_third_day_below_half_the_threshold() -> None:
    found = spikes.detect(stream([*quiet(150), 10, *[0] * 40]))
    (spike,) = found.spikes
    below = [s.day.day for s in found.states[151:] if s.statistic < 3.0]
    assert spike.resolved_on == below[2]
    assert [s.firing for s in found.states if s.day.day == below[2]] == [False]
    assert [s.firing for s in found.states if s.day.day == below[1]] == [True]


def test_spike_that_goes_on_is_not_resolved() -> None:
    (spike,) = spikes.detect(stream([*quiet(150), 10, 12, 6])).spikes
    assert (spike.fired_on - FIRST).days == 150
    assert spike.resolved_on is None


def test_one_huge_day_is_over_in_weeks() -> None:
    """Without a ceiling these 40 events would fire for more than two months."""
    found = spikes.detect(stream([*quiet(150), 40, *quiet(90)]))
    (spike,) = found.spikes
    assert found.states[150].statistic == spikes.CEILING * spikes.THRESHOLD
    assert spike.resolved_on is not None
    assert 7 < (spike.resolved_on - spike.fired_on).days < 31


def test_what_lasts_a_month_is_the_habit_from_then_on() -> None:
    found = spikes.detect(stream([*[1] * 150, *[5] * 200]))
    (spike,) = found.spikes
    settled = (spike.fired_on - FIRST).days + spikes.LASTING + spikes.LAG + 1
    baseline = found.states[settled].baseline
    assert baseline is not None
    assert baseline.expected(LOOKED_AT) == pytest.approx(5.0)


def test_run_is_forgotten_after_four_weeks_without_a_look() -> None:
    seen = [LOOKED_AT] * 151 + [0] * 40 + [LOOKED_AT]
    found = spikes.detect(stream([*quiet(150), 10, *[0] * 41], seen))
    (spike,) = found.spikes
    assert spike.resolved_on == FIRST + timedelta(days=150 + spikes.BLINDNESS)
    assert found.states[-1].statistic == 0.0


def test_habit_holds_when_spikes_leave_too_few_days_to_read_it_from() -> None:
    counts = [int(i % 3 == 0) for i in range(150)]
    for _ in range(5):
        counts += [9, *[int(i % 3 == 0) for i in range(26)]]
    found = spikes.detect(stream(counts))
    assert len(found.spikes) > 1
    assert not any(state.learning for state in found.states[56:])


@pytest.mark.parametrize(
    ("events", "behind", "fires"), [(5, 4, True), (4, 4, False), (30, 3, False), (12, 9, True)]
)
def test_learning_goes_by_the_fixed_rule(events: int, behind: int, fires: bool) -> None:
    days = stream([0] * 40)
    days[30] = Day(days[30].day, events, owners(behind), LOOKED_AT)
    found = spikes.detect(days)
    assert all(state.learning for state in found.states)
    assert fired(found) == [30] * fires
    if fires:
        (spike,) = found.spikes
        assert (spike.expected, spike.statistic, spike.observed) == (None, 0.0, events)
        assert spike.resolved_on == days[33].day


def test_learning_ends_after_56_days_that_were_looked_at() -> None:
    seen = spikes.detect(stream([1] * 60)).states
    assert [state.learning for state in seen] == [True] * 56 + [False] * 4
    half = spikes.detect(stream([0] * 120, [100, 0] * 60)).states
    assert sum(state.learning for state in half) == 111


def test_stream_that_is_always_busy_is_learned() -> None:
    """It fires while its habit is unknown, once, and no more after."""
    (spike,) = spikes.detect(stream([8, 10, 12] * 60)).spikes
    assert spike.fired_on == FIRST
    assert spike.resolved_on is not None
    assert (spike.resolved_on - FIRST).days < 70


def test_lasting_change_becomes_the_habit() -> None:
    (spike,) = spikes.detect(stream([1] * 150 + [4] * 350)).spikes
    assert spike.resolved_on is not None
    assert (spike.resolved_on - spike.fired_on).days < 75


def test_what_is_said_of_a_day_does_not_change_with_later_ones() -> None:
    days = stream([*noisy(180, 3), 12, *noisy(20, 4)])
    whole = spikes.detect(days)
    for end in (1, 60, 181, 190):
        assert spikes.detect(days[:end]).states == whole.states[:end]
    assert spikes.detect(days) == whole


@given(st.lists(st.integers(0, 6), max_size=150), st.floats(1.0, 20.0))
def test_episodes_are_apart_and_match_the_states(counts: list[int], threshold: float) -> None:
    found = spikes.detect(stream(counts), threshold=threshold)
    assert len(found.states) == len(counts)
    for spike in found.spikes:
        assert spike.since <= spike.fired_on
    firing = {
        state.day.day
        for state in found.states
        if any(_covers(spike, state.day.day) for spike in found.spikes)
    }
    assert firing == {state.day.day for state in found.states if state.firing}


def _covers(spike: Spike, day: date) -> bool:
    return spike.fired_on <= day and (spike.resolved_on is None or day < spike.resolved_on)


@pytest.mark.parametrize("swap", [[1, 0], [0, 0]])
def test_days_out_of_order_or_twice_are_refused(swap: list[int]) -> None:
    days = stream([1, 1])
    with pytest.raises(ValueError, match="sort the days and give each of them once"):
        spikes.detect([days[i] for i in swap])


@pytest.mark.parametrize(
    ("events", "exposure", "message"),
    [(-1, 5, "count its events"), (0, -1, "count its events"), (2, 0, "count the items")],
)
def test_impossible_day_is_refused(events: int, exposure: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spikes.detect([Day(FIRST, events, owners(1), exposure)])


def test_no_days_have_no_spikes() -> None:
    assert spikes.detect([]) == Detection((), ())


def test_five_hundred_days_take_no_time() -> None:
    days = stream(noisy(500, 1))
    began = time.process_time()
    spikes.detect(days)
    assert time.process_time() - began < 0.05
