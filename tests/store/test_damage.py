"""A database is looked through for damage: whole tables, indexes and texts."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.errors import StoreError
from store import damage, items
from store.database import FILE_NAME, Database, open_database, open_to_read
from tests.damage import flip, flip_page
from tests.store.rows import row


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    with opened.writing() as connection:
        items.add(connection, [row(n, text="words " * 200) for n in range(1, 200)])
    opened.close()
    yield opened
    opened.close()


@pytest.mark.parametrize("whole", [False, True])
def test_a_sound_database_is_passed(database: Database, whole: bool) -> None:
    damage.look(database, whole=whole)
    with database.reading() as connection:
        assert sum(items.counts(connection).values()) == 199


@pytest.mark.parametrize("table", ["item", "evidence", "snapshot", "turn", "item_text_data"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_page_gone_bad_is_found_wherever_it_is(
    database: Database, tmp_path: Path, table: str, whole: bool
) -> None:
    flip_page(tmp_path / FILE_NAME, table)
    with pytest.raises(StoreError, match="is damaged") as found:
        damage.look(database, whole=whole)
    assert str(tmp_path) in found.value.message
    assert "\n" not in found.value.message
    assert "backup" in found.value.way_out


def test_a_page_in_the_midst_of_a_table_is_found(database: Database, tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    body = path.read_bytes()
    flip(path, body.index(b"words words", len(body) // 2) // 4096 * 4096, 200)
    with pytest.raises(StoreError, match="is damaged"):
        damage.look(database)


def test_a_text_that_is_none_is_found_by_the_whole_look_alone(database: Database) -> None:
    with database.bare() as connection:
        connection.execute("UPDATE item SET title = CAST(x'1b5b33316dff' AS TEXT) WHERE number = 7")
    damage.look(database)
    with pytest.raises(StoreError, match="a text in it cannot be read") as found:
        damage.look(database, whole=True)
    assert "\x1b" not in str(found.value)  # what stands there is not repeated


def test_an_index_that_tells_another_story_is_found_by_the_whole_look_alone(
    database: Database, tmp_path: Path
) -> None:
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(path.read_bytes().replace(b"fetched", b"fetchet", 1))
    damage.look(database)
    with pytest.raises(StoreError, match="ix_item_state"):
        damage.look(database, whole=True)


def test_a_file_that_lost_all_it_held_is_not_that_of_a_new_folder(
    database: Database, tmp_path: Path
) -> None:
    database.close()
    (tmp_path / FILE_NAME).write_bytes(b"")
    open_database(tmp_path).close()  # nothing says that there was more: one died as it began
    (tmp_path / FILE_NAME).write_bytes(b"")
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "chroma.sqlite3").touch()
    for again in (open_database, open_to_read):
        with pytest.raises(StoreError, match="is empty, and there is an index") as found:
            again(tmp_path)
        assert "backup" in found.value.way_out
