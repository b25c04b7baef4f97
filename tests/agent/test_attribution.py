"""A change splits into its causes without a rest, and what would tip the score does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent import attribution, score
from agent.attribution import CAUSE_OF, Cause, Change, Frame
from agent.score import LedgerRow

THEN = datetime(2025, 1, 20, tzinfo=UTC)
NOW = datetime(2025, 2, 20, tzinfo=UTC)
OMEGA = {"amd_stack": 1.0, "capex_payback": 2.5, "training_efficiency": 0.5}
BEFORE, AFTER = Frame(THEN, OMEGA, 0.5), Frame(NOW, OMEGA, 0.5)
WORDS = ["new evidence", "corroboration", "correction", "retraction", "judge change", "merge"]

rows = st.builds(
    LedgerRow,
    event_id=st.sampled_from("abcdef"),
    category=st.sampled_from(sorted(OMEGA)),
    weight=st.floats(-2.3, 2.3).map(lambda nats: round(nats, 6)),
    half_life_days=st.sampled_from([14.0, 60.0, 180.0]),
    occurred_at=st.integers(0, 1000).map(lambda hours: THEN - timedelta(hours=hours)),
)
changes = st.builds(Change, row=rows, cause=st.sampled_from(WORDS))


def unique(drawn: list[LedgerRow]) -> list[LedgerRow]:
    return list({(row.event_id, row.category): row for row in drawn}.values())


def log_odds(standing: list[LedgerRow], frame: Frame) -> float:
    found = score.compute(
        standing, as_of=frame.at, weights=frame.weights, prior=frame.prior, seed="s"
    )
    return found.log_odds


@given(st.lists(rows), st.lists(changes), st.floats(0.1, 0.9), st.floats(0.5, 4))
def test_causes_add_up_to_the_change_of_the_score(
    drawn: list[LedgerRow], made: list[Change], prior: float, weight: float
) -> None:
    standing = unique(drawn)
    now = Frame(NOW, {**OMEGA, "amd_stack": weight}, prior)
    found = attribution.split(standing, made, BEFORE, now)
    after = unique([*standing, *(change.row for change in made)])
    change = log_odds(after, now) - log_odds(standing, BEFORE)
    assert sum(found.values()) == pytest.approx(change, abs=1e-9)
    assert set(found) == set(Cause)


@given(st.lists(rows), st.sampled_from(WORDS))
def test_without_restatement_or_edit_all_of_a_change_is_decay(
    drawn: list[LedgerRow], word: str
) -> None:
    standing = unique(drawn)
    found = attribution.split(standing, [], BEFORE, AFTER)
    assert {cause for cause, size in found.items() if size} <= {Cause.DECAY}
    again = [Change(row, word) for row in standing]
    assert attribution.split(standing, again, BEFORE, AFTER) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("word", WORDS)
def test_row_counts_for_the_cause_it_was_recorded_with(word: str) -> None:
    row = LedgerRow("a", "amd_stack", 0.5, 60.0, NOW)
    found = attribution.split([], [Change(row, word)], BEFORE, AFTER)
    moved = {cause for cause, size in found.items() if size}
    assert moved == {CAUSE_OF.get(word, Cause.CORRECTION)}


def test_edit_of_the_thesis_alone_is_a_thesis_edit() -> None:
    found = attribution.split([], [], BEFORE, Frame(NOW, OMEGA, 0.6))
    assert {cause for cause, size in found.items() if size} == {Cause.THESIS}


@given(st.lists(rows, min_size=1))
def test_tipping_takes_the_score_across_and_one_event_less_does_not(drawn: list[LedgerRow]) -> None:
    standing = unique(drawn)
    found = attribution.tipping(standing, AFTER)
    now = log_odds(standing, AFTER)
    left = [row for row in standing if row.event_id not in found.events]
    assert found.log_odds == pytest.approx(log_odds(left, AFTER), abs=1e-9)
    if found.events:
        short = [row for row in standing if row.event_id not in found.events[:-1]]
        assert log_odds(short, AFTER) * now > 0


def test_prior_that_holds_the_score_alone_does_not_cross() -> None:
    row = LedgerRow("a", "amd_stack", 0.5, 60.0, NOW)
    found = attribution.tipping([row], Frame(NOW, OMEGA, 0.8))
    assert (found.events, found.crosses) == (("a",), False)


@given(st.lists(rows), st.floats(0.2, 1.0))
def test_needed_events_are_enough_and_one_less_is_not(
    drawn: list[LedgerRow], weight: float
) -> None:
    standing = unique(drawn)
    now = log_odds(standing, AFTER)
    count = attribution.needed(standing, AFTER, ["capex_payback"], weight)
    assume(count is not None and abs(now) > 1e-6)
    new = LedgerRow("x", "capex_payback", -weight if now > 0 else weight, 60.0, NOW)

    def with_new(times: int) -> float:
        more = [replace(new, event_id=f"x{n}") for n in range(times)]
        return log_odds([*standing, *more], AFTER)

    assert abs(with_new(count)) < 1e-9 or (with_new(count) > 0) != (now > 0)
    assert (with_new(count - 1) > 0) == (now > 0)


def test_category_that_saturates_cannot_do_it_alone() -> None:
    standing = [LedgerRow(f"e{n}", "capex_payback", 0.7, 60.0, NOW) for n in range(30)]
    assert attribution.needed(standing, AFTER, ["training_efficiency"], 0.5) is None
    assert attribution.needed(standing, AFTER, list(OMEGA), 0.5) is not None
