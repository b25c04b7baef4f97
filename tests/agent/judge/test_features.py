"""Texts as numbers: each alone, the same wherever it stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.judge import features
from agent.judge.features import ENTITY_WEIGHT, Vocabulary
from agent.thesis import Thesis

TAUGHT = [
    "Nvidia sells more GPUs than last year",
    "Nvidia sells fewer GPUs",
    "Google builds TPU pods",
    "Google builds pods of TPU chips",
    "英伟达 芯片",
    "英伟达 芯片 短缺",
]


@pytest.fixture(scope="module")
def vocabulary(thesis: Thesis) -> Vocabulary:
    return features.learn(TAUGHT, thesis)


def row(vocabulary: Vocabulary, text: str) -> dict[int, float]:
    found = vocabulary.rows([text])
    return dict(zip(found.columns.tolist(), found.values.tolist(), strict=True))


def test_terms_are_words_pairs_figures_and_chinese_characters() -> None:
    words = ["price", "h100", "fell", "#"]
    pairs = ["price h100", "h100 fell", "fell #"]
    assert features.terms("The price of H100 fell 12.5") == words + pairs
    assert features.terms("芯片") == ["芯", "片", "芯 片"]


def test_word_must_stand_in_two_lines_to_be_learned(vocabulary: Vocabulary) -> None:
    assert {"nvidia", "sells", "gpus", "nvidia sells", "芯 片"} <= set(vocabulary.words)
    assert not {"more", "fewer", "year"} & set(vocabulary.words)
    assert vocabulary.words == sorted(vocabulary.words)


def test_rarer_words_weigh_more(vocabulary: Vocabulary, thesis: Thesis) -> None:
    more = features.learn([*TAUGHT, "Nvidia", "Nvidia again"], thesis)
    rare, common = (dict(zip(one.words, one.idf, strict=True)) for one in (vocabulary, more))
    assert common["nvidia"] < rare["nvidia"]


def test_words_of_a_text_have_unit_length_and_entities_stand_beside_them(
    vocabulary: Vocabulary,
) -> None:
    found = row(vocabulary, "Nvidia sells GPUs")
    words = [value for column, value in found.items() if column < len(vocabulary.words)]
    marks = [value for column, value in found.items() if column >= len(vocabulary.words)]
    assert sum(value**2 for value in words) == pytest.approx(1)
    assert marks
    assert set(marks) == {ENTITY_WEIGHT}


def test_entity_also_marks_the_fronts_it_stands_for(vocabulary: Vocabulary, thesis: Thesis) -> None:
    entity = next(one for one in thesis.entities if len(one.categories) == 1)
    found = row(vocabulary, entity.name)
    place = [category.id for category in thesis.categories].index(entity.categories[0])
    assert vocabulary.width - len(thesis.categories) + place in found


def test_text_without_known_words_is_an_empty_row(vocabulary: Vocabulary) -> None:
    assert row(vocabulary, "zxqv") == {}
    assert row(vocabulary, "") == {}


@given(
    st.lists(st.sampled_from([*TAUGHT, "", "zxqv", "GPUs " * 50, "1,234.5% of 芯片"]), max_size=12)
)
def test_row_does_not_depend_on_the_rows_beside_it(
    vocabulary: Vocabulary, texts: list[str]
) -> None:
    found = vocabulary.rows(texts)
    assert len(found.starts) == len(texts) + 1
    for i, text in enumerate(texts):
        alone = vocabulary.rows([text])
        mine = slice(found.starts[i], found.starts[i + 1])
        assert np.array_equal(found.columns[mine], alone.columns)
        assert np.array_equal(found.values[mine], alone.values)
