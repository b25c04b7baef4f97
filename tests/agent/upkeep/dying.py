"""Runs `restore` over and over, each time killed a moment later: `kill -9`, at a chosen place.

A moment is anything that is done to a file of the home (opened, renamed, removed, made), the start
of the index' process, or a step of a copy; Python tells of the former by audit hooks. Each try is
a fork of this process, over a fresh copy of the home. Prints, as JSON lines, how many moments
there are, then whether each death left what it may.

    python -m tests.agent.upkeep.dying BACKUP HOME PLACE HOW_MANY
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from agent.upkeep.restore import restore
from store import copies
from store.database import FILE_NAME
from store.vectors import FOLDER

NOW = datetime(2026, 1, 27, 8, tzinfo=UTC)
EVENTS = {
    "open",
    "os.chmod",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "shutil.rmtree",
    "sqlite3.connect",
}


def dies_at(moment: int, file: Path, home: Path) -> tuple[bool, int]:
    """Restore in a process that kills itself at that moment; whether it died, moments passed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _restore_until(moment, file, home, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        passed = int(told.read() or b"0")
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0, status
    return os.WIFSIGNALED(status), passed


def _restore_until(moment: int, file: Path, home: Path, writer: int) -> None:
    passed = 0

    def another() -> None:
        nonlocal passed
        passed += 1
        if passed == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, given: tuple[Any, ...]) -> None:
        here = event in EVENTS and any(str(home) in str(one) for one in given)
        if here or event == "subprocess.Popen":
            another()

    def profile(frame: FrameType, event: str, given: object) -> None:
        if event == "call" and frame.f_code.co_name == "watch":
            another()

    sys.addaudithook(audit)
    sys.setprofile(profile)
    restore(file, home / "config.toml", NOW, force=True)
    sys.setprofile(None)
    os.write(writer, str(passed).encode())
    os._exit(0)


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What is in a database, but for the outbox, which may be full or not."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        names = [name for (name,) in connection.execute(TABLES)]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%index_outbox'"


SETTINGS = ("thesis/exemplars/border.jsonl", "thesis/thesis.toml", "config.toml")
"""In the order in which they are to appear."""


def waits(folder: Path) -> bool:
    """Whether every vector waits to be indexed."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        query = "SELECT count(*) FROM embedding LEFT JOIN index_outbox USING (item_number)"
        missing = f"{query} WHERE index_outbox.item_number IS NULL"
        return bool(connection.execute(missing).fetchone() == (0,))


def examined(home: Path, old: Any, new: Any) -> dict[str, Any]:
    """What a death left: the old state or the new, and an index that is neither's by mistake."""
    data = home / "data"
    found = rows(data / FILE_NAME)
    marker = data / FOLDER / "watermark"
    return {
        "state": "old" if found == old else "new" if found == new else "half",
        "index": marker.exists() or waits(data),
        "stale": found == new and marker.exists(),
        "settings": [name for name in SETTINGS if (home / name).exists()],
    }


def main() -> None:
    file, base, place = (Path(name) for name in sys.argv[1:4])
    how_many = int(sys.argv[4])
    copies.PAGES = 40  # so that a death can fall into the midst of a copy
    old = rows(base / "data" / FILE_NAME)
    home = Path(shutil.copytree(base, place / "whole"))
    _, total = dies_at(0, file, home)
    new = rows(home / "data" / FILE_NAME)
    print(json.dumps({"total": total, "whole": examined(home, old, new)}))
    for moment in sorted({1 + n * (total - 1) // (how_many - 1) for n in range(how_many)}):
        home = Path(shutil.copytree(base, place / str(moment)))
        died, _ = dies_at(moment, file, home)
        left = examined(home, old, new)
        dies_at(0, file, home)  # again, whatever it found
        after = examined(home, old, new)
        kept = [rows(path) for path in (home / "data").glob("*.before-restore*")]
        drafts = [path.name for path in home.rglob("*draft*")]
        said = {"moment": moment, "died": died, "left": left, "after": after, "drafts": drafts}
        print(json.dumps({**said, "old_is_kept": old in kept}), flush=True)
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
