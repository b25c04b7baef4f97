"""Bytes of a file that become others, as under a dying disk."""

import sqlite3
from contextlib import closing
from pathlib import Path


def flip(path: Path, start: int, count: int) -> None:
    """Turn every bit of `count` bytes from `start` on."""
    with path.open("r+b") as file:
        file.seek(start)
        data = file.read(count)
        file.seek(start)
        file.write(bytes(byte ^ 0xFF for byte in data))


def flip_page(path: Path, name: str) -> None:
    """Turn the first page of a table or index of an SQLite file.

    What waits in the file's log is brought in before, so that the page is what is read.
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)
        ).fetchone()
    flip(path, (page - 1) * size, size)
