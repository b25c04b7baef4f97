"""What is in a data folder, column by column: two folders tell the same story or they do not."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from store.database import FILE_NAME
from store.vectors import IndexReader

TABLES = (
    "item",
    "embedding",
    "event",
    "verdict",
    "evidence",
    "snapshot",
    "thesis_version",
    "regrouping",
    "move",
)

Rows = list[tuple[Any, ...]]


def tables(folder: Path) -> dict[str, Rows]:
    """Every row and column that a pass writes."""
    return {table: select(folder, f"SELECT * FROM {table} ORDER BY rowid") for table in TABLES}


def select(folder: Path, query: str) -> Rows:
    """Rows of a query on a data folder's database, read as another program would."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return connection.execute(query).fetchall()


def indexed(folder: Path, embedder: str) -> set[int]:
    """The item numbers that the index holds."""
    reader = IndexReader(folder, embedder)
    try:
        return reader.numbers()
    finally:
        reader.close()


def embedded(folder: Path) -> set[int]:
    """The item numbers that have a vector in SQL."""
    return {number for (number,) in select(folder, "SELECT item_number FROM embedding")}
