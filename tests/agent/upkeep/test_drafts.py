"""Files that appear whole or not at all."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import ThesiswatchError
from agent.upkeep import drafts
from tests.disks import read_only, small_disk

NOW = datetime.fromtimestamp(2_000_000_000, UTC)


def write(path: Path, text: bytes) -> None:
    with drafts.beside(path.parent, NOW) as folder:
        with drafts.new_file(folder / "draft") as out:
            out.write(text)
        drafts.put(folder / "draft", path)


def test_a_file_appears_for_its_owner_alone_and_leaves_nothing_beside(tmp_path: Path) -> None:
    write(tmp_path / "a", b"one")
    write(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_draft_that_came_to_nothing_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a", b"one")
    with pytest.raises(ZeroDivisionError), drafts.beside(tmp_path, NOW) as folder:
        drafts.new_file(folder / "draft").close()
        raise ZeroDivisionError
    assert (tmp_path / "a").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_small_files_appear_in_their_order_once_all_went_well(tmp_path: Path) -> None:
    texts = {tmp_path / "in" / "b": b"one", tmp_path / "a": b"two"}
    (tmp_path / ".a.draft").write_bytes(b"of one that was killed")
    with pytest.raises(ZeroDivisionError), drafts.ready(texts):
        assert not any(path.exists() for path in texts)
        raise ZeroDivisionError
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with drafts.ready(texts):
        pass
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == texts
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_small_file_that_cannot_take_its_place_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ThesiswatchError, match=r"b could not be put in its place: .*All else was"),
        drafts.ready({tmp_path / "a": b"one", tmp_path / "b": b"two"}),
    ):
        (tmp_path / "b").mkdir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_full_disk_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", megabytes=1) as disk:
        write(disk.place / "a", b"one")
        with pytest.raises(ThesiswatchError, match=r"disk of .*small is full. Nothing was changed"):
            write(disk.place / "a", b"x" * 2_000_000)
        assert (disk.place / "a").read_bytes() == b"one"
        assert [path.name for path in disk.place.iterdir()] == ["a"]


def test_a_folder_that_is_not_there_or_not_ours_is_named(tmp_path: Path) -> None:
    with pytest.raises(ThesiswatchError, match=r"there is no folder .*nowhere. Make it"):
        write(tmp_path / "nowhere" / "a", b"")
    (tmp_path / "locked").mkdir()
    with read_only(tmp_path / "locked"), pytest.raises(ThesiswatchError, match="cannot be written"):
        write(tmp_path / "locked" / "a", b"")


@pytest.mark.parametrize(("age", "alone", "left"), [(0.5, False, 1), (2, False, 0), (0.5, True, 0)])
def test_what_the_dead_left_is_swept_once_it_can_be_nobodys(
    tmp_path: Path, age: float, alone: bool, left: int
) -> None:
    dead = tmp_path / f"{drafts.PREFIX}dead"
    dead.mkdir()
    at = (NOW - timedelta(days=age)).timestamp()
    os.utime(dead, (at, at))
    with drafts.beside(tmp_path, NOW, alone=alone):
        pass
    assert len(list(tmp_path.iterdir())) == left
