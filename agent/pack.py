"""An archive that knows when a byte of it was changed, and which one.

A plain zip file, uncompressed and without dates, so that the same contents are the same bytes. Its
comment is a seal over all bytes before it: a SHA-256, and two sums by which a single changed byte
is found again. Pure: bytes in, bytes out.
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from agent.errors import ThesiswatchError

_SEAL = "thesiswatch sha256 {digest} sum {plain:020d} weighted {weighted:030d}"
_PATTERN = re.compile(rb"thesiswatch sha256 ([0-9a-f]{64}) sum (\d{20}) weighted (\d{30})")
SEAL_BYTES = len(_SEAL.format(digest="0" * 64, plain=0, weighted=0))
_DATE = (1980, 1, 1, 0, 0, 0)
MOST_UNPACKED = 50
"""Times its size that a pack may unpack to: text shrinks to a tenth, a bomb to a thousandth."""
_UNREADABLE = (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, OSError, EOFError)
_WAY_OUT = "Ask for the pack again, or export it anew"


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a pack's bytes: at which offset of the file, and in which of its files."""

    offset: int | None
    said: str


def write(files: Mapping[str, bytes]) -> bytes:
    """A sealed archive of `files`, in the order given."""
    body = _body(files)
    return body + _seal(body)


def seal_of(data: bytes) -> str:
    """The SHA-256 that a pack is sealed with: keep it elsewhere, and a forgery shows."""
    found = _PATTERN.fullmatch(data[-SEAL_BYTES:])
    return found[1].decode() if found else ""


def damage(data: bytes) -> Damage | None:
    """The byte that was changed, as well as it can be told; None when none was."""
    body, seal = data[:-SEAL_BYTES], data[-SEAL_BYTES:]
    if _seal(body) == seal:
        return None
    found = _PATTERN.fullmatch(seal)
    restored = _restored(body, found) if found else None
    if restored is not None:
        offset, was = restored
        whole = body[:offset] + bytes([was]) + body[offset + 1 :]
        return Damage(offset, f"{_place(whole, offset)}: 0x{was:02x} became 0x{body[offset]:02x}")
    if _is_whole(body):
        true = _seal(body)
        at = next((n for n, (a, b) in enumerate(zip(true, seal, strict=False)) if a != b), 0)
        return Damage(len(body) + at, f"byte {len(body) + at:,} of the file, in its seal")
    return Damage(None, "more than one byte: it is no pack, or it is cut off or rewritten")


def read(data: bytes) -> dict[str, bytes]:
    """The files of a pack, packed anew or not. Raises ThesiswatchError when it is no archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(one.file_size for one in archive.infolist()) > MOST_UNPACKED * len(data):
                raise ValueError(f"it unpacks to more than {MOST_UNPACKED} times its size")
            return {name: archive.read(name) for name in archive.namelist()}
    except _UNREADABLE as error:
        raise ThesiswatchError(f"it is no audit pack: {error}", _WAY_OUT) from error


def _body(files: Mapping[str, bytes]) -> bytes:
    """The archive up to the comment, whose length it states."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
        archive.comment = b"0" * SEAL_BYTES
    return out.getvalue()[:-SEAL_BYTES]


def _seal(body: bytes) -> bytes:
    plain, weighted = _sums(body)
    digest = hashlib.sha256(body).hexdigest()
    return _SEAL.format(digest=digest, plain=plain, weighted=weighted).encode()


def _sums(body: bytes) -> tuple[int, int]:
    """Sum of all bytes, and of each times its place, counted from 1."""
    plain = weighted = 0
    size = 1 << 20
    for start in range(0, len(body), size):
        part = np.frombuffer(body, np.uint8, min(size, len(body) - start), start).astype(np.uint64)
        total = int(part.sum())
        places = np.arange(1, len(part) + 1, dtype=np.uint64)
        plain += total
        weighted += int((part * places).sum()) + start * total
    return plain, weighted


def _restored(body: bytes, seal: re.Match[bytes]) -> tuple[int, int] | None:
    """(offset, value) of the one byte without whose change the seal would hold."""
    plain, weighted = _sums(body)
    off, far = plain - int(seal[2]), weighted - int(seal[3])
    if not off or far % off or not 1 <= far // off <= len(body):
        return None
    offset = far // off - 1
    was = body[offset] - off
    if not 0 <= was <= 255:
        return None
    whole = hashlib.sha256(body[:offset])
    whole.update(bytes([was]))
    whole.update(body[offset + 1 :])
    return (offset, was) if whole.hexdigest() == seal[1].decode() else None


def _is_whole(body: bytes) -> bool:
    """Whether the archive is as this module would write it: then only the seal is wrong."""
    try:
        return _body(read(body + b"0" * SEAL_BYTES)) == body
    except ThesiswatchError:
        return False


def _place(body: bytes, offset: int) -> str:
    """Where an offset of the file lies, in the words of a reader."""
    with zipfile.ZipFile(io.BytesIO(body + _seal(body))) as archive:
        for entry in archive.infolist():
            start = entry.header_offset + 30 + len(entry.filename.encode())
            if start <= offset < start + entry.file_size:
                line = body.count(b"\n", start, offset) + 1
                return f"byte {offset - start:,} of {entry.filename} (line {line})"
    return f"byte {offset:,} of the file, in the archive's own directory"
