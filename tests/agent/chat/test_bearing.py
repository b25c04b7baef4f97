"""An item is shown as an answer only when it speaks of whom and what was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.chat.bearing import Needs, misses, needs, share

NOBODY: frozenset[str] = frozenset()
AMAZON = frozenset({"amazon"})
WORDS = "nvidia chips h100 shares fall 芯片 tenstorrent price".split()


def needed(question: str) -> Needs:
    return needs(question, NOBODY, NOBODY)


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Who invested in Tenstorrent?", ("Tenstorrent",)),
        ("What did SambaNova say to DeepSeek-R1?", ("SambaNova", "DeepSeek-R1")),
        ("What is the MI300X's price?", ("MI300X",)),
        ("H100 or H200?", ("H100", "H200")),
        ("Is Groq faster than Groq?", ("Groq",)),
        ("Did it fall? Who gained?", ()),
        ("who gained", ()),
        ("Groq works?", ()),
        ("B200 works?", ("B200",)),
        ("谁投资了 Tenstorrent？", ("Tenstorrent",)),
        ("", ()),
    ],
)
def test_names_are_told_from_capitals_and_figures(question: str, names: tuple[str, ...]) -> None:
    assert needed(question).names == names


def test_name_of_a_known_entity_is_left_to_the_entity() -> None:
    found = needs("How many chips did Amazon sell to Groq?", AMAZON, AMAZON)
    assert found.names == ("Groq",)
    assert found.entities == AMAZON
    assert (found.names, found.entities) == (("Groq",), {"amazon"})


@pytest.mark.parametrize(
    ("question", "counted"),
    [
        ("How many chips were sold?", "chips"),
        ("how many Trainium chips did they buy?", "chips"),
        ("How much did it cost?", ""),
        ("Who sold chips?", ""),
    ],
)
def test_what_is_counted_is_told(question: str, counted: str) -> None:
    assert needed(question).counted == counted


@pytest.mark.parametrize("question", ["How many were sold?", "How many did they buy?"])
def test_verb_is_not_what_is_counted(question: str) -> None:
    assert needed(question).counted == ""


@pytest.mark.parametrize(
    ("question", "amount"),
    [
        ("How much did it cost?", True),
        ("How many chips were sold?", True),
        ("What is the price?", True),
        ("At what valuation?", True),
        ("卖了多少？", True),
        ("Who sold them?", False),
        ("Why did shares fall?", False),
        ("How did it end?", False),
    ],
)
def test_question_for_an_amount_is_one(question: str, amount: bool) -> None:
    assert needed(question).amount == amount


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who invested in Tenstorrent?", "Bezos backs Tenstorrent."),
        ("Who invested in Tenstorrent?", "Tenstorrent's backers meet."),
        ("How much does an H100 cost?", "H100 hours fell to $2."),
        ("How many chips were sold?", "It sold 3 million chips."),
        ("How many chips were sold?", "One chip of 4 was sold."),
        ("卖了多少？", "卖出三万颗芯片。"),
        ("Who gained?", "Nobody."),
    ],
)
def test_item_that_speaks_of_what_is_needed_misses_nothing(question: str, text: str) -> None:
    assert not misses(needed(question), text, NOBODY)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who invested in Tenstorrent?", "Bezos backs a start-up."),
        ("What of Tenstorrent and SambaNova?", "Tenstorrent grows."),
        ("How many chips were sold?", "It earned 3 million."),
        ("卖了多少？", "卖出芯片。"),
    ],
)
def test_item_that_leaves_out_what_is_needed_misses_it(question: str, text: str) -> None:
    assert misses(needed(question), text, NOBODY)


def test_half_of_the_entities_is_enough() -> None:
    both = needs("", frozenset({"amd", "nvidia"}), NOBODY)
    assert not misses(both, "", frozenset({"amd"}))
    assert misses(both, "", frozenset({"intel"}))
    assert misses(needs("", frozenset({"amd", "nvidia", "intel"}), NOBODY), "", frozenset({"amd"}))


def test_figure_may_be_spelled_out() -> None:
    assert not misses(needed("How many sites were closed?"), "It closed three sites.", NOBODY)


@pytest.mark.parametrize(
    ("name", "other"), [("H20", "H200"), ("B20", "B200"), ("R1", "R100"), ("MI30", "MI300X")]
)
def test_model_number_is_not_found_in_a_longer_one(name: str, other: str) -> None:
    assert misses(needed(f"Was the {name} banned?"), f"The {other} was banned.", NOBODY)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("chips", "One chip."),
        ("chip", "Many CHIPS."),
        ("efficiency", "An efficient one."),
        ("H100", "H100s."),
        ("芯片", "新的芯片来了"),
        ("boss", "The boss."),
        ("c++", "In C++ it is."),
    ],
)
def test_word_is_held_with_another_ending(word: str, text: str) -> None:
    assert share([word], [1.0], text) == 1.0


@pytest.mark.parametrize(
    ("word", "text"),
    [("chip", "A microchip."), ("price", "Surprices."), ("h100", "GH100"), ("芯片", "新的芯")],
)
def test_word_is_not_held_in_the_middle_of_another(word: str, text: str) -> None:
    assert share([word], [1.0], text) == 0.0


def test_share_is_by_weight() -> None:
    assert share(["chips", "price"], [3.0, 1.0], "A chip.") == pytest.approx(0.75)


def test_nothing_asked_is_held_by_nobody() -> None:
    assert share([], [], "A chip.") == 0.0
    assert share(["chips"], [0.0], "A chip.") == 0.0


def test_every_word_has_a_weight() -> None:
    with pytest.raises(ValueError, match="zip"):
        share(["chips"], [], "A chip.")


def test_thing_with_a_figure_in_its_name_is_counted() -> None:
    assert needed("How many H100s are there?").counted == "H100s"


@pytest.mark.parametrize(
    "question", ["What is the market share?", "What is the gross margin?", "What is AMD's price?"]
)
def test_amount_may_have_some_words_before_it(question: str) -> None:
    assert needed(question).amount


def test_figure_in_a_name_is_no_amount() -> None:
    assert misses(needed("How much does an H100 cost?"), "H100 hours are cheap.", NOBODY)


def test_known_name_of_several_words_is_left_to_the_entity() -> None:
    hynix = frozenset({"sk_hynix"})
    asked = needs("What did SK Hynix sell?", hynix, frozenset({"sk hynix", "hynix"}))
    assert asked.names == ()
    assert not misses(asked, "Hynix sells memory.", hynix)


@given(
    st.lists(st.tuples(st.sampled_from(WORDS), st.floats(0.01, 9)), min_size=1, max_size=8),
    st.lists(st.sampled_from(WORDS), max_size=8),
    st.lists(st.sampled_from(WORDS), max_size=8),
)
def test_share_is_a_share_and_grows_with_the_text(
    asked: list[tuple[str, float]], said: list[str], more: list[str]
) -> None:
    words, weights = [word for word, _ in asked], [weight for _, weight in asked]
    before = share(words, weights, " ".join(said))
    after = share(words, weights, " ".join(said + more))
    assert 0.0 <= before <= after + 1e-12 <= 1.0 + 2e-12


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_is_too_odd(question: str, text: str) -> None:
    assert misses(needed(question), text, NOBODY) in (True, False)
    assert len(set(needed(question).names)) == len(needed(question).names)
