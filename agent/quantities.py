"""The figures, counts and days that a text says. Pure.

A figure is its number with all that says what it is of: sign, currency and unit.
"""

import re
from dataclasses import dataclass

from agent.days import MONTHS, month_of

_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in MONTHS)
_DAY_PATTERNS = (
    re.compile(r"(?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)"),
    re.compile(r"(?:(?P<y>(?:19|20)\d\d)年)?(?P<m>\d{1,2})月(?P<d>\d{1,2})[日号]"),
    re.compile(
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)? (?P<name>{_MONTH})\.?(?:,? (?P<y>(?:19|20)\d\d))?\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?P<name>{_MONTH})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<y>(?:19|20)\d\d))?\b",
        re.IGNORECASE,
    ),
)
FIGURE = re.compile(
    r"(?P<sign>(?<![A-Za-z0-9])[-−+])?(?P<money>[$€£¥])?(?<![A-Za-z0-9.])(?<![A-Za-z0-9]-)"
    r"(?P<number>\.?\d+(?:[.,:/]\d+)*)(?P<percent>%)?"
    r"(?:[ -]?(?P<unit>millions?|billions?|trillions?|thousand|percent|per cent|percentage|times"
    r"|x|bn|mn|tn|[mbk]|万亿|[万亿倍])(?![a-z]))?"
    r"(?:[ -]?(?P<coin>dollars?|usd|euros?|pounds?|yuan|美元|欧元|元)(?![a-z]))?",
    re.IGNORECASE,
)
_UNITS = {
    "million": "m", "millions": "m", "mn": "m", "m": "m",
    "billion": "b", "billions": "b", "bn": "b", "b": "b",
    "trillion": "t", "trillions": "t", "tn": "t",
    "thousand": "k", "k": "k", "percent": "%", "per cent": "%", "percentage": "%",
    "times": "x", "x": "x",
}  # fmt: skip
_COINS = {"dollar": "$", "usd": "$", "euro": "€", "pound": "£", "yuan": "¥"}
_COINS |= {"美元": "$", "欧元": "€", "元": "¥"}
COUNT = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen"
    r"|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen)ths?|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    r"|hundreds?|thousands?|millions?|billions?|trillions?|dozens?|half|halves|halved?|thirds?"
    r"|quarters?|twice|doubl(?:e[sd]?|ing)|tripl(?:e[sd]?|ing)|tenfold|quadrupled?)\b",
    re.IGNORECASE,
)
COUNT_CJK = re.compile(
    r"百分之[零一二三四五六七八九十百点\d.]+|[一二三四五六七八九两几数半]成"
    r"|[一二三四五六七八九十两几数]+倍|[一二三四五六七八九十百千两]+(?:万|亿|家|个|名|款|座|天|年|月)"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with all that says what it is of: sign, currency, unit."""

    sign: str
    money: str
    number: str
    unit: str

    def __str__(self) -> str:
        return f"{self.sign}{self.money}{self.number}{self.unit}"


def days(text: str) -> tuple[set[tuple[int, int, int]], str]:
    """Days that a text names, (year or 0, month, day), and the text without them."""
    found: set[tuple[int, int, int]] = set()
    for pattern in _DAY_PATTERNS:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            name = (parts.get("name") or "").casefold()[:3]
            month = month_of(name) if name else 0
            found.add((int(parts["y"] or 0), month or int(parts["m"]), int(parts["d"])))
        text = pattern.sub(" ", text)
    return found, text


def figures(text: str) -> set[Figure]:
    """The figures of a text; days are none, and commas between thousands do not count."""
    found = set()
    for match in FIGURE.finditer(days(text)[1]):
        number = re.sub(r",(?=\d{3}\b)", "", match["number"]).rstrip(".,:/")
        unit = "%" if match["percent"] else (match["unit"] or "").casefold()
        coin = (match["coin"] or "").casefold().rstrip("s")
        found.add(
            Figure(
                (match["sign"] or "").replace("−", "-"),
                match["money"] or _COINS.get(coin, ""),
                number,
                _UNITS.get(unit, unit),
            )
        )
    return found


def is_same(mine: Figure, other: Figure, falls: bool) -> bool:
    """Whether a figure is that one; a sign may be left out where words say which way."""
    if (mine.money, mine.number, mine.unit) != (other.money, other.number, other.unit):
        return False
    if mine.sign == other.sign:
        return True
    return not mine.sign and (other.sign == "+" or falls)


def counts(text: str) -> set[str]:
    """The numbers that a text spells out, plainly."""
    return {plainly(match[0]) for match in COUNT.finditer(text)}


def plainly(word: str) -> str:
    """A word as another of its forms is compared with it."""
    return word.casefold().rstrip("s")
