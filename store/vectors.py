"""The Chroma index of items' vectors: add, search, rebuild. The only importer of chromadb.

SQL holds the vectors; this folder can be deleted at any time. Measured on Chroma 1.5.9: two
writers corrupt a folder, and a reader never sees another process's rows until it reopens with a
cleared cache. So only the holder of the writer's lock may make an `IndexWriter`, every batch it
adds writes a watermark file that never reads the same twice, not even after the index was cleared,
and an `IndexReader` that sees another watermark opens anew.
"""

import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from agent.errors import IndexBroken, IndexMismatch, StoreError
from store.swap import swap_in

FOLDER = "index"
WATERMARK = "watermark"
VERSION = "version"
"""The file that names the version of Chroma that wrote the index last."""
FILES = "files"
"""The file that names the others and their sizes, as the writer left them."""
DATABASE = "chroma.sqlite3"
COLLECTION = "items"
LARGEST_BATCH = 5000

Vectors = np.ndarray[Any, np.dtype[np.float32]]


class IndexWriter:
    """Adds vectors to the index in `folder`, made by the embedder called `embedder`."""

    def __init__(self, folder: Path, embedder: str) -> None:
        self._folder = folder / FOLDER
        self._embedder = embedder
        self._collection: Any = None
        self._client: Any = None

    def add(self, numbers: Sequence[int], vectors: Vectors) -> None:
        """Put items' vectors (n, d) in; one already there stays as it is: vectors never change.

        Writing an entry again would tear it out of the graph: of 4,000 vectors upserted twice
        Chroma no longer found 150, of the same added once 7.
        """
        if self._collection is None:
            self._client, self._collection = _open(self._folder, self._embedder)
        with _translated(self._folder):
            for start in range(0, len(numbers), LARGEST_BATCH):
                ids = [str(number) for number in numbers[start : start + LARGEST_BATCH]]
                known = set(self._collection.get(ids=ids, include=[])["ids"])
                new = [i for i, id_ in enumerate(ids) if id_ not in known]
                if new:
                    rows = vectors[start : start + LARGEST_BATCH][new]
                    self._collection.add(ids=[ids[i] for i in new], embeddings=rows)
            self._mark()

    def clear(self) -> None:
        """Start over with an empty index."""
        self.close()
        with _translated(self._folder):
            if self._folder.exists():
                shutil.rmtree(self._folder)

    def is_whole(self) -> bool:
        """Whether the index is there, with every file as long as it was left at least."""
        return (self._folder / WATERMARK).is_file() and not _cut_off(self._folder)

    def close(self) -> None:
        """Let go of the folder."""
        if self._client is not None:
            _release(self._client)
        self._client = self._collection = None

    def _mark(self) -> None:
        _write(self._folder / FILES, json.dumps(_sizes(self._folder)))
        _write(self._folder / VERSION, version("chromadb"))
        _write(self._folder / WATERMARK, uuid4().hex)


class IndexReader:
    """Searches the index in `folder` while another process may be writing it."""

    def __init__(self, folder: Path, embedder: str) -> None:
        self._folder = folder / FOLDER
        self._embedder = embedder
        self._seen = ""
        self._collection: Any = None
        self._client: Any = None

    def search(
        self, vector: Vectors, count: int, *, reopen: bool = True
    ) -> list[tuple[int, float]]:
        """(item number, cosine distance) of the `count` nearest, nearest first; approximate.

        Without `reopen` an index that is open stays as it was, whatever was added since.
        Empty when nothing has been indexed. Raises IndexMismatch when another embedder made
        the index: distances between two models' vectors mean nothing.
        """
        if (reopen or self._collection is None) and not self._fresh():
            return []
        with _translated(self._folder):
            found = self._collection.query(
                query_embeddings=vector.reshape(1, -1), n_results=count, include=["distances"]
            )
        return [
            (int(id_), float(distance))
            for id_, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def count(self) -> int:
        """How many items are indexed."""
        if not self._fresh():
            return 0
        with _translated(self._folder):
            return int(self._collection.count())

    def numbers(self) -> set[int]:
        """The item numbers that are indexed."""
        if not self._fresh():
            return set()
        with _translated(self._folder):
            return {int(id_) for id_ in self._collection.get(include=[])["ids"]}

    def close(self) -> None:
        """Let go of the folder."""
        if self._client is not None:
            _release(self._client)
        self._client = self._collection = None

    def _fresh(self) -> bool:
        """Reopen if the writer has been here since; False when there is no index yet."""
        path = self._folder / WATERMARK
        if not path.is_file():
            return False
        with _translated(self._folder):
            mark = path.read_text(encoding="ascii")
        if mark != self._seen or self._collection is None:
            self.close()
            if lost := _cut_off(self._folder):
                raise _broken(self._folder, f"{lost} is gone or was cut off")
            self._client, self._collection = _open(self._folder, self._embedder)
            self._seen = mark
        return True


def exists(folder: Path) -> bool:
    """Whether there is an index in `folder`, whatever its state."""
    return (folder / FOLDER / DATABASE).is_file()


def is_outdated(folder: Path) -> bool:
    """Whether another version of Chroma than the installed one wrote the index in `folder`."""
    try:
        return (folder / FOLDER / VERSION).read_text(encoding="ascii") != version("chromadb")
    except (OSError, ValueError):
        return False  # there is none, or it is of before versions were noted


def is_damaged(folder: Path) -> bool:
    """Whether a file of the index in `folder` is gone, cut off or, that of its entries, spoiled."""
    path = folder / FOLDER / DATABASE
    if _cut_off(folder / FOLDER):
        return True
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as found:
            said = found.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        return False  # it is being written, or may not be read: that is said elsewhere
    except sqlite3.DatabaseError:
        return True
    return bool(said != ("ok",))


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of Chroma's own files, by their place in the folder: its database and its graphs."""
    found = [folder / DATABASE, *folder.glob("*/*")]
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}


def _cut_off(folder: Path) -> str:
    """A file of the index that is gone, or shorter than its writer left it; "" without any.

    Chroma does not look: of a file that was cut off it serves what is left, or it crashes.
    """
    try:
        left = json.loads((folder / FILES).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""  # there is none, or it is of before they were noted
    for name, size in left.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size < size:
            return str(name)
    return ""


def _write(path: Path, text: str) -> None:
    """The whole of a file or nothing of it."""
    draft = path.with_suffix(".draft")
    draft.write_text(text, encoding="ascii")
    swap_in(draft, path)


def _open(folder: Path, embedder: str) -> tuple[Any, Any]:
    with _translated(folder):
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient
        from chromadb.config import Settings

        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            client = chromadb.PersistentClient(
                path=str(folder), settings=Settings(anonymized_telemetry=False)
            )
            collection = client.get_or_create_collection(
                COLLECTION,
                metadata={"embedder": embedder},
                configuration={"hnsw": {"space": "cosine", "num_threads": 1}},
                embedding_function=None,
            )
        except BaseException:
            SharedSystemClient.clear_system_cache()  # or the next try is handed the same wreck
            raise
    made_by = (collection.metadata or {}).get("embedder")
    if made_by != embedder:
        _release(client)
        raise IndexMismatch(
            f"the index in {folder} was made by {made_by!r}, the configured embedder is "
            f"{embedder!r}",
            "Set [embedding] back, or run `thesis index rebuild`",
        )
    return client, collection


def _release(client: Any) -> None:
    """Close first, then clear: the other order leaves the native index allocated."""
    from chromadb.api.shared_system_client import SharedSystemClient

    client.close()
    SharedSystemClient.clear_system_cache()


class _translated:
    """Chroma's errors, which have no common shape, as IndexBroken naming the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, StoreError):
            return
        module = type(error).__module__ or ""  # pyo3: a panic in Chroma's Rust
        ours = isinstance(error, (AttributeError, OSError, ValueError, RuntimeError))
        if ours or "chroma" in module or "pyo3" in module:
            refused = isinstance(error, PermissionError)  # Windows: while others have it open, too
            raise _broken(self._folder, str(error), refused=refused) from error


def _broken(folder: Path, reason: str, *, refused: bool = False) -> IndexBroken:
    first = "close what else uses it" if refused else "free disk space if it is full"
    return IndexBroken(
        f"the vector index in {folder} failed: {reason}",
        f"Nothing is lost, SQL has every vector: {first}, then run `thesis index rebuild`",
    )
