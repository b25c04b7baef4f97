"""Named queries on items: order, limits and filters."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from store import items
from store.database import Database, open_database
from store.models import ItemState
from tests.store.rows import NOW, row

HOUR = timedelta(hours=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def test_items_wait_in_the_order_they_were_seen(database: Database) -> None:
    with database.writing() as connection:
        items.add(
            connection,
            [
                row(1, first_seen_at=NOW + 2 * HOUR),
                row(2, id="z"),
                row(3, id="a"),
                row(4, state=ItemState.SCORED),
                row(5, first_seen_at=NOW + 9 * HOUR),
            ],
        )
        until = NOW + 3 * HOUR
        assert items.waiting(connection, ItemState.FETCHED, until, 10) == [3, 2, 1]
        assert items.waiting(connection, ItemState.FETCHED, until, 2) == [3, 2]


def test_date_is_given_once_and_lets_a_scored_item_be_scored_again(database: Database) -> None:
    with database.writing() as connection:
        items.add(
            connection,
            [
                row(1, published_at=None, state=ItemState.SCORED),
                row(2, published_at=None, state=ItemState.EMBEDDED),
                row(3, state=ItemState.SCORED),
            ],
        )
        for number in (1, 2, 3):
            items.give_date(connection, number, NOW - HOUR, NOW)
            items.give_date(connection, number, NOW + HOUR, NOW)
        found = items.by_numbers(connection, [1, 2, 3])
    assert [one.published_at for one in found] == [NOW - HOUR, NOW - HOUR, NOW]
    assert [one.state for one in found] == ["judged", "embedded", "scored"]


def test_quarantined_item_waits_no_more_and_says_why(database: Database) -> None:
    with database.writing() as connection:
        items.add(connection, [row(1), row(2)])
        items.quarantine(connection, 1, "refused")
        assert items.waiting(connection, ItemState.FETCHED, NOW, 10) == [2]
        (one,) = items.by_numbers(connection, [1])
        assert (one.state, one.state_reason) == ("quarantined", "refused")
        assert items.counts(connection) == {"fetched": 1, "quarantined": 1, "undated": 0}


def test_listing_is_newest_first_and_every_filter_narrows(database: Database) -> None:
    with database.writing() as connection:
        items.add(
            connection,
            [row(n, f"word{n} shared", first_seen_at=NOW + n * HOUR) for n in range(1, 6)],
        )

        def listed(**filters: object) -> list[int]:
            return [one.number for one in items.listing(connection, **filters)]

        assert listed() == [5, 4, 3, 2, 1]
        assert listed(since=NOW + 3 * HOUR) == [5, 4, 3]
        assert listed(since=NOW + 2 * HOUR, until=NOW + 3 * HOUR) == [3, 2]
        assert listed(match="shared", limit=2) == [5, 4]
        assert listed(match="word2") == [2]
        assert listed(match="  ") == [5, 4, 3, 2, 1]
        assert listed(category="custom_silicon") == []


def test_known_items_are_found_among_thousands_of_ids(database: Database) -> None:
    with database.writing() as connection:
        items.add(connection, [row(1), row(2, published_at=None)])
        found = items.known(connection, [f"i{n}" for n in range(2_000)])
    assert {id_: one.dated for id_, one in found.items()} == {"i1": True, "i2": False}
