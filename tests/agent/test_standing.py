"""The book: which ledger rows stand at an instant, and which must be written."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.evidence import Row, Witness, weigh
from agent.standing import Book, Sight, as_ledger_row, assess
from agent.thesis import Thesis

MONDAY = datetime(2025, 1, 27, 8, tzinfo=UTC)
WITNESS = Witness(
    1, 1, "Reuters", 0.9, False, False, "news", MONDAY, (("amd_stack", "supports", 0.8, 2),)
)
(ROW,) = weigh([WITNESS], rank=1)
CORROBORATED, CONTRADICTED = (
    weigh([WITNESS, replace(WITNESS, item_number=2, owner="Bloomberg", labels=labels)], rank=1)[0]
    for labels in (WITNESS.labels, (("amd_stack", "weakens", 0.8, 2),))
)


def recorded(row: Row = ROW, event: str = "e1", at: datetime = MONDAY) -> dict[str, Any]:
    """`row` as the ledger gives it back."""
    return {
        **asdict(row),
        "owners": list(row.owners),
        "event_id": event,
        "recorded_at": at,
    }


def events(book: Book, thesis: Thesis, now: datetime) -> int:
    return book.until(now).standing(thesis, now, Sight()).score.events


def test_a_row_of_an_event_that_the_book_does_not_have_is_new_evidence() -> None:
    assert Book().cause("e1", ROW) == "new evidence"
    assert Book([recorded()]).until(MONDAY).cause("e2", ROW) == "new evidence"
    other = replace(ROW, category="custom_silicon")
    assert Book([recorded()]).until(MONDAY).cause("e1", other) == "new evidence"


def test_a_row_that_stands_as_it_is_need_not_be_written() -> None:
    assert Book([recorded()]).until(MONDAY).cause("e1", ROW) == ""


def test_another_owner_on_the_same_side_is_corroboration() -> None:
    assert Book([recorded()]).until(MONDAY).cause("e1", CORROBORATED) == "corroboration"


def test_a_change_of_stance_is_a_correction() -> None:
    assert CONTRADICTED.stance == "neutral"
    assert Book([recorded()]).until(MONDAY).cause("e1", CONTRADICTED) == "correction"


@pytest.mark.parametrize(
    "change",
    [
        {"severity": 3},
        {"weight": 0.11},
        {"half_life_days": 14.0},
        {"occurred_at": MONDAY - timedelta(hours=3)},
        {"owners": ("Apollo",)},
        {"item_number": 9},
    ],
)
def test_whatever_changes_the_score_or_its_source_is_written(change: dict[str, Any]) -> None:
    assert Book([recorded()]).until(MONDAY).cause("e1", replace(ROW, **change))


def test_a_new_verdict_that_says_the_same_is_not_written() -> None:
    assert Book([recorded()]).until(MONDAY).cause("e1", replace(ROW, verdict_id=77)) == ""


def test_cause_is_asked_of_the_latest_restatement() -> None:
    book = Book([recorded(), recorded(CORROBORATED, at=MONDAY + timedelta(hours=1))])
    assert book.until(MONDAY).cause("e1", CORROBORATED) == "corroboration"
    assert book.until(MONDAY + timedelta(hours=1)).cause("e1", CORROBORATED) == ""
    assert book.cause("e1", ROW) == "corroboration"


def test_a_row_stands_from_the_instant_it_was_recorded(thesis: Thesis) -> None:
    book = Book([recorded(), recorded(event="e2", at=MONDAY + timedelta(days=1))])
    assert events(book, thesis, MONDAY - timedelta(microseconds=1)) == 0
    assert events(book, thesis, MONDAY) == 1
    assert events(book, thesis, MONDAY + timedelta(days=1)) == 2


def test_a_restated_row_takes_the_place_of_the_one_before(thesis: Thesis) -> None:
    book = Book([recorded()]).until(MONDAY)
    before = book.standing(thesis, MONDAY, Sight()).score
    book.take([recorded(CORROBORATED)])
    after = book.standing(thesis, MONDAY, Sight()).score
    assert (before.events, after.events) == (1, 1)
    assert (before.publishers, after.publishers) == (1, 2)
    assert after.log_odds > before.log_odds > 0


def test_a_retraction_returns_the_score_to_where_it_was(thesis: Thesis) -> None:
    book = Book([recorded(event="e0")]).until(MONDAY)
    before = book.standing(thesis, MONDAY, Sight()).score
    book.take([recorded()])
    assert book.standing(thesis, MONDAY, Sight()).score.log_odds > before.log_odds
    book.take([recorded(CONTRADICTED)])
    after = book.standing(thesis, MONDAY, Sight()).score
    assert (after.log_odds, after.low, after.high) == (before.log_odds, before.low, before.high)


rows = st.builds(
    lambda event, hours, weight: recorded(
        replace(ROW, weight=weight), event, MONDAY + timedelta(hours=hours)
    ),
    st.sampled_from("abcde"),
    st.integers(0, 48),
    st.floats(-0.7, 0.7),
)


@given(st.lists(rows, max_size=12), st.lists(st.integers(-1, 60), min_size=1, max_size=5))
def test_reading_on_step_by_step_ends_where_reading_at_once_does(
    thesis: Thesis, ledger: list[dict[str, Any]], stops: list[int]
) -> None:
    ledger.sort(key=lambda row: row["recorded_at"])
    instants = sorted(MONDAY + timedelta(hours=hours) for hours in stops)
    stepwise, at_once = Book(ledger), Book(ledger)
    for now in instants:
        stepwise.until(now)
    last = instants[-1]
    found = stepwise.standing(thesis, last, Sight())
    assert found == at_once.until(last).standing(thesis, last, Sight())
    latest = {row["event_id"]: row for row in ledger if row["recorded_at"] <= last}
    standing = [as_ledger_row(row) for row in latest.values()]
    assert found.score.log_odds == assess(standing, thesis, last, Sight()).score.log_odds


def test_rows_of_a_category_that_the_thesis_dropped_do_not_count(thesis: Thesis) -> None:
    book = Book([recorded(replace(ROW, category="a dropped front"))]).until(MONDAY)
    assert book.standing(thesis, MONDAY, Sight()).score.events == 0


def test_status_says_what_to_hold_against_the_score(thesis: Thesis) -> None:
    book = Book([recorded()]).until(MONDAY)
    assert book.standing(thesis, MONDAY, Sight()).status == "uncalibrated"
    assert book.standing(thesis, MONDAY, Sight(0.25)).status == (
        "blind to 25% of the sources; uncalibrated"
    )
    assert Book().standing(thesis, MONDAY, Sight()).status == "no evidence yet; uncalibrated"


def test_items_without_their_judge_are_said_and_widen_the_band(thesis: Thesis) -> None:
    book = Book([recorded()])
    found = [
        book.until(MONDAY).standing(thesis, MONDAY, sight)
        for sight in (Sight(), Sight(0.0, 1, 0, 4), Sight(0.5, 2, 1, 4))
    ]
    assert [one.score.log_odds for one in found] == [found[0].score.log_odds] * 3
    assert found[0].score.low > found[1].score.low > found[2].score.low
    assert found[1].status == "judge unavailable: 1 item waits for it; uncalibrated"
    assert found[2].status.startswith(
        "blind to 50% of the sources; judge unavailable: 2 items wait for it; degraded: the budget "
        "was spent, the local judge judged 1 of 4 of the week's items"
    )
    assert Sight(0.5, 2, 1, 4).hidden == 0.875
    assert Sight.of(found[2].as_row()["detail"]) == found[2].sight
