"""A backup file is read by one who trusts none: names, sizes and bytes must be as they were."""

import json
import os
import random
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ThesiswatchError
from agent.upkeep import archive
from store.database import FILE_NAME

FLIPS = int(os.environ.get("THESIS_FLIPS", "150"))
FILES: dict[str, Path | bytes] = {
    FILE_NAME: b"no database, but who looks " * 50,
    "config.toml": b"# as it was\n",
    "thesis/thesis.toml": b"id = 'mine'\n",
    "thesis/exemplars/one two.jsonl": b"{}\n",
}
FACTS: dict[str, Any] = {
    "program": "0.1.0",
    "schema_revision": "0013",
    "made_at": datetime(2025, 1, 27, 8, tzinfo=UTC),
    "thesis": "mine",
    "items": 3,
    "verdicts": 2,
    "ledger_rows": 1,
    "score": 55.5,
    "as_of": None,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    archive.write(tmp_path / "b.zip", FILES, **FACTS)
    return tmp_path / "b.zip"


def rewritten(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with some members changed, as by somebody who knows how zip files are made."""
    with zipfile.ZipFile(file) as old:
        members = {name: old.read(name) for name in old.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
    return file


def claimed(members: dict[str, bytes], /, **facts: Any) -> None:
    """A manifest that says otherwise."""
    told = json.loads(members[archive.MANIFEST])
    members[archive.MANIFEST] = json.dumps({**told, **facts}).encode()


def smuggled(members: dict[str, bytes], name: str) -> None:
    """A member more, with a manifest that knows of it."""
    members[name] = b"x"
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    more = {"name": name, "size": 1, "sha256": digest}
    claimed(members, members=[*json.loads(members[archive.MANIFEST])["members"], more])


def read_whole(file: Path) -> dict[str, bytes]:
    with archive.opened(file) as backup:
        backup.verify()
        return {member.name: backup.read(member.name) for member in backup.manifest.members}


def test_what_was_written_is_read_back(file: Path, tmp_path: Path) -> None:
    assert read_whole(file) == FILES
    with archive.opened(file) as backup:
        backup.extract(FILE_NAME, tmp_path / "out")
        assert backup.manifest.items == 3
        assert backup.manifest.made_at == FACTS["made_at"]
    assert (tmp_path / "out").read_bytes() == FILES[FILE_NAME]
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o600
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", FILES)
def test_a_member_with_another_byte_is_named(file: Path, name: str) -> None:
    def change(members: dict[str, bytes]) -> None:
        members[name] = members[name][:-1] + bytes([members[name][-1] ^ 1])

    with pytest.raises(ThesiswatchError, match=f"{name} is not what was backed up"):
        read_whole(rewritten(file, change))


def test_no_changed_byte_of_the_file_gives_other_contents(file: Path) -> None:
    whole, rng = file.read_bytes(), random.Random(20250127)
    places = sorted(rng.sample(range(len(whole)), min(FLIPS, len(whole))))
    said = 0
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= rng.randrange(1, 256)
        file.write_bytes(changed)
        try:
            assert read_whole(file) == FILES, place
        except ThesiswatchError as error:
            assert str(file) in str(error), place
            said += 1
    assert said > len(places) / 2  # the rest are dates and other things that nobody reads


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_called_damaged(file: Path, share: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ThesiswatchError, match="is damaged"):
        read_whole(file)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.jsonl",
        "/etc/evil.jsonl",
        "thesis/exemplars/../../evil.jsonl",
        "thesis/exemplars/a/b.jsonl",
        "thesis/exemplars/a\\b.jsonl",
        "thesis/exemplars/C:evil.jsonl",
        "thesis/exemplars/evil.py",
        "thesis/../config.toml",
        "./config.toml",
        ".env",
        "data/thesiswatch.sqlite3",
        "thesiswatch.sqlite3-wal",
        "thesis/",
    ],
)
def test_a_member_of_another_name_is_refused(file: Path, name: str) -> None:
    with pytest.raises(ThesiswatchError, match=r"which no backup does"):
        read_whole(rewritten(file, lambda members: smuggled(members, name)))


def test_a_member_that_the_manifest_does_not_know_is_refused(file: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["thesis/exemplars/more.jsonl"] = b"{}\n"

    with pytest.raises(ThesiswatchError, match=r"do not agree on 'thesis/exemplars/more.jsonl'"):
        read_whole(rewritten(file, change))


def test_a_member_that_is_gone_is_named(file: Path) -> None:
    with pytest.raises(ThesiswatchError, match=r"do not agree on 'config.toml'"):
        read_whole(rewritten(file, lambda members: members.__delitem__("config.toml")))


def test_a_name_that_comes_twice_is_refused(file: Path) -> None:
    with zipfile.ZipFile(file, "a") as more, pytest.warns(UserWarning, match="Duplicate"):
        more.writestr("config.toml", b"# another\n")
    with pytest.raises(ThesiswatchError, match="holds a file twice"):
        read_whole(file)


def test_a_member_larger_than_the_manifest_says_is_not_unpacked(file: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["config.toml"] = b"\0" * 10_000_000

    with pytest.raises(ThesiswatchError, match=r"config.toml is not of the size"):
        read_whole(rewritten(file, change))


def test_a_text_too_large_for_memory_is_refused_whatever_the_manifest_says(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_TEXT", 5)
    with pytest.raises(ThesiswatchError, match=r"config.toml is not of the size"):
        read_whole(file)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"items": "many"}, "items: "),
        ({"colour": "blue"}, "colour: "),
        ({"made_at": "2025-01-27T08:00:00"}, "made_at: "),
        ({"members": [{"name": "config.toml", "size": -1, "sha256": ""}]}, "members.0.size: "),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named(
    file: Path, facts: dict[str, Any], words: str
) -> None:
    with pytest.raises(ThesiswatchError, match=words):
        read_whole(rewritten(file, lambda members: claimed(members, **facts)))


@pytest.mark.parametrize("content", [b"", b"this is no archive" * 100])
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(ThesiswatchError, match=r"b.zip: it is damaged"):
        read_whole(tmp_path / "b.zip")


def test_another_programs_archive_is_no_backup(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as other:
        other.writestr("README.txt", "hello")
    with pytest.raises(ThesiswatchError, match=r"is no backup: it has no manifest.json"):
        read_whole(tmp_path / "b.zip")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ThesiswatchError, match=r"b.zip cannot be read: No such file"):
        read_whole(tmp_path / "b.zip")


def test_a_name_that_could_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    files = {**FILES, "thesis/exemplars/a\\b.jsonl": b""}
    archive.write(tmp_path / "b.zip", files, **FACTS)
    with pytest.raises(ThesiswatchError, match="which no backup does"):
        read_whole(tmp_path / "b.zip")
