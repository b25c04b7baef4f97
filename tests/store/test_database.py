"""Pragmas, transactions, the writer's lock, and what goes wrong under a database."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import StatementError

from agent.errors import StoreBusy, StoreDamaged, StoreError
from store import items, settings
from store.database import (
    FILE_NAME,
    Database,
    daemon_lock,
    exists,
    open_database,
    translated,
    writer_lock,
)
from store.models import ItemState
from tests.conftest import ROOT
from tests.disks import read_only, small_disk
from tests.store.rows import NOW, row


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path, busy_seconds=0.05)
    yield opened
    opened.close()


def matching(database: Database, words: str) -> list[str]:
    with database.reading() as connection:
        return [found.id for found in items.listing(connection, match=words)]


def count(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(text("SELECT count(*) FROM item")).scalar_one())


def execute(database: Database, statement: str) -> None:
    with database.writing() as connection:
        connection.execute(text(statement))


# Transactions and pragmas


def test_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    open_database(tmp_path / "a" / "b").close()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_existence_is_asked_without_making_anything(tmp_path: Path) -> None:
    assert not exists(tmp_path / "data")
    assert not (tmp_path / "data").exists()
    open_database(tmp_path / "data").close()
    assert exists(tmp_path / "data")


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)]
)
def test_pragma_is_set_on_every_connection(database: Database, pragma: str, value: Any) -> None:
    with database.reading() as one, database.reading() as other:
        for connection in (one, other):
            assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value


def test_transaction_is_all_or_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        items.add(connection, [row(1)])
        raise ZeroDivisionError
    assert count(database) == 0


def test_schema_changes_are_undone_with_their_transaction(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        connection.execute(text("CREATE TABLE half (a)"))
        raise ZeroDivisionError
    with pytest.raises(StoreError, match="no such table"):
        execute(database, "SELECT * FROM half")


def test_reader_keeps_its_view_while_a_writer_commits(database: Database) -> None:
    with database.reading() as connection:
        before = connection.execute(text("SELECT count(*) FROM item")).scalar()
        with database.writing() as writer:
            items.add(writer, [row(1)])
        assert connection.execute(text("SELECT count(*) FROM item")).scalar() == before == 0
    assert count(database) == 1


def test_vector_without_its_item_is_refused(database: Database) -> None:
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        execute(database, "INSERT INTO embedding VALUES (99, x'00')")


def test_item_may_not_name_an_event_that_is_not_there(database: Database) -> None:
    with pytest.raises(StoreError, match="FOREIGN KEY"), database.writing() as connection:
        items.add(connection, [row(1, event_id="nowhere")])


def test_id_is_unique(database: Database) -> None:
    with pytest.raises(StoreError, match="UNIQUE"), database.writing() as connection:
        items.add(connection, [row(1), row(2, id="i1")])
    assert count(database) == 0


# Times


def test_naive_time_is_refused(database: Database) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="naive datetime"), database.writing() as connection:
        items.add(connection, [row(1, first_seen_at=naive)])
    assert count(database) == 0


def test_naive_time_is_refused_in_a_question_too(database: Database) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(StatementError, match="naive datetime"), database.reading() as connection:
        items.waiting(connection, ItemState.FETCHED, naive, 1)


def test_time_of_any_zone_comes_back_as_utc(database: Database) -> None:
    shanghai = NOW.astimezone(timezone(timedelta(hours=8)))
    with database.writing() as connection:
        items.add(connection, [row(1, first_seen_at=shanghai, published_at=None)])
    with database.reading() as connection:
        found = items.by_id(connection, "i1")
    assert found is not None
    assert found.first_seen_at == NOW
    assert found.first_seen_at.tzinfo is UTC
    assert found.published_at is None


# The full-text index


def test_inserted_item_is_found_by_its_words(database: Database) -> None:
    with database.writing() as connection:
        items.add(connection, [row(1, "Chips"), row(2, "x", summary="chips"), row(3, text="CHIP")])
    assert set(matching(database, "chip")) == {"i1", "i2", "i3"}
    assert matching(database, "nothing") == []


def test_updated_item_is_found_by_its_new_words_alone(database: Database) -> None:
    with database.writing() as connection:
        items.add(connection, [row(1, "old words"), row(2, "old friends")])
    execute(database, "UPDATE item SET title = 'new words' WHERE number = 1")
    assert matching(database, "old") == ["i2"]
    assert matching(database, "new words") == ["i1"]


def test_deleted_item_is_found_no_more(database: Database) -> None:
    with database.writing() as connection:
        items.add(connection, [row(1, "gone"), row(2, "gone too")])
    execute(database, "DELETE FROM item WHERE number = 1")
    assert matching(database, "gone") == ["i2"]


def test_undone_insert_leaves_no_words(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        items.add(connection, [row(1, "phantom")])
        raise ZeroDivisionError
    assert matching(database, "phantom") == []


def test_index_agrees_with_the_table_after_many_changes(database: Database) -> None:
    with database.writing() as connection:
        items.add(connection, [row(number, f"word{number}") for number in range(1, 50)])
    execute(database, "UPDATE item SET summary = 'even' WHERE number % 2 = 0")
    execute(database, "DELETE FROM item WHERE number % 3 = 0")
    execute(database, "UPDATE item SET state = 'scored'")
    execute(database, "INSERT INTO item_text(item_text, rank) VALUES ('integrity-check', 1)")
    assert len(matching(database, "even")) == 16


@pytest.mark.parametrize("words", ['"', "a AND", "title:", "NEAR(", "*", "-", "' OR 1=1", "(", "^"])
def test_no_query_syntax_is_taken_from_the_user(database: Database, words: str) -> None:
    with database.writing() as connection:
        items.add(connection, [row(1, "plain")])
    assert "i1" not in matching(database, words)


def test_accents_and_endings_do_not_matter(database: Database) -> None:
    with database.writing() as connection:
        items.add(connection, [row(1, "Künstliche accelerators")])
    assert matching(database, "kunstliche accelerator") == ["i1"]


# The writer's lock


@contextmanager
def another_process(script: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Runs `script` (with `folder` given) until it says "ready"; it lives until it is told."""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


HOLD_LOCK = """
import sys
from pathlib import Path
from store.database import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""
HOLD_DATABASE = """
import sqlite3, sys
from store.database import FILE_NAME
connection = sqlite3.connect(sys.argv[1] + "/" + FILE_NAME, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("ready", flush=True)
sys.stdin.read()
"""


def test_second_process_is_told_who_is_writing(tmp_path: Path) -> None:
    with another_process(HOLD_LOCK, tmp_path) as other:
        with pytest.raises(StoreBusy) as busy, writer_lock(tmp_path):
            pass
        assert f"pid {other.pid}" in busy.value.message
        assert str(tmp_path) in busy.value.message


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with another_process(HOLD_LOCK, tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        with writer_lock(tmp_path):
            assert (tmp_path / "writer.lock.pid").read_text() == str(os.getpid())


def test_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writer_lock(tmp_path):
        raise ZeroDivisionError
    with writer_lock(tmp_path):
        pass


def test_lock_of_one_folder_leaves_another_free(tmp_path: Path) -> None:
    with writer_lock(tmp_path / "a"), writer_lock(tmp_path / "b"):
        holders = [(tmp_path / name / "writer.lock.pid").read_text() for name in "ab"]
    assert holders == [str(os.getpid())] * 2


def test_second_daemon_is_told_which_one_runs_and_how_to_go_on(tmp_path: Path) -> None:
    script = HOLD_LOCK.replace("writer_lock", "daemon_lock")
    with another_process(script, tmp_path) as other:
        with pytest.raises(StoreBusy) as busy, daemon_lock(tmp_path):
            pass
        assert busy.value.message == f"a daemon (pid {other.pid}) is running on {tmp_path}"
        assert busy.value.way_out == "Stop it and run again"
        with writer_lock(tmp_path):
            pass  # it does not write all the time
        other.kill()
        other.wait()
        with daemon_lock(tmp_path):
            pass


def test_reading_needs_no_lock(database: Database, tmp_path: Path) -> None:
    with another_process(HOLD_LOCK, tmp_path):
        assert count(database) == 0


# Another program, damage, no room, no right


def test_database_locked_by_another_program_is_busy_and_nothing_is_lost(
    database: Database, tmp_path: Path
) -> None:
    with database.writing() as connection:
        items.add(connection, [row(1)])
    with another_process(HOLD_DATABASE, tmp_path):
        with (
            pytest.raises(StoreBusy, match="locked by another program") as busy,
            database.writing() as connection,
        ):
            items.add(connection, [row(2)])
        assert "Nothing was lost" in busy.value.way_out
        assert count(database) == 1  # reading goes on
    with database.writing() as connection:
        items.add(connection, [row(2)])
    assert count(database) == 2


def test_lock_that_is_let_go_in_time_is_waited_for(tmp_path: Path) -> None:
    patient = open_database(tmp_path, busy_seconds=30)
    with another_process(HOLD_DATABASE, tmp_path) as other:
        assert other.stdin is not None
        other.stdin.close()  # it leaves while we wait
        with patient.writing() as connection:
            items.add(connection, [row(1)])
    assert count(patient) == 1
    patient.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"this is no database" * 1000,
        lambda data: data[:100] + b"\xff" * (len(data) - 100),
        lambda data: data[:5000],
        lambda data: data[:4096] + Random(1).randbytes(len(data) - 4096),
    ],
    ids=["text", "pages", "cut", "noise"],
)
def test_damaged_file_is_called_damaged(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    whole = open_database(tmp_path)
    with whole.writing() as connection:
        items.add(connection, [row(number) for number in range(1, 300)])
    whole.close()
    path = tmp_path / FILE_NAME
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreDamaged, match="is damaged") as damaged:
        broken = open_database(tmp_path)
        try:
            with broken.writing() as connection:
                items.add(connection, [row(1000)])
                items.listing(connection)
        finally:
            broken.close()
    assert "backup" in damaged.value.way_out
    assert str(tmp_path) in damaged.value.message


def test_full_disk_is_named_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", megabytes=2) as disk:
        database = open_database(disk.place)
        with database.writing() as connection:
            items.add(connection, [row(1)])
        disk.fill(50_000)
        many = [row(number, text="x" * 1000) for number in range(2, 200)]
        with (
            pytest.raises(StoreError, match="disk of .* is full") as full,
            database.writing() as connection,
        ):
            items.add(connection, many)
        assert "free some space" in full.value.way_out
        assert count(database) == 1
        database.close()
        disk.free_all()
        again = open_database(disk.place)
        with again.writing() as connection:
            items.add(connection, many)
        assert count(again) == 199
        again.close()


def test_disk_too_full_to_open_anything_is_named(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", megabytes=1) as disk:
        disk.fill(50_000)
        with pytest.raises(StoreError, match="disk of .* is full"):
            open_database(disk.place)
        with pytest.raises(StoreError, match="disk of .* is full"), writer_lock(disk.place):
            pass


def test_read_only_folder_is_named_for_readers_and_writers(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    open_database(folder).close()
    with read_only(folder):
        with pytest.raises(StoreError, match="cannot be written") as refused:
            open_database(folder)
        assert str(folder) in refused.value.message
        with pytest.raises(StoreError, match="cannot be written"), writer_lock(folder):
            pass


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file/data"):
        open_database(tmp_path / "file" / "data")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (sqlite3.OperationalError("database is locked"), StoreBusy, "another program"),
        (sqlite3.OperationalError("database or disk is full"), StoreError, "is full"),
        (OSError(28, "No space left on device"), StoreError, "is full"),
        (PermissionError(13, "Permission denied"), StoreError, "cannot be written"),
        (OSError(30, "Read-only file system"), StoreError, "cannot be written"),
        (sqlite3.DatabaseError("file is not a database"), StoreError, "is damaged"),
        (sqlite3.OperationalError("no such thing"), StoreError, "refused: no such thing"),
    ],
)
def test_what_sqlite_says_is_said_in_our_words(
    tmp_path: Path, error: Exception, kind: type[StoreError], words: str
) -> None:
    with pytest.raises(kind, match=words) as said, translated(tmp_path):
        raise error
    assert said.value.way_out
    assert said.value.__cause__ is error


def test_our_own_errors_pass_untouched(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), translated(tmp_path):
        raise ZeroDivisionError


def test_settings_are_kept_and_replaced(database: Database) -> None:
    def read(connection: Connection) -> str | None:
        return settings.read(connection, "embedder")

    with database.writing() as connection:
        assert read(connection) is None
        settings.keep(connection, "embedder", "one")
        settings.keep(connection, "embedder", "two")
        assert read(connection) == "two"


def test_another_program_can_read_the_file(database: Database, tmp_path: Path) -> None:
    with database.writing() as connection:
        items.add(connection, [row(1)])
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as plain:
        assert plain.execute("SELECT id, first_seen_at FROM item").fetchall() == [
            ("i1", "2025-01-27 12:00:00.000000")
        ]
