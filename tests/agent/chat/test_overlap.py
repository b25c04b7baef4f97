"""A like word counts nearly as much as the same one, and a share is a share."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.chat import overlap
from agent.chat.overlap import Overlap
from agent.embed import StaticEmbedder

WORDS = (
    "nuclear atomic power station reactor banana guitar chips accelerator processor price cost "
    "revenue h100 tenstorrent 英伟达 芯片"
).split()
SAID = st.lists(st.sampled_from(WORDS), max_size=6)
WEIGHTS = st.lists(st.floats(0.01, 9), min_size=6, max_size=6)


@pytest.fixture(scope="module")
def met(static_embedder: StaticEmbedder) -> Overlap:
    return Overlap(static_embedder)


@pytest.mark.parametrize(
    ("wanted", "like", "unlike"),
    [
        ("nuclear", "atomic", "guitar"),
        ("price", "cost", "banana"),
        ("processor", "chips", "guitar"),
    ],
)
def test_like_word_is_closer_than_an_unrelated_one(
    wanted: str, like: str, unlike: str, met: Overlap
) -> None:
    same, near, far = met.scores([wanted], [1.0], [[wanted], [like], [unlike]])
    assert same == pytest.approx(1.0, abs=1e-5)
    assert same > near > far


def test_unrelated_words_share_nothing(met: Overlap) -> None:
    assert met.scores(["nuclear"], [1.0], [["guitar", "banana"]]) == [0.0]


def test_rare_word_weighs_more(met: Overlap) -> None:
    rare, common = met.scores(["nuclear", "guitar"], [3.0, 1.0], [["nuclear"], ["guitar"]])
    assert rare == pytest.approx(0.75, abs=1e-5)
    assert common == pytest.approx(0.25, abs=1e-5)


def test_text_without_words_holds_nothing(met: Overlap) -> None:
    assert met.scores(["nuclear"], [1.0], [[], ["nuclear"]])[0] == 0.0
    assert met.scores(["nuclear"], [1.0], [[]]) == [0.0]
    assert met.scores(["nuclear"], [1.0], []) == []


def test_nothing_wanted_is_held_by_nobody(met: Overlap) -> None:
    assert met.scores([], [], [["nuclear"], []]) == [0.0, 0.0]
    assert met.scores(["nuclear"], [0.0], [["nuclear"]]) == [0.0]


def test_forgotten_words_are_learnt_again(
    static_embedder: StaticEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Overlap(static_embedder)
    before = fresh.scores(["nuclear"], [1.0], [["atomic"], ["guitar"]])
    monkeypatch.setattr(overlap, "KEPT", 1)
    assert fresh.scores(["banana"], [1.0], [["banana"]])[0] == pytest.approx(1.0, abs=1e-5)
    after = fresh.scores(["nuclear"], [1.0], [["atomic"], ["guitar"]])
    assert after == pytest.approx(before, abs=1e-5)


def test_word_holds_no_more_than_all_of_itself(met: Overlap) -> None:
    assert all(met.scores([word], [1.0], [[word]])[0] <= 1.0 for word in WORDS)


@settings(deadline=None)
@given(wanted=SAID, weights=WEIGHTS, texts=st.lists(SAID, max_size=5))
def test_share_is_between_nothing_and_all_but_for_rounding(
    wanted: list[str], weights: list[float], texts: list[list[str]], met: Overlap
) -> None:
    found = met.scores(wanted, weights[: len(wanted)], texts)
    assert len(found) == len(texts)
    assert all(0.0 <= one <= 1.0 + 1e-5 for one in found)


@settings(deadline=None)
@given(wanted=SAID, weights=WEIGHTS, said=SAID, more=SAID)
def test_more_words_never_hold_less(
    wanted: list[str], weights: list[float], said: list[str], more: list[str], met: Overlap
) -> None:
    before, after = met.scores(wanted, weights[: len(wanted)], [said, said + more])
    assert after >= before - 1e-5
