"""Changes in points add up, and each side is told once an event."""

from dataclasses import replace
from math import exp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.digest.facts import Coverage, Facts, Share, happenings, in_points

EMPTY = Facts(
    thesis="T",
    first_day="2025-01-27",
    day="2025-01-27",
    since="2025-01-26T23:59:59.999999Z",
    until="2025-01-27T23:59:59.999999Z",
    score=60.0,
    low=55.0,
    high=65.0,
    before=60.0,
    status="uncalibrated",
    calibrated=False,
    events=3,
    publishers=2,
    causes=(),
    pillars=(),
    fronts=(),
    supporting=(),
    against=(),
    moved=(),
    more_supporting=0,
    more_against=0,
    reading=(),
    figures=(),
    falsifiers=(),
    alerts=(),
    restated=(),
    coverage=Coverage(10, True, 0, (), 0.0, 0, 0, 0, 0, 0.0),
    path=(),
    strip=(),
)


def score(log_odds: float) -> float:
    return 100 / (1 + exp(-log_odds))


@given(st.floats(-3, 3), st.dictionaries(st.text(max_size=3), st.floats(-1, 1), max_size=6))
def test_points_add_up_to_the_change(start: float, parts: dict[str, float]) -> None:
    change = sum(parts.values())
    before, after = score(start), score(start + change)
    found = in_points(parts, before, after, change)
    assert sum(found.values()) == pytest.approx(after - before, abs=1e-5)


def test_parts_that_cancel_are_told_by_the_slope() -> None:
    found = in_points({"new evidence": 0.1, "decay": -0.1}, 50.0, 50.0, 0.0)
    assert found == pytest.approx({"new evidence": 2.5, "decay": -2.5})


@pytest.mark.parametrize(
    ("before", "word"),
    [
        (60.0, "unchanged"),
        (59.96, "unchanged"),
        (59.9, "stronger"),
        (60.1, "weaker"),
        (None, "unchanged"),
    ],
)
def test_direction_is_what_one_decimal_shows(before: float | None, word: str) -> None:
    assert replace(EMPTY, before=before).direction == word


def test_day_without_anything_is_quiet() -> None:
    assert EMPTY.is_quiet
    assert not replace(EMPTY, before=58.0).is_quiet


def test_day_that_was_not_seen_is_no_quiet_day() -> None:
    for hidden in ({"blind": ("a",)}, {"waiting": 1}, {"unpaid": 1}, {"looked": False}):
        assert not replace(EMPTY, coverage=replace(EMPTY.coverage, **hidden)).is_quiet
    assert not replace(EMPTY, restated=(("correction", 1),)).is_quiet


def test_evidence_that_only_grows_old_makes_no_news() -> None:
    fading = replace(EMPTY, before=60.2, causes=(Share("decay", "decay", -0.2),))
    assert fading.is_quiet
    assert not replace(fading, before=60.9).is_quiet


def row(event: str, category: str, contribution: float, weight: float = 0.5) -> dict[str, Any]:
    stance = "supports" if weight > 0 else "weakens" if weight < 0 else "neutral"
    return {
        "event_id": event,
        "category": category,
        "contribution": contribution,
        "weight": weight,
        "stance": stance,
    }


def test_each_event_is_told_once_by_its_weightiest_row() -> None:
    rows = [
        row("e1", "a", 0.1),
        row("e1", "b", 0.3),
        row("e2", "a", 0.2),
        row("e3", "a", -0.4, -0.5),
    ]
    rows.append(row("e4", "a", 0.0, 0.0))
    assert [(r["event_id"], r["category"]) for r in happenings(rows, "supports")] == [
        ("e1", "b"),
        ("e2", "a"),
    ]
    assert [r["event_id"] for r in happenings(rows, "weakens")] == ["e3"]
