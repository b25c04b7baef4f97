"""The quote checker: what it accepts stands in the text, by another reading than its own."""

import re
import unicodedata
from typing import Any

from hypothesis import strategies as st

from agent.judge.quotes import SHORTEST, Span, check
from tests.fuzz.mutation import NASTY
from tests.fuzz.running import fuzz

WORDS = (
    "Nvidia", "says", "not", "no", "never", "didn’t", "denies", "margin", "fell", "by", "5.6",
    "40%", "$5", "1,500", "½", "10²", "cafe\u0301", "café", "oﬃce", "“so”", '"so"', "‘it’s’",
    "cost–half", "—", "\u200b", "zero\u200bwidth", "…", "...",
    "需求", "正在放缓", "否认", "不", "，", "。",
    "ﬁ", "İ", "\u0301", "\ufeff", "e\u0316\u0301",
    "ｆｕｌｌ", "가나", "\u1112\u1161\u11ab", "۵", "and",
    ", but", "mid-2025", "1/2",
)  # fmt: skip
LIGATURE = 3
"""Characters that one character of the text may unfold to: … is three full stops."""
SPACES = st.sampled_from([" ", " ", " ", " ", "", "\n", "  ", "\u00a0", "\u3000", ". ", "\t", "? "])
TEXTS = st.lists(
    st.tuples(st.sampled_from(WORDS) | st.sampled_from(NASTY) | st.text(max_size=5), SPACES),
    max_size=25,
).map(lambda parts: "".join(word + space for word, space in parts))


@st.composite
def quoted(draw: Any) -> tuple[str, str]:
    """A quote and a text: a piece of it, spelled otherwise, or with a word changed."""
    text = draw(TEXTS)
    start = draw(st.integers(0, len(text)))
    quote = text[start : start + draw(st.integers(0, 80))]
    way = draw(st.sampled_from(["as it is", "NFKC", "NFD", "words", "changed", "another"]))
    if way in ("NFKC", "NFD"):
        quote = unicodedata.normalize(way, quote)
    elif way == "words":
        quote = '"' + " ".join(quote.split()) + '"'
    elif way == "changed" and quote:
        at = draw(st.integers(0, len(quote)))
        quote = quote[:at] + draw(st.sampled_from(WORDS)) + quote[at + 1 :]
    elif way == "another":
        quote = draw(TEXTS)
    return quote, text


def judge(example: tuple[str, str]) -> None:
    """An accepted quote is verbatim; whole words that nothing denies are accepted."""
    quote, text = example
    found = check(quote, text)
    if isinstance(found, Span):
        _stands_there(quote, text, found)
    else:
        assert found
        assert not _must_be_found(quote, text), found


def _stands_there(quote: str, text: str, found: Span) -> None:
    assert 0 <= found.start < found.end <= len(text)
    words = text[found.start : found.end]
    wanted, there = _bare(quote).strip("'\""), _bare(words)
    assert wanted in there, "the span is not what was quoted"
    assert len(there) <= len(wanted) + LIGATURE, "the span is more than what was quoted"
    before, after = text[: found.start], text[found.end :]
    assert not re.search(r"\b(not|never|no)\s*\Z", before), "cut off behind a not"
    assert not (re.search(r"[a-z]\Z", before) and re.match(r"[a-z]", words)), "cut in a word"
    assert not (re.search(r"\d\Z", words) and re.match(r"[.,:/]?\d|%", after)), "cut in a figure"
    assert not (re.search(r"(\d[.,]?|\s-)\Z", before) and re.match(r"\d", words)), "cut in a figure"


def _bare(text: str) -> str:
    """All that is seen of a text, one character for each that looks the same."""
    seen = []
    for one in unicodedata.normalize("NFKC", _without_raised(text)):
        if one.isspace() or unicodedata.category(one) == "Cf":
            continue
        name = unicodedata.name(one, "")
        if "DOUBLE" in name and "QUOT" in name:
            one = '"'
        elif "QUOTATION MARK" in name or name in ("PRIME", "APOSTROPHE"):
            one = "'"
        elif "DASH" in name or name in ("HYPHEN", "HYPHEN-MINUS", "MINUS SIGN", "HORIZONTAL BAR"):
            one = "-"
        seen.append(one)
    return "".join(seen)


def _without_raised(text: str) -> str:
    """Raised digits as they are typed: 10² is no 102."""
    is_raised = [unicodedata.decomposition(one).startswith("<super> 003") for one in text]
    return "".join("^" * up + one for up, one in zip(is_raised, text, strict=True))


def _must_be_found(quote: str, text: str) -> bool:
    """Plain words of a plain text, whole, with nothing before them that could deny them."""
    before = text.partition(quote)[0] if quote else ""
    return (
        re.fullmatch(r"[A-Za-z]{2}[A-Za-z ]+[A-Za-z]{2}", quote) is not None
        and len(quote) >= SHORTEST
        and "  " not in quote
        and re.fullmatch(r"[A-Za-z ]*", text) is not None
        and re.search(rf"(^| ){quote}( |$)", text) is not None
        and not re.search(r"not|no|never|denies|didn", before, re.IGNORECASE)
    )


def test_accepted_quote_stands_in_the_text() -> None:
    fuzz(quoted(), judge)
