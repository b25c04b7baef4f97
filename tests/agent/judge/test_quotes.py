"""A quote counts word for word, where it stands, and not cut off behind a negation."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.judge.quotes import Span, check, fold

TEXT = (
    "DeepSeek says that training V3 cost $5.6 million. Rivals did not believe the claim at first."
)


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("training V3 cost $5.6 million", TEXT),
        ('"training V3 cost $5.6 million"', TEXT),
        ("it’s a “sea change” for buyers", 'He said it\'s a "sea change" for buyers.'),
        ("cost – by half – of a run", "They cut the cost - by half - of a run."),
        ("cut  the\ncost of a run", "They cut the cost\nof a run."),
        ("the office of a file", "All went through the oﬃce of a ﬁle."),
        ("a zero\u200bwidth trick here", "It is a zerowidth trick here"),
        ("café society buys GPUs", "The cafe\u0301 society buys GPUs."),
        ("训练成本只有六百万美元", "深度求索称，训练成本只有六百万美元。"),
        ("H20 sales fell by 40%", "H20 sales fell by 40%"),
        ("10² times as many chips", "It takes 10² times as many chips."),
        ("of 2-5% a year from now", "A fall of 2–5% a year from now"),
        ("2-5% a year from now", "Between 2–5% a year from now"),
    ],
)
def test_words_that_stand_in_the_text_are_found(quote: str, text: str) -> None:
    assert isinstance(check(quote, text), Span)


@pytest.mark.parametrize(
    ("quote", "reason"),
    [
        ("training V3 cost $6.5 million", "not in the text"),
        ("training V3 cost $5", "not in the text"),
        ("raining V3 cost $5.6 million", "not in the text"),
        ("Rivals did believe the claim", "not in the text"),
        ("DeepSeek says that Rivals did not believe", "not in the text"),
        ("training V3 cost ... the claim at first", "not in the text"),
        ("Training V3 Cost $5.6 million", "not in the text"),
        ("believe the claim at first", "negation"),
        ("V3 cost", "too short"),
        ("", "too short"),
        ("  \u200b ", "too short"),
    ],
)
def test_words_that_do_not_are_refused_with_the_reason(quote: str, reason: str) -> None:
    found = check(quote, TEXT)
    assert isinstance(found, str)
    assert reason in found


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("margin change of 5", "A margin change of 5⁄8 of a point"),
        ("margin change of 5", "A margin change of 5/8 of a point"),
        ("a split of the shares of 10", "They propose a split of the shares of 10:1."),
        ("5% in margin, they say", "A change of −5% in margin, they say"),
        ("$5 million of profit, they say", "It comes to -$5 million of profit, they say"),
        ("5 million of profit, they say", "It comes to -$5 million of profit, they say"),
        ("102 times as many chips", "It takes 10² times as many chips."),
        ("as many chips by 10", "as many chips by 10² times"),
        ("10^2 times as many chips", "It takes 102 times as many chips."),
    ],
)
def test_part_of_a_figure_is_no_quote(quote: str, text: str) -> None:
    assert check(quote, text) == "the quote is not in the text"


@pytest.mark.parametrize(
    "text",
    [
        "Nvidia denied that demand for Blackwell is slowing.",
        "There is no sign that demand for Blackwell is slowing.",
        "Analysts aren't sure demand for Blackwell is slowing.",
        "It is unlikely that demand for Blackwell is slowing.",
    ],
)
def test_quote_cut_off_behind_a_negation_is_refused(text: str) -> None:
    assert check("demand for Blackwell is slowing", text) == (
        "the quote leaves out the negation before it"
    )


def test_negation_of_another_sentence_or_inside_the_quote_does_no_harm() -> None:
    text = "They did not sell. Demand for Blackwell is slowing, and it is not seasonal."
    assert isinstance(check("Demand for Blackwell is slowing", text), Span)
    assert isinstance(check("it is not seasonal", text), Span)


def test_chinese_negation_counts_too() -> None:
    assert check("需求正在明显放缓", "英伟达否认需求正在明显放缓。") != Span(5, 13)
    assert isinstance(check("需求正在明显放缓", "他说需求正在明显放缓。"), Span)


def test_second_place_counts_when_the_first_is_negated() -> None:
    text = "It is not true that margins are falling fast. Later: margins are falling fast."
    found = check("margins are falling fast", text)
    assert isinstance(found, Span)
    assert found.start > 50


def test_last_character_of_a_quote_keeps_its_marks() -> None:
    text = "All of them met in the cafe\u0301."
    found = check("met in the café", text)
    assert isinstance(found, Span)
    assert text[found.start : found.end] == "met in the cafe\u0301"


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("margin falls a lot", "never margin falls a lot " * 8_000),
        ("margin falls a lot", "margin falls a lo" * 12_000),
        ("margin falls a lot", "a" + "\u0301\u0316" * 100_000),
    ],
    ids=["denied", "nearly", "marks"],
)
def test_text_made_to_be_slow_is_searched_all_the_same(quote: str, text: str) -> None:
    started = process_time()
    assert isinstance(check(quote, text), str)
    assert process_time() - started < 5


@given(st.text(min_size=0, max_size=30), st.text("ab ﬁ“”’–\u200b\u0301é", min_size=1, max_size=40))
def test_offsets_lead_back_to_the_words(before: str, middle: str) -> None:
    quote = f"margin {middle} margin falls"
    text = f"{before}. {quote} again."
    found = check(quote, text)
    if isinstance(found, Span):
        assert fold(text[found.start : found.end]).text.strip() == fold(quote).text.strip()


@given(st.text(max_size=60))
def test_folding_keeps_a_place_for_every_character(text: str) -> None:
    folded = fold(text)
    assert len(folded.places) == len(folded.text) + 1
    assert list(folded.places) == sorted(folded.places)
    assert fold(folded.text).text == folded.text
