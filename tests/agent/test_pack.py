"""A pack is the same bytes for the same contents, and says which byte of it was changed."""

import re
import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import pack
from agent.errors import ThesiswatchError

FILES = {
    "manifest.json": b'{"format": 1}\n',
    "ledger.jsonl": b"".join(b'{"row": %d}\n' % n for n in range(40)),
    "empty": b"",
    "\u4e2d.txt": "\u82f1\u4f1f\u8fbe".encode(),
}
WHOLE = pack.write(FILES)


def test_pack_is_a_plain_archive_that_any_tool_opens() -> None:
    with zipfile.ZipFile(BytesIO(WHOLE)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
    assert pack.read(WHOLE) == FILES


def test_same_contents_are_the_same_bytes() -> None:
    assert pack.write(dict(FILES)) == WHOLE
    assert len(pack.seal_of(WHOLE)) == 64


def test_untouched_pack_is_undamaged() -> None:
    assert pack.damage(WHOLE) is None


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_every_single_byte_is_watched_and_named(change: int) -> None:
    """All of them: contents, archive headers, directory and the seal itself."""
    for offset in range(len(WHOLE)):
        broken = bytearray(WHOLE)
        broken[offset] ^= change
        found = pack.damage(bytes(broken))
        assert found is not None, offset
        assert found.offset == offset


def test_changed_byte_is_named_by_file_offset_and_line() -> None:
    offset = WHOLE.index(b'{"row": 7}') + 8
    broken = bytearray(WHOLE)
    broken[offset] = ord("9")
    found = pack.damage(bytes(broken))
    assert found is not None
    assert found.said == "byte 85 of ledger.jsonl (line 8): 0x37 became 0x39"


@given(st.data())
def test_more_damage_than_one_byte_is_never_overlooked(data: st.DataObject) -> None:
    places = st.integers(0, len(WHOLE) - 1)
    broken = bytearray(WHOLE)
    for offset in data.draw(st.sets(places, min_size=2, max_size=6)):
        broken[offset] ^= data.draw(st.integers(1, 255))
    assert pack.damage(bytes(broken)) is not None


@given(st.integers(0, len(WHOLE) - 1))
def test_pack_that_is_cut_off_is_damaged(length: int) -> None:
    assert pack.damage(WHOLE[:length]) is not None


@given(st.dictionaries(st.from_regex(re.compile(r"[a-z]{1,9}"), fullmatch=True), st.binary()))
def test_what_is_written_is_read(files: dict[str, bytes]) -> None:
    data = pack.write(files)
    assert pack.damage(data) is None
    assert pack.read(data) == files


def test_what_is_no_archive_is_said_to_be_none() -> None:
    with pytest.raises(ThesiswatchError, match="no audit pack"):
        pack.read(b"something else")


def test_an_archive_that_would_fill_the_memory_is_refused() -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ledger.jsonl", b"0" * 50_000_000)
    assert len(out.getvalue()) < 100_000
    with pytest.raises(ThesiswatchError, match="unpacks to more than 50 times its size"):
        pack.read(out.getvalue())


def test_an_archive_that_is_locked_is_refused() -> None:
    locked = bytearray(WHOLE)
    directory = locked.index(b"PK\x01\x02")
    locked[directory + 8] |= 1  # the flag that asks for a password
    with pytest.raises(ThesiswatchError, match="no audit pack"):
        pack.read(bytes(locked))
