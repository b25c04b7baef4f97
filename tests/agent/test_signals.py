"""What is reason to alert, and what is not: quiet, noise, one's own past, and not having looked."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import signals, spikes
from agent.health import Health
from agent.signals import Direction, Rule, Severity, Signal
from tests.agent.test_spikes import FIRST, LOOKED_AT, quiet, stream

NOW = datetime(2025, 6, 1, tzinfo=UTC)
H = spikes.THRESHOLD


def of_stream(days: list[spikes.Day]) -> Signal | None:
    found = spikes.detect(days)
    return signals.of_stream("c", Direction.RISING, found.states, found.spikes, H)


def history(*scores: float, start: datetime = NOW) -> list[tuple[datetime, float]]:
    return [(start + timedelta(days=n), score) for n, score in enumerate(scores)]


def test_quiet_stream_gives_no_reason() -> None:
    signal = of_stream(stream(quiet(150)))
    assert signal is not None
    assert (signal.active, signal.lasting) == (False, False)


def test_burst_is_active_and_lasts_until_half_the_threshold() -> None:
    counts = [*quiet(150), 12]
    burst = of_stream(stream(counts))
    assert burst is not None
    assert (burst.active, burst.lasting, burst.sound) == (True, True, True)
    assert burst.severity is Severity.CRITICAL  # twelve events over a third of one
    states = spikes.detect(stream([*counts, *[0] * 40])).states
    for n in range(1, 40):
        later = of_stream(stream([*counts, *[0] * n]))
        assert later is not None
        assert later.lasting == (states[150 + n].statistic >= H / 2)


def test_episode_keeps_its_name_while_it_runs() -> None:
    counts = [*quiet(150), 10]
    names = {of_stream(stream([*counts, *more])).began for more in ([], [0], [4, 1], [0] * 6)}  # type: ignore[union-attr]
    assert names == {datetime.combine(FIRST + timedelta(days=150), time(), UTC)}


def test_burst_of_one_publisher_is_reason_that_is_not_sound() -> None:
    days = [*stream(quiet(150))]
    for n in range(20):
        at = FIRST + timedelta(days=150 + n)
        days.append(spikes.Day(at, 4, frozenset(["alone"]), LOOKED_AT))
    found = spikes.detect(days, threshold=3.0)
    signal = signals.of_stream("c", Direction.RISING, found.states, found.spikes, 3.0)
    assert signal is not None
    assert signal.active
    assert not signal.sound
    assert found.spikes == ()


def test_day_without_a_look_says_nothing() -> None:
    days = [*stream(quiet(150)), spikes.Day(FIRST + timedelta(days=150), 0, frozenset(), 0)]
    assert of_stream(days) is None


def test_while_learning_the_fixed_rule_is_reason_for_its_day_alone() -> None:
    burst = [*[0] * 20, 6]
    now, next_day = of_stream(stream(burst)), of_stream(stream([*burst, 0]))
    assert now is not None
    assert next_day is not None
    assert now.active
    assert now.figures["learning"]
    assert not next_day.lasting


WARM = [48.0] * 29


def test_score_that_crosses_a_level_by_the_margin_is_a_moment() -> None:
    (signal,) = signals.of_levels(history(*WARM, 49, 51, 52.5), [50.0], 2.0)
    assert (signal.rule, signal.subject, signal.direction) == (Rule.LEVEL, "50", Direction.RISING)
    assert signal.moment
    assert signal.began == NOW + timedelta(days=31)
    assert signal.figures["before"] == 51
    assert signal.since == NOW + timedelta(days=28)


@pytest.mark.parametrize(
    "scores",
    [
        (*WARM, 49, 51, 51.9),  # within the margin
        (*[48.0] * 5, 53),  # too young to have a past
        (*WARM, 53, 53, 53, 53, 53),  # days ago
        (*[50.0] * 30, 53),  # it was never on the other side
        (),
    ],
)
def test_what_is_no_crossing(scores: tuple[float, ...]) -> None:
    assert signals.of_levels(history(*scores), [50.0], 2.0) == []


def test_score_that_hovers_about_a_level_crosses_once() -> None:
    scores = [*WARM, 53, 49, 51, 50, 49.5, 51.5, 48.5, 52, 49]
    told = {
        one.began
        for n in range(len(scores))
        for one in signals.of_levels(history(*scores[: n + 1]), [50.0], 2.0)
    }
    assert len(told) == 1


def test_crossing_back_is_another_moment_the_other_way() -> None:
    (signal,) = signals.of_levels(history(*WARM, 53, 47), [50.0], 2.0)
    assert signal.direction is Direction.COLLAPSING


@given(st.lists(st.floats(0, 100), min_size=30, max_size=60))
def test_mirrored_scores_cross_the_other_way(scores: list[float]) -> None:
    up = signals.of_levels(history(*scores), [50.0], 2.0)
    down = signals.of_levels(history(*(100 - one for one in scores)), [50.0], 2.0)
    assert [(one.began, one.direction) for one in up] == [
        (one.began, one.direction.opposite) for one in down
    ]


def test_move_is_measured_from_the_last_score_so_long_ago() -> None:
    signal = signals.of_move(history(*[50.0] * 40, 51, 52, 53, 54, 54, 54, 55), 4.0, 7)
    assert signal is not None
    assert (signal.active, signal.direction) == (True, Direction.RISING)
    assert signal.figures["before"] == 50.0
    assert signal.since == NOW + timedelta(days=39)


def test_move_lasts_above_half_and_a_slow_drift_is_none() -> None:
    half = signals.of_move(history(*[50.0] * 40, 52.5), 4.0, 7)
    drift = signals.of_move(history(*(50 + n / 10 for n in range(100))), 4.0, 7)
    assert half is not None
    assert drift is not None
    assert (half.active, half.lasting) == (False, True)
    assert (drift.active, drift.lasting) == (False, False)


@pytest.mark.parametrize("scores", [(), (50.0,), (50.0, 90.0), (*[50.0] * 20, 90.0)])
def test_young_score_has_not_moved(scores: tuple[float, ...]) -> None:
    assert signals.of_move(history(*scores), 4.0, 7) is None


def test_falsifier_is_a_moment_on_the_day_of_its_filing() -> None:
    came_true = {
        "F1": (date(2025, 5, 28), Direction.RISING),
        "F2": (date(2024, 5, 28), Direction.NONE),
    }
    (signal,) = signals.of_falsifiers(came_true, NOW)
    assert (signal.subject, signal.moment, signal.severity) == ("F1", True, Severity.CRITICAL)
    assert signal.began == datetime(2025, 5, 28, tzinfo=UTC)


def test_group_is_blind_from_the_share_on_and_must_stay_so() -> None:
    health = {name: Health("failing" if name < "c" else "ok") for name in "abcdef"}
    groups = {"": list("abcdef"), "x": list("abc"), "y": list("abcd"), "z": list("def")}
    found = {one.subject: one for one in signals.of_sources(health, groups, 0.5, NOW)}
    assert {name: one.active for name, one in found.items()} == {"": False, "x": True, "y": True}
    assert found[""].lasting
    assert all(one.hold == signals.HOLD for one in found.values())


def test_source_never_looked_at_is_not_blind() -> None:
    assert signals.of_sources({"a": Health("never looked at")}, {"": ["a"]}, 0.5, NOW) == []


@pytest.mark.parametrize(
    ("spent", "budget", "unpaid", "told"),
    [(19.9, 20.0, 0, False), (20.0, 20.0, 0, True), (0.0, 20.0, 3, True), (0.0, 0.0, 0, False)],
)
def test_budget_is_told_when_spent(spent: float, budget: float, unpaid: int, told: bool) -> None:
    assert bool(signals.of_spending(spent, budget, unpaid, NOW)) == told


def test_judge_that_cannot_be_asked_is_told_only_while_items_wait() -> None:
    assert signals.of_judge(0, NOW) == []
    (signal,) = signals.of_judge(3, NOW)
    assert signal.active
    assert signal.hold == signals.HOLD


BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = (time(22), time(7))


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2025-06-01T21:00+02:00", None),
        ("2025-06-01T22:00+02:00", "2025-06-02T07:00+02:00"),
        ("2025-06-02T06:59+02:00", "2025-06-02T07:00+02:00"),
        ("2025-06-02T07:00+02:00", None),
        ("2025-03-29T23:00+01:00", "2025-03-30T07:00+02:00"),  # the night loses an hour
        ("2025-10-25T23:00+02:00", "2025-10-26T07:00+01:00"),  # the night gains one
    ],
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall(now: str, ends: str | None) -> None:
    found = signals.until_quiet_ends(datetime.fromisoformat(now).astimezone(UTC), NIGHT, BERLIN)
    assert found == (datetime.fromisoformat(ends) if ends else None)


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    noon = datetime(2025, 6, 1, 10, 30, tzinfo=UTC)
    assert signals.until_quiet_ends(noon, (time(10), time(11)), UTC) == noon.replace(
        hour=11, minute=0
    )
    assert signals.until_quiet_ends(noon, None, UTC) is None
    assert signals.until_quiet_ends(noon, (time(10), time(10)), UTC) is None
