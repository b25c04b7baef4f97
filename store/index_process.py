"""The index writer in a process of its own, fed through a pipe.

Measured on Chroma 1.5.9: an upsert holds the interpreter's lock from beginning to end, so a thread
gains nothing; a process of its own lets a pass go on meanwhile, and a crash inside Chroma ends
that process and not the pass. It owns the index under a lock and leaves when its pipe closes,
which is what the death of its parent looks like.

A request is one JSON line, {"count", "dimension"} or {"clear": true}, then the item numbers
(int64) and vectors (float32) as bytes; an answer is one JSON line.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from agent.errors import IndexBroken, IndexMismatch, StoreError
from store import child
from store.vectors import IndexWriter, Vectors

LOCK_NAME = "index.lock"
PATIENCE = 60.0
"""Seconds to wait for an orphaned writer to finish its batch."""
LONGEST = 900.0
"""Seconds that one request may take: a batch takes some; what hangs is ended, and done again."""
OWN_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""On Windows a process in a group of its own hears no Ctrl-C; elsewhere see _deaf."""
_ERRORS = {one.__name__: one for one in (IndexBroken, IndexMismatch, StoreError)}
_ENDED = {-signal.SIGTERM, -getattr(signal, "SIGKILL", signal.SIGTERM)}
"""Exit codes of a process that was made to end; any other death is a crash in Chroma."""


class IndexProcess:
    """Same promises as store.vectors.IndexWriter; the process starts with the first request."""

    def __init__(self, folder: Path, embedder: str) -> None:
        self._folder = folder
        self._embedder = embedder
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, numbers: Sequence[int], vectors: Vectors) -> None:
        """Put items' vectors (n, d) in; returns when they are in."""
        self._ask(
            {"count": len(numbers), "dimension": int(vectors.shape[1])},
            np.asarray(numbers, dtype=np.int64).tobytes() + vectors.tobytes(),
        )

    def clear(self) -> None:
        """Start over with an empty index."""
        self._ask({"clear": True}, b"")

    def is_whole(self) -> bool:
        """Whether the index is there with all its files; asks no process."""
        return IndexWriter(self._folder, self._embedder).is_whole()

    def close(self) -> None:
        """Let the process finish and leave."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _ask(self, request: dict[str, Any], payload: bytes) -> None:
        process = self._process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        watch = threading.Timer(LONGEST, process.kill)
        watch.start()
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n" + payload)
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:  # the pipe is broken; Windows calls that an invalid argument
            line = b""
        finally:
            watch.cancel()
        if not line:
            self._process = None
            process.communicate()
            code = process.returncode
            kind = StoreError if code in _ENDED else IndexBroken
            raise kind(
                f"the index writer of {self._folder} died (exit code {code})",
                "SQL has every vector: run again, or run `thesis index rebuild`",
            )
        answer = json.loads(line)
        if "error" in answer:
            raise _ERRORS[answer["error"]](answer["message"], answer["way_out"])

    def _start(self) -> "subprocess.Popen[bytes]":
        command = child.command("store.index_process", str(self._folder), self._embedder)
        with _deaf():
            return subprocess.Popen(  # noqa: S603  # ourselves: no shell, no word from outside
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=child.environment(),
                creationflags=OWN_GROUP,
            )


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C reaches a process from its first instant on: what starts here is born deaf to it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def empty(folder: Path) -> None:
    """Start over with an empty index, without a process; waits for one that outlived its pass.

    Raises StoreError when it has not come to its end within PATIENCE.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / LOCK_NAME, timeout=PATIENCE, mode=0o600):
            IndexWriter(folder, "").clear()
    except Timeout as error:
        raise StoreError(f"the index in {folder} is being written", "Run again") from error


def serve(folder: Path, embedder: str, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until the pipe closes, be it in the middle of one."""
    from filelock import FileLock, Timeout

    writer = IndexWriter(folder, embedder)
    lock = FileLock(folder / LOCK_NAME, timeout=PATIENCE, mode=0o600)
    while (request := _next(requests)) is not None:
        try:
            lock.acquire()
            _obey(writer, *request)
            answer = {"done": True}
        except Timeout:
            answer = _error("StoreError", f"the index in {folder} is being written", "Run again")
        except StoreError as error:
            answer = _error(type(error).__name__, error.message, error.way_out)
        try:
            answers.write(json.dumps(answer).encode() + b"\n")
            answers.flush()
        except OSError:
            break  # the parent died: nobody asks, nobody listens
    writer.close()


def _next(requests: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """The next request and what came with it; None when the parent has gone."""
    line = requests.readline()
    if not line.endswith(b"\n"):
        return None
    request = json.loads(line)
    size = request.get("count", 0) * (8 + 4 * request.get("dimension", 0))
    payload = requests.read(size)
    return (request, payload) if len(payload) == size else None


def _obey(writer: IndexWriter, request: dict[str, Any], payload: bytes) -> None:
    if request.get("clear"):
        writer.clear()
        return
    count, dimension = request["count"], request["dimension"]
    numbers = np.frombuffer(payload[: 8 * count], dtype=np.int64)
    vectors = np.frombuffer(payload[8 * count :], dtype=np.float32)
    writer.add(numbers.tolist(), vectors.reshape(count, dimension))


def _error(kind: str, message: str, way_out: str) -> dict[str, Any]:
    return {"error": kind, "message": message, "way_out": way_out}


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which decides
    os.umask(0o077)  # Chroma's files are the user's alone; nothing else is written here
    with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as answers:
        serve(Path(sys.argv[1]), sys.argv[2], sys.stdin.buffer, answers)
