"""How periods are spelled in English and Chinese, and which days each spelling means. Pure.

A reader takes what its pattern matched and the day it is, and gives the first and the last day.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date

from agent.days import MONTHS, ONE_DAY, WEEKDAYS, month_of

_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_PARTS = {"early": (1, 4), "mid": (5, 8), "late": (9, 12), "first": (1, 6), "second": (7, 12)}
_PARTS_CJK = {"上": "early", "初": "early", "中": "mid", "下": "late", "底": "late"}
_NUMBERS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
_NUMBERS |= {"eight": 8, "nine": 9}
_NUMBERS |= {"ten": 10, "couple of": 2, "few": 3}
_CJK = {
    "一": 1,
    "两": 2,
    "二": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
    "十": 10,
    "日": 7,
    "天": 7,
}
_MONTH = "(?P<month>" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in MONTHS) + r"|sept)\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_PART = r"(?:(?P<part>early|mid|late|the end of|the beginning of)[ -](?:in )?)?"
_COUNT = r"(?P<count>\d{1,3}|a|one|two|three|four|five|six|seven|eight|nine|ten|few|couple of)"


Reader = Callable[[re.Match[str], date], tuple[date, date] | None]


def _iso(match: re.Match[str], today: date) -> tuple[date, date]:
    year, month, day = int(match["year"]), int(match["m"]), match["day"]
    return _one(date(year, month, int(day))) if day else _month(year, month)


def _slashed(match: re.Match[str], today: date) -> tuple[date, date] | None:
    """27/01/2025 or 01/27/2025; nothing where either could be the month."""
    a, b, year = int(match["a"]), int(match["b"]), int(match["year"])
    if a > 12 >= b:
        return _one(date(year, b, a))
    return _one(date(year, a, b)) if b > 12 >= a else None


def _half(match: re.Match[str], today: date) -> tuple[date, date]:
    year, half = int(match["year"]), int(match["half"])
    return date(year, 6 * half - 5, 1), _month(year, 6 * half)[1]


def _dated(match: re.Match[str], today: date) -> tuple[date, date]:
    month, day = month_of(match["month"]), int(match["day"])
    return _one(_latest(match["year"], month, day, today))


def _days_of_month(match: re.Match[str], today: date) -> tuple[date, date]:
    """24 and 28 January 2025."""
    month = month_of(match["month"])
    last = _latest(match["year"], month, int(match["day"]), today)
    return last.replace(day=int(match["from"])), last


def _whole_month(match: re.Match[str], today: date) -> tuple[date, date] | None:
    preceded = re.search(rf"\b{_WHEN} $", match.string[: match.start()])
    if match["month"] in ("may", "march") and not (match["year"] or match["part"] or preceded):
        return None  # more often a verb
    month = month_of(match["month"])
    year = int(match["year"]) if match["year"] else today.year - (month > today.month)
    return _part_of(year, month, match["part"])


def _week_of_month(match: re.Match[str], today: date) -> tuple[date, date]:
    month = month_of(match["month"])
    year = int(match["year"]) if match["year"] else today.year - (month > today.month)
    first, last = _month(year, month)
    return (last - 6 * ONE_DAY, last) if match["end"] == "last" else (first, first + 6 * ONE_DAY)


def _quarter(match: re.Match[str], today: date) -> tuple[date, date]:
    named = match["q"] or {"first": "1", "second": "2", "third": "3", "fourth": "4"}[match["nth"]]
    first = 3 * int(named) - 2
    year = int(match["year"]) if match["year"] else today.year - (first > today.month)
    return date(year, first, 1), _month(year, first + 2)[1]


def _chinese_quarter(match: re.Match[str], today: date) -> tuple[date, date]:
    first = 3 * (_CJK.get(match["q"]) or int(match["q"])) - 2
    year = int(match["year"]) if match["year"] else today.year - (first > today.month)
    return date(year, first, 1), _month(year, first + 2)[1]


def _named_year(match: re.Match[str], today: date) -> tuple[date, date] | None:
    """A year behind a word that says so, or at the end; else it is a number."""
    text = match.string
    said = re.search(rf"\b{_WHEN} $", text[: match.start()])
    ends = re.fullmatch(r"[?.!]?\s*", text[match.end() :])
    return _year(match, today) if said or ends else None


def _years(match: re.Match[str], today: date) -> tuple[date, date]:
    return date(int(match["from"]), 1, 1), date(int(match["year"]), 12, 31)


def _month_of_year(match: re.Match[str], today: date) -> tuple[date, date]:
    """去年12月."""
    year = today.year - {"今年": 0, "去年": 1, "前年": 2}[match["which"]]
    day, month = match["day"], int(match["m"])
    return _one(date(year, month, int(day))) if day else _month(year, month)


def _year(match: re.Match[str], today: date) -> tuple[date, date]:
    year, first, last = (
        int(match["year"]),
        *_PARTS.get(match.groupdict().get("part") or "", (1, 12)),
    )
    return date(year, first, 1), _month(year, last)[1]


def _months(match: re.Match[str], today: date) -> tuple[date, date]:
    """September and October 2024."""
    first, last = month_of(match["first"]), month_of(match["month"])
    year = int(match["year"]) if match["year"] else today.year - (last > today.month)
    return date(year - (first > last), first, 1), _month(year, last)[1]


def _season(match: re.Match[str], today: date) -> tuple[date, date]:
    """The three months of a season, in the north; winter goes over the turn of the year."""
    first, year = _SEASONS[match["season"]], int(match["year"])
    turns = first == max(_SEASONS.values())
    return date(year, first, 1), _month(year + turns, 2 if turns else first + 2)[1]


def _day_word(match: re.Match[str], today: date) -> tuple[date, date]:
    back = {"today": 0, "yesterday": 1, "今天": 0, "今日": 0, "昨天": 1, "昨日": 1, "前天": 2}
    return _one(today - back[match[0]] * ONE_DAY)


def _past(match: re.Match[str], today: date) -> tuple[date, date]:
    """The last so many days, today among them."""
    days = _number(match["count"]) * _days_in(match["unit"])
    return today - (days - 1) * ONE_DAY, today


def _ago(match: re.Match[str], today: date) -> tuple[date, date]:
    """The one day that is so long ago."""
    return _one(today - _number(match["count"]) * _days_in(match["unit"]) * ONE_DAY)


def _number(count: str) -> int:
    return int(count) if count.isdigit() else _NUMBERS.get(count) or _CJK[count]


def _days_in(unit: str) -> int:
    days = {
        "d": 1,
        "w": 7,
        "m": 30,
        "q": 91,
        "y": 365,
        "天": 1,
        "日": 1,
        "周": 7,
        "期": 7,
        "月": 30,
        "年": 365,
    }
    return days[unit[0] if unit[0] in days else unit[-1]]


def _running(match: re.Match[str], today: date) -> tuple[date, date]:
    """This or last week, month, quarter, year; "past" means the days up to now."""
    unit = {"周": "week", "星期": "week", "个月": "month", "月": "month", "年": "year"}.get(
        match["unit"], match["unit"]
    )
    is_last = match["which"] in ("last", "previous", "上", "上个", "去")
    if match["which"] == "past":
        return today - (_days_in(unit) - 1) * ONE_DAY, today
    if unit == "week":
        monday = today - (today.weekday() + 7 * is_last) * ONE_DAY
        return monday, monday + 6 * ONE_DAY if is_last else today
    if unit == "month":
        first = today.replace(day=1)
        return _whole(first - ONE_DAY) if is_last else (first, today)
    if unit == "quarter":
        first = date(today.year, 3 * ((today.month - 1) // 3) + 1, 1)
        end = first - ONE_DAY
        return (date(end.year, end.month - 2, 1), end) if is_last else (first, today)
    year = today.year - is_last
    return date(year, 1, 1), date(year, 12, 31) if is_last else today


def _weekday(match: re.Match[str], today: date) -> tuple[date, date]:
    """The last one that is over, or today."""
    name = match["weekday"]
    wanted = _CJK[name] - 1 if name in _CJK else WEEKDAYS.index(name)
    return _one(today - ((today.weekday() - wanted) % 7) * ONE_DAY)


def _chinese(match: re.Match[str], today: date) -> tuple[date, date]:
    year, month, day, part = (match[name] for name in ("year", "m", "day", "part"))
    if day:
        return _one(_latest(year, int(month), int(day), today))
    number = int(year) if year else today.year - (int(month) > today.month)
    return _part_of(number, int(month), _PARTS_CJK.get(part or match["edge"] or ""))


def _chinese_days(match: re.Match[str], today: date) -> tuple[date, date]:
    """1月21日到31日."""
    last = _latest(match["year"], int(match["m"]), int(match["day"]), today)
    return last.replace(day=int(match["from"])), last


def _one(day: date) -> tuple[date, date]:
    return day, day


def _month(year: int, month: int) -> tuple[date, date]:
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])


def _whole(day: date) -> tuple[date, date]:
    return _month(day.year, day.month)


def _part_of(year: int, month: int, part: str | None) -> tuple[date, date]:
    first, last = _month(year, month)
    if part in ("early", "the beginning of"):
        return first, first.replace(day=10)
    if part == "mid":
        return first.replace(day=11), first.replace(day=20)
    if part in ("late", "the end of"):
        return first.replace(day=21), last
    return first, last


def _latest(year: str | None, month: int, day: int, today: date) -> date:
    if year:
        return date(int(year), month, day)
    for back in range(9):  # a leap day was up to eight years ago
        try:
            found = date(today.year - back, month, day)
        except ValueError:
            continue
        if found <= today:
            return found
    raise ValueError(f"no year has {day}/{month}")


_AFTER = r"(?![\w])"
_ORDINAL = r"(?:st|nd|rd|th)?"
_TO = r"(?: ?[-–] ?| and | to | through )"
_OF_YEAR = rf"(?:,? (?:of )?{_YEAR})?{_AFTER}"
_WHEN = r"(?:in|during|of|for|since|before|after|by|until)"
_FIRST_MONTH = _MONTH.replace("<month>", "<first>")
_COUNTED = r"(?P<count>\d{1,3}|[一两二三四五六七八九十])个?(?P<unit>天|日|周|星期|月|年)"
_UNIT = r"(?P<unit>days?|weeks?|months?|quarters?|years?)"
PATTERNS: list[tuple[re.Pattern[str], Reader]] = [
    (re.compile(pattern), read)
    for pattern, read in (
        (rf"\b{_YEAR}[-/.](?P<m>\d{{1,2}})(?:[-/.](?P<day>\d{{1,2}}))?\b", _iso),
        (rf"\b(?P<day>\d{{1,2}})\.(?P<m>\d{{1,2}})\.{_YEAR}\b", _iso),
        (rf"\b(?P<a>\d{{1,2}})/(?P<b>\d{{1,2}})/{_YEAR}\b", _slashed),
        (rf"\bh(?P<half>[12]) {_YEAR}\b", _half),
        (r"(?P<which>今年|去年|前年)(?P<m>\d{1,2})月(?:(?P<day>\d{1,2})[日号])?", _month_of_year),
        (
            r"(?:(?P<year>(?:19|20)\d\d)年)?(?P<m>\d{1,2})月(?P<from>\d{1,2})[日号]?[到至-]"
            r"(?P<day>\d{1,2})[日号]",
            _chinese_days,
        ),
        (
            r"(?:(?P<year>(?:19|20)\d\d)年)?(?P<m>\d{1,2})月"
            r"(?:(?P<day>\d{1,2})[日号]|(?:(?P<part>[上中下])旬|(?P<edge>[初底])))?",
            _chinese,
        ),
        (rf"\b(?P<from>\d{{1,2}}){_ORDINAL}{_TO}{_DAY} {_MONTH}{_OF_YEAR}", _days_of_month),
        (rf"\b{_MONTH} (?P<from>\d{{1,2}}){_ORDINAL}{_TO}{_DAY}{_OF_YEAR}", _days_of_month),
        (rf"\b{_DAY}(?: of)? {_MONTH}{_OF_YEAR}", _dated),
        (rf"\b{_MONTH} {_DAY}{_OF_YEAR}", _dated),
        (rf"\b{_FIRST_MONTH}{_TO}{_MONTH}{_OF_YEAR}", _months),
        (rf"\b(?P<from>(?:19|20)\d\d){_TO}{_YEAR}{_AFTER}", _years),
        (rf"\b(?P<end>first|last) week (?:of|in) {_MONTH}{_OF_YEAR}", _week_of_month),
        (rf"\b{_PART}\b{_MONTH}{_OF_YEAR}", _whole_month),
        (rf"\b(?:q(?P<q>[1-4])|(?P<nth>first|second|third|fourth) quarter){_OF_YEAR}", _quarter),
        (rf"\b(?:past|last|previous|latest) {_COUNT} {_UNIT}\b", _past),
        (rf"\b{_COUNT} {_UNIT} ago\b", _ago),
        (rf"{_COUNTED}前", _ago),
        (r"\b(?P<count>\d{1,3}) ?(?P<unit>d|days?|w|weeks?|months?)\b", _past),
        (rf"(?:最近|过去|近){_COUNTED}", _past),
        (r"\b(?P<which>this|last|previous|past) (?P<unit>week|month|quarter|year)\b", _running),
        (r"(?P<which>本|这|上个|上|今|去)(?P<unit>周|星期|个月|月|年)", _running),
        (rf"\b(?:on |last |this )?(?P<weekday>{'|'.join(WEEKDAYS)})\b", _weekday),
        (r"(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天])", _weekday),
        (r"\b(?:today|yesterday)\b|今天|今日|昨天|昨日|前天", _day_word),
        (
            rf"\b(?:the )?(?P<season>spring|summer|autumn|fall|winter)(?: of)? {_YEAR}{_AFTER}",
            _season,
        ),
        (rf"\b(?P<part>early|mid|late)[- ](?:in )?{_YEAR}{_AFTER}", _year),
        (rf"\b(?P<part>first|second) half of {_YEAR}{_AFTER}", _year),
        (rf"(?:{_YEAR}年)?第?(?P<q>[一二三四1-4])季度", _chinese_quarter),
        (rf"(?<![/.\d-])\b{_YEAR}{_AFTER}", _named_year),
        (rf"{_YEAR}年", _year),
    )
]
