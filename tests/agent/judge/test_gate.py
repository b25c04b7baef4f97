"""The gate lets through what matters and knows what it misses."""

import pytest

from agent.judge import gate
from agent.judge.gate import Gate, Tally


def test_item_passes_from_the_threshold_on() -> None:
    assert gate.decide("a", 0.2, threshold=0.2, sample=0.0) is Gate.PASSED
    assert gate.decide("a", 0.19, threshold=0.2, sample=0.0) is Gate.REJECTED
    assert gate.decide("a", 0.0, threshold=0.2, sample=1.0) is Gate.SAMPLED


def test_sample_is_a_fixed_share_of_ids_whatever_comes_beside_them() -> None:
    drawn = [gate.decide(f"item-{n}", 0.0, threshold=0.5, sample=0.02) for n in range(20_000)]
    again = [gate.decide(f"item-{n}", 0.1, threshold=0.5, sample=0.02) for n in range(20_000)]
    assert drawn == again
    assert 330 < drawn.count(Gate.SAMPLED) < 470


def test_recall_is_estimated_from_what_was_sampled() -> None:
    found = gate.recall(
        {"passed": Tally(100, 50, 40), "sampled": Tally(20, 20, 1), "rejected": Tally(980, 0, 0)}
    )
    assert found is not None
    assert found.value == pytest.approx(80 / (80 + 0.05 * 1000))
    assert found.low < found.value < found.high
    assert found.of == 20


def test_recall_is_unknown_before_both_sides_were_judged() -> None:
    assert gate.recall({}) is None
    assert gate.recall({"passed": Tally(9, 9, 9), "rejected": Tally(100, 0, 0)}) is None


def test_gate_that_missed_nothing_is_not_called_perfect_for_sure() -> None:
    found = gate.recall({"passed": Tally(10, 10, 10), "sampled": Tally(30, 30, 0)})
    assert found is not None
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 1.0
