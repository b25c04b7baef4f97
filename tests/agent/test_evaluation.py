"""Every figure of an evaluation, held against one worked out by hand or by scikit-learn."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from agent import evaluation
from agent.evaluation import STANCES, Said, Truth, evaluate, wilson

FRONTS = ["a", "b", "c"]
TRUTH = [
    Truth(True, "a", "supports"),
    Truth(True, "a", "weakens"),
    Truth(True, "b", "neutral"),
    Truth(True, "c", "supports"),
    Truth(False),
    Truth(False),
]
SAID = [
    Said(True, 0.95, False, "a", "supports"),
    Said(True, 0.85, False, "b", "weakens"),
    Said(True, 0.75, False, "b", "supports"),
    Said(False, 0.25, False),
    Said(True, 0.65, False, "a", "supports"),
    Said(False, 0.52, True),
]


def test_figures_of_six_items_are_those_worked_out_by_hand() -> None:
    found = evaluate(TRUTH, SAID, FRONTS)
    assert (found["items"], found["relevant"], found["abstained"]) == (6, 4, 1)
    assert found["unlabelled"] == 1
    relevance = found["relevance"]
    assert (relevance["precision"], relevance["recall"], relevance["f1"]) == (0.75, 0.75, 0.75)
    assert found["primary"]["accuracy"] == pytest.approx(2 / 3)
    assert found["primary"]["confusion"]["a"] == {"a": 1, "b": 1, "c": 0}
    assert found["primary"]["by_category"]["a"].value == 0.5
    assert found["primary"]["by_category"]["c"].of == 0
    assert found["stance"]["confusion"]["neutral"]["supports"] == 1
    assert found["probabilities"]["brier"] == pytest.approx(
        (0.05**2 + 0.15**2 + 0.25**2 + 0.75**2 + 0.65**2 + 0.52**2) / 6
    )


def test_judge_that_is_always_right_gets_full_marks_and_one_that_is_silent_none() -> None:
    right = [
        Said(one.relevant, float(one.relevant), False, one.category, one.stance) for one in TRUTH
    ]
    found = evaluate(TRUTH, right, FRONTS)
    assert found["relevance"]["f1"] == found["primary"]["macro_f1"] == 1.0
    assert found["stance"]["macro_f1"] == 1.0
    assert found["probabilities"]["calibration_error"] == 0.0
    assert {one["risk"] for one in found["risk_coverage"]} == {0.0}
    silent = evaluate(TRUTH, [Said(False, 0.0, True)] * len(TRUTH), FRONTS)
    assert silent["relevance"]["f1"] == silent["primary"]["accuracy"] == 0.0
    assert (silent["abstained"], silent["unlabelled"]) == (6, 4)


def test_nothing_to_grade_is_no_division_by_zero() -> None:
    assert evaluate([], [], FRONTS)["relevance"]["f1"] == 0.0


def test_abstentions_are_answered_last() -> None:
    said = [Said(True, 0.99, True), Said(True, 0.6, False)]
    found = evaluation.risk_coverage(
        list(zip([Truth(False), Truth(True, "a", "x")], said, strict=True))
    )
    assert [one["risk"] for one in found if one["coverage"] in (0.5, 1.0)] == [0.0, 0.5]


def test_gate_keeps_the_likeliest() -> None:
    truth = [n < 10 for n in range(100)]
    found = evaluation.gate_recall(truth, [1 - n / 100 for n in range(100)])
    assert {one["pass"]: one["recall"] for one in found}[0.05] == 0.5
    assert {one["pass"]: one["recall"] for one in found}[0.1] == 1.0


def test_interval_of_a_share_is_wilsons() -> None:
    found = wilson(8, 10)
    assert found.value == 0.8
    assert (found.low, found.high) == (
        pytest.approx(0.541, abs=1e-3),
        pytest.approx(0.931, abs=1e-3),
    )
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    assert wilson(5, 5).high == pytest.approx(1.0)


LABELS = st.lists(
    st.tuples(st.sampled_from(STANCES), st.sampled_from(STANCES)), min_size=1, max_size=60
)


@given(LABELS)
def test_macro_f1_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    ours = evaluation.macro_f1(evaluation.confusion(pairs, STANCES))
    theirs = f1_score(*zip(*pairs, strict=True), average="macro")
    assert ours == pytest.approx(theirs)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=80))
def test_bins_hold_every_item_once_and_the_error_stays_a_share(
    pairs: list[tuple[bool, float]],
) -> None:
    bins = evaluation.reliability(*map(list, zip(*pairs, strict=True)))
    assert sum(one["items"] for one in bins) == len(pairs)
    assert 0.0 <= evaluation.calibration_error(bins) <= 1.0


def test_calibrated_probabilities_have_a_small_error() -> None:
    chance = random.Random(7)
    chances = [chance.random() for _ in range(20_000)]
    truth = [chance.random() < p for p in chances]
    assert evaluation.calibration_error(evaluation.reliability(truth, chances)) < 0.02
