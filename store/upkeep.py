"""What old age lets go of, and the room it gives back."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, text, update

from agent.errors import StoreBusy, StoreFull
from store import messages, search
from store.database import FILE_NAME, Database
from store.models import Item, ItemState, Message, Rejected, to_text

_ITEM = Item.__table__  # type: ignore[attr-defined]
_MESSAGE = Message.__table__  # type: ignore[attr-defined]
_REJECTED = Rejected.__table__  # type: ignore[attr-defined]
SLACK = 0.2
"""Share of the database's pages that may be free before it is written anew."""
LEAST = 10_000_000
"""Free bytes below which that is not worth it."""
_RESTED_ON = """
    SELECT 1 FROM verdict WHERE verdict.item_number = item.number
       AND (verdict.relevant OR verdict.labels <> '[]'
            OR verdict.judge IN (SELECT value FROM json_each(:teachers)))
"""
_CITED = """
    SELECT one.value ->> 'item_id' FROM turn, json_each(turn.citations) AS one
     WHERE one.value ->> 'item_id' <> ''
"""


def old_texts(
    connection: Connection, before: datetime, teachers: Sequence[str], limit: int
) -> list[Any]:
    """Items first seen before an instant whose text nothing rests on, oldest first.

    Nobody found anything in them, none of the judges `teachers`, whom the local judge learns from,
    said anything of them, and no answer cites them.
    """
    query = text(
        "SELECT number, title, summary, text FROM item "
        "WHERE first_seen_at < :before AND state = :done AND text_hash = ''"
        " AND (summary <> '' OR text <> '')"
        f" AND NOT EXISTS ({_RESTED_ON}) AND id NOT IN ({_CITED})"
        " ORDER BY first_seen_at, id LIMIT :limit"
    )
    given = {"before": to_text(before), "done": str(ItemState.SCORED), "limit": limit}
    return list(connection.execute(query, {**given, "teachers": json.dumps(list(teachers))}))


def trim(connection: Connection, rows: Sequence[Any]) -> None:
    """Let go of the texts of items; their hashes stay."""
    values = [{"n": row.number, "hash": hash_of(row.summary, row.text)} for row in rows]
    query = update(_ITEM).where(_ITEM.c.number == bindparam("n"))
    connection.execute(query.values(summary="", text="", text_hash=bindparam("hash")), values)
    search.forget_texts(connection, {row.number: row.title for row in rows})


def hash_of(summary: str, body: str) -> str:
    """By which a trimmed text is known again: SHA-256 of summary, a zero byte and text."""
    return hashlib.sha256(f"{summary}\0{body}".encode()).hexdigest()


def forget_refused(connection: Connection, before: datetime) -> int:
    """Delete refused input of before an instant; returns how much."""
    return connection.execute(delete(_REJECTED).where(_REJECTED.c.rejected_at < before)).rowcount


def empty_mail(connection: Connection, before: datetime) -> int:
    """Let go of what sent messages said; that they were sent stays. Returns how many."""
    query = update(_MESSAGE).where(_MESSAGE.c.state == messages.SENT, _MESSAGE.c.sent_at < before)
    query = query.where(or_(_MESSAGE.c.text != "", _MESSAGE.c.html != ""))
    return connection.execute(query.values(text="", html="", images={})).rowcount


def tidy(database: Database, room: int) -> int:
    """Write the log back into the database and, where much of it is free, the database anew.

    Returns the bytes given back. Where it is called for, raises StoreFull when `room`, the bytes
    free on the disk, is less than twice the database: the new one goes through its log. Raises
    StoreBusy when another process reads or writes: the old one could not be written over.
    """
    with database.bare() as connection:
        connection.execute("PRAGMA optimize")
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        free, pages, size = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("freelist_count", "page_count", "page_size")
        )
        if free * size < LEAST or free < SLACK * pages:
            return 0
        what = f"{free * size / 1e6:,.0f} MB that are free in the database of {database.folder}"
        if room < 2 * pages * size:
            raise StoreFull(
                f"{what} could not be given back: for that {2 * pages * size / 1e6:,.0f} MB must "
                f"be free on the disk for a while, and {room / 1e6:,.0f} MB are",
                "Free some space: it is tried again tomorrow",
            )
        if busy:
            raise StoreBusy(
                f"{what} could not be given back: another program uses it",
                "Nothing is wrong: it is tried again tomorrow",
            )
        before = size_of(database.folder)
        connection.execute("INSERT INTO item_text(item_text) VALUES ('optimize')")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return before - size_of(database.folder)


def size_of(folder: Path) -> int:
    """Bytes of the database and its log; not of those that restores kept beside it."""
    names = (f"{FILE_NAME}{end}" for end in ("", "-wal", "-shm", "-journal"))
    return sum(path.stat().st_size for name in names if (path := folder / name).is_file())
