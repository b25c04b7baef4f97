"""A full disk, a read-only one, a lock, damage: each is said in one line, and nothing is lost."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent import workspace as workspaces
from agent.errors import StoreError
from agent.intake import take
from agent.judge.local import LocalJudge
from agent.pipeline import Pass
from agent.workspace import Workspace, writing
from store.database import FILE_NAME, writer_lock
from tests.command import Ran, thesis
from tests.disks import read_only, small_disk
from tests.fakes import FakeEmbedder, FakeJudge, fetched, item
from tests.stored import embedded, indexed, tables
from tests.story import STORY

NOW = datetime(2025, 2, 10, 12, tzinfo=UTC)
FILLER = [
    item(f"x{n}", f"Number {n} of many [custom_silicon+1]", text=f"lorem ipsum {n} " * 300)
    for n in range(60)
]


@pytest.fixture
def prepared(
    tmp_path: Path, local_judge: LocalJudge, judge_cache: Path, lines: Callable[..., Path]
) -> tuple[Path, Path]:
    """A configuration, its judge fitted, with two items taken; and a file of two more."""
    folder = tmp_path / "home"
    shutil.copytree(judge_cache, folder / "data" / "cache")
    config = folder / "config.toml"
    config.write_text("", encoding="utf-8")
    first = lines(item("a", "Nvidia is sold out"), item("b", "TPUs for all"), name="first.jsonl")
    assert thesis("import", first, "--config", config).code == 0
    return config, lines(item("c", "DeepSeek is cheap"), item("d", "A cake"), name="more.jsonl")


def refused(ran: Ran, words: str) -> bool:
    """One line on standard error with these words, exit code 1."""
    return ran.code == 1 and words in ran.err and "Traceback" not in ran.err and not ran.out


def run_story(workspace: Workspace) -> None:
    workspace.__dict__.update({"embedder": FakeEmbedder(), "judge": FakeJudge()})
    with Pass(workspace) as one:
        got = fetched(*STORY, *FILLER)
        with workspace.database.writing() as connection:
            take(
                connection,
                workspace.publishers,
                got.drafts,
                got.faults,
                source="story",
                now=NOW,
                seen_at=lambda draft: draft.fetched or draft.published or NOW,
            )
        one.advance(NOW)
        one.snapshot(NOW)


def test_pass_that_filled_the_disk_goes_on_to_the_same_ledger(tmp_path: Path) -> None:
    calm = tmp_path / "calm"
    calm.mkdir()
    (calm / "config.toml").touch()
    with writing(calm / "config.toml") as workspace:
        run_story(workspace)
    with small_disk(tmp_path / "small", megabytes=6) as disk:
        (disk.place / "config.toml").touch()
        with writing(disk.place / "config.toml"):
            pass
        disk.fill(400_000)
        said: list[str] = []
        while True:
            try:
                with writing(disk.place / "config.toml") as workspace:
                    run_story(workspace)
                break
            except StoreError as error:
                said.append(str(error))
                disk.free_some()
        disk.free_all()
        data = disk.place / "data"
        assert len(said) >= 3, said
        assert all("disk of" in words or "vector index" in words for words in said)
        assert all("free" in words for words in said)
        assert tables(data) == tables(calm / "data")
        assert indexed(data, FakeEmbedder.name) == embedded(data)


def test_commands_on_a_full_disk_say_so(prepared: tuple[Path, Path]) -> None:
    config, more = prepared
    with small_disk(config.parent / "disk", megabytes=32) as disk:
        data = disk.place / "data"
        shutil.copytree(config.parent / "data", data)
        config.write_text('[data]\nfolder = "disk/data"\n', encoding="utf-8")
        before = tables(data)
        disk.fill(50_000)
        assert refused(thesis("import", more, "--config", config), "is full")
        disk.free_all()
        assert tables(data) == before
        assert thesis("import", more, "--config", config).code == 0
        assert len(tables(data)["item"]) == 4


def test_reading_from_a_read_only_folder_says_so(prepared: tuple[Path, Path]) -> None:
    config, _ = prepared
    with read_only(config.parent / "data"):
        for command in ("score", "status", "items", "history", "explain"):
            assert refused(thesis(command, "--config", config), "cannot be written")


def test_writing_to_a_read_only_folder_says_so(prepared: tuple[Path, Path]) -> None:
    config, more = prepared
    data = config.parent / "data"
    before = tables(data)
    with read_only(data):
        for command in (("import", more), ("replay", more), ("run",), ("index", "rebuild")):
            assert refused(thesis(*command, "--config", config), "cannot be written")
    assert tables(data) == before
    assert thesis("import", more, "--config", config).code == 0


def test_second_writer_says_so_and_readers_go_on(
    prepared: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, more = prepared
    monkeypatch.setattr(workspaces, "PATIENCE", 0.0)
    with writer_lock(config.parent / "data"):
        assert refused(thesis("import", more, "--config", config), "another thesis process (pid ")
        assert thesis("score", "--json", "--config", config).code == 0


def test_damaged_database_says_so_for_readers_and_writers(prepared: tuple[Path, Path]) -> None:
    config, more = prepared
    path = config.parent / "data" / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for leftover in path.parent.glob(f"{FILE_NAME}-*"):
        leftover.unlink()
    path.write_bytes(b"this is no database" * 1000)
    for command in (("score",), ("status",), ("import", more)):
        assert refused(thesis(*command, "--config", config), "is damaged")
