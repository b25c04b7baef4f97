"""A backup as a file: what is in it, how it is written, and how it is read by one who trusts none.

    thesiswatch.sqlite3        the database, of one moment
    config.toml                as it was; secrets are not in it, and `.env` is not kept
    thesis/                    thesis.toml and exemplars/*.jsonl, where the thesis is the user's own
    manifest.json              what it holds, and size and SHA-256 of each of the others

Nothing else may be in it, under no other name, and nothing larger than the manifest says.
"""

import hashlib
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from agent.errors import ThesiswatchError
from agent.upkeep.drafts import new_file
from store.database import FILE_NAME

FORMAT = 1
CONFIG = "config.toml"
THESIS = "thesis/thesis.toml"
EXEMPLARS = "thesis/exemplars/"
MANIFEST = "manifest.json"
_NAMES = re.compile(
    rf"{re.escape(FILE_NAME)}|{re.escape(CONFIG)}|{re.escape(THESIS)}"
    rf"|{EXEMPLARS}[^/\\:\x00-\x1f]+\.jsonl"
)
MOST_MANIFEST = 1_000_000
MOST_TEXT = 100_000_000
"""Bytes of a member that is read whole: any but the database."""
PIECE = 1 << 20
LEVEL = 1
"""Of deflate: 355 MB take 6.8 s and become 189 MB; level 6 takes 10.7 s for 183 MB."""
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What reading a zip file that somebody changed may end in, besides OSError."""
_WAY_OUT = "Use another backup"


class Member(BaseModel):
    """A file in the archive; `size` in bytes before it was packed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What a backup says of itself; `score` and `as_of` are None where no pass was made yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    program: str
    schema_revision: str
    made_at: AwareDatetime
    thesis: str
    items: int
    verdicts: int
    ledger_rows: int
    score: float | None
    as_of: AwareDatetime | None
    members: tuple[Member, ...]

    def member(self, name: str) -> Member | None:
        """The member of that name."""
        return next((one for one in self.members if one.name == name), None)


class Archive:
    """A backup that was opened: its manifest was read, and names and sizes agree with it."""

    def __init__(self, path: Path, file: zipfile.ZipFile, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest
        self._file = file

    def verify(self) -> Self:
        """Read every byte; raises ThesiswatchError naming the first member that was changed."""
        for member in self.manifest.members:
            for _ in self._pieces(member):
                pass
        return self

    def read(self, name: str) -> bytes:
        """A small member whole."""
        return b"".join(self._pieces(self._known(name)))

    def extract(self, name: str, target: Path) -> None:
        """Write a member to the new file `target`."""
        with new_file(target) as out:
            for piece in self._pieces(self._known(name)):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())

    def _known(self, name: str) -> Member:
        found = self.manifest.member(name)
        if found is None:
            raise ThesiswatchError(f"{self.path} holds no {name}", _WAY_OUT)
        return found

    def _pieces(self, member: Member) -> Iterator[bytes]:
        """The bytes of a member; what was read is only good when this comes to its end."""
        digest, size = hashlib.sha256(), 0
        with _translated(self.path, member.name), self._file.open(member.name) as packed:
            while piece := packed.read(PIECE):
                digest.update(piece)
                size += len(piece)
                yield piece
        if size != member.size or digest.hexdigest() != member.sha256:
            raise ThesiswatchError(
                f"{self.path}: {member.name} is not what was backed up: its SHA-256 is "
                f"{digest.hexdigest()}, not {member.sha256}",
                _WAY_OUT,
            )


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open a backup. Raises ThesiswatchError when it is none, or holds what it should not."""
    with _translated(path, "it"):
        file = zipfile.ZipFile(path)
    with file:
        with _translated(path, MANIFEST):
            manifest = _manifest(path, file)
        yield Archive(path, file, manifest)


def write(path: Path, files: Mapping[str, Path | bytes], **facts: Any) -> Manifest:
    """Write the new file `path` of `files` by name, and a manifest that says `facts` of them."""
    with (
        new_file(path) as raw,
        zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as file,
    ):
        members = [_add(file, name, content) for name, content in files.items()]
        manifest = Manifest(format=FORMAT, members=tuple(members), **facts)
        _add(file, MANIFEST, manifest.model_dump_json(indent=1).encode())
    return manifest


def _add(file: zipfile.ZipFile, name: str, content: Path | bytes) -> Member:
    digest, size = hashlib.sha256(), 0
    with file.open(name, "w", force_zip64=isinstance(content, Path)) as out:
        for piece in _read(content):
            digest.update(piece)
            size += len(piece)
            out.write(piece)
    return Member(name=name, size=size, sha256=digest.hexdigest())


def _read(content: Path | bytes) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _manifest(path: Path, file: zipfile.ZipFile) -> Manifest:
    """The manifest, held against what the archive's own directory says is in it."""
    sizes = {entry.filename: entry.file_size for entry in file.infolist()}
    if len(sizes) != len(file.infolist()):
        raise ThesiswatchError(f"{path} holds a file twice", _WAY_OUT)
    if sizes.get(MANIFEST, MOST_MANIFEST + 1) > MOST_MANIFEST:
        raise ThesiswatchError(f"{path} is no backup: it has no {MANIFEST}", _WAY_OUT)
    for name in sizes:
        if name != MANIFEST and not _NAMES.fullmatch(name):
            raise ThesiswatchError(f"{path} holds {name!r}, which no backup does", _WAY_OUT)
    found = _parsed(path, file.read(MANIFEST))
    told = {member.name: member.size for member in found.members}
    for name in sorted(told.keys() ^ (sizes.keys() - {MANIFEST})):
        raise ThesiswatchError(f"{path} and its {MANIFEST} do not agree on {name!r}", _WAY_OUT)
    for name, size in told.items():
        if sizes[name] != size or (name != FILE_NAME and size > MOST_TEXT):
            raise ThesiswatchError(f"{path}: {name} is not of the size it should be", _WAY_OUT)
    return found


def _parsed(path: Path, text: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or MANIFEST
        raise ThesiswatchError(
            f"{path}: its {MANIFEST} cannot be used ({place}: {first['msg'].lower()})",
            "Use another backup, or upgrade thesiswatch",
        ) from error


@contextmanager
def _translated(path: Path, name: str) -> Iterator[None]:
    """What reading a zip file may end in, as a ThesiswatchError that says of which part."""
    try:
        yield
    except OSError as error:
        raise ThesiswatchError(
            f"{path} cannot be read: {error.strerror or error}", "Check its name"
        ) from error
    except _UNREADABLE as error:
        raise ThesiswatchError(f"{path}: {name} is damaged: {error}", _WAY_OUT) from error
