"""An index that cannot be gone on with is made anew from SQL, and one that can is left alone."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from agent import config as configuration
from agent import doctor, indexing, pipeline
from agent.embed import StaticEmbedder
from agent.errors import IndexBroken, StoreError
from agent.indexing import Indexer
from agent.workspace import Workspace, writing
from store import items
from store.models import ItemState
from store.vectors import DATABASE, FILES, FOLDER, VERSION, IndexReader, IndexWriter, is_damaged
from tests.disks import small_disk
from tests.fakes import FakeJudge
from tests.store.rows import row
from tests.stored import embedded, indexed, select

FEW, MANY = 40, 1010
"""Vectors in an index: from a thousand on Chroma has written its graph into files of its own."""
LATER = datetime(2025, 2, 4, tzinfo=UTC)


def fill(workspace: Workspace, first: int, count: int) -> None:
    """Items with vectors that wait for the index."""
    numbers = range(first, first + count)
    vectors = np.random.default_rng(first).normal(size=(count, StaticEmbedder.dimension))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    with workspace.database.writing() as connection:
        items.add(connection, [row(n, state=ItemState.SCORED) for n in numbers])
        items.add_vectors(connection, numbers, vectors)


class Home:
    """A folder with an index, to be broken."""

    def __init__(self, folder: Path, embedder: StaticEmbedder) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.index = self.data / FOLDER
        self._embedder = embedder

    def use(self, act: Callable[[Workspace], object]) -> object:
        """Open it, with the index writer in this process."""
        (self.folder / configuration.FILE_NAME).touch()
        with writing(self.folder / configuration.FILE_NAME) as opened:
            writer = IndexWriter(opened.database.folder, self._embedder.name)
            opened.__dict__.update(embedder=self._embedder, judge=FakeJudge(), index=writer)
            try:
                return act(opened)
            finally:
                writer.close()

    def graph(self, name: str) -> Path:
        (found,) = self.index.glob(f"*/{name}")
        return found

    @property
    def finding(self) -> doctor.Finding:
        findings = doctor.examine(self.folder / configuration.FILE_NAME, LATER)
        return next(one for one in findings if one.check == "index")

    @property
    def is_complete(self) -> bool:
        return indexed(self.data, self._embedder.name) == embedded(self.data)


def made(folder: Path, embedder: StaticEmbedder, count: int) -> Home:
    home = Home(folder, embedder)

    def index(workspace: Workspace) -> bool:
        fill(workspace, 1, count)
        return pipeline.index(workspace)

    assert home.use(index) is False
    return home


@pytest.fixture(scope="module")
def bases(
    tmp_path_factory: pytest.TempPathFactory, static_embedder: StaticEmbedder
) -> dict[int, Home]:
    found = {n: tmp_path_factory.mktemp(f"of{n}") for n in (FEW, MANY)}
    return {n: made(folder, static_embedder, n) for n, folder in found.items()}


@pytest.fixture
def home(
    bases: dict[int, Home], tmp_path: Path, static_embedder: StaticEmbedder
) -> Iterator[Callable[[int], Home]]:
    """Copies of a folder with so many vectors."""

    def copy(count: int) -> Home:
        shutil.copytree(bases[count].folder, tmp_path / "home")
        return Home(tmp_path / "home", static_embedder)

    yield copy


def halve(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def spoil(path: Path) -> None:
    path.write_bytes(b"\xa5" * path.stat().st_size)


DAMAGES: dict[str, Callable[[Home], object]] = {
    "another version wrote it": lambda home: (home.index / VERSION).write_text("0.0.1"),
    "its database is garbage": lambda home: spoil(home.index / DATABASE),
    "its database is cut off": lambda home: halve(home.index / DATABASE),
    "its database is gone": lambda home: (home.index / DATABASE).unlink(),
    "all of it is gone": lambda home: shutil.rmtree(home.index),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_index_that_cannot_be_gone_on_with_is_made_anew(
    home: Callable[[int], Home], damage: str
) -> None:
    broken = home(FEW)
    DAMAGES[damage](broken)

    def one_more(workspace: Workspace) -> bool:
        fill(workspace, FEW + 1, 1)
        return pipeline.index(workspace)

    assert broken.use(one_more) is True
    assert broken.is_complete
    assert broken.use(pipeline.index) is False


def test_index_that_lost_the_end_of_a_file_is_made_anew_though_nothing_waits(
    home: Callable[[int], Home],
) -> None:
    broken = home(MANY)
    halve(broken.graph("data_level0.bin"))
    assert broken.use(pipeline.index) is True
    assert broken.finding == doctor.Finding("index", True, f"{MANY:,} vectors, as SQL has them")


def test_every_file_that_is_gone_or_cut_off_is_noticed(bases: dict[int, Home]) -> None:
    whole = bases[MANY]
    names = json.loads((whole.index / FILES).read_text(encoding="ascii"))
    assert {Path(name).name for name in names} > {"chroma.sqlite3", "data_level0.bin", "header.bin"}
    writer = IndexWriter(whole.data, "unused")
    for name in names:
        path = whole.index / name
        kept = path.read_bytes()
        assert writer.is_whole()
        path.write_bytes(kept[:-1])
        assert not writer.is_whole()
        assert is_damaged(whole.data)
        path.unlink()
        assert not writer.is_whole()
        path.write_bytes(kept)


def test_index_that_is_well_is_gone_on_with(home: Callable[[int], Home]) -> None:
    well = home(FEW)
    before = [path for path in well.index.rglob("*") if path.is_dir()]

    def more(workspace: Workspace) -> bool:
        fill(workspace, FEW + 1, 5)
        return pipeline.index(workspace)

    assert well.use(more) is False
    assert well.is_complete
    assert [path for path in well.index.rglob("*") if path.is_dir()] == before


def test_index_of_before_its_files_were_noted_is_gone_on_with(home: Callable[[int], Home]) -> None:
    old = home(FEW)
    for name in (FILES, VERSION):
        (old.index / name).unlink()
    assert old.use(pipeline.index) is False
    assert old.is_complete


def test_batch_handed_over_while_a_pass_goes_on_does_not_hide_that_the_index_was_outdated(
    home: Callable[[int], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "BATCH", 10)
    old = home(FEW)
    (old.index / VERSION).write_text("0.0.1", encoding="ascii")

    def go_on(workspace: Workspace) -> bool:
        fill(workspace, FEW + 1, 15)
        one = Indexer(workspace)
        try:
            one.feed()
            one.finish()
        finally:
            one.close()
        return one.made_anew

    assert old.use(go_on) is True
    assert old.is_complete


@pytest.mark.parametrize("version", ["", "0.0.1"])
def test_full_disk_is_no_reason_to_empty_the_index_be_it_outdated(
    home: Callable[[int], Home], static_embedder: StaticEmbedder, version: str
) -> None:
    kept = home(FEW)
    with small_disk(kept.folder.parent / "disk", megabytes=8) as disk:
        shutil.copytree(kept.folder, disk.place / "home")
        there = Home(disk.place / "home", static_embedder)
        if version:
            (there.index / VERSION).write_text(version, encoding="ascii")

        def one_more(workspace: Workspace) -> bool:
            fill(workspace, FEW + 1, 1)
            disk.fill(1000)
            try:
                return pipeline.index(workspace)
            finally:
                disk.free_all()

        with pytest.raises(StoreError, match="disk space|is full"):
            there.use(one_more)
        numbers = indexed(there.data, static_embedder.name)
        assert embedded(there.data) - numbers <= {FEW + 1}
        assert select(there.data, "SELECT count(*) FROM index_outbox") == [(1,)]
        assert there.use(pipeline.index) == bool(version)
        assert there.is_complete


def test_reader_of_an_index_that_was_cut_off_is_told_and_does_not_crash(
    home: Callable[[int], Home], static_embedder: StaticEmbedder
) -> None:
    broken = home(MANY)
    halve(broken.graph("header.bin"))  # Chroma would end the whole process
    reader = IndexReader(broken.data, static_embedder.name)
    with pytest.raises(IndexBroken, match=r"header\.bin is gone or was cut off") as told:
        reader.count()
    assert "thesis index rebuild" in told.value.way_out
