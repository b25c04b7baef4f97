"""The period of a question is found as people name it, in whole days, in English and Chinese."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.chat.dates import ENDLESS, find

WEDNESDAY = date(2025, 4, 30)
DAYS = st.dates(date(1995, 1, 1), date(2090, 1, 1))
MONTHS = st.integers(1, 12)
NAMES = (
    "January February March April May June July August September October November December".split()
)


def span(text: str, today: date = WEDNESDAY) -> tuple[str, str] | None:
    found = find(text, today)
    return (found.first.isoformat(), found.last.isoformat()) if found else None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Where does the thesis stand?",
        "May it fall?",
        "Did the workers march on the plant?",
        "What does an H100 cost?",
        "Was the GB200 late?",
        "maybe a decemberist",
        "2025-13-45",
        "论点得分是多少？",
    ],
)
def test_question_without_a_period_has_none(text: str) -> None:
    assert find(text, WEDNESDAY) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("What happened on 2025-01-27?", "2025-01-27"),
        ("27 January 2025", "2025-01-27"),
        ("the 27th of January, 2025", "2025-01-27"),
        ("Jan. 27, 2025", "2025-01-27"),
        ("January 27th", "2025-01-27"),
        ("Sep 5", "2024-09-05"),
        ("10 May", "2024-05-10"),
        ("30 April", "2025-04-30"),
        ("yesterday", "2025-04-29"),
        ("What came in TODAY?", "2025-04-30"),
        ("on Monday", "2025-04-28"),
        ("on wednesday", "2025-04-30"),
        ("last Thursday", "2025-04-24"),
        ("2025年1月27日", "2025-01-27"),
        ("12月5号", "2024-12-05"),
        ("昨天", "2025-04-29"),
        ("前天发生了什么", "2025-04-28"),
        ("星期五", "2025-04-25"),
        ("周日", "2025-04-27"),
    ],
)
def test_one_day_is_found(text: str, day: str) -> None:
    assert span(text) == (day, day)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("between 24 and 28 January", "2025-01-24", "2025-01-28"),
        ("January 24-28, 2025", "2025-01-24", "2025-01-28"),
        ("24–28 January 2025", "2025-01-24", "2025-01-28"),
        ("from 30 January to 2 February", "2025-01-30", "2025-02-02"),
        ("28 December to 3 January", "2024-12-28", "2025-01-03"),
        ("between March 2024 and January 2025", "2024-03-01", "2025-01-31"),
        ("September and October 2024", "2024-09-01", "2024-10-31"),
        ("November to January 2025", "2024-11-01", "2025-01-31"),
        ("1月21日到31日", "2025-01-21", "2025-01-31"),
        ("2024年12月28日到2025年1月3日", "2024-12-28", "2025-01-03"),
        ("1月到3月", "2025-01-01", "2025-03-31"),
    ],
)
def test_two_ends_make_one_period(text: str, first: str, last: str) -> None:
    assert span(text) == (first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("in May", "2024-05-01", "2024-05-31"),
        ("in March", "2025-03-01", "2025-03-31"),
        ("March 2024", "2024-03-01", "2024-03-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("early January 2025", "2025-01-01", "2025-01-10"),
        ("mid-January", "2025-01-11", "2025-01-20"),
        ("in late January 2025", "2025-01-21", "2025-01-31"),
        ("the end of March", "2025-03-21", "2025-03-31"),
        ("first week of January 2025", "2025-01-01", "2025-01-07"),
        ("the last week in January", "2025-01-25", "2025-01-31"),
        ("Q1 2025", "2025-01-01", "2025-03-31"),
        ("q4", "2024-10-01", "2024-12-31"),
        ("the third quarter of 2024", "2024-07-01", "2024-09-30"),
        ("first half of 2024", "2024-01-01", "2024-06-30"),
        ("late 2024", "2024-09-01", "2024-12-31"),
        ("in 2024", "2024-01-01", "2024-12-31"),
        ("spring 2024", "2024-03-01", "2024-05-31"),
        ("winter 2023", "2023-12-01", "2024-02-29"),
        ("2024年", "2024-01-01", "2024-12-31"),
        ("2024年第四季度", "2024-10-01", "2024-12-31"),
        ("2025年1月下旬", "2025-01-21", "2025-01-31"),
        ("3月", "2025-03-01", "2025-03-31"),
    ],
)
def test_part_of_the_calendar_is_all_of_its_days(text: str, first: str, last: str) -> None:
    assert span(text) == (first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("last week", "2025-04-21", "2025-04-27"),
        ("this week", "2025-04-28", "2025-04-30"),
        ("last month", "2025-03-01", "2025-03-31"),
        ("this month", "2025-04-01", "2025-04-30"),
        ("previous quarter", "2025-01-01", "2025-03-31"),
        ("this quarter", "2025-04-01", "2025-04-30"),
        ("last year", "2024-01-01", "2024-12-31"),
        ("this year", "2025-01-01", "2025-04-30"),
        ("the past week", "2025-04-24", "2025-04-30"),
        ("7d", "2025-04-24", "2025-04-30"),
        ("the last 30 days", "2025-04-01", "2025-04-30"),
        ("past two weeks", "2025-04-17", "2025-04-30"),
        ("上周", "2025-04-21", "2025-04-27"),
        ("这个月", "2025-04-01", "2025-04-30"),
        ("上个月", "2025-03-01", "2025-03-31"),
        ("去年", "2024-01-01", "2024-12-31"),
        ("最近7天", "2025-04-24", "2025-04-30"),
        ("过去两周", "2025-04-17", "2025-04-30"),
    ],
)
def test_running_period_is_counted_from_today(text: str, first: str, last: str) -> None:
    assert span(text) == (first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("last month", "2024-12-01", "2024-12-31"),
        ("last quarter", "2024-10-01", "2024-12-31"),
        ("last week", "2024-12-23", "2024-12-29"),
        ("yesterday", "2024-12-31", "2024-12-31"),
    ],
)
def test_new_year_looks_back_into_the_old(text: str, first: str, last: str) -> None:
    assert span(text, date(2025, 1, 1)) == (first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("since 2025-01-27", "2025-01-27", "2025-04-30"),
        ("since January", "2025-01-01", "2025-04-30"),
        ("since last week", "2025-04-21", "2025-04-30"),
        ("after 2025-01-27", "2025-01-28", "2025-04-30"),
        ("before 2025-01-27", ENDLESS.isoformat(), "2025-01-26"),
        ("until 2025-01-27", ENDLESS.isoformat(), "2025-01-27"),
        ("自1月27日", "2025-01-27", "2025-04-30"),
        ("1月27日以来", "2025-01-27", "2025-04-30"),
        ("2025年1月27日之前", ENDLESS.isoformat(), "2025-01-26"),
        ("截至2025年3月", ENDLESS.isoformat(), "2025-03-31"),
    ],
)
def test_period_with_one_end_is_open_at_the_other(text: str, first: str, last: str) -> None:
    assert span(text) == (first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("since 2024", "2024-01-01", "2025-04-30"),
        ("before 2024", ENDLESS.isoformat(), "2023-12-31"),
        ("until 2024", ENDLESS.isoformat(), "2024-12-31"),
        ("after 2023", "2024-01-01", "2025-04-30"),
    ],
)
def test_year_with_one_end_is_open_at_the_other(text: str, first: str, last: str) -> None:
    assert span(text) == (first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("between January and March", "2025-01-01", "2025-03-31"),
        ("between 2023 and 2024", "2023-01-01", "2024-12-31"),
        ("from 2023 to 2024", "2023-01-01", "2024-12-31"),
    ],
)
def test_ends_without_a_year_or_a_month_are_both_seen(text: str, first: str, last: str) -> None:
    assert span(text) == (first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("去年12月", "2024-12-01", "2024-12-31"),
        ("今年1月", "2025-01-01", "2025-01-31"),
    ],
)
def test_month_of_a_year_that_is_told_by_a_word_is_that_month(
    text: str, first: str, last: str
) -> None:
    assert span(text) == (first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("29 February", "2024-02-29", "2024-02-29"),
        ("2月29日", "2024-02-29", "2024-02-29"),
    ],
)
def test_leap_day_is_that_of_the_latest_leap_year(text: str, first: str, last: str) -> None:
    assert span(text) == (first, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("last eight weeks", "2025-03-06", "2025-04-30"),
        ("past nine days", "2025-04-22", "2025-04-30"),
        ("过去八周", "2025-03-06", "2025-04-30"),
        ("最近九天", "2025-04-22", "2025-04-30"),
    ],
)
def test_every_small_number_may_be_spelled_out(text: str, first: str, last: str) -> None:
    assert span(text) == (first, last)


def test_words_are_those_of_the_question() -> None:
    found = find("What happened in late January 2025 to AMD?", WEDNESDAY)
    assert found is not None
    assert found.words == ("late january 2025",)


def test_words_hold_nothing_but_the_period() -> None:
    found = find("Did the January launch of B200 hurt AMD in March 2025?", WEDNESDAY)
    assert found is None or "b200" not in found.words


@given(DAYS, DAYS)
def test_iso_day_is_that_day_whenever_it_is_asked(day: date, today: date) -> None:
    found = find(f"What happened on {day.isoformat()}?", today)
    assert found is not None
    assert (found.first, found.last) == (day, day)


@given(DAYS, DAYS)
def test_spelled_day_is_that_day_in_every_spelling(day: date, today: date) -> None:
    month = NAMES[day.month - 1]
    for text in (
        f"{day.day} {month} {day.year}",
        f"{month} {day.day}, {day.year}",
        f"{month[:3]} {day.day} {day.year}",
        f"{day.year}年{day.month}月{day.day}日",
    ):
        assert span(text, today) == (day.isoformat(), day.isoformat())


@given(MONTHS, st.integers(1, 28), DAYS)
def test_day_without_a_year_is_the_latest_that_is_not_to_come(
    month: int, day: int, today: date
) -> None:
    found = find(f"on {day} {NAMES[month - 1]}", today)
    assert found is not None
    assert (found.first.month, found.first.day) == (month, day)
    assert today - timedelta(days=366) <= found.first <= today


@given(
    st.sampled_from(
        [
            *("last week", "this week", "last month", "this month", "last quarter", "this quarter"),
            *("last year", "this year", "past week", "7d", "last 3 months", "yesterday", "today"),
            *("on Friday", "in May", "q3", "last week of June", "since March", "after yesterday"),
            *(
                "上周",
                "本周",
                "上个月",
                "去年",
                "今年",
                "最近7天",
                "第三季度",
                "周三",
                "12月5日以来",
            ),
        ]
    ),
    DAYS,
)
def test_first_day_never_comes_after_the_last(text: str, today: date) -> None:
    found = find(text, today)
    assert found is not None
    assert found.first <= found.last


@given(st.integers(1, 28), st.integers(1, 28), MONTHS)
def test_days_of_a_month_in_either_order_are_the_same_period(
    one: int, other: int, month: int
) -> None:
    found = find(f"between {one} and {other} {NAMES[month - 1]} 2024", WEDNESDAY)
    assert found is not None
    assert found.first <= found.last


@given(st.text(alphabet="0123456789 -年月日may JanuaryQlsti到", max_size=30), DAYS)
def test_no_text_is_too_odd_to_be_read(text: str, today: date) -> None:
    found = find(text, today)
    assert found is None or all(words in text.casefold() for words in found.words)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("7 days ago", "2025-04-23"),
        ("two weeks ago", "2025-04-16"),
        ("a week ago", "2025-04-23"),
        ("3天前", "2025-04-27"),
        ("2025/01/27", "2025-01-27"),
        ("2025-1-27", "2025-01-27"),
        ("27.1.2025", "2025-01-27"),
        ("27/01/2025", "2025-01-27"),
        ("01/27/2025", "2025-01-27"),
    ],
)
def test_one_day_may_be_spelled_many_ways(text: str, day: str) -> None:
    assert span(text) == (day, day)


def test_halves_of_a_year_and_ends_of_a_month_are_known() -> None:
    assert span("H1 2025") == ("2025-01-01", "2025-06-30")
    assert span("1月底") == ("2025-01-21", "2025-01-31")
    assert span("一月") == ("2025-01-01", "2025-01-31")


def test_day_that_could_be_either_is_no_day() -> None:
    assert find("03/04/2025", date(2025, 4, 30)) is None
