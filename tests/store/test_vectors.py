"""The index, with the real Chroma: in this process, and written by another."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from agent.errors import IndexBroken, IndexMismatch, StoreError
from store import index_process, vectors
from store.index_process import IndexProcess
from store.vectors import DATABASE, FOLDER, WATERMARK, IndexReader, IndexWriter
from tests.damage import flip_page

NAME = "fake-16"


def some(count: int, seed: int = 0) -> vectors.Vectors:
    """Unit vectors (count, 16)."""
    rows = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[IndexWriter]:
    made = IndexWriter(tmp_path, NAME)
    yield made
    made.close()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[IndexReader]:
    made = IndexReader(tmp_path, NAME)
    yield made
    made.close()


def test_index_that_was_never_written_is_empty_and_is_not_made(
    reader: IndexReader, tmp_path: Path
) -> None:
    assert reader.search(some(1)[0], 3) == []
    assert reader.count() == 0
    assert reader.numbers() == set()
    assert not (tmp_path / FOLDER).exists()


def test_exact_twin_is_found_first_at_no_distance(writer: IndexWriter, reader: IndexReader) -> None:
    rows = some(50)
    writer.add(range(100, 150), rows)
    for place in (0, 17, 49):
        (number, distance), *_ = reader.search(rows[place], 5)
        assert number == 100 + place
        assert distance == pytest.approx(0, abs=1e-5)


def test_neighbours_come_nearest_first_with_their_cosine_distance(
    writer: IndexWriter, reader: IndexReader
) -> None:
    rows = some(30)
    writer.add(range(30), rows)
    question = some(1, seed=1)[0]
    found = reader.search(question, 5)
    wanted = 1 - rows @ question
    assert [number for number, _ in found] == list(np.argsort(wanted)[:5])
    assert [distance for _, distance in found] == pytest.approx(sorted(wanted)[:5], abs=1e-4)


def test_asking_for_more_than_there_is_gives_what_there_is(
    writer: IndexWriter, reader: IndexReader
) -> None:
    writer.add([1, 2], some(2))
    assert {number for number, _ in reader.search(some(1)[0], 50)} == {1, 2}
    assert (reader.count(), reader.numbers()) == (2, {1, 2})


def test_added_twice_is_there_once_as_it_was_first(
    writer: IndexWriter, reader: IndexReader
) -> None:
    first, again, other = some(3)
    writer.add([1], first[None])
    writer.add([1, 2], np.stack([again, other]))
    assert reader.numbers() == {1, 2}
    assert reader.search(first, 1)[0] == (1, pytest.approx(0, abs=1e-5))
    assert reader.search(other, 1)[0] == (2, pytest.approx(0, abs=1e-5))


def test_batches_larger_than_chroma_takes_are_cut(writer: IndexWriter, reader: IndexReader) -> None:
    count = vectors.LARGEST_BATCH + 3
    writer.add(range(count), some(count))
    assert reader.count() == count


def test_index_outlives_its_writer(tmp_path: Path, reader: IndexReader) -> None:
    first = IndexWriter(tmp_path, NAME)
    first.add([1], some(1))
    first.close()
    second = IndexWriter(tmp_path, NAME)
    second.add([2], some(1, seed=2))
    second.close()
    assert reader.numbers() == {1, 2}


def test_index_of_another_embedder_is_refused_and_left_alone(
    tmp_path: Path, writer: IndexWriter, reader: IndexReader
) -> None:
    writer.add([1], some(1))
    other_reader, other_writer = IndexReader(tmp_path, "other"), IndexWriter(tmp_path, "other")
    for refused in (
        lambda: other_reader.search(some(1)[0], 1),
        other_reader.count,
        other_reader.numbers,
        lambda: other_writer.add([2], some(1)),
    ):
        with pytest.raises(IndexMismatch, match=f"made by '{NAME}'.*is 'other'") as mismatch:
            refused()
        assert "thesis index rebuild" in mismatch.value.way_out
    assert reader.numbers() == {1}


def test_cleared_index_is_empty_and_open_to_another_embedder(
    tmp_path: Path, writer: IndexWriter, reader: IndexReader
) -> None:
    writer.add([1], some(1))
    assert reader.count() == 1
    writer.clear()
    assert reader.search(some(1)[0], 1) == []
    assert reader.count() == 0
    other = IndexWriter(tmp_path, "other")
    other.add([2], some(1))
    other.close()
    with pytest.raises(IndexMismatch):
        reader.count()


def test_reader_that_saw_the_index_before_it_was_rebuilt_sees_the_new_one(
    writer: IndexWriter, reader: IndexReader
) -> None:
    rows = some(3)
    writer.add([1, 2], rows[:2])
    assert reader.numbers() == {1, 2}
    writer.clear()
    writer.add([3], rows[2:])
    assert reader.numbers() == {3}
    assert [number for number, _ in reader.search(rows[0], 5)] == [3]


def test_clearing_what_is_not_there_leaves_an_index_to_write_to(
    writer: IndexWriter, reader: IndexReader
) -> None:
    writer.clear()
    writer.add([1], some(1))
    assert reader.numbers() == {1}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexProcess]:
    """One other process for several tests, as it takes its time to import Chroma."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OPENAI_API_KEY", "sk-secret")
        made = IndexProcess(tmp_path_factory.mktemp("elsewhere"), NAME)
        made.clear()  # starts it
    yield made
    made.close()


@pytest.fixture
def elsewhere(running: IndexProcess) -> IndexProcess:
    """A writer in another process, its index empty."""
    running.clear()
    return running


@pytest.fixture
def onlooker(elsewhere: IndexProcess) -> Iterator[IndexReader]:
    """A reader in this process of what is written elsewhere."""
    made = IndexReader(elsewhere._folder, NAME)
    yield made
    made.close()


def test_reader_notices_a_writer_in_another_process(
    elsewhere: IndexProcess, onlooker: IndexReader
) -> None:
    rows = some(40)
    assert onlooker.count() == 0
    for start in range(0, 40, 10):
        elsewhere.add(range(start, start + 10), rows[start : start + 10])
        assert onlooker.numbers() == set(range(start + 10))
        assert onlooker.search(rows[start], 1)[0][0] == start


def test_reader_notices_that_another_process_started_anew(
    elsewhere: IndexProcess, onlooker: IndexReader
) -> None:
    elsewhere.add([1, 2], some(2))
    assert onlooker.count() == 2
    elsewhere.clear()
    assert onlooker.count() == 0
    elsewhere.add([3], some(1))
    assert onlooker.numbers() == {3}


def test_refused_batch_is_an_error_here_and_the_other_process_goes_on(
    elsewhere: IndexProcess, onlooker: IndexReader
) -> None:
    elsewhere.add([1], some(1))
    with pytest.raises(StoreError, match="dimension") as refused:
        elsewhere.add([2], np.ones((1, 9), dtype=np.float32))
    assert "thesis index rebuild" in refused.value.way_out
    elsewhere.add([3], some(1))
    assert onlooker.numbers() == {1, 3}


def test_other_process_refuses_the_index_of_another_embedder(
    tmp_path: Path, writer: IndexWriter
) -> None:
    writer.add([1], some(1))
    other = IndexProcess(tmp_path, "other")
    with pytest.raises(IndexMismatch, match="is 'other'"):
        other.add([2], some(1))
    other.close()


def test_other_process_is_given_no_secret(elsewhere: IndexProcess) -> None:
    assert elsewhere._process is not None
    environment = Path(f"/proc/{elsewhere._process.pid}/environ")
    if not environment.exists():
        pytest.skip("only Linux shows a process's environment")
    assert b"sk-secret" not in environment.read_bytes()


def test_death_of_the_other_process_is_an_error_and_the_next_one_goes_on(
    tmp_path: Path, reader: IndexReader
) -> None:
    doomed = IndexProcess(tmp_path, NAME)
    doomed.add([1], some(1))
    assert doomed._process is not None
    doomed._process.kill()
    doomed._process.wait()
    with pytest.raises(StoreError, match="died"):
        doomed.add([2], some(1))
    doomed.close()
    fresh = IndexProcess(tmp_path, NAME)
    fresh.add([2], some(1, seed=2))
    fresh.close()
    assert reader.numbers() == {1, 2}


def test_crash_of_the_other_process_says_that_the_index_is_broken(tmp_path: Path) -> None:
    doomed = IndexProcess(tmp_path, NAME)
    doomed.clear()
    assert doomed._process is not None
    doomed._process.send_signal(signal.SIGSEGV)
    doomed._process.wait()
    with pytest.raises(IndexBroken, match="died"):
        doomed.add([1], some(1))


def test_damaged_index_is_an_error_that_says_how_to_rebuild(tmp_path: Path) -> None:
    writer = IndexWriter(tmp_path, NAME)
    writer.add([1], some(1))
    writer.close()
    (tmp_path / FOLDER / "chroma.sqlite3").write_bytes(b"this is no database" * 1000)
    reader = IndexReader(tmp_path, NAME)
    with pytest.raises(StoreError, match="vector index") as damaged:
        reader.count()
    assert "thesis index rebuild" in damaged.value.way_out
    again = IndexWriter(tmp_path, NAME)
    again.clear()
    again.add([1], some(1))
    again.close()
    assert reader.count() == 1
    reader.close()


def test_watermark_that_was_cut_off_does_not_stop_the_writer(
    tmp_path: Path, writer: IndexWriter, reader: IndexReader
) -> None:
    writer.add([1], some(1))
    (tmp_path / FOLDER / WATERMARK).write_bytes(b"")
    writer.add([2], some(1, seed=2))
    assert reader.numbers() == {1, 2}


def test_index_is_emptied_without_a_process_and_not_under_one_that_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_process, "PATIENCE", 0.1)
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / WATERMARK).touch()
    with FileLock(tmp_path / index_process.LOCK_NAME), pytest.raises(StoreError, match="written"):
        index_process.empty(tmp_path)
    assert (tmp_path / FOLDER / WATERMARK).exists()
    index_process.empty(tmp_path)
    assert not (tmp_path / FOLDER).exists()


def test_damage_is_seen_and_a_whole_index_or_none_is_not_called_damaged(
    writer: IndexWriter, tmp_path: Path
) -> None:
    assert not vectors.is_damaged(tmp_path)
    writer.add(range(30), some(30))
    assert not vectors.is_damaged(tmp_path)
    writer.close()
    assert not vectors.is_damaged(tmp_path)
    flip_page(tmp_path / FOLDER / DATABASE, "embeddings")
    assert vectors.is_damaged(tmp_path)
    (tmp_path / FOLDER / DATABASE).write_bytes(b"no database" * 1000)
    assert vectors.is_damaged(tmp_path)


def test_an_index_that_is_being_written_is_not_called_damaged(
    writer: IndexWriter, tmp_path: Path
) -> None:
    writer.add(range(30), some(30))
    writer.close()
    path = tmp_path / FOLDER / DATABASE
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert not vectors.is_damaged(tmp_path)
