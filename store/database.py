"""Engine, transactions, pragmas, the writer's lock, and SQLite's errors in our own words."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from agent.errors import StoreBusy, StoreDamaged, StoreError
from store import migrations

FILE_NAME = "thesiswatch.sqlite3"
LOCK_NAME = "writer.lock"
DAEMON_LOCK_NAME = "daemon.lock"
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

    def close(self) -> None:
        """Give the file back."""
        self._engine.dispose()


def open_database(folder: Path, busy_seconds: float = BUSY_SECONDS) -> Database:
    """Open (making or upgrading it as needed) the database in `folder`.

    A statement waits `busy_seconds` for another program's lock before StoreBusy.
    """
    with translated(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = _engine(folder / FILE_NAME, busy_seconds)
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
        engine = _engine(folder / FILE_NAME, BUSY_SECONDS)
        try:
            behind = migrations.current_revision(engine) != migrations.HEAD
        finally:
            engine.dispose()
    with writer_lock(folder) if behind else nullcontext():
        return open_database(folder)


def exists(folder: Path) -> bool:
    """Whether there is a database to read in `folder`."""
    with translated(folder):
        return (folder / FILE_NAME).is_file()


def writer_lock(folder: Path) -> AbstractContextManager[None]:
    """Hold the folder's only right to write; the system frees it if the process dies.

    Raises StoreBusy, naming the process that holds it.
    """
    return _held(
        folder,
        LOCK_NAME,
        "another thesis process ({holder}) is writing to {folder}",
        "Wait for it to finish, or stop it, and run again",
    )


def daemon_lock(folder: Path) -> AbstractContextManager[None]:
    """Hold the folder's only right to be run by a daemon, for as long as that lives.

    Raises StoreBusy, naming the process that holds it.
    """
    return _held(
        folder,
        DAEMON_LOCK_NAME,
        "a daemon ({holder}) is running on {folder}",
        "Stop it and run again",
    )


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into StoreError, naming the folder."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        raise _explain(str(getattr(error, "orig", error)), folder) from error
    except OSError as error:
        raise _explain(error.strerror or str(error), folder) from error


def _explain(reason: str, folder: Path) -> StoreError:
    low = reason.lower()
    if "locked" in low or "busy" in low:
        return StoreBusy(
            f"the database in {folder} is locked by another program",
            "Nothing was lost: close that program and run again",
        )
    if "full" in low or "no space" in low or ("disk i/o" in low and _is_full(folder)):
        return StoreError(
            f"the disk of {folder} is full",
            "Nothing was lost: free some space and run again, it goes on where it stopped",
        )
    if "readonly" in low or "read-only" in low or "denied" in low or "unable to open" in low:
        return StoreError(
            f"the data folder {folder} cannot be written ({reason})",
            "Make it writable, or set [data] folder to one that is",
        )
    if "malformed" in low or "not a database" in low:
        return StoreDamaged(
            f"the database in {folder} is damaged ({reason})", "Restore it from a backup"
        )
    return StoreError(f"the database in {folder} refused: {reason}", "Run `thesis doctor`")


def _is_full(folder: Path) -> bool:
    """SQLite calls a disk that cannot even take the WAL's index an I/O error."""
    try:
        return shutil.disk_usage(folder).free < ROOM_NEEDED
    except OSError:
        return False


def _engine(path: Path, busy_seconds: float) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": busy_seconds})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, record: object) -> None:
    connection.isolation_level = None  # transactions are ours to begin: see _begin
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
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


@contextmanager
def _held(folder: Path, name: str, says: str, way_out: str) -> Iterator[None]:
    """Hold the lock `name` of a folder; StoreBusy `says` that of whoever has it."""
    from filelock import FileLock, Timeout

    with translated(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / name, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            holder = _holder(folder, name)
            raise StoreBusy(says.format(holder=holder, folder=folder), way_out) from error
        (folder / f"{name}.pid").write_text(str(_own_pid()), encoding="utf-8")
    try:
        yield
    finally:
        lock.release()


def _holder(folder: Path, name: str) -> str:
    try:
        return "pid " + (folder / f"{name}.pid").read_text(encoding="utf-8")
    except OSError:
        return "pid unknown"


def _own_pid() -> int:
    import os

    return os.getpid()
