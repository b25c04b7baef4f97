"""Vectors from the outbox into Chroma while a pass goes on."""

from concurrent.futures import Future, ThreadPoolExecutor

from agent.errors import IndexBroken, StoreError
from agent.workspace import Workspace
from store import items, outbox
from store.database import is_full
from store.vectors import is_outdated

BATCH = 2000
"""Vectors handed over at a time: Chroma takes large batches twice as fast as a day's."""


class Indexer:
    """Hands over batches in the background; a thread waits for the index process to answer.

    A batch leaves the outbox when it is in the index, so whatever happens in between it is
    handed over again. An index that cannot be read, that lacks a file or the end of one, or that
    another version of Chroma wrote, is made anew from SQL. StoreError from here means that SQL is
    complete and the index is behind.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._database = workspace.database
        self._process = workspace.index
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index")
        self._sent: tuple[Future[None], list[int]] | None = None
        self._looked_at = False
        self.made_anew = False

    def feed(self) -> None:
        """Hand over a batch if one is full and the last one is in; never waits."""
        if self._sent and not self._sent[0].done():
            return
        self._receive()
        with self._database.reading() as connection:
            full = outbox.lag(connection) >= BATCH
        if full:
            self._send()

    def finish(self) -> None:
        """Wait until everything is in."""
        self._look_at()
        self._receive()
        while self._send():
            self._receive()

    def close(self) -> None:
        """Let go of thread and process."""
        self._thread.shutdown(wait=True)
        self._process.close()

    def _look_at(self) -> None:
        """Once, before anything is handed over: begin anew what cannot be gone on with."""
        if self._looked_at:
            return
        self._looked_at = True
        with self._database.reading() as connection:
            handed_over = items.count_vectors(connection) > outbox.lag(connection)
        folder = self._database.folder
        if handed_over and (is_outdated(folder) or not self._process.is_whole()):
            if is_full(folder):
                raise StoreError(
                    f"the disk of {folder} is full: the vector index cannot be made anew",
                    "Nothing was lost: free some space, and it is made by the next pass",
                )
            self._empty()

    def _send(self) -> bool:
        self._look_at()
        with self._database.reading() as connection:
            numbers = outbox.waiting(connection, BATCH)
            vectors = items.vectors_of(connection, numbers)
        if numbers:
            self._sent = (self._thread.submit(self._process.add, numbers, vectors), numbers)
        return bool(numbers)

    def _receive(self) -> None:
        if self._sent:
            future, numbers = self._sent
            self._sent = None
            try:
                future.result()
            except IndexBroken:
                if self.made_anew or is_full(self._database.folder):
                    raise
                self._empty()
                return
            with self._database.writing() as connection:
                outbox.done(connection, numbers)

    def _empty(self) -> None:
        """Start over: an empty index, and every vector waits for it."""
        self.made_anew = True
        if self._sent:
            self._sent[0].exception()
            self._sent = None
        self._process.clear()  # first: dead in between, what is left is an index that lacks all
        with self._database.writing() as connection:
            outbox.refill(connection)
