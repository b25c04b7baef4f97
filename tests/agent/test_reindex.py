"""The index is made from SQL and can be made again, with the same vectors or with others."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from agent import doctor, reindex, report
from agent.embed import StaticEmbedder
from agent.errors import IndexMismatch
from agent.replay import replay
from agent.workspace import Workspace
from store import items
from store.vectors import FOLDER, IndexReader
from tests.fakes import FakeIndex, fetched
from tests.stored import embedded, indexed, select, tables
from tests.story import STORY

NOW = datetime(2025, 2, 4, tzinfo=UTC)


@pytest.fixture
def workspace(workspaces: Callable[..., Workspace], static_embedder: StaticEmbedder) -> Workspace:
    """STORY with the real embedder and the real index."""
    opened = workspaces("real", real_index=True, embedder=static_embedder)
    replay(opened, fetched(*STORY), "story")
    return opened


def index_finding(workspace: Workspace) -> doctor.Finding:
    findings = doctor.examine(workspace.config.folder / "config.toml", NOW)
    return next(one for one in findings if one.check == "index")


def neighbours(workspace: Workspace) -> list[list[tuple[int, float]]]:
    """For every stored vector what the index finds near it."""
    folder, name = workspace.database.folder, workspace.embedder.name
    reader = IndexReader(folder, name)
    with workspace.database.reading() as connection:
        vectors = items.vectors_of(connection, sorted(embedded(folder)))
    found = [sorted(reader.search(vector, len(STORY))) for vector in vectors]
    reader.close()
    return found


def test_rebuilt_index_holds_the_same_vectors_and_doctor_is_content(workspace: Workspace) -> None:
    before, kept = neighbours(workspace), tables(workspace.database.folder)
    assert reindex.rebuild(workspace, embed_again=False) == len(STORY)
    for old, new in zip(before, neighbours(workspace), strict=True):
        assert [number for number, _ in new] == [number for number, _ in old]
        assert np.allclose([d for _, d in new], [d for _, d in old], atol=1e-6)
    assert tables(workspace.database.folder) == kept
    assert index_finding(workspace).well


def test_index_that_was_thrown_away_is_noticed_and_rebuilt(workspace: Workspace) -> None:
    for path in sorted((workspace.database.folder / FOLDER).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    finding = index_finding(workspace)
    assert (finding.well, finding.way_out) == (False, "Run `thesis index rebuild`")
    assert finding.found.startswith(f"{len(STORY)} vectors missing")
    reindex.rebuild(workspace, embed_again=False)
    assert index_finding(workspace).found == f"{len(STORY)} vectors, as SQL has them"


def test_other_embedder_is_refused_until_everything_is_embedded_again(
    workspaces: Callable[..., Workspace],
) -> None:
    old = workspaces("one", real_index=True)
    replay(old, fetched(*STORY), "story")
    score = report.score(old, None)
    workspaces.close("one")  # type: ignore[attr-defined]
    workspace = workspaces("one", real_index=True)
    del workspace.__dict__["embedder"]
    with pytest.raises(IndexMismatch, match="made by 'fake-64'"):
        _ = workspace.embedder
    moved: list[tuple[str, int]] = []
    count = reindex.rebuild(
        workspace, embed_again=True, progress=lambda stage, n: moved.append((stage, n))
    )
    assert (count, moved) == (len(STORY), [("embed", len(STORY))])
    sizes = select(workspace.database.folder, "SELECT DISTINCT length(vector) FROM embedding")
    assert sizes == [(4 * StaticEmbedder.dimension,)]
    name = workspace.embedder.name
    assert indexed(workspace.database.folder, name) == embedded(workspace.database.folder)
    assert report.score(workspace, None) == score


def test_rebuild_forgets_what_sql_does_not_have(workspaces: Callable[..., Workspace]) -> None:
    index = FakeIndex()
    workspace = workspaces("one", index=index)
    replay(workspace, fetched(*STORY), "story")
    index.numbers.add(999)
    assert reindex.rebuild(workspace, embed_again=False) == len(STORY)
    assert index.numbers == embedded(workspace.database.folder)
