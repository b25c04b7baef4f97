"""The data folder is its owner's alone: folders 0700, files 0600, whatever the umask says.

The umask of a process is left as it is, because a command also writes files that the user asked
for elsewhere. So what we put into the folder is made with its mode, SQLite gives its -wal and -shm
the mode of the database, and what an older version left open is closed at the next opening. Windows
has no such modes: there nothing is done.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OURS = (
    "thesiswatch.sqlite3*",
    "*.lock",
    "*.pid",
    "index",
    "cache",
    "logs",
    "heartbeat",
    "chat_history",
)
"""What we put into a data folder; a user may keep other things there, which are left alone."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, for this user alone; one that is there stays."""
    missing = [path for path in folder.parents if not path.exists()]
    for path in (*reversed(missing), folder):
        path.mkdir(mode=0o700, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file for this user alone; one that is there stays as it is."""
    if not path.exists():
        os.close(opener(str(path), os.O_WRONLY | os.O_CREAT))


def opener(path: str, flags: int) -> int:
    """For `open(path, "w", opener=private.opener)`: a new file is this user's alone."""
    return os.open(path, flags, 0o600)


def tighten(folder: Path) -> None:
    """Take from others what they may do with a data folder; what belongs to another user stays."""
    for path in loose(folder):
        with suppress(OSError):
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)


def loose(folder: Path) -> list[Path]:
    """What others may read or write of a data folder, itself included."""
    if os.name == "nt" or not folder.is_dir():
        return []
    return [path for path in (folder, *_contents(folder)) if is_loose(path)]


def is_loose(path: Path) -> bool:
    """Whether others may do anything with a file or folder; a link or a missing one never is."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return os.name != "nt" and not stat.S_ISLNK(mode) and bool(mode & OTHERS)


def described(path: Path) -> str:
    """A path with its mode as chmod writes it."""
    return f"{path} ({stat.S_IMODE(path.lstat().st_mode):04o})"


def _contents(folder: Path) -> Iterator[Path]:
    for pattern in OURS:
        for path in folder.glob(pattern):
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from path.rglob("*")
