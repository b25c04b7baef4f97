import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.entities import Mentions
from agent.thesis import Entity, Thesis

AMD = Entity(id="amd", name="AMD", aliases=("Advanced Micro Devices",), aliases_zh=("超威",))
META = Entity(id="meta", name="Meta Platforms", aliases=("Meta's",))
SUPER = Entity(id="supermicro", name="Super Micro", aliases_zh=("超威半导体公司",))
MENTIONS = Mentions([AMD, META, SUPER])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("AMD ships", {"amd"}),
        ("amd, again", {"amd"}),
        ("(AMD)", {"amd"}),
        ("Advanced  Micro-Devices", {"amd"}),
        ("Meta’s capex", {"meta"}),
        ("Meta's capex and AMD's GPUs", {"meta", "amd"}),
        ("", set()),
        ("AMDs and damd", set()),
        ("meta analysis", set()),
        ("Advanced Micro", set()),
    ],
)
def test_english_names_match_as_whole_words_whatever_their_case(text: str, found: set[str]) -> None:
    assert MENTIONS.find(text) == found


def test_chinese_names_match_inside_a_sentence_the_longest_first() -> None:
    assert MENTIONS.find("今天超威发布新品") == {"amd"}
    assert MENTIONS.find("今天超威半导体公司发布") == {"supermicro"}
    assert MENTIONS.find("AMD与超威半导体公司") == {"amd", "supermicro"}


def test_names_come_in_the_order_in_which_they_stand() -> None:
    text = "İ AMD sued Meta Platforms; 超威半导体公司 and AMD did not."
    assert MENTIONS.in_order(text) == ["amd", "meta", "supermicro", "amd"]


def test_name_inside_a_longer_one_is_none_in_the_order(thesis: Thesis) -> None:
    mentions = Mentions(thesis.entities)
    assert mentions.in_order("OpenAI's o1 matches DeepSeek R1") == ["openai", "deepseek_r1"]
    assert mentions.find("DeepSeek R1") == {"deepseek", "deepseek_r1"}


def test_a_thesis_without_entities_finds_nothing() -> None:
    assert Mentions([]).find("AMD 超威") == frozenset()


@given(st.text())
def test_any_text_is_searched_and_only_known_ids_come_out(text: str) -> None:
    assert MENTIONS.find(text) <= {"amd", "meta", "supermicro"}


@given(st.sampled_from([AMD, META, SUPER]), st.sampled_from(["", " ", "\n", ". ", "，"]))
def test_every_name_of_an_entity_finds_it(entity: Entity, around: str) -> None:
    for name in entity.names:
        assert entity.id in MENTIONS.find(f"{around}{name}{around}")


def test_every_name_in_the_default_thesis_finds_its_entity(thesis: Thesis) -> None:
    mentions = Mentions(thesis.entities)
    lost = [
        name
        for entity in thesis.entities
        for name in entity.names
        if entity.id not in mentions.find(name)
    ]
    assert lost == []
