"""Whether a sentence that a model wrote holds against the text it cites. Pure.

A model may choose words; it brings in no figure, no name, no quote and no "not" of its own, and
turns no rise into a fall. A sentence that does, or that shares too little with what it cites, is
dropped, not mended. It is a sieve with narrow holes: true sentences are lost in it too.
"""

import re
from collections.abc import Sequence

from agent.excerpts import sentences
from agent.judge.quotes import check

SHARED = 0.5
"""Least share of a sentence's longer words that stand in what it cites."""
SHARED_CJK = 0.6
"""The same of its pairs of Chinese characters, where what it cites is Chinese too."""
QUOTED_WORDS = 2
"""Words in quotation marks from which on they are somebody's words and not a term."""
_FIGURE = re.compile(
    r"(?<![A-Za-z0-9_.-])[$€£¥]?(\d+(?:[.,:/-]\d+)*%?)"
    r"(?:[ -]?(millions?|billions?|trillions?|thousand|percent|per cent|percentage|times|x|bn|mn|tn"
    r"|[mbk]|万亿|[万亿倍])(?![a-z]))?",
    re.IGNORECASE,
)
_UNITS = {
    "million": "m", "millions": "m", "mn": "m", "m": "m",
    "billion": "b", "billions": "b", "bn": "b", "b": "b",
    "trillion": "t", "trillions": "t", "tn": "t",
    "thousand": "k", "k": "k", "percent": "%", "per cent": "%", "percentage": "%",
    "times": "x", "x": "x",
}  # fmt: skip
_COUNT = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty"
    r"|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?|trillions?|dozens?"
    r"|half|halv\w+|thirds?|quarters?|twice|doubl\w+|tripl\w+|tenfold|quadrupl\w+)\b",
    re.IGNORECASE,
)
_OPENERS = frozenset(
    "a an the in on at it its this that these those some two one both as by for from after before "
    "while with according meanwhile separately another others there they he she his her their no "
    "not but and or so if when where who what which how why since until over under against also "
    "however still yet each all most many several such then thus".split()
)
"""Words that may open a sentence without standing in what it cites."""
_LETTER = "[A-Za-z0-9]"
_NAME = re.compile(
    rf"(?<!{_LETTER})(?:[A-Z][A-Za-z0-9À-ɏ&'’.-]*|{_LETTER}*[a-z][A-Z]{_LETTER}*"
    rf"|[A-Za-z]+\d[A-Za-z0-9-]*)"
)
_WORD = re.compile(r"[^\W\d_]{4,}")
_NOT = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|denie[sd]|deny|refuse[sd]?"
    r"|reject(?:s|ed)?|fail(?:s|ed)?|cancel\w*|unable|unlikely|hardly)\b|n['’]t\b|[不没未否非无]",
    re.IGNORECASE,
)
_UP = re.compile(
    r"\b(?:rose|rise[sn]?|rising|up|gain\w*|grew|grow\w*|increas\w*|higher|climb\w*|surg\w*|jump\w*"
    r"|soar\w*|expand\w*|accelerat\w*|strengthen\w*|stronger|beat|boost\w*)\b|上涨|增长|增加|走强|上升",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"\b(?:fell|fall(?:s|en|ing)?|down|drop\w*|declin\w*|decreas\w*|lower|cut\w*|sank|sink\w*|shrank"
    r"|shrink\w*|plung\w*|slump\w*|tumbl\w*|slow\w*|weaken\w*|weaker|miss(?:es|ed)?|reduc\w*)\b"
    r"|下跌|下降|减少|走弱|暴跌",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"https?:|www\.|[<>{}|`]|\]\(")
_QUOTED = re.compile(r"“([^”]+)”|\"([^\"]+)\"|「([^」]+)」|『([^』]+)』")
_CJK = re.compile(r"[\u3400-\u9fff]+")


def fault(text: str, sources: Sequence[str], allowed: Sequence[str] = ()) -> str:
    """What is wrong with `text`, which cites `sources`; "" when nothing is.

    One that holds a figure must hold against one of them alone: else the figure of one might be
    said of the other. `allowed` are, for each of them, further words that names and figures may
    come from, such as its date and publisher.
    """
    if _MARKUP.search(text) or not all(one.isprintable() or one == "\n" for one in text):
        return "no plain sentence"
    if len(sources) > 1 and not _figures(text) and not _COUNT.search(text):
        return _fault(text, "\n".join(sources), "\n".join(allowed))
    beside = allowed or [""] * len(sources)
    faults = [_fault(text, *one) for one in zip(sources, beside, strict=True)]
    return "" if "" in faults else faults[0] if faults else "it cites nothing"


def _fault(text: str, source: str, allowed: str) -> str:
    known = f"{source}\n{allowed}"
    return (
        _wrong_quote(text, source)
        or _wrong_figure(text, known)
        or _wrong_name(text, known)
        or _wrong_way(text, source)
        or ("" if _shares(text, known) else "too little of it stands there")
    )


def _wrong_quote(text: str, source: str) -> str:
    for match in _QUOTED.finditer(text):
        quoted = next(part for part in match.groups() if part)
        long = (
            len(quoted.split()) >= QUOTED_WORDS or len(re.findall(r"[\u3400-\u9fff]", quoted)) > 3
        )
        if long and isinstance(check(quoted.strip(" .,;:!?"), source), str):
            return f"the quote {quoted!r} does not stand there"
    return ""


def _wrong_figure(text: str, source: str) -> str:
    known = _figures(source)
    numbers = {number for number, _ in known}
    for number, unit in _figures(text):
        if (number, unit) not in known and (unit or number not in numbers):
            return f"the figure {number}{unit} does not stand there"
    low = source.casefold()
    for match in _COUNT.finditer(text):
        if match[0].casefold() not in low:
            return f"the figure {match[0]} does not stand there"
    return ""


def _figures(text: str) -> set[tuple[str, str]]:
    """Numbers with the unit behind them; commas between thousands do not count."""
    found = set()
    for match in _FIGURE.finditer(text):
        number, unit = match[1], (match[2] or "").casefold()
        if number.endswith("%"):
            number, unit = number[:-1], "%"
        number = re.sub(r",(?=\d{3}\b)", "", number)
        found.add((number, _UNITS.get(unit, unit)))
    return found


def _wrong_name(text: str, source: str) -> str:
    low = source.casefold()
    for match in _NAME.finditer(text):
        name = re.sub(r"['’]s$", "", match[0].rstrip(".’'-"))
        if name.casefold() not in _OPENERS and name.casefold() not in low:
            return f"the name {name} does not stand there"
    return ""


def _wrong_way(text: str, source: str) -> str:
    """A "not" or a direction that the sentences it comes closest to do not have."""
    closest = _closest(text, source)
    if bool(_NOT.search(text)) != any(_NOT.search(one) for one in closest):
        return "it says no where the source does not, or the other way round"
    for mine, others in ((_UP, _DOWN), (_DOWN, _UP)):
        clear = mine.search(text) and not others.search(text)
        if clear and all(others.search(one) and not mine.search(one) for one in closest):
            return "it turns a rise into a fall, or the other way round"
    return ""


def closest(text: str, source: str) -> str:
    """The sentence of `source` that shares most with `text`, word for word."""
    return _closest(text, source)[0]


def _closest(text: str, source: str) -> list[str]:
    """The sentences of the source that share most with the text; all that share as much."""
    parts = [source[start:end] for start, end in sentences(source)] or [source]
    stems = {*_stems(text), *_pairs(text)}
    held = [sum(stem in part.casefold() for stem in stems) for part in parts]
    return [part for part, count in zip(parts, held, strict=True) if count == max(held)]


def _stems(text: str) -> list[str]:
    """The beginnings of the longer Latin words."""
    return [word.casefold()[:5] for word in _WORD.findall(text) if word.isascii()]


def _shares(text: str, source: str) -> bool:
    """Whether enough of its longer Latin words, and of its pairs of Chinese, stand in the source.

    Chinese about a source in another language can be held to its names and figures only, and must
    have one of them.
    """
    stems, low = _stems(text), source.casefold()
    if stems and sum(stem in low for stem in stems) < SHARED * len(stems):
        return False
    chinese = _pairs(text)
    if not chinese:
        return True
    if not _pairs(source):
        return bool(stems or _NAME.search(text) or _figures(text))
    return sum(pair in source for pair in chinese) >= SHARED_CJK * len(chinese)


def _pairs(text: str) -> list[str]:
    """Neighbouring Chinese characters."""
    return [run[i : i + 2] for run in _CJK.findall(text) for i in range(len(run) - 1)]
