"""The health of a source is a row; what was refused is kept once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from store import sources
from store.database import Database, open_database
from tests.store.rows import NOW


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def test_source_nobody_looked_at_has_no_state(database: Database) -> None:
    with database.reading() as connection:
        assert sources.states(connection) == {}


def test_state_keeps_what_was_not_written_again(database: Database) -> None:
    with database.writing() as connection:
        sources.keep_state(connection, "a", etag='"1"', last_success_at=NOW, items=5)
        sources.keep_state(connection, "a", failures=2, error="down")
        sources.keep_state(connection, "b", failures=1)
        states = sources.states(connection)
    assert set(states) == {"a", "b"}
    assert (states["a"].etag, states["a"].items, states["a"].failures) == ('"1"', 5, 2)
    assert states["a"].last_success_at == NOW
    assert (states["b"].etag, states["b"].last_success_at) == ("", None)


def test_first_state_of_a_source_may_be_a_failure(database: Database) -> None:
    with database.writing() as connection:
        sources.keep_state(connection, "a", last_attempt_at=NOW, failures=1, error="down")
        state = sources.states(connection)["a"]
    assert (state.failures, state.error, state.last_success_at) == (1, "down", None)


def test_refused_input_is_kept_once_however_often_it_comes(database: Database) -> None:
    with database.writing() as connection:
        for day in range(3):
            sources.reject(connection, "s", 7, "not JSON", "{", NOW + timedelta(day))
        assert sources.rejected_count(connection) == 1
        sources.reject(connection, "s", 8, "not JSON", "{", NOW)
        sources.reject(connection, "other", 7, "not JSON", "{", NOW)
        assert sources.rejected_count(connection) == 3


def test_long_refused_input_is_cut(database: Database) -> None:
    with database.writing() as connection:
        sources.reject(connection, "s", 1, "too long", "x" * 100_000, NOW)
        raw = connection.execute(text("SELECT raw FROM rejected")).scalar_one()
    assert len(raw) == sources.LONGEST_RAW
