"""How long servers are left alone, by what they said."""

import pytest

from agent.sources import politeness

DATE = "Mon, 27 Jan 2025 12:00:00 GMT"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("Mon, 27 Jan 2025 12:02:00 GMT", 120.0),
        ("Mon, 27 Jan 2025 11:00:00 GMT", 0.0),
        ("99999999999999999999", politeness.LONGEST_BAN),
        ("-5", 0.0),
        ("soon", 0.0),
        ("\u0665", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after(said: str, seconds: float) -> None:
    assert politeness.retry_after({"retry-after": said, "date": DATE}) == seconds


def test_date_without_the_servers_clock_is_no_wait() -> None:
    assert politeness.retry_after({"retry-after": "Mon, 27 Jan 2025 12:02:00 GMT"}) == 0.0


@pytest.mark.parametrize(
    ("said", "age", "seconds"),
    [
        ("max-age=600", "0", 600.0),
        ("public, Max-Age=600", "200", 400.0),
        ("max-age=600", "900", 0.0),
        ("max-age=31536000", "0", politeness.FRESH_AT_MOST),
        ("no-cache, max-age=600", "0", 0.0),
        ("no-store", "0", 0.0),
        ("max-age=much", "0", 0.0),
        ("max-age=600", "young", 0.0),
        ('max-age="60"', "0", 60.0),
        ("", "0", 0.0),
    ],
)
def test_freshness(said: str, age: str, seconds: float) -> None:
    assert politeness.fresh_for({"cache-control": said, "age": age}) == seconds


def test_pauses_double_and_never_fall_short_of_what_was_asked() -> None:
    most = [politeness.rest(attempt, 2.0, lambda: 1.0) for attempt in (1, 2, 3)]
    assert most == [2.5, 3.0, 4.0]
    assert politeness.rest(3, 2.0, lambda: 0.0) == 2.0


def test_host_that_asks_for_more_gets_it() -> None:
    slept: list[float] = []
    pace = politeness.Pace(0.0, slept.append)
    for host in ("export.arxiv.org", "elsewhere.example", "export.arxiv.org"):
        pace.wait(host)
    assert [round(pause) for pause in slept] == [3]
