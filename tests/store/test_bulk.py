"""Many rows at once: what SQLAlchemy's own insert would have stored."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Table, select
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from sqlmodel import SQLModel

from agent.errors import StoreError
from store import bulk
from store.database import Database, open_database
from store.models import Item
from tests.store.rows import row

ITEM = Item.__table__


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def test_rows_are_stored_as_the_orm_stores_them(database: Database) -> None:
    with database.writing() as connection:
        bulk.insert(connection, ITEM, [row(1, title="标题 'quoted'"), row(2, published_at=None)])
        connection.execute(
            ITEM.insert(), [row(3, title="标题 'quoted'"), row(4, published_at=None)]
        )
        rows = connection.execute(select(ITEM).order_by("number")).mappings()
        first, undated, third, fourth = map(dict, rows)
    assert {**first, "number": 3, "id": "i3"} == third
    assert {**undated, "number": 4, "id": "i4"} == fourth


def test_rows_that_differ_in_their_columns_are_refused(database: Database) -> None:
    with database.writing() as connection, pytest.raises(KeyError):
        bulk.insert(connection, ITEM, [row(1), row(2, amends="i1")])
    with database.writing() as connection, pytest.raises(KeyError):
        bulk.insert(connection, ITEM, [row(1, amends="i1"), {**row(2), "text_": ""}])


@pytest.mark.parametrize("table", SQLModel.metadata.sorted_tables, ids=str)
def test_every_table_has_only_defaults_that_are_plain_values(table: Table) -> None:
    assert all(
        isinstance(column.default, ScalarElementColumnDefault)
        for column in table.c
        if column.default is not None
    )


def test_no_rows_are_no_statement(database: Database) -> None:
    with database.writing() as connection:
        bulk.insert(connection, ITEM, [])
        assert connection.execute(select(ITEM)).all() == []


def test_taken_key_is_an_error_unless_it_may_be_skipped(database: Database) -> None:
    with database.writing() as connection:
        bulk.insert(connection, ITEM, [row(1, title="first")])
    with pytest.raises(StoreError, match="UNIQUE"), database.writing() as connection:
        bulk.insert(connection, ITEM, [row(1, title="second")])
    with database.writing() as connection:
        bulk.insert(connection, ITEM, [row(1, title="second"), row(2)], skip_known=True)
        titles = [one.title for one in connection.execute(select(ITEM).order_by("number"))]
    assert titles == ["first", "a title"]


def test_any_number_of_keys_is_one_parameter(database: Database) -> None:
    with database.writing() as connection:
        bulk.insert(connection, ITEM, [row(1), row(70_000), row(80_000)])
        chosen = select(ITEM.c.number).where(ITEM.c.number.in_(bulk.WANTED))
        found = connection.execute(chosen, bulk.wanted(range(75_000))).scalars().all()
    assert found == [1, 70_000]
