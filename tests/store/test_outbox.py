"""Vectors wait for the index in the same transaction that stores them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from store import items, outbox
from store.database import Database, open_database
from tests.store.rows import row


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    with opened.writing() as connection:
        items.add(connection, [row(number) for number in range(1, 11)])
    yield opened
    opened.close()


def vectors(count: int) -> np.ndarray:
    return np.arange(count * 4, dtype=np.float32).reshape(count, 4)


def test_stored_vectors_wait_lowest_number_first(database: Database) -> None:
    with database.writing() as connection:
        items.add_vectors(connection, [7, 3, 5], vectors(3))
        assert outbox.lag(connection) == 3
        assert outbox.waiting(connection, 10) == [3, 5, 7]
        assert outbox.waiting(connection, 2) == [3, 5]
        assert outbox.waiting(connection, 10, after=3) == [5, 7]


def test_indexed_vectors_wait_no_more(database: Database) -> None:
    with database.writing() as connection:
        items.add_vectors(connection, [1, 2, 3], vectors(3))
        outbox.done(connection, [1, 3])
        outbox.done(connection, [1, 3])  # said twice, after a crash
        outbox.done(connection, [])
        assert outbox.waiting(connection, 10) == [2]


def test_more_numbers_than_one_statement_holds_are_forgotten(database: Database) -> None:
    with database.writing() as connection:
        items.add(connection, [row(number) for number in range(100, 1_300)])
        items.add_vectors(connection, list(range(100, 1_300)), vectors(1_200))
        outbox.done(connection, list(range(100, 1_299)))
        assert outbox.waiting(connection, 10) == [1_299]


def test_vector_that_was_not_committed_does_not_wait(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        items.add_vectors(connection, [1], vectors(1))
        raise ZeroDivisionError
    with database.reading() as connection:
        assert outbox.lag(connection) == 0
        assert items.with_vectors(connection) == set()


def test_refilled_outbox_holds_every_stored_vector_once(database: Database) -> None:
    with database.writing() as connection:
        items.add_vectors(connection, [1, 2, 3], vectors(3))
        outbox.done(connection, [1, 2])
        assert outbox.refill(connection) == 3
        assert outbox.refill(connection) == 3
        assert outbox.waiting(connection, 10) == [1, 2, 3]


def test_vectors_come_back_to_the_bit_in_the_order_asked_for(database: Database) -> None:
    stored = vectors(3)
    with database.writing() as connection:
        items.add_vectors(connection, [1, 2, 3], stored)
        assert np.array_equal(items.vectors_of(connection, [3, 1]), stored[[2, 0]])
        items.replace_vectors(connection, [2], -stored[1:2])
        assert np.array_equal(items.vectors_of(connection, [2]), -stored[1:2])
        assert items.vectors_of(connection, []).shape[0] == 0
