import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent import doctor
from agent.doctor import Finding
from agent.embed import StaticEmbedder
from agent.replay import replay
from agent.workspace import writing
from store import private
from store.database import FILE_NAME
from store.vectors import FOLDER, IndexWriter
from tests.fakes import FakeJudge, fetched
from tests.story import STORY

NOW = datetime(2025, 2, 4, tzinfo=UTC)
CONFIG = '[[sources]]\nname = "archive"\nkind = "file"\npath = "items.jsonl"\n'
STORED = ["database", "clock", "embedder", "index"]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: Any, static_embedder: StaticEmbedder) -> Path:
    """A folder in which nothing is wrong, with real vectors and a real index."""
    folder: Path = tmp_path_factory.mktemp("healthy")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    with writing(folder / "config.toml") as opened:
        index = IndexWriter(opened.database.folder, static_embedder.name)
        opened.__dict__.update(embedder=static_embedder, judge=FakeJudge(), index=index)
        replay(opened, fetched(*STORY), "story")
        index.close()
        private.tighten(opened.database.folder)  # the index was made in this process
    return folder


@pytest.fixture
def folder(healthy: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    shutil.copytree(healthy, tmp_path / "copy")
    return tmp_path / "copy"


def examined(folder: Path, now: datetime = NOW) -> dict[str, Finding]:
    return {one.check: one for one in doctor.examine(folder / "config.toml", now)}


def ill(folder: Path, now: datetime = NOW) -> dict[str, Finding]:
    found = {check: one for check, one in examined(folder, now).items() if not one.well}
    assert [one for one in found.values() if not one.way_out] == []
    return found


def execute(folder: Path, query: str) -> None:
    with closing(sqlite3.connect(folder / "data" / FILE_NAME)) as connection, connection:
        connection.execute(query)


def configure(folder: Path, text: str) -> None:
    (folder / "config.toml").write_text(text, encoding="utf-8")


def test_nothing_is_found_where_nothing_is_wrong(healthy: Path) -> None:
    found = examined(healthy)
    assert ill(healthy) == {}
    assert list(found) == [
        "config",
        "thesis",
        "sources",
        "data folder",
        "modes",
        "disk",
        "key",
        "judge",
        "channels",
        *STORED,
    ]
    assert "12 categories" in found["thesis"].found
    assert f"{len(STORY)} items" in found["database"].found
    assert f"{len(STORY)} vectors" in found["index"].found


def test_a_folder_without_data_is_well_and_said_to_be_empty(tmp_path: Path) -> None:
    configure(tmp_path, CONFIG)
    found = examined(tmp_path)
    assert ill(tmp_path) == {}
    assert "none yet" in found["database"].found
    assert not (tmp_path / "data" / FILE_NAME).exists()


def test_no_configuration(tmp_path: Path) -> None:
    assert "there is no" in ill(tmp_path)["config"].found


def test_an_unknown_key(tmp_path: Path) -> None:
    configure(tmp_path, "[http]\ntimout = 3\n")
    found = examined(tmp_path)
    assert list(found) == ["config"]
    assert "http.timout" in found["config"].found
    assert "'timeout'" in found["config"].way_out


def test_a_broken_thesis_file(tmp_path: Path) -> None:
    configure(tmp_path, '[thesis]\nfile = "mine.toml"\n')
    assert "no such thesis file" in ill(tmp_path)["thesis"].found
    (tmp_path / "mine.toml").write_text("id = \n", encoding="utf-8")
    found = ill(tmp_path)
    assert list(found) == ["thesis"]
    assert "mine.toml:1: not valid TOML" in found["thesis"].found


def test_no_sources(folder: Path) -> None:
    configure(folder, "")
    assert list(ill(folder)) == ["sources"]


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    configure(tmp_path, CONFIG)
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    found = ill(tmp_path)
    assert list(found) == ["data folder"]
    assert str(tmp_path / "data") in found["data folder"].found


def test_a_data_folder_that_may_not_be_entered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    found = ill(folder)
    assert list(found) == ["disk"]
    assert "Permission denied" in found["disk"].found


def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(doctor.ROOM - 1))
    assert list(ill(folder)) == ["disk"]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(doctor.ROOM))
    assert ill(folder) == {}


def test_a_missing_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, CONFIG + '[embedding]\nkind = "openai"\n')
    found = ill(tmp_path)
    assert list(found) == ["key"]
    assert "OPENAI_API_KEY is not set" in found["key"].found
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-4242")
    assert ill(tmp_path) == {}
    assert "sk-test" not in repr(examined(tmp_path))


@pytest.mark.parametrize(
    ("judge", "found", "way_out"),
    [
        ('kind = "llm"', "OPENAI_API_KEY is not set", 'judge.kind = "auto"'),
        ('base_url = ""\nkind = "llm"\nmodel = "unheard-of"', "no 'unheard-of'", "what it costs"),
    ],
)
def test_a_judge_that_cannot_be_asked(tmp_path: Path, judge: str, found: str, way_out: str) -> None:
    configure(tmp_path, CONFIG + f"[judge]\n{judge}\n")
    (finding,) = ill(tmp_path).values()
    assert (finding.check, found in finding.found) == ("judge", True)
    assert way_out in finding.way_out


def test_a_damaged_database(folder: Path) -> None:
    (folder / "data" / FILE_NAME).write_bytes(b"not a database, not at all" * 400)
    for part in ("-wal", "-shm"):
        (folder / "data" / (FILE_NAME + part)).unlink(missing_ok=True)
    found = ill(folder)
    assert list(found) == ["database"]
    assert "damaged" in found["database"].found
    assert "backup" in found["database"].way_out


def test_a_page_of_the_database_gone_bad(folder: Path) -> None:
    execute(folder, "PRAGMA wal_checkpoint(TRUNCATE)")
    path = folder / "data" / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_evidence_pair'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(data)
    assert "damaged" in ill(folder)["database"].found


def test_items_set_aside(folder: Path) -> None:
    execute(folder, "UPDATE item SET state = 'quarantined' WHERE id IN ('a1', 'a2')")
    found = ill(folder)
    assert list(found) == ["database"]
    assert f"{len(STORY)} items, 2 quarantined" in found["database"].found


def test_a_clock_behind_the_last_pass(folder: Path) -> None:
    assert "2025-02-03" in ill(folder, NOW - timedelta(days=30))["clock"].found
    assert ill(folder, datetime(2025, 2, 3, 12, tzinfo=UTC)) == {}  # a replay ends its day


def test_vectors_of_another_embedder(folder: Path) -> None:
    execute(folder, "UPDATE setting SET value = 'openai-tiny-8' WHERE key = 'embedder'")
    found = ill(folder)
    assert set(found) == {"embedder", "index"}
    assert "'openai-tiny-8'" in found["embedder"].found
    assert "--embed-again" in found["embedder"].way_out


def test_an_index_that_is_gone(folder: Path) -> None:
    shutil.rmtree(folder / "data" / FOLDER)
    found = ill(folder)
    assert list(found) == ["index"]
    assert f"{len(STORY)} vectors missing" in found["index"].found
    assert "index rebuild" in found["index"].way_out


def test_a_vector_that_sql_does_not_know(folder: Path) -> None:
    execute(folder, "DELETE FROM embedding WHERE item_number = 1")
    assert "0 vectors missing, 1 unknown" in ill(folder)["index"].found


def test_vectors_that_wait_are_not_missing(folder: Path) -> None:
    shutil.rmtree(folder / "data" / FOLDER)
    execute(folder, "INSERT INTO index_outbox SELECT item_number FROM embedding")
    assert ill(folder) == {}
    assert f"{len(STORY)} waiting" in examined(folder)["index"].found


def test_an_index_that_holds_other_vectors_than_sql(
    folder: Path, static_embedder: StaticEmbedder
) -> None:
    writer = IndexWriter(folder / "data", static_embedder.name)
    numbers = range(1, len(STORY) + 1)
    writer.clear()
    writer.add(numbers, static_embedder.embed([f"{n} texts about rye bread" for n in numbers]))
    writer.close()
    assert f"{len(STORY)} not found" in ill(folder)["index"].found


def test_an_index_made_by_another_embedder(folder: Path, static_embedder: StaticEmbedder) -> None:
    writer = IndexWriter(folder / "data", static_embedder.name)
    writer.clear()
    other = IndexWriter(folder / "data", "another")
    other.add([1], static_embedder.embed(["a"]))
    other.close()
    assert "was made by 'another'" in ill(folder)["index"].found


def test_an_index_damaged_on_disk(folder: Path) -> None:
    (folder / "data" / FOLDER / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    found = ill(folder)
    assert list(found) == ["index"]
    assert "index rebuild" in found["index"].way_out


def test_channel_without_its_secret_is_found(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[[channels]]\nname = "chat"\nkind = "push"\nurl_env = "CHAT_URL"\n')
    found = {one.check: one for one in doctor.examine(path, NOW)}["channels"]
    assert not found.well
    assert "CHAT_URL is not set" in found.found
    assert ".env" in found.way_out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_what_others_can_read_is_named_with_the_chmod_that_ends_it(folder: Path) -> None:
    key, database = folder / ".env", folder / "data" / FILE_NAME
    key.write_text("OPENAI_API_KEY=sk-test-4242\n", encoding="utf-8")
    key.chmod(0o644)
    database.chmod(0o640)
    found = ill(folder)["modes"]
    assert f"{database} (0640), {key} (0644)" in found.found
    assert f"chmod go-rwx {database} {key}" in found.way_out
    assert "sk-test" not in repr(found)
    assert str(database) not in ill(folder)["modes"].found, "the first look opened the folder"
    key.chmod(0o600)
    assert ill(folder) == {}


def test_more_than_a_few_loose_files_are_counted(folder: Path) -> None:
    for path in (folder / "data" / "index").rglob("*"):
        path.chmod(0o755)
    assert " more" in ill(folder)["modes"].found
