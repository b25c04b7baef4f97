"""`thesis backup`: whole, of one moment, without a secret, while whoever writes goes on."""

import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ConfigError, ThesiswatchError
from agent.upkeep import archive, backup
from store import migrations
from store.database import FILE_NAME, open_database, writer_lock
from tests.command import thesis
from tests.disks import small_disk
from tests.store.test_database import another_process
from tests.stored import select
from tests.story import STORY

NOW = datetime(2026, 1, 27, 8, tzinfo=UTC)


def members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as found:
        return {name: found.read(name) for name in found.namelist()}


def unpacked(file: Path, place: Path) -> Path:
    """The database in a backup, as a file."""
    place.write_bytes(members(file)[FILE_NAME])
    return place


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_it_holds_database_configuration_and_thesis_and_says_what(
    home: Path, tmp_path: Path
) -> None:
    made = backup.make(home, tmp_path / "b.zip", NOW)
    kept, folder = members(made.file), home.parent
    exemplars = sorted((folder / "thesis" / "exemplars").iterdir())
    assert set(kept) == {
        FILE_NAME,
        "config.toml",
        "thesis/thesis.toml",
        "manifest.json",
        *(f"thesis/exemplars/{path.name}" for path in exemplars),
    }
    assert kept["config.toml"] == home.read_bytes()
    assert kept["thesis/thesis.toml"] == (folder / "thesis" / "thesis.toml").read_bytes()
    said = made.manifest
    assert (said.schema_revision, said.items) == (migrations.HEAD, len(STORY))
    for count, table in ((said.verdicts, "verdict"), (said.ledger_rows, "evidence")):
        assert [(count,)] == select(folder / "data", f"SELECT count(*) FROM {table}")
    assert said.score == thesis("score", "--json", "--config", home).json["score"]
    assert made.size == made.file.stat().st_size
    assert made.file.stat().st_mode & 0o777 == 0o600


def test_no_secret_is_in_it(home: Path, tmp_path: Path) -> None:
    made = backup.make(home, tmp_path / "b.zip", NOW)
    assert (home.parent / ".env").is_file()
    assert not [name for name in members(made.file) if ".env" in name]
    assert not [name for name, text in members(made.file).items() if b"sk-secret" in text]


def test_of_a_thesis_among_other_files_only_what_the_program_reads_is_kept(
    own: Path, tmp_path: Path
) -> None:
    folder = own.parent
    shutil.move(folder / "thesis" / "thesis.toml", folder / "mine.toml")
    shutil.move(folder / "thesis" / "exemplars", folder / "exemplars")
    (folder / "exemplars" / "notes.txt").write_text("private", encoding="utf-8")
    text = own.read_text(encoding="utf-8").replace("thesis/thesis.toml", "mine.toml")
    own.write_text(text, encoding="utf-8")
    kept = members(backup.make(own, tmp_path / "b.zip", NOW).file)
    assert "thesis/thesis.toml" in kept
    assert len(kept) == 4 + len(list((folder / "exemplars").glob("*.jsonl")))
    assert not [name for name, content in kept.items() if content == b"private"]


def test_a_bundled_thesis_comes_with_the_program(own: Path, tmp_path: Path) -> None:
    text = own.read_text(encoding="utf-8").replace("thesis/thesis.toml", "nvda_short_case")
    own.write_text(text, encoding="utf-8")
    kept = members(backup.make(own, tmp_path / "b.zip", NOW).file)
    assert set(kept) == {FILE_NAME, "config.toml", "manifest.json"}


HAMMER = """
import sys
from pathlib import Path
from sqlalchemy import text
from store import items
from store.database import open_database, writer_lock
from tests.store.rows import row
folder = Path(sys.argv[1])
with writer_lock(folder):
    database = open_database(folder)
    print("ready", flush=True)
    number = 1_000
    while True:
        number += 1
        with database.writing() as connection:
            items.add(connection, [row(number)])
            vector = {"number": number}
            connection.execute(text("INSERT INTO embedding VALUES (:number, x'00')"), vector)
            connection.execute(text("INSERT INTO index_outbox VALUES (:number)"), vector)
"""


def test_a_run_that_writes_goes_on_and_each_backup_is_of_one_moment(
    own: Path, tmp_path: Path
) -> None:
    before = len(STORY)
    with another_process(HAMMER, own.parent / "data"):
        for n in range(3):
            made = thesis("backup", tmp_path / f"{n}.zip", "--json", "--config", own)
            assert (made.code, made.err) == (0, "")
            copy = unpacked(tmp_path / f"{n}.zip", tmp_path / f"{n}.sqlite3")
            assert query(copy, "PRAGMA integrity_check") == [("ok",)]
            assert query(copy, "PRAGMA foreign_key_check") == []
            ((items,), (vectors,)) = query(
                copy, "SELECT count(*) FROM item UNION ALL SELECT count(*) FROM embedding"
            )
            assert made.json["items"] == items == vectors > before
            before = items


def test_a_backup_needs_nobodys_lock(own: Path, tmp_path: Path) -> None:
    with writer_lock(own.parent / "data"):
        assert backup.make(own, tmp_path / "b.zip", NOW).manifest.items == len(STORY)


def test_a_data_folder_of_before_is_kept_as_it_is_not_upgraded(
    of_before: Path, tmp_path: Path
) -> None:
    made = backup.make(of_before, tmp_path / "b.zip", NOW)
    assert (made.manifest.schema_revision, made.manifest.score) == ("0004", None)
    assert select(of_before.parent / "data", "SELECT version_num FROM alembic_version") == [
        ("0004",)
    ]


def test_a_file_that_is_there_is_only_written_over_by_force(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.zip"
    file.write_bytes(b"precious")
    with pytest.raises(ThesiswatchError, match=r"b.zip exists already. Name another, or add"):
        backup.make(home, file, NOW)
    assert file.read_bytes() == b"precious"
    backup.make(home, file, NOW, force=True)
    with archive.opened(file) as made:
        made.verify()
    with pytest.raises(ThesiswatchError, match="Name a file in it"):
        backup.make(home, tmp_path, NOW, force=True)


def test_without_data_there_is_nothing_to_keep(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="there is no data"):
        backup.make(tmp_path / "config.toml", tmp_path / "b.zip", NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_a_full_disk_leaves_what_was_there_and_no_draft(home: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", megabytes=4) as disk:
        file = disk.place / "b.zip"
        file.write_bytes(b"the one of yesterday")
        disk.fill(60_000)  # in some place or other of each step
        said = []
        while True:
            ran = thesis("backup", file, "--force", "--config", home)
            if ran.code == 0:
                break
            assert ran.code == 1 and "Traceback" not in ran.err, ran.err
            assert file.read_bytes() == b"the one of yesterday"
            assert not list(disk.place.glob(".*"))
            said.append(ran.err)
            disk.free_some()
        assert len(said) >= 3
        named = f"the disk of {file} is full: up to "
        assert all(named in line and "MB are needed for a while" in line for line in said), said
        with archive.opened(file) as made:
            made.verify()


def test_a_damaged_database_is_not_called_a_backup(own: Path, tmp_path: Path) -> None:
    folder = own.parent / "data"
    open_database(folder).close()
    ((root,),) = select(folder, "SELECT rootpage FROM sqlite_master WHERE name = 'evidence'")
    with (folder / FILE_NAME).open("rb+") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    ran = thesis("backup", tmp_path / "b.zip", "--config", own)
    assert ran.code == 1 and "is damaged" in ran.err
    assert not (tmp_path / "b.zip").exists()


def test_the_command_says_where_how_large_and_what(home: Path, tmp_path: Path) -> None:
    ran = thesis("backup", tmp_path / "b.zip", "--config", home)
    assert ran.code == 0
    size = (tmp_path / "b.zip").stat().st_size / 1e6
    assert f"Wrote {tmp_path / 'b.zip'}: {size:.1f} MB, read back and checked." in ran.out
    assert f"It holds {len(STORY)} items" in ran.out
    assert "as of 2025-02-03" in ran.out


def test_the_command_answers_as_json(home: Path, tmp_path: Path) -> None:
    ran = thesis("backup", tmp_path / "b.zip", "--json", "--config", home)
    said = ran.json
    assert said["file"] == str(tmp_path / "b.zip")
    assert said["bytes"] == (tmp_path / "b.zip").stat().st_size
    manifest = json.loads(members(tmp_path / "b.zip")["manifest.json"])
    assert {**said, "format": 1} == {**manifest, "file": said["file"], "bytes": said["bytes"]}


def test_what_went_wrong_is_one_line_and_exit_code_1(home: Path, tmp_path: Path) -> None:
    ran = thesis("backup", tmp_path / "nowhere" / "b.zip", "--config", home)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert f"there is no folder {tmp_path / 'nowhere'}" in ran.err
    assert thesis("backup", "--config", home).code == 2
