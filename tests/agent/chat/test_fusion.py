"""Rankings are fused whatever their order, and near repetitions give way to something new."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.chat.fusion import SMOOTHING, Vectors, diverse, fuse

RANKINGS = st.lists(st.lists(st.integers(0, 30), unique=True, max_size=12), max_size=5)
SCORES = st.lists(st.floats(0.01, 10), min_size=1, max_size=12)


def unit(rows: int, seed: int) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    normed: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return normed


def ranked(scores: list[float]) -> tuple[list[int], dict[int, float]]:
    found = dict(enumerate(sorted(scores, reverse=True), start=100))
    return list(found), found


def test_score_is_the_sum_over_the_rankings() -> None:
    fused = fuse([[7, 8], [8]])
    assert fused == {
        7: 1 / (SMOOTHING + 1),
        8: pytest.approx(1 / (SMOOTHING + 2) + 1 / (SMOOTHING + 1)),
    }


def test_no_rankings_give_no_scores() -> None:
    assert fuse([]) == fuse([[], []]) == {}


@given(RANKINGS, st.randoms(use_true_random=False))
def test_order_of_the_rankings_does_not_matter(rankings: list[list[int]], random: Random) -> None:
    shuffled = list(rankings)
    random.shuffle(shuffled)
    assert fuse(shuffled) == pytest.approx(fuse(rankings))


@given(RANKINGS)
def test_every_number_that_is_ranked_has_a_score(rankings: list[list[int]]) -> None:
    fused = fuse(rankings)
    assert fused.keys() == {number for ranking in rankings for number in ranking}
    assert all(score > 0 for score in fused.values())


@given(RANKINGS, st.lists(st.integers(0, 30), unique=True, min_size=2, max_size=12), st.data())
def test_better_rank_never_lowers_a_score(
    others: list[list[int]], ranking: list[int], data: st.DataObject
) -> None:
    place = data.draw(st.integers(1, len(ranking) - 1))
    better = [*ranking]
    better[place - 1], better[place] = better[place], better[place - 1]
    before, after = fuse([*others, ranking]), fuse([*others, better])
    assert after[ranking[place]] > before[ranking[place]]


@given(RANKINGS, st.lists(st.integers(0, 30), unique=True, max_size=12))
def test_further_ranking_never_lowers_a_score(others: list[list[int]], ranking: list[int]) -> None:
    before, after = fuse(others), fuse([*others, ranking])
    assert all(after[number] >= score for number, score in before.items())


@given(SCORES, st.integers(0, 15), st.floats(0, 1), st.integers(0, 99))
def test_chosen_are_so_many_and_none_twice(
    scores: list[float], count: int, keenness: float, seed: int
) -> None:
    numbers, of = ranked(scores)
    chosen = diverse(numbers, of, unit(len(numbers), seed), count, keenness)
    assert len(chosen) == len(set(chosen)) == min(count, len(numbers))
    assert set(chosen) <= set(numbers)


@given(SCORES, st.integers(0, 15), st.integers(0, 99))
def test_no_keenness_keeps_the_order(scores: list[float], count: int, seed: int) -> None:
    numbers, of = ranked(scores)
    assert diverse(numbers, of, unit(len(numbers), seed), count, 0.0) == numbers[:count]


@given(SCORES, st.floats(0, 1), st.integers(0, 99))
def test_best_comes_first_however_keen(scores: list[float], keenness: float, seed: int) -> None:
    numbers, of = ranked(scores)
    assert diverse(numbers, of, unit(len(numbers), seed), 1, keenness) == numbers[:1]


@given(SCORES, st.floats(0, 1), st.integers(0, 99))
def test_fewer_are_the_first_of_more(scores: list[float], keenness: float, seed: int) -> None:
    numbers, of = ranked(scores)
    vectors = unit(len(numbers), seed)
    every = diverse(numbers, of, vectors, len(numbers), keenness)
    for count in range(len(numbers)):
        assert diverse(numbers, of, vectors, count, keenness) == every[:count]


def test_repetition_gives_way_to_something_new() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    scores = {1: 1.0, 2: 0.9, 3: 0.8}
    assert diverse([1, 2, 3], scores, vectors, 2, 0.0) == [1, 2]
    assert diverse([1, 2, 3], scores, vectors, 2, 0.5) == [1, 3]


def test_nothing_to_choose_from_gives_nothing() -> None:
    assert diverse([], {}, unit(0, 1), 3, 0.5) == []


def test_scores_of_zero_are_no_obstacle() -> None:
    assert diverse([4, 5], {4: 0.0, 5: 0.0}, unit(2, 1), 2, 0.0) == [4, 5]
