"""Values as cells of a CSV file, harmless to a spreadsheet. Pure.

A spreadsheet runs a cell that begins with = + - or @, and titles come from the web. Text that
begins so, whatever blanks and quotes come before it, gets an apostrophe in front; and so it does
behind a tab, a line break, a ; or a | within, where a program with another idea of what separates
cells would begin one. Nothing is lost: `unguarded` gives the text back as it was.
"""

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from agent.upkeep.tables import Kind

NOTE = (
    "CSV is UTF-8 with commas and a header; an empty cell is an empty text or nothing. An "
    "apostrophe stands before = + - or @ where a spreadsheet would begin a formula: at the start "
    "of a text, and behind a tab, line break, ; or | in it. Parquet holds texts as they are stored."
)
_BREAKS = r";|\t\r\n"
_BLANKS = rf"{_BREAKS}\s\"'\x00-\x1f\x7f-\x9f\u200b-\u200f\u2060\ufeff"
_STARTS = r"=+\-@\uff1d\uff0b\uff0d\uff20"
_RUN = re.compile(rf"([{_BLANKS}]*+)([{_STARTS}])|[{_BLANKS}]++")
"""What may come before a formula, and its first character: each run is read once, however long."""
_PLACE = re.compile(rf"\A[{_BLANKS}{_STARTS}]|[{_BREAKS}]")
"""Where a cell might begin that could be a formula: most texts have no such place."""
_BREAK = re.compile(rf"[{_BREAKS}]")
_GUARDED_BREAK = re.compile(rf"([{_BREAKS}])'")


def cell(kind: Kind, value: Any) -> str:
    """A value as it stands in a CSV file; None is an empty cell."""
    return "" if value is None else _CELLS[kind](value)


def instant(at: datetime) -> str:
    """An instant in ISO 8601, UTC."""
    return at.isoformat().replace("+00:00", "Z")


def guarded(text: str) -> str:
    """`text` with an apostrophe wherever a spreadsheet might begin to read a formula."""
    if not _PLACE.search(text):
        return text
    return _RUN.sub(lambda found: _guard(found, "'", lambda run: _BREAK.sub(r"\g<0>'", run)), text)


def unguarded(text: str) -> str:
    """The text that `guarded` made this of."""

    def plain(found: re.Match[str]) -> str:
        run = _guard(found, "", lambda run: _GUARDED_BREAK.sub(r"\1", run))
        return run[1:] if found[2] and found.start() == 0 else run

    return _RUN.sub(plain, text)


def _guard(found: re.Match[str], first: str, inside: Callable[[str], str]) -> str:
    """A run of blanks before a formula: changed `inside`, with `first` at the very start."""
    if not found[2]:
        return found[0]
    return (first if found.start() == 0 else "") + inside(found[1]) + found[2]


def _texts(values: list[str]) -> str:
    return guarded(json.dumps(values, ensure_ascii=False))


def _day(value: date) -> str:
    return value.isoformat()


def _flag(value: bool) -> str:
    return "true" if value else "false"


_CELLS: dict[Kind, Callable[[Any], str]] = {
    Kind.TEXT: guarded,
    Kind.TEXTS: _texts,
    Kind.NUMBER: repr,
    Kind.COUNT: str,
    Kind.FLAG: _flag,
    Kind.INSTANT: instant,
    Kind.DAY: _day,
}
