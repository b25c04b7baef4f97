"""A falsifier is true, false or not yet reported; each with its day and the filing that decided."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import falsifiers
from agent.falsifiers import Ruling, Status, rule
from agent.kpis import Figure
from agent.thesis import Falsifier, Thesis

AFTER, BY = date(2026, 10, 31), date(2027, 12, 31)
TODAY = date(2027, 6, 1)
Q3, Q4, Q1 = date(2026, 10, 25), date(2027, 1, 31), date(2027, 5, 2)


def condition(**more: Any) -> Falsifier:
    given_ = {
        "id": "F",
        "category": "c",
        "text": "t",
        "kind": "kpi",
        "effect": "supports",
        "by": BY,
        "after": AFTER,
        "kpi": "k",
        "comparison": "<",
        "threshold": 70.0,
    }
    return Falsifier(**{**given_, **more})


def figure(end: date, value: float, filed: date | None = None, restates: str = "") -> Figure:
    filed = filed or end + timedelta(days=25)
    start = end - timedelta(days=90)
    return Figure(start, end, value, ("T",), f"a-{filed}", "10-Q", filed, restates=restates)


def ruled(
    thesis: Thesis, *figures: Figure, today: date = TODAY, falsifier: Falsifier | None = None
) -> Ruling:
    return rule(thesis, falsifier or condition(), figures, today)


def test_it_is_true_from_the_day_of_the_first_filing_that_meets_it(thesis: Thesis) -> None:
    found = ruled(thesis, figure(Q4, 71), figure(Q1, 69))
    assert (found.status, found.on, found.final) == (Status.TRUE, date(2027, 5, 27), True)
    assert found.figure
    assert found.figure.accession == "a-2027-05-27"


def test_it_is_false_so_far_while_a_later_report_may_meet_it(thesis: Thesis) -> None:
    found = ruled(thesis, figure(Q4, 71), figure(Q1, 72))
    assert (found.status, found.on, found.final) == (Status.FALSE, date(2027, 5, 27), False)
    assert found.figure
    assert found.figure.end == Q1
    assert "open until 2027-12-31" in found.reason


def test_it_is_false_for_good_once_its_day_has_passed(thesis: Thesis) -> None:
    found = ruled(thesis, figure(Q4, 71), today=date(2028, 1, 1))
    assert (found.status, found.on, found.final) == (Status.FALSE, BY, True)
    on_the_day = ruled(thesis, figure(Q4, 71), today=BY)
    assert not on_the_day.final


def test_periods_before_it_starts_and_filings_after_its_day_do_not_count(thesis: Thesis) -> None:
    late = figure(Q1, 60, filed=BY + timedelta(days=1))
    found = ruled(thesis, figure(Q3, 60), late, today=date(2028, 6, 1))
    assert (found.status, found.final) == (Status.NOT_YET, True)
    in_time = ruled(thesis, figure(Q1, 60, filed=BY), today=date(2028, 6, 1))
    assert in_time.status is Status.TRUE


def test_what_is_filed_later_than_today_is_not_known(thesis: Thesis) -> None:
    found = ruled(thesis, figure(Q4, 60), today=date(2027, 2, 24))
    assert (found.status, found.on, found.final) == (Status.NOT_YET, date(2027, 2, 24), False)
    assert ruled(thesis, figure(Q4, 60), today=date(2027, 2, 25)).status is Status.TRUE


def test_a_restatement_neither_makes_nor_undoes_it(thesis: Thesis) -> None:
    again = date(2027, 5, 1)
    made = ruled(thesis, figure(Q4, 71), figure(Q4, 69, again, restates="a"))
    assert made.status is Status.FALSE
    undone = ruled(thesis, figure(Q4, 69), figure(Q4, 71, again, restates="a"))
    assert undone.status is Status.TRUE


def test_without_a_date_it_is_about_what_comes_after_the_essay(thesis: Thesis) -> None:
    bare = condition(after=None)
    before = figure(thesis.date, 60)
    assert ruled(thesis, before, falsifier=bare).status is Status.NOT_YET
    assert ruled(thesis, figure(Q3, 60), falsifier=bare).status is Status.TRUE


@pytest.mark.parametrize(
    ("comparison", "value", "met"),
    [
        ("<", 69.9, True),
        ("<", 70, False),
        ("<=", 70, True),
        ("<=", 70.1, False),
        (">", 70.1, True),
        (">", 70, False),
        (">=", 70, True),
        (">=", 69.9, False),
    ],
)
def test_the_threshold_itself_counts_only_where_it_says_so(
    thesis: Thesis, comparison: str, value: float, met: bool
) -> None:
    found = ruled(thesis, figure(Q4, value), falsifier=condition(comparison=comparison))
    assert (found.status is Status.TRUE) is met


def test_an_event_is_left_to_judgement(thesis: Thesis) -> None:
    event = condition(kind="event", kpi=None, comparison=None, threshold=None)
    found = ruled(thesis, falsifier=event)
    assert (found.status, found.on, found.figure) == (Status.NOT_YET, TODAY, None)
    assert found.reason == falsifiers.EVENT


def test_every_falsifier_of_the_default_thesis_is_open_and_says_what_counts(
    thesis: Thesis,
) -> None:
    for one in thesis.falsifiers:
        found = rule(thesis, one, [figure(Q3, 0), figure(Q3, 1e15)], date(2026, 11, 1))
        assert found.status is Status.NOT_YET, one.id
        assert one.kind == "event" or f"after {one.after}" in found.reason


FIGURES = st.lists(
    st.builds(
        lambda ahead, lag, value: figure(
            AFTER + timedelta(days=ahead), value, AFTER + timedelta(days=ahead + lag)
        ),
        st.integers(-200, 500),
        st.integers(0, 200),
        st.floats(0, 140),
    ),
    max_size=6,
)


@given(FIGURES, st.randoms(), st.integers(-100, 600))
def test_order_does_not_matter_and_what_was_true_stays_true(
    thesis: Thesis, figures: list[Figure], random: Any, days: int
) -> None:
    today = AFTER + timedelta(days=days)
    found = ruled(thesis, *figures, today=today)
    shuffled = list(figures)
    random.shuffle(shuffled)
    again = ruled(thesis, *shuffled, today=today)
    assert (again.status, again.on, again.final) == (found.status, found.on, found.final)
    later = ruled(thesis, *figures, today=today + timedelta(days=30))
    if found.final:
        assert (later.status, later.on) == (found.status, found.on)
    assert found.on <= max(today, BY)
