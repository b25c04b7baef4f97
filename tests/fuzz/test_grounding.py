"""Sentences that a model wrote, held against what they cite: what holds brings in no figure."""

import re
from typing import Any

from hypothesis import strategies as st

from agent import grounding
from agent import thesis as theses
from agent.days import MONTHS
from agent.entities import Mentions
from tests.fuzz import seeds
from tests.fuzz.mutation import NASTY
from tests.fuzz.running import fuzz

WORDS = (
    "Nvidia", "DeepSeek", "AMD", "Acme", "艾克米", "says", "margin", "fell", "rose", "not", "may",
    "by", "of", "5.6", "40%", "$5", "1,500", "2", "million", "billion", "twice", "half",
    "27 January 2025", "2025-01-27", "1月27日", "百分之五", "三倍", "“so it is”", '"quoted words"',
    "‘his words’", "『引用的话』", "²", "½", "٣", "Ⅳ",
    "需求正在放缓", "上涨", "下跌", "a.b", "U.S.", "it's",
    "«mot»", "[1]", "http://a", "-5%", "3:1", "99/9",
)  # fmt: skip
SPACES = st.sampled_from([" ", " ", " ", ". ", ", ", "\n", "", "。"])
TEXTS = st.lists(
    st.tuples(st.sampled_from(WORDS) | st.sampled_from(NASTY) | st.text(max_size=5), SPACES),
    max_size=15,
).map(lambda parts: "".join(word + space for word, space in parts))
ENTITIES = Mentions(theses.parse(seeds.thesis_files()[1]).entities)


@st.composite
def sentences(draw: Any) -> tuple[str, str, str]:
    """A sentence, what it cites, and what else it may say: often much of the same."""
    source = draw(TEXTS | st.sampled_from([row["title"] for row in seeds.rows()]))
    start = draw(st.integers(0, len(source)))
    text = source[start : start + draw(st.integers(0, 200))]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(WORDS)) + text[at + draw(st.integers(0, 8)) :]
    return draw(st.just(text) | TEXTS), source, draw(st.just("") | TEXTS)


def hold(example: tuple[str, str, str]) -> None:
    """Whatever holds says no number that stands nowhere, and no word in quotation marks."""
    text, source, allowed = example
    found = grounding.fault(text, source, allowed, ENTITIES)
    assert isinstance(found, str)
    assert source == "" or grounding.closest(text, source) in source
    if not found:
        known = _numbers(f"{source} {allowed}") | _months(f"{source} {allowed}")
        assert _numbers(text) <= known, _numbers(text) - known
        assert not re.search(r"<|>|https?:", text)


def _numbers(text: str) -> set[str]:
    """Runs of digits without the zeros and commas that say nothing."""
    return {run.lstrip("0") for run in re.findall(r"\d+", re.sub(r"(?<=\d),(?=\d{3})", "", text))}


def _months(text: str) -> set[str]:
    """The numbers of the months that a text names."""
    return {str(n) for n, name in enumerate(MONTHS, start=1) if name[:3] in text.casefold()}


def test_sentence_that_holds_brings_in_no_number() -> None:
    fuzz(sentences(), hold)
