"""The period that a question is about, in English or Chinese. Pure; `today` is an argument.

General date parsers find single instants and take "may" and "march" for months; a question is
about spans ("last week", "late January 2025", "between 24 and 28 January"), so they are read here.
"""

import re
from dataclasses import dataclass
from datetime import date

from agent.chat.periods import PATTERNS
from agent.days import ONE_DAY

ENDLESS = date(1990, 1, 1)
"""Where "until March" begins: before anything that is stored."""
_SINCE, _BEFORE = ("以来", "之后", "以后"), ("之前", "以前")
_CJK_MONTHS = "一 二 三 四 五 六 七 八 九 十 十一 十二".split()
_CJK_MONTH = re.compile("(十[一二]|[一二三四五六七八九十])月(?!前)")


@dataclass(frozen=True, slots=True)
class Span:
    """Whole days from `first` to `last`, both in it; `words` are those of the question, lower case,
    a piece for each period that it names."""

    first: date
    last: date
    words: tuple[str, ...] = ()


def find(text: str, today: date) -> Span | None:
    """The period that `text` names, or None; a year that is not named is the latest that fits."""
    low = _CJK_MONTH.sub(lambda found: f"{_CJK_MONTHS.index(found[1]) + 1}月", text.casefold())
    moments = _moments(low, today)
    if not moments:
        return None
    start, end = moments[0][:2]
    first, last = min(one[2] for one in moments), max(one[3] for one in moments)
    if len(moments) == 1:
        first, last = _bounded(low[:start].rstrip(), low[end:].lstrip(), first, last, today)
    words = tuple(low[begins:stops] for begins, stops, *_ in moments)
    return Span(min(first, last), max(first, last), words)


def _bounded(before: str, after: str, first: date, last: date, today: date) -> tuple[date, date]:
    """A period with what stands before or behind it: since, after, before, until."""
    if re.search(r"(?:since|starting|自从|自|从)$", before) or after.startswith(_SINCE):
        return first, max(today, last)
    if before.endswith("after"):
        return last + ONE_DAY, max(today, last + ONE_DAY)
    if re.search(r"(?:before|prior to)$", before) or after.startswith(_BEFORE):
        return ENDLESS, first - ONE_DAY
    if re.search(r"(?:until|till|up to|截至)$", before):
        return ENDLESS, last
    return first, last


def _moments(low: str, today: date) -> list[tuple[int, int, date, date]]:
    """Every period named, by place: where it stands, its first and its last day."""
    found: list[tuple[int, int, date, date]] = []
    for pattern, read in PATTERNS:
        for match in pattern.finditer(low):
            taken = any(match.start() < end and start < match.end() for start, end, *_ in found)
            if taken:
                continue
            try:
                days = read(match, today)
            except ValueError:  # the 31st of a month that has none
                continue
            if days:
                found.append((match.start(), match.end(), *days))
    return sorted(found)
