"""Of an answer Markdown sees the bullets, and of foreign words nothing but letters."""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.markdown import Markdown

from agent.chat.markdown import escaped, of_answer

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


def rendered(text: str) -> str:
    out = StringIO()
    Console(file=out, width=200).print(Markdown(text, hyperlinks=False))
    return " ".join(out.getvalue().split())


@pytest.mark.parametrize(
    "line",
    [
        "2025. The year",
        "3) three",
        "# no head",
        "> no quote",
        "**b** _i_ `c`",
        "<b>x</b> &amp;",
    ],
)
def test_line_is_shown_as_it_stands(line: str) -> None:
    assert rendered(of_answer(line)) == line


def test_bullets_and_marks_are_ours() -> None:
    shown = of_answer("It fell. [1]\n- [x](https://e.example) rose. [2]")
    assert "It fell. [1]" in shown
    assert "- \\[x\\](https://e.example) rose. [2]" in shown


@given(PRINTABLE)
def test_no_letter_is_lost_or_obeyed(text: str) -> None:
    assert rendered(escaped(f"x{text}")) == f"x{text}"
