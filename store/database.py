"""Engine, transactions, pragmas, the writer's lock, and SQLite's errors in our own words."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from agent.errors import StoreBusy, StoreDamaged, StoreError, StoreFull
from store import migrations, private

FILE_NAME = "thesiswatch.sqlite3"
LOCK_NAME = "writer.lock"
DAEMON_LOCK_NAME = "daemon.lock"
GLANCE = 1.0
"""Seconds for which somebody who only looks whether there is a daemon may hold its lock."""
BUSY_SECONDS = 5.0
ROOM_NEEDED = 1_000_000


class Database:
    """The SQLite file of one data folder, at the newest schema."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self._engine = engine

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it or nothing of it."""
        with (
            translated(self.folder),
            self._engine.connect() as connection,
            connection.execution_options(writing=True).begin(),
        ):
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view of the last committed state."""
        with translated(self.folder), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def bare(self) -> Iterator[sqlite3.Connection]:
        """A connection outside of any transaction, for what SQLite does in none."""
        with translated(self.folder), closing(self._engine.raw_connection()) as connection:
            yield connection.driver_connection  # type: ignore[misc]

    def close(self) -> None:
        """Give the file back, and the pages of it that are in memory; it is opened anew if used."""
        self._engine.dispose()


def open_database(folder: Path, busy_seconds: float = BUSY_SECONDS) -> Database:
    """Open (making or upgrading it as needed) the database in `folder`.

    A statement waits `busy_seconds` for another program's lock before StoreBusy.
    """
    with translated(folder):
        _refuse_emptied(folder)
        private.make_folder(folder)
        private.tighten(folder)
        engine = engine_at(folder / FILE_NAME, busy_seconds)
        try:
            migrations.upgrade(engine)
        except BaseException:
            engine.dispose()
            raise
    return Database(folder, engine)


def open_to_read(folder: Path) -> Database:
    """Open the database in `folder`; one of an earlier schema is upgraded under the writer's lock.

    Raises StoreBusy when that is called for and another process is writing.
    """
    with translated(folder):
        _refuse_emptied(folder)
        engine = engine_at(folder / FILE_NAME, BUSY_SECONDS)
        try:
            behind = migrations.current_revision(engine) != migrations.HEAD
        finally:
            engine.dispose()
    with writer_lock(folder) if behind else nullcontext():
        return open_database(folder)


def _refuse_emptied(folder: Path) -> None:
    """A file that lost all it held, as by a power cut, is not taken for that of a new folder."""
    files = folder / FILE_NAME, folder / f"{FILE_NAME}-wal"
    if files[0].is_file() and not any(one.stat().st_size for one in files if one.exists()):
        from store import vectors

        if vectors.exists(folder):
            raise damaged(folder, "its file is empty, and there is an index of what it held")


def engine_at(path: Path, busy_seconds: float) -> Engine:
    """An engine for the database `path`, made empty where it is missing, at whatever schema."""
    private.make_file(path)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": busy_seconds})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def exists(folder: Path) -> bool:
    """Whether there is a database to read in `folder`."""
    with translated(folder):
        return (folder / FILE_NAME).is_file()


@contextmanager
def writer_lock(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Hold the folder's only right to write; the system frees it if the process dies.

    Raises StoreBusy, naming the process that holds it, when it is not free within `patience`
    seconds.
    """
    what = f"another thesis process (pid {{}}) is writing to {folder}"
    says = what, "Wait for it to finish, or stop it, and run again"
    with _held(folder, LOCK_NAME, says, patience):
        yield


@contextmanager
def daemon_lock(folder: Path) -> Iterator[None]:
    """Be the folder's only daemon. Raises StoreBusy, naming the one that there is."""
    says = f"a daemon (pid {{}}) is running on {folder}", "Stop it and run again"
    with _held(folder, DAEMON_LOCK_NAME, says, GLANCE):
        yield


def daemon_pid(folder: Path) -> int | None:
    """The process that is the folder's daemon now, None without one."""
    from filelock import FileLock, Timeout

    if not (folder / DAEMON_LOCK_NAME).exists():
        return None
    with translated(folder):
        try:
            with FileLock(folder / DAEMON_LOCK_NAME, timeout=0, mode=0o600):
                return None
        except Timeout:
            said = _holder(folder / DAEMON_LOCK_NAME)
            return int(said) if said.isdigit() else 0


@contextmanager
def _held(folder: Path, name: str, says: tuple[str, str], patience: float) -> Iterator[None]:
    """Hold a lock file; beside it stands who does."""
    from filelock import FileLock, Timeout

    path = folder / name
    with translated(folder):
        private.make_folder(folder)
        lock = FileLock(path, timeout=patience, mode=0o600)
        try:
            lock.acquire()
        except Timeout as error:
            what, way_out = says
            raise StoreBusy(what.replace("{}", _holder(path)), way_out) from error
    try:
        with translated(folder):
            holder = path.with_name(f"{name}.pid")
            with open(holder, "w", opener=private.opener, encoding="utf-8") as out:
                out.write(str(os.getpid()))
        yield
    finally:
        lock.release()


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into StoreError, naming the folder."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        raise _explain(str(getattr(error, "orig", error)), folder) from error
    except OSError as error:
        raise _explain(error.strerror or str(error), folder) from error


def is_full(folder: Path) -> bool:
    """Whether a folder's disk has no room left, which SQLite calls an I/O error at times."""
    try:
        return shutil.disk_usage(folder).free < ROOM_NEEDED
    except OSError:
        return False


def damaged(folder: Path, reason: str) -> StoreDamaged:
    """What is said of a database that is not as SQLite wrote it."""
    return StoreDamaged(
        f"the database in {folder} is damaged ({reason})", "Restore it from a backup"
    )


def _explain(reason: str, folder: Path) -> StoreError:
    low = reason.lower()
    if "locked" in low or "busy" in low:
        return StoreBusy(
            f"the database in {folder} is locked by another program",
            "Nothing was lost: close that program and run again",
        )
    if "full" in low or "no space" in low or ("disk i/o" in low and is_full(folder)):
        return StoreFull(
            f"the disk of {folder} is full",
            "Nothing was lost: free some space and run again, it goes on where it stopped",
        )
    if "readonly" in low or "read-only" in low or "denied" in low or "unable to open" in low:
        return StoreError(
            f"the data folder {folder} cannot be written ({reason})",
            "Make it writable, or set [data] folder to one that is",
        )
    if "malformed" in low or "not a database" in low:
        return damaged(folder, reason)
    if "could not decode" in low:  # what it goes on with is that text
        return damaged(folder, "a text in it cannot be read")
    return StoreError(f"the database in {folder} refused: {reason}", "Run `thesis doctor`")


def _prepare(connection: Any, record: object) -> None:
    connection.isolation_level = None  # transactions are ours to begin: see _begin
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-32000",
        "wal_autocheckpoint=8000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """A writer takes its lock at once: SQLite waits for none in the midst of a transaction."""
    writing = connection.get_execution_options().get("writing")
    statement = "BEGIN IMMEDIATE" if writing else "BEGIN"
    connection.connection.driver_connection.execute(statement)  # type: ignore[union-attr]


def _holder(lock: Path) -> str:
    try:
        return lock.with_name(f"{lock.name}.pid").read_text(encoding="utf-8")
    except OSError:
        return "unknown"
