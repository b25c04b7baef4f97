"""An audit pack proves its score from itself alone; a forgery is named even when sealed anew."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent import auditing, pack, report, verifying
from agent.errors import ThesiswatchError
from agent.workspace import Workspace
from tests.command import thesis as command

DAY = datetime(2025, 1, 27, 23, 59, 59, 999999, tzinfo=UTC)


@pytest.fixture(scope="module")
def packed(told: Workspace) -> bytes:
    return auditing.export(told, report.standing_at(told, DAY))


def rows(packed: bytes, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in pack.read(packed)[name].decode().splitlines()]


def forged(packed: bytes, name: str, change: Callable[[list[dict[str, Any]]], None]) -> bytes:
    """The pack with some rows changed, sealed anew as by somebody who knows how."""
    changed = rows(packed, name)
    change(changed)
    text = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in changed)
    return packed_again({**pack.read(packed), name: text.encode()})


def packed_again(files: dict[str, bytes]) -> bytes:
    """Files with hashes and seal that fit them."""
    own = {name: content for name, content in files.items() if name != "hashes.json"}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in own.items()}
    return pack.write({**own, "hashes.json": json.dumps(hashes).encode()})


def test_pack_verifies_to_the_very_score(packed: bytes, told: Workspace) -> None:
    found = verifying.verify(packed)
    assert found.faults == ()
    assert found.score == report.score(told, DAY)["score"]


def test_pack_holds_nothing_of_later(packed: bytes) -> None:
    for name in ("ledger.jsonl", "verdicts.jsonl"):
        assert rows(packed, name)
        assert all(row["recorded_at"] <= DAY.isoformat() for row in rows(packed, name))
    assert all(row["first_seen_at"] <= DAY.isoformat() for row in rows(packed, "items.jsonl"))


def test_same_instant_gives_the_same_pack_to_the_byte(packed: bytes, told: Workspace) -> None:
    assert auditing.export(told, report.standing_at(told, DAY)) == packed


def heavier(changed: list[dict[str, Any]]) -> None:
    next(row for row in changed if row["weight"])["weight"] *= 1.5


def turned(changed: list[dict[str, Any]]) -> None:
    row = next(row for row in changed if row["weight"] > 0)
    row["stance"], row["strength"], row["weight"] = "weakens", -row["strength"], -row["weight"]


def dropped(changed: list[dict[str, Any]]) -> None:
    changed.remove([row for row in changed if row["weight"]][-1])


def orphaned(changed: list[dict[str, Any]]) -> None:
    changed[0]["verdict_id"] = 10**9


def reworded(changed: list[dict[str, Any]]) -> None:
    changed[0]["title"] = "Something that nobody wrote"


def quoting(changed: list[dict[str, Any]]) -> None:
    labels = next(row["labels"] for row in changed if row["labels"])
    labels[0] |= {"quote": "words that are not there", "quote_at": [0, 24]}


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("ledger.jsonl", heavier, "its weight is not what strength"),
        ("ledger.jsonl", turned, "says nothing of the kind"),
        ("ledger.jsonl", dropped, "its ledger makes"),
        ("ledger.jsonl", orphaned, "has no verdict"),
        ("items.jsonl", reworded, "not those it was stored with"),
        ("verdicts.jsonl", quoting, "its quote does not stand in item"),
    ],
)
def test_forgery_that_was_sealed_anew_is_named(
    packed: bytes, name: str, change: Callable[[list[dict[str, Any]]], None], words: str
) -> None:
    found = verifying.verify(forged(packed, name, change))
    assert any(words in fault for fault in found.faults), found.faults


def test_quote_that_a_model_spelled_otherwise_is_no_forgery(packed: bytes) -> None:
    files = pack.read(packed)
    titles = {
        row["number"]: row["title"] for row in map(json.loads, files["items.jsonl"].splitlines())
    }

    def spelling(changed: list[dict[str, Any]]) -> None:
        row = next(row for row in changed if row["labels"])
        title = titles[row["item_number"]]
        quote = f'"{title.replace(" ", "  ")}"'
        row["labels"][0] |= {"quote": quote, "quote_at": [0, len(title)]}

    assert verifying.verify(forged(packed, "verdicts.jsonl", spelling)).faults == ()


def test_edited_thesis_is_named(packed: bytes) -> None:
    files = pack.read(packed)
    files["thesis.toml"] = files["thesis.toml"].replace(b"prior = 0.5", b"prior = 0.6")
    faults = verifying.verify(packed_again(files)).faults
    assert any(fault.startswith("thesis.toml is not version") for fault in faults)


def test_another_pack_than_the_one_exported_is_named(packed: bytes) -> None:
    other = forged(packed, "events.jsonl", lambda changed: changed.clear())
    assert verifying.verify(other).faults == ()
    (fault,) = verifying.verify(other, pack.seal_of(packed)).faults
    assert "another pack" in fault


def test_pack_without_its_hashes_says_what_is_missing(packed: bytes) -> None:
    files = pack.read(packed)
    del files["hashes.json"]
    with pytest.raises(ThesiswatchError, match=r"has no hashes\.json"):
        verifying.verify(pack.write(files))


def test_pack_that_was_unpacked_edited_and_packed_names_the_files(packed: bytes) -> None:
    files = pack.read(packed)
    del files["events.jsonl"]
    files["verdicts.jsonl"] = files["verdicts.jsonl"].replace(b"supports", b"weakens")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, "more.txt": b"?"}.items():
            archive.writestr(name, content)
    faults = verifying.verify(out.getvalue()).faults
    assert faults[0].startswith("changed since it was sealed: more than one byte")
    assert {"events.jsonl is gone", "more.txt was put in"} <= set(faults)
    assert "verdicts.jsonl is not the file that was packed" in faults
    assert any("says nothing of the kind" in fault for fault in faults)


def test_what_is_no_pack_is_said_to_be_none() -> None:
    with pytest.raises(ThesiswatchError, match="no audit pack"):
        verifying.verify(b"a,b")


def test_pack_verifies_in_an_empty_folder_and_a_changed_byte_is_named(
    packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pack.zip").write_bytes(packed)
    done = command("audit", "verify", tmp_path / "pack.zip")
    assert done.code == 0, done.err
    assert "holds" in done.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pack.zip"]
    at = packed.index(b'"weight": ') + 10
    broken = bytearray(packed)
    broken[at] ^= 1
    (tmp_path / "pack.zip").write_bytes(bytes(broken))
    done = command("audit", "verify", tmp_path / "pack.zip")
    assert done.code == 1
    assert "of ledger.jsonl (line 1)" in done.out
