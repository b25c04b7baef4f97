"""Files that appear whole or not at all: written beside their place, then moved there."""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent.errors import StoreFull, ThesiswatchError
from store.swap import swap_in

PREFIX = ".thesis-draft-"
ABANDONED = timedelta(days=1)
"""A draft this old is what a killed process left."""
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def beside(
    folder: Path,
    now: datetime,
    *,
    make: bool = False,
    alone: bool = False,
    file: Path | None = None,
    needs: int = 0,
) -> Iterator[Path]:
    """A folder for drafts in `folder`, on the same disk, only its owner's; gone afterwards.

    With `make` there need be no `folder` yet. `alone` is who holds a lock on it: any other draft
    in it is a dead process'. What the system refuses meanwhile is a ThesiswatchError that names
    `file`, which is to come of it, or `folder`; of a full disk it says how many bytes it `needs`
    at most, where that is known.
    """
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder, now, timedelta(0) if alone else ABANDONED)
        with TemporaryDirectory(prefix=PREFIX, dir=folder, ignore_cleanup_errors=True) as name:
            yield Path(name)
    except StoreFull as error:
        raise _full(folder, file or folder, needs) from error
    except OSError as error:
        raise _said(error, folder, file or folder, needs) from error


def new_file(path: Path) -> Any:
    """A binary file to write that only its owner may read, from its first byte on."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


def put(draft: Path, path: Path) -> None:
    """Move a draft to its place, over what is there; on the disk when this returns."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    swap_in(draft, path)
    settle(path.parent)


@contextmanager
def ready(texts: Mapping[Path, bytes]) -> Iterator[None]:
    """Small files, on the disk beside their places: put there, in their order, when all went well.

    Otherwise nothing is left of them but the folders they needed. Only one process at a time may;
    what one that was killed left is taken away. Raises ThesiswatchError naming the file.
    """
    drafts = {path: path.with_name(f".{path.name}.draft") for path in texts}
    try:
        for path, draft in drafts.items():
            _write(path, draft, texts[path])
        yield
        for path, draft in drafts.items():
            _place(path, draft)
    finally:
        for draft in drafts.values():
            with suppress(OSError):
                draft.unlink()


def settle(folder: Path) -> None:
    """Have the names in a folder on the disk too, where a folder can be asked for that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write(path: Path, draft: Path, text: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        with new_file(draft) as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise _said(error, path.parent, path) from error


def _place(path: Path, draft: Path) -> None:
    try:
        put(draft, path)
    except OSError as error:
        raise ThesiswatchError(
            f"{path} could not be put in its place: {error.strerror or error}",
            "All else was: run again",
        ) from error


def _sweep(folder: Path, now: datetime, age: timedelta) -> None:
    """Take away what processes that were killed left behind, from that age on."""
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):  # whoever's it is may be done just now
            if not age or now.timestamp() - path.stat().st_mtime > age.total_seconds():
                shutil.rmtree(path, ignore_errors=True)


def _said(error: OSError, folder: Path, named: Path, needs: int = 0) -> ThesiswatchError:
    if error.errno in _FULL:
        return _full(folder, named, needs)
    if error.errno == errno.ENOENT and not folder.is_dir():
        return ThesiswatchError(f"there is no folder {folder}", "Make it, or name another")
    reason = error.strerror or error
    return ThesiswatchError(f"{named} cannot be written: {reason}", "Name another")


def _full(folder: Path, named: Path, needs: int) -> StoreFull:
    room = shutil.disk_usage(folder).free
    more = f": up to {needs / 1e6:,.1f} MB are needed for a while, {room / 1e6:,.1f} MB are free"
    return StoreFull(
        f"the disk of {named} is full{more if needs else ''}",
        "Nothing was changed: free some space and run again",
    )
