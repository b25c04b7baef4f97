"""The stored items nearest to a vector, while another process may be adding some.

The index is opened once and not again for every batch that the daemon adds: what came since is few
and compared one by one from SQL, so that an item is found the moment it has a vector. So is a
narrow period, in which an approximate index would have to look far.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from agent.errors import StoreError
from agent.workspace import Workspace
from store import items, outbox, search
from store.search import Scope
from store.vectors import IndexReader

FEW = 4000
"""Vectors that are compared one by one sooner than by the index."""
WIDER = 5
"""How many times more the index is asked for than is wanted, when a scope will turn some away."""

Vector = np.ndarray[Any, np.dtype[np.float32]]


class Nearest:
    """Searches one data folder; `trouble` says why the index could not be used, or ""."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._database = workspace.database
        self._reader: IndexReader | None = None
        self._newest = 0
        self._hidden = 0
        self._waiting: frozenset[int] = frozenset()
        self.trouble = ""

    def search(self, vector: Vector, scope: Scope, count: int) -> list[int]:
        """Numbers of about `count` items nearest to `vector`, nearest first.

        Some may lie outside the scope: the index does not know it.
        """
        self.trouble = ""
        if not scope.is_wide:
            with self._database.reading() as connection:
                inside = search.within(connection, scope, FEW + 1)
            if len(inside) <= FEW:
                return self._exact(vector, inside)[:count]
        fresh = self._fresh()
        wanted = count if scope.is_wide else WIDER * count
        found = dict(self._indexed(vector, wanted))
        found |= self._distances(vector, fresh)
        return sorted(found, key=lambda number: (found[number], number))[:wanted]

    def close(self) -> None:
        """Let go of the index."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _fresh(self) -> list[int]:
        """Items that the open index lacks; opens it anew when they have become many."""
        if self._reader is None:
            self._note()
        fresh = self._since()
        if len(fresh) > FEW or self._hidden:  # hidden: it was far behind when it was opened
            self.close()
            self._note()
            fresh = self._since()
        return fresh

    def _note(self) -> None:
        """Remember what the index holds at least, before it is opened."""
        with self._database.reading() as connection:
            self._waiting = frozenset(outbox.waiting(connection, FEW))
            self._hidden = max(0, outbox.lag(connection) - FEW)
            self._newest = items.newest_vector(connection)
        self._reader = IndexReader(self._database.folder, self._workspace.embedder.name)

    def _since(self) -> list[int]:
        with self._database.reading() as connection:
            return [*self._waiting, *items.vectors_after(connection, self._newest, FEW + 1)]

    def _indexed(self, vector: Vector, count: int) -> list[tuple[int, float]]:
        assert self._reader is not None
        try:
            found = self._reader.search(vector, count, reopen=False)
        except StoreError as error:
            self.trouble = str(error)
            self.close()
            return []
        if self._hidden:
            self.trouble = f"the vector index is behind by {self._hidden:,} items"
        return found

    def _exact(self, vector: Vector, numbers: Sequence[int]) -> list[int]:
        found = self._distances(vector, numbers)
        return sorted(found, key=lambda number: (found[number], number))

    def _distances(self, vector: Vector, numbers: Sequence[int]) -> dict[int, float]:
        """Cosine distance to each of these."""
        if not numbers:
            return {}
        with self._database.reading() as connection:
            vectors = items.vectors_of(connection, numbers)
        if vectors.shape[1] != len(vector):
            self.trouble = "the stored vectors are another embedder's"
            return {}
        return dict(zip(numbers, (1 - vectors @ vector).tolist(), strict=True))
