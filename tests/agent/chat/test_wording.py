"""The telling words, names and figures of a question are found, and what only asks is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.chat.wording import EMPTY, Names, chinese, phrases, phrases_cjk, words
from agent.thesis import Thesis


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What has happened to GPU rental prices?", ["gpu", "rental", "prices"]),
        ("What's Nvidia's GPU-rental price?", ["nvidia", "gpu", "rental", "price"]),
        ("Nvidia’s chips", ["nvidia", "chips"]),
        ("H100 costs $2.50, and H100 falls 17%", ["h100", "costs", "50", "falls", "17"]),
        ("Chips, CHIPS and chips", ["chips"]),
        ("英伟达 H100 芯片", ["h100"]),
        ("英伟达H100", ["h100"]),
        ("What is it about?", []),
        ("x_y", []),
        ("", []),
    ],
)
def test_telling_words_are_found_once_in_order(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("英伟达的毛利率是多少？", ["英伟达", "毛利率"]),
        ("昇腾 910C 的推理性能如何？", ["昇腾", "推理性能"]),
        ("为什么英伟达下跌", ["英伟达下跌"]),
        ("什么？", []),
        ("What is it?", []),
        ("", []),
    ],
)
def test_runs_of_chinese_are_found_without_what_only_asks(text: str, found: list[str]) -> None:
    assert chinese(text) == found


@given(st.text(max_size=80))
def test_words_are_short_of_nothing_but_what_is_empty(text: str) -> None:
    found = words(text)
    assert len(set(found)) == len(found)
    assert not EMPTY.intersection(found)
    assert all(len(word) > 1 for word in found)


@given(st.lists(st.sampled_from("chips H100 GPU the is Tenstorrent it's 17".split())))
def test_telling_words_of_telling_words_are_the_same(parts: list[str]) -> None:
    found = words(" ".join(parts))
    assert words(" ".join(found)) == found


@given(st.text(alphabet="英伟达的毛利率是多少？AMD ", max_size=30))
def test_runs_of_chinese_stand_in_the_text(text: str) -> None:
    assert all(run and run in text for run in chinese(text))


def test_entity_is_found_by_any_of_its_names(thesis: Thesis) -> None:
    names = Names(thesis)
    for entity in thesis.entities:
        for name in entity.names:
            assert entity.id in names.ids(f"What of {name}?")


def test_entities_come_in_the_order_of_the_thesis(thesis: Thesis) -> None:
    found = Names(thesis).find("AMD, Microsoft and 英伟达")
    assert [one.id for one in found] == ["nvidia", "microsoft", "amd"]


def test_text_without_a_name_has_no_entity(thesis: Thesis) -> None:
    assert Names(thesis).find("What is the price of an amdahl?") == []
    assert Names(thesis).ids("") == frozenset()


def test_entities_are_called_by_their_first_name(thesis: Thesis) -> None:
    assert [one.name for one in Names(thesis).called(["nvidia", "amd"])] == ["AMD", "Nvidia"]
    assert Names(thesis).called([]) == []


def test_every_name_is_a_phrase_in_its_own_script(thesis: Thesis) -> None:
    latin, cjk = phrases(thesis.entities), phrases_cjk(thesis.entities)
    every = {name for one in thesis.entities for name in one.names}
    assert set(cjk) <= every
    assert set(latin) == {name.casefold() for name in every - set(cjk)}
    assert {"nvidia", "nvda", "jensen huang"} <= set(latin)
    assert "英伟达" in cjk


def test_phrases_are_each_there_once(thesis: Thesis) -> None:
    twice = [*thesis.entities, *thesis.entities]
    assert phrases(twice) == phrases(thesis.entities)
    assert phrases_cjk(twice) == phrases_cjk(thesis.entities)
