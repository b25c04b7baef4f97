"""A reported figure says what the thesis file's rules make of it, once, and anew when put right."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from agent import rules
from agent.kpis import Figure
from agent.rules import Report
from agent.thesis import Falsifier, Kpi, Rule, Thesis

TODAY = date(2026, 12, 1)
Q1, Q2 = date(2025, 4, 27), date(2025, 7, 27)
Q1_AFTER = date(2026, 4, 26)


def ruling(id_: str, comparison: str, threshold: float, effect: str, **more: Any) -> Rule:
    given = {"id": id_, "kpi": "k", "of": "value", "category": "c", "strength": 0.6, "text": "t"}
    said = {"comparison": comparison, "threshold": threshold, "effect": effect}
    return Rule(**{**given, **said, **more})


def figure(end: date, value: float, days: int = 25, restates: str = "") -> Figure:
    filed = end + timedelta(days=days)
    start = end - timedelta(days=90)
    return Figure(start, end, value, ("T",), f"a-{filed}", "10-Q", filed, restates=restates)


def reports(
    thesis: Thesis, figures: list[Figure], *given: Rule, falsifiers: tuple[Falsifier, ...] = ()
) -> list[Report]:
    kpi = Kpi(
        id="k", entity="e", name="Margin", unit="percent", frequency="quarter", description=""
    )
    own = thesis.model_copy(update={"kpis": (kpi,), "rules": given, "falsifiers": falsifiers})
    return rules.reports(own, {"k": figures}, TODAY)


LOW, HIGH = ruling("low", "<", 72, "supports"), ruling("high", ">=", 75, "weakens")


@pytest.mark.parametrize(
    ("value", "said"), [(70.0, "supports"), (72.0, None), (74.9, None), (75.0, "weakens")]
)
def test_figure_says_what_the_rule_it_meets_says(
    thesis: Thesis, value: float, said: str | None
) -> None:
    (found,) = reports(thesis, [figure(Q1, value)], LOW, HIGH)
    assert [one.effect for one in found.said] == ([said] if said else [])


def test_mirrored_rules_say_as_much(thesis: Thesis) -> None:
    (low,), (high,) = (reports(thesis, [figure(Q1, size)], LOW, HIGH) for size in (70, 80))
    assert low.said[0].strength == high.said[0].strength


def test_change_is_against_the_same_period_a_year_before(thesis: Thesis) -> None:
    slow = ruling("slow", "<", 25, "supports", of="change")
    figures = [figure(Q1, 100), figure(Q2, 500), figure(Q1_AFTER, 120)]
    found = reports(thesis, figures, slow)
    assert [one.change for one in found] == [None, None, pytest.approx(20)]
    assert [bool(one.said) for one in found] == [False, False, True]


def test_change_knows_nothing_that_was_filed_later(thesis: Thesis) -> None:
    slow = ruling("slow", "<", 25, "supports", of="change")
    again = figure(Q1, 50, days=500, restates=figure(Q1, 100).accession)
    found = reports(thesis, [figure(Q1, 100), again, figure(Q1_AFTER, 120)], slow)
    assert [one.change for one in found if one.figure.end == Q1_AFTER] == [pytest.approx(20)]


def test_periods_of_before_the_thesis_say_nothing(thesis: Thesis) -> None:
    assert reports(thesis, [figure(thesis.date, 60)], LOW) == []


def test_what_is_filed_after_today_is_not_known(thesis: Thesis) -> None:
    assert reports(thesis, [figure(TODAY, 60)], LOW) == []


def test_restated_figure_names_the_report_it_puts_right(thesis: Thesis) -> None:
    first = figure(Q1, 70)
    original, later = reports(thesis, [first, figure(Q1, 73, 60, first.accession)], LOW)
    assert (original.amends, later.amends) == ("", first.accession)
    assert (bool(original.said), bool(later.said)) == (True, False)


def test_strongest_of_several_rules_counts_and_even_sides_say_nothing(thesis: Thesis) -> None:
    lower = ruling("lower", "<", 71, "supports", strength=1.5)
    (found,) = reports(thesis, [figure(Q1, 70)], LOW, lower)
    assert [(one.strength, one.rules) for one in found.said] == [(1.5, ("low", "lower"))]
    against = ruling("against", "<", 72, "weakens")
    (found,) = reports(thesis, [figure(Q1, 70)], LOW, against)
    assert found.said == ()


def test_falsifier_speaks_with_the_report_that_first_makes_it_true(thesis: Thesis) -> None:
    falsifier = Falsifier(
        id="F",
        category="c",
        text="t",
        kind="kpi",
        effect="supports",
        by=date(2027, 12, 31),
        kpi="k",
        comparison="<",
        threshold=70.0,
        strength=2.0,
    )
    figures = [figure(Q1, 71), figure(Q2, 69), replace(figure(Q1_AFTER, 68))]
    found = reports(thesis, figures, falsifiers=(falsifier,))
    assert [[one.strength for one in report.said] for report in found] == [[], [2.0], []]
