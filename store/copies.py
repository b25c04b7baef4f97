"""Whole copies of a data folder's database, and one of them in its place.

A copy is of one moment, whoever writes meanwhile, because one view is held from the first page to
the last. Measured on 414 MB beside a writer that commits without a pause: copied step by step
without that, SQLite had started over 1,797 times in twelve seconds and was not done; with it, it
was done in 4, and the writer's slowest commit took 0.1 s. Its price is a WAL that grows meanwhile.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from agent.errors import StoreDamaged, StoreFull
from store import migrations, outbox
from store.database import (
    BUSY_SECONDS,
    FILE_NAME,
    Database,
    engine_at,
    is_full,
    open_database,
    translated,
)
from store.swap import swap_in

KEPT = f"{FILE_NAME}.before-restore"
"""How names begin under which a database is kept that another one took the place of."""
PAGES = 1000
"""Pages to a step: between two of them Ctrl-C is heard."""
PAUSE = 0.1
"""Seconds between two tries at a step that another program's lock kept waiting."""
_CHECK = "PRAGMA integrity_check(1)"
"""Indexes included, or a copy could be taken that is refused on its way back: 1.3 s on 355 MB."""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_COUNTED = {"items": "item", "verdicts": "verdict", "ledger_rows": "evidence"}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds, and the thesis' score of then; `schema` is its revision.

    `score` and `as_of` are None before the first pass, `waiting` are messages yet to be sent,
    `unindexed` vectors that wait for the index.
    """

    schema: str
    items: int
    verdicts: int
    ledger_rows: int
    waiting: int
    unindexed: int
    score: float | None
    as_of: datetime | None


def take(folder: Path, target: Path) -> None:
    """Copy the database of `folder` into the new file `target`, which needs no other beside it.

    No lock is needed and none is held: whoever writes goes on. Raises StoreFull where `target`
    finds no room, StoreDamaged when what was copied is not sound.
    """
    with translated(folder), _disk_of(target.parent):
        _copy(folder / FILE_NAME, target)
        with _connected(target) as connection:
            said = connection.execute(_CHECK).fetchone()[0]
    if said != "ok":
        raise StoreDamaged(f"the database in {folder} is damaged ({said})", "Run `thesis doctor`")


def contents(folder: Path, thesis_id: str) -> Contents:
    """What the database of `folder` holds, at whatever schema it is."""
    with translated(folder), _connected(folder / FILE_NAME) as connection:
        schema = _schema(connection, folder)
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for name, table in _COUNTED.items()
        }
        waiting = 0
        if _has(connection, "message"):
            query = "SELECT count(*) FROM message WHERE state = 'waiting'"
            waiting = connection.execute(query).fetchone()[0]
        unindexed = connection.execute("SELECT count(*) FROM index_outbox").fetchone()[0]
        last = connection.execute(
            "SELECT score, as_of FROM snapshot WHERE thesis_id = ? ORDER BY as_of DESC LIMIT 1",
            (thesis_id,),
        ).fetchone()
    score, as_of = last or (None, None)
    at = datetime.fromisoformat(as_of).replace(tzinfo=UTC) if as_of else None
    return Contents(schema, **counts, waiting=waiting, unindexed=unindexed, score=score, as_of=at)


def make_ready(folder: Path) -> None:
    """Check the copy in `folder` from end to end, upgrade it, and let every vector wait for an
    index.

    Raises StoreDamaged when it is not sound, StoreError when a newer program made it.
    """
    with translated(folder), _connected(folder / FILE_NAME) as connection:
        said = connection.execute(_CHECK).fetchone()[0]
        _schema(connection, folder)
    if said != "ok":
        raise StoreDamaged(f"the database in the backup is damaged ({said})", "Use another")
    database = open_database(folder)
    try:
        with database.writing() as writing:
            outbox.refill(writing)
    finally:
        database.close()
    with translated(folder), _connected(folder / FILE_NAME) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # all of it is in the one file


def keep(folder: Path, draft: Path) -> Path:
    """Copy what is in place aside, by way of `draft`; byte for byte where it is damaged.

    Returns where it is kept: under a name that nothing was kept under before.
    """
    live, kept, copy = folder / FILE_NAME, _free(folder), draft / "kept"
    with translated(folder), _disk_of(folder):
        try:
            _copy(live, copy)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            copy = _as_it_is(live, draft / "damaged")
        for end in ("-wal", ""):  # a name is taken from the first of them on
            if (part := _beside(copy, end)).exists():
                part.chmod(0o600)
                part.replace(_beside(kept, end))
    return kept


def unkeep(kept: Path) -> None:
    """Take away what was kept of a database that is in place still."""
    with translated(kept.parent):
        for path in (kept, _beside(kept, "-wal")):
            path.unlink(missing_ok=True)


def expect_empty_index(folder: Path) -> None:
    """Let every vector of the database in place wait for an index, as the one it has will go."""
    engine = engine_at(folder / FILE_NAME, BUSY_SECONDS)
    try:
        with translated(folder):
            is_ours = migrations.current_revision(engine) is not None
        if is_ours:
            with Database(folder, engine).writing() as connection:
                outbox.refill(connection)
    except StoreDamaged:
        pass  # nothing to look after: it is about to be replaced
    finally:
        engine.dispose()


def put(draft: Path, folder: Path) -> None:
    """Let the database of the folder `draft` be that of `folder`, all of it or nothing of it.

    One that is in place is overwritten in a transaction of its own, so that programs that have it
    open see the new one. A damaged one, or none, is replaced as a file; nobody can be using it.
    """
    new, live = draft / FILE_NAME, folder / FILE_NAME
    with translated(folder), _disk_of(folder):
        if live.exists():
            try:
                _overwrite(live, new)
                return
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
        for end in ("-wal", "-shm"):  # of another database: they would be taken for the new one's
            _beside(live, end).unlink(missing_ok=True)
        swap_in(new, live)


def room_for(folder: Path, size: int) -> None:
    """Raise StoreFull unless `size` bytes are free in `folder`."""
    with translated(folder):
        free = shutil.disk_usage(folder).free
    if free < size:
        raise StoreFull(
            f"{folder} has {free / 1e6:,.0f} MB free, {size / 1e6:,.0f} MB are needed",
            "Nothing was changed: free some space and run again",
        )


def _as_it_is(live: Path, copy: Path) -> Path:
    """Copy the files of a database that SQLite cannot read; nobody can be writing them."""
    for end in ("-wal", ""):
        if (part := _beside(live, end)).exists():
            shutil.copyfile(part, _beside(copy, end))
    return copy


def _overwrite(live: Path, new: Path) -> None:
    with _connected(new) as source, _connected(live) as target:
        target.execute("PRAGMA journal_mode=WAL")
        target.execute("PRAGMA synchronous=FULL")
        _step_through(source, target)
        with suppress(sqlite3.Error):  # it is in place: what cannot be tidied now is later
            target.execute("PRAGMA busy_timeout=0")
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy(source: Path, target: Path) -> None:
    """Copy a database into a file that is nobody's yet, as of one moment."""
    with _connected(source) as old, _connected(target, "rwc") as new:
        new.execute("PRAGMA synchronous=OFF")
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the view from here on
        _step_through(old, new)
        new.execute("PRAGMA journal_mode=DELETE")


def _step_through(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy every page, PAGES at a time."""
    left, tries = -1, 0

    def watch(status: int, remaining: int, total: int) -> None:
        nonlocal left, tries
        tries = tries + 1 if remaining == left else 0
        left = remaining
        if tries * PAUSE > BUSY_SECONDS:
            raise sqlite3.OperationalError("database is locked")

    source.backup(target, pages=PAGES, progress=watch, sleep=PAUSE)


@contextmanager
def _disk_of(place: Path) -> Iterator[None]:
    """Raise StoreFull naming `place`, which is written to, where its disk is why SQLite refused."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if _code(error) != sqlite3.SQLITE_FULL and not is_full(place):
            raise
        raise StoreFull(
            f"the disk of {place} is full", "Nothing was changed: free some space and run again"
        ) from error


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in _DAMAGED


def _code(error: sqlite3.Error) -> int:
    """SQLite's own, without what it adds in detail; 0 for an error that is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _schema(connection: sqlite3.Connection, folder: Path) -> str:
    if not _has(connection, "alembic_version"):
        raise StoreDamaged(f"{folder / FILE_NAME} is no database of thesiswatch", "Use another")
    return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _has(connection: sqlite3.Connection, table: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (table,)).fetchone() is not None


def _free(folder: Path) -> Path:
    """A name that no database, nor the log of one, was kept under before."""
    ends = chain([""], (f"-{n}" for n in count(2)))
    names = (folder / f"{KEPT}{end}" for end in ends)
    return next(path for path in names if not path.exists() and not _beside(path, "-wal").exists())


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


@contextmanager
def _connected(path: Path, mode: str = "rw") -> Iterator[sqlite3.Connection]:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    with closing(
        sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    ) as connection:
        yield connection
