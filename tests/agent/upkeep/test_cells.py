"""Cells of a CSV file that no spreadsheet runs, and that lose nothing."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.upkeep.cells import cell, guarded, unguarded
from agent.upkeep.tables import Kind

NASTY = st.text(alphabet="=+-@;|,\t\r\n \"'ab\0\u200b\ufeff\uff1d\u82f1", max_size=12)
BLANKS = '\t\r\n "\0\u200b\ufeff;|'


def runs(text: str) -> bool:
    """Whether a spreadsheet might take a cell for a formula."""
    return text.lstrip(BLANKS)[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-5% on the day", "'-5% on the day"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        (' "=1', "' \"=1"),
        ("\uff1d1", "'\uff1d1"),
        ("up;=1", "up;'=1"),
        ("one\n- two", "one\n'- two"),
        ("'=1", "''=1"),
        ("Nvidia falls 5%; AMD-made chips rise", "Nvidia falls 5%; AMD-made chips rise"),
        ("a = b", "a = b"),
        ("'quoted'", "'quoted'"),
        ("", ""),
        ("英伟达", "英伟达"),
    ],
)
def test_an_apostrophe_stands_where_a_formula_would_begin(text: str, safe: str) -> None:
    assert guarded(text) == safe
    assert unguarded(safe) == text


@given(NASTY)
def test_nothing_is_lost(text: str) -> None:
    assert unguarded(guarded(text)) == text


@given(st.lists(st.lists(NASTY, min_size=3, max_size=3), min_size=1, max_size=3))
def test_no_cell_is_run_whatever_is_taken_to_separate_them(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(
        [guarded(text) for text in row] for row in rows
    )
    for delimiter in ",;\t|":
        with io.StringIO(out.getvalue(), newline="") as written:
            read = list(csv.reader(written, delimiter=delimiter))
        assert [text for row in read for text in row if runs(text)] == []
        if delimiter == ",":
            assert [[unguarded(text) for text in row] for row in read] == rows


def test_a_long_run_of_blanks_takes_no_long_time() -> None:
    text = "\n" * 300_000
    assert guarded(text) == text
    assert len(guarded(text + "=1")) == 2 * len(text) + 3


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Kind.TEXT, None, ""),
        (Kind.TEXTS, ["=1", "b"], '["=1", "b"]'),
        (Kind.NUMBER, -0.1 - 0.2, "-0.30000000000000004"),
        (Kind.COUNT, -3, "-3"),
        (Kind.FLAG, False, "false"),
        (Kind.INSTANT, datetime(2025, 1, 27, 8, tzinfo=UTC), "2025-01-27T08:00:00Z"),
        (Kind.DAY, date(2025, 1, 27), "2025-01-27"),
    ],
)
def test_a_value_is_written_as_its_kind_is(kind: Kind, value: object, said: str) -> None:
    assert cell(kind, value) == said
