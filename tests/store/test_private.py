"""What a data folder lets others do: nothing, whatever the umask of whoever made it."""

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.judge import local
from agent.judge.local import LocalJudge
from agent.workspace import CACHE
from store import private
from store.database import FILE_NAME, open_database, open_to_read, writer_lock
from tests.command import thesis
from tests.fakes import item

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


@pytest.fixture(autouse=True)
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """The mode of a folder and of everything in it."""
    found = (folder, *folder.rglob("*"))
    return {
        str(path.relative_to(folder.parent)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in found
    }


def open_to_others(folder: Path) -> dict[str, str]:
    """What is neither a folder of mode 0700 nor a file of mode 0600."""
    wanted = {
        name: "0o700" if (folder.parent / name).is_dir() else "0o600" for name in modes(folder)
    }
    return {name: mode for name, mode in modes(folder).items() if mode != wanted[name]}


def test_all_that_an_import_leaves_is_the_users_alone(
    config_path: Path, lines: Callable[..., Path], judge_cache: Path, local_judge: object
) -> None:
    folder, pack = config_path.parent / "data", config_path.parent / "pack.zip"
    shutil.copytree(judge_cache, folder / CACHE)
    given = item("a1", "DeepSeek trains R1 for six million dollars"), item("a2", "Blackwell sells")
    for command in (
        ["import", lines(*given)],
        ["ask", "What of DeepSeek?"],
        ["status"],
        ["audit", "export", pack],
    ):
        assert thesis(*command, "--config", config_path).code == 0
    names = set(modes(folder))
    assert {f"data/{name}" for name in (FILE_NAME, "writer.lock", "index.lock", "cache")} <= names
    assert any(name.startswith("data/cache/") for name in names)
    assert "data/index/chroma.sqlite3" in names
    assert open_to_others(folder) == {}
    assert stat.S_IMODE(pack.stat().st_mode) == 0o666, "what a user asked for is the user's affair"


def test_the_log_of_an_open_database_is_as_private_as_the_database(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "data"
    with (
        writer_lock(folder),
        closing(open_database(folder)) as database,
        database.writing() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO setting VALUES ('a', 'b')")
        assert f"data/{FILE_NAME}-wal" in modes(folder)
        assert open_to_others(tmp_path / "a") == {}


def test_what_the_judge_keeps_of_its_fit_is_the_users_alone(
    tmp_path: Path, local_judge: LocalJudge
) -> None:
    path = tmp_path / "cache" / "fit.npz"
    local._write(path, local_judge._fit, local_judge._vocabulary)
    assert open_to_others(path.parent) == {}


def test_a_folder_of_an_older_version_is_tightened_at_opening(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    open_database(folder).close()
    (folder / "index").mkdir()
    for name in ("writer.lock", "writer.lock.pid", "chat_history", "index/chroma.sqlite3"):
        (folder / name).touch()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    open_to_read(folder).close()
    assert open_to_others(folder) == {}


def test_what_else_a_user_keeps_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    mine, linked = tmp_path / "config.toml", tmp_path / "elsewhere"
    mine.touch()
    linked.touch()
    (tmp_path / "cache").mkdir()
    (tmp_path / CACHE / "link").symlink_to(linked)
    open_database(tmp_path).close()
    assert stat.S_IMODE(mine.stat().st_mode) == 0o666
    assert stat.S_IMODE(linked.stat().st_mode) == 0o666
    assert stat.S_IMODE((tmp_path / "thesis").stat().st_mode) == 0o777


def test_loose_names_what_others_may_touch(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    open_database(folder).close()
    assert private.loose(folder) == []
    (folder / FILE_NAME).chmod(0o604)
    assert private.loose(folder) == [folder / FILE_NAME]
    assert private.loose(tmp_path / "none") == []
