"""Excerpts are words of the item itself, whole sentences, and say more than its title."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.excerpts import LONGEST, beginning, sentences


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("  \n ", []),
        ("One. Two three! Four?", ["One.", "Two three!", "Four?"]),
        ("It fell 3.5% in the U.S. Market on Jan. 27.", 1),
        ("He said: “It works.” Then he left.", ["He said: “It works.”", "Then he left."]),
        ("英伟达下跌。台积电上涨！", ["英伟达下跌。", "台积电上涨！"]),
        ("Headline\nBody text here", ["Headline", "Body text here"]),
        ("Nvidia Corp. Said so.", 1),
    ],
)
def test_text_is_cut_where_sentences_end(text: str, parts: list[str] | int) -> None:
    found = cut(text)
    assert found == parts if isinstance(parts, list) else len(found) == parts


@given(st.text(max_size=300))
def test_sentences_are_the_text_in_order_and_leave_out_only_space(text: str) -> None:
    spans = sentences(text)
    assert all(start < end for start, end in spans)
    assert all(one[1] <= other[0] for one, other in zip(spans, spans[1:], strict=False))
    assert "".join("".join(cut(text)).split()) == "".join(text.split())


def test_beginning_is_the_first_sentence_that_says_more_than_the_title() -> None:
    text = "Nvidia stock falls. The fall is the largest in history. More follows."
    assert beginning(text, "Nvidia stock falls") == "The fall is the largest in history."
    assert beginning("Nvidia stock falls.", "Nvidia stock falls") == ""
    assert beginning("", "Anything") == ""
    assert beginning("Wordy " * LONGEST, "Anything") == ""
