"""A source has one number, whoever names it again, and leads back to what is stored."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.chat.shelf import Shelf, spelled

KEYS = st.lists(st.tuples(st.sampled_from("abcdef"), st.text("xyz ", min_size=1, max_size=4)))


def put(shelf: Shelf, key: str, text: str) -> int:
    return shelf.put(key, title=f"Title of {key}", text=text, command=f"thesis show {key}").n


def test_sources_are_numbered_from_one_as_they_come() -> None:
    shelf = Shelf()
    assert [put(shelf, key, "") for key in "bac"] == [1, 2, 3]
    assert [one.title for one in shelf] == ["Title of b", "Title of a", "Title of c"]


def test_further_words_join_those_that_are_there() -> None:
    shelf = Shelf()
    put(shelf, "a", "Nvidia fell.")
    put(shelf, "b", "AMD rose.")
    assert put(shelf, "a", "Analysts shrugged.") == 1
    found = shelf.get(1)
    assert found is not None
    assert found.text == "Nvidia fell.\nAnalysts shrugged."
    assert len(shelf) == 2


def test_words_that_are_there_are_not_joined_again() -> None:
    shelf = Shelf()
    put(shelf, "a", "Nvidia fell. Analysts shrugged.")
    put(shelf, "a", "Analysts shrugged.")
    found = shelf.get(1)
    assert found is not None
    assert found.text == "Nvidia fell. Analysts shrugged."


@pytest.mark.parametrize("n", [-1, 0, 2, 99])
def test_number_that_was_not_given_has_no_source(n: int) -> None:
    shelf = Shelf()
    put(shelf, "a", "Nvidia fell.")
    assert shelf.get(n) is None


def test_empty_shelf_is_empty() -> None:
    assert len(Shelf()) == 0
    assert list(Shelf()) == []
    assert Shelf().get(1) is None


@given(KEYS)
def test_same_key_has_the_same_number_and_no_word_is_lost(puts: list[tuple[str, str]]) -> None:
    shelf = Shelf()
    numbers: dict[str, int] = {}
    for key, text in puts:
        n = put(shelf, key, text)
        assert numbers.setdefault(key, n) == n
    assert sorted(numbers.values()) == [one.n for one in shelf] == list(range(1, len(shelf) + 1))
    for key, text in puts:
        found = shelf.get(numbers[key])
        assert found is not None
        assert text in found.text
        assert found.title == f"Title of {key}"


def test_title_publisher_and_day_may_be_said() -> None:
    found = Shelf().put(
        "a",
        title="Nvidia slumps",
        text="",
        command="",
        publisher="Reuters",
        published="2025-01-27",
    )
    for words in ("Nvidia slumps", "Reuters", "2025-01-27", "27 January 2025", "Monday"):
        assert words in found.allowed


@pytest.mark.parametrize(
    ("day", "ways"),
    [
        (
            "2025-01-27",
            ["27 January 2025", "January 27, 2025", "Jan 27", "Monday", "2025年1月27日"],
        ),
        ("2025-02-03T23:59:00+00:00", ["3 February 2025", "3 Feb", "2025年2月3日"]),
    ],
)
def test_day_is_spelled_as_people_write_it(day: str, ways: list[str]) -> None:
    assert all(way in spelled(day) for way in ways)


def test_no_day_is_spelled_as_nothing() -> None:
    assert spelled("") == ""


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_every_day_is_spelled_with_its_year_and_number(day: date) -> None:
    written = spelled(day.isoformat())
    assert written.startswith(f"{day.day} {day:%B} {day.year}, ")
    assert f"{day:%A}" in written
