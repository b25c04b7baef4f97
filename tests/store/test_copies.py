"""Copies of one moment beside a busy writer, and a database put in another's place."""

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType

import pytest
from sqlalchemy import text

from agent.errors import StoreBusy, StoreDamaged, StoreError
from store import copies, items, migrations, outbox
from store.database import FILE_NAME, Database, engine_at, open_database, writer_lock
from tests.disks import small_disk
from tests.store.rows import row
from tests.store.test_database import HOLD_DATABASE, another_process

HAMMER = """
import sqlite3, sys
from store.database import FILE_NAME
connection = sqlite3.connect(sys.argv[1] + "/" + FILE_NAME, timeout=5, isolation_level=None)
connection.execute("PRAGMA synchronous=NORMAL")
print("ready", flush=True)
number = 1_000
while True:
    number += 1
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO setting VALUES (?, '')", (str(number),))
    connection.execute("INSERT INTO rejected VALUES (?, '', 0, '', '', '')", (str(number),))
    connection.execute("COMMIT")
"""
"""Writes one row to each of two tables at a time, as fast as it can."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with some megabytes in it."""
    database = open_database(tmp_path / "data")
    with database.writing() as connection:
        items.add(connection, [row(number, text="y" * 5_000) for number in range(1, 801)])
    database.close()
    return tmp_path / "data"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A folder with another database, one item with a vector, ready to be put in place."""
    database = open_database(tmp_path / "other")
    with database.writing() as connection:
        items.add(connection, [row(7, "the other")])
        connection.execute(text("INSERT INTO embedding VALUES (7, x'00')"))
    database.close()
    copies.make_ready(tmp_path / "other")
    return tmp_path / "other"


def query(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def titles(folder: Path) -> set[object]:
    return {title for (title,) in query(folder / FILE_NAME, "SELECT title FROM item")}


def count(path: Path, table: str = "item") -> int:
    """How many rows a table of a database holds."""
    return int(str(query(path, f"SELECT count(*) FROM {table}")[0][0]))


# A copy


def test_a_copy_beside_a_busy_writer_is_of_one_moment(folder: Path, tmp_path: Path) -> None:
    with another_process(HAMMER, folder):
        before = count(folder / FILE_NAME, "setting")
        copies.take(folder, tmp_path / "copy")
        after = count(folder / FILE_NAME, "setting")
    copied = [count(tmp_path / "copy", table) for table in ("setting", "rejected")]
    assert query(tmp_path / "copy", "PRAGMA integrity_check") == [("ok",)]
    assert before <= copied[0] == copied[1] <= after
    assert after - before > 10, "the writer was kept waiting"


def test_a_commit_between_any_two_steps_does_not_begin_the_copy_anew(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "PAGES", 100)
    ((pages,),) = query(folder / FILE_NAME, "PRAGMA page_count")
    assert isinstance(pages, int)
    steps = 0

    def commit_after(frame: FrameType, event: str, arg: object) -> None:
        """The copy looks up from its work after each step: now somebody else writes."""
        nonlocal steps
        if event == "call" and frame.f_code.co_name == "watch":
            steps += 1
            writer.execute("INSERT INTO setting VALUES (?, '')", (str(steps),))
            assert steps <= pages / 100 + 1, "it began anew"

    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as writer:
        sys.setprofile(commit_after)
        try:
            copies.take(folder, tmp_path / "copy")
        finally:
            sys.setprofile(None)
    assert steps > 10
    assert count(folder / FILE_NAME, "setting") == steps
    assert count(tmp_path / "copy", "setting") == 0


def test_a_copy_is_one_file_that_can_be_opened_where_nothing_can_be_written(
    folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    copies.take(folder, place / "copy")
    assert [path.name for path in place.iterdir()] == ["copy"]
    assert query(place / "copy", "PRAGMA journal_mode") == [("delete",)]


def test_a_copy_needs_nobodys_lock(folder: Path, tmp_path: Path) -> None:
    database = open_database(folder)
    with writer_lock(folder), database.writing() as connection:
        connection.execute(text("DELETE FROM item"))
        copies.take(folder, tmp_path / "copy")
    database.close()
    assert count(tmp_path / "copy") == 800


def test_a_copy_holds_what_is_in_the_wal_alone(folder: Path, tmp_path: Path) -> None:
    database = open_database(folder)
    with database.writing() as connection:
        items.add(connection, [row(5000, "fresh")])
    copies.take(folder, tmp_path / "copy")
    database.close()
    assert query(tmp_path / "copy", "SELECT title FROM item WHERE number = 5000") == [("fresh",)]


def test_a_full_disk_under_a_copy_is_named_and_the_source_stays(
    folder: Path, tmp_path: Path
) -> None:
    with (
        small_disk(tmp_path / "small", megabytes=2) as disk,
        pytest.raises(StoreError, match=r"disk of .*small is full"),
    ):
        copies.take(folder, disk.place / "copy")
    assert query(folder / FILE_NAME, "PRAGMA integrity_check") == [("ok",)]


def test_a_source_with_a_bad_page_is_called_damaged(folder: Path, tmp_path: Path) -> None:
    path = folder / FILE_NAME
    (root,) = query(path, "SELECT rootpage FROM sqlite_master WHERE name = 'item'")[0]
    assert isinstance(root, int)
    with path.open("rb+") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(StoreDamaged, match="is damaged"):
        copies.take(folder, tmp_path / "copy")


def test_contents_are_counted_at_the_first_schema_and_at_the_last(tmp_path: Path) -> None:
    for revision in ("0001", migrations.HEAD):
        folder = tmp_path / revision
        folder.mkdir()
        engine = engine_at(folder / FILE_NAME, 1)
        migrations.upgrade(engine, revision)
        engine.dispose()
        assert copies.contents(folder, "t") == copies.Contents(revision, 0, 0, 0, 0, 0, None, None)


def test_another_programs_database_is_not_taken_for_ours(tmp_path: Path) -> None:
    query(tmp_path / FILE_NAME, "CREATE TABLE notes (a)")
    for look in (lambda: copies.contents(tmp_path, "t"), lambda: copies.make_ready(tmp_path)):
        with pytest.raises(StoreDamaged, match="no database of thesiswatch"):
            look()
    assert query(tmp_path / FILE_NAME, "SELECT name FROM sqlite_master") == [("notes",)]


# In place


@pytest.fixture
def reader(folder: Path) -> Iterator[Database]:
    """Somebody who has the database in place open, as a chat does."""
    opened = open_database(folder)
    with opened.reading() as connection:
        connection.execute(text("SELECT count(*) FROM item"))
    yield opened
    opened.close()


def test_who_has_the_old_one_open_sees_and_writes_the_new_one(
    folder: Path, other: Path, reader: Database
) -> None:
    copies.put(other, folder)
    with reader.reading() as connection:
        assert [found.title for found in items.listing(connection)] == ["the other"]
        assert outbox.waiting(connection, 10) == [7]
    with reader.writing() as connection:
        items.add(connection, [row(8, "written after")])
    assert titles(folder) == {"the other", "written after"}
    assert query(folder / FILE_NAME, "PRAGMA integrity_check") == [("ok",)]


def test_a_transaction_that_goes_on_keeps_its_view(
    folder: Path, other: Path, reader: Database
) -> None:
    with reader.reading() as connection:
        how_many = text("SELECT count(*) FROM item")
        assert connection.execute(how_many).scalar() == 800
        copies.put(other, folder)
        assert connection.execute(how_many).scalar() == 800
    assert titles(folder) == {"the other"}


def test_another_programs_lock_is_busy_and_the_old_one_stays(
    folder: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "BUSY_SECONDS", 0.2)
    with another_process(HOLD_DATABASE, folder), pytest.raises(StoreBusy):
        copies.put(other, folder)
    assert count(folder / FILE_NAME) == 800


@pytest.mark.parametrize("damage", [b"this is no database" * 1000, b"\0" * 4096])
def test_what_is_no_database_is_replaced_and_kept_as_it_was(
    folder: Path, other: Path, tmp_path: Path, damage: bytes
) -> None:
    (folder / FILE_NAME).write_bytes(damage)
    kept = copies.keep(folder, tmp_path)
    copies.expect_empty_index(folder)
    copies.put(other, folder)
    assert titles(folder) == {"the other"}
    assert kept.read_bytes() == damage


def test_an_empty_file_is_replaced(folder: Path, other: Path) -> None:
    (folder / FILE_NAME).write_bytes(b"")
    copies.expect_empty_index(folder)
    copies.put(other, folder)
    assert titles(folder) == {"the other"}


def test_a_wal_without_its_database_is_not_taken_for_the_new_ones(
    folder: Path, other: Path, reader: Database, tmp_path: Path
) -> None:
    with reader.writing() as connection:
        items.add(connection, [row(5000, "of the old one")])
    place = tmp_path / "place"
    place.mkdir()
    shutil.copy(folder / f"{FILE_NAME}-wal", place)
    copies.put(other, place)
    assert titles(place) == {"the other"}


def test_what_was_kept_is_never_written_over(folder: Path, tmp_path: Path) -> None:
    (folder / f"{FILE_NAME}.before-restore-2-wal").touch()  # whoever kept it was killed
    names = [copies.keep(folder, tmp_path).name for _ in range(3)]
    assert names == [
        f"{FILE_NAME}.before-restore",
        f"{FILE_NAME}.before-restore-3",
        f"{FILE_NAME}.before-restore-4",
    ]


def test_what_is_kept_has_what_was_in_the_wal_alone(
    folder: Path, reader: Database, tmp_path: Path
) -> None:
    with reader.writing() as connection:
        items.add(connection, [row(5000, "fresh")])
    kept = copies.keep(folder, tmp_path)
    assert query(kept, "SELECT count(*) FROM item WHERE title = 'fresh'") == [(1,)]
    assert kept.stat().st_mode & 0o077 == 0


def test_what_is_damaged_is_kept_with_its_wal_for_its_owner_alone(
    folder: Path, reader: Database, tmp_path: Path
) -> None:
    with reader.bare() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with reader.writing() as connection:
        connection.execute(text("INSERT INTO setting VALUES ('a', 'fresh')"))
    with (folder / FILE_NAME).open("rb+") as file:
        file.write(b"\xff" * 200)
    parts = [(folder / f"{FILE_NAME}{end}") for end in ("", "-wal")]
    before = [path.read_bytes() for path in parts]
    kept = copies.keep(folder, tmp_path)
    log = kept.with_name(f"{kept.name}-wal")
    assert [kept.read_bytes(), log.read_bytes()] == before
    assert (kept.stat().st_mode | log.stat().st_mode) & 0o077 == 0
    copies.unkeep(kept)
    assert not list(folder.glob("*before-restore*"))


def test_room_that_is_not_there_is_said_in_figures(folder: Path) -> None:
    copies.room_for(folder, 1000)
    with pytest.raises(StoreError, match=r"MB free, 1,000,000,000,000 MB are needed"):
        copies.room_for(folder, 10**18)
