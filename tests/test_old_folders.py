"""A data folder of any earlier version, opened by this one: all of it is there and goes on."""

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent import auditing, doctor, intake, learning, pipeline, reindex, report, verifying
from agent.calibration import PERSON
from agent.config import ReliabilitySection
from agent.embed import StaticEmbedder
from agent.judge.local import LocalJudge
from agent.publishers import Publishers
from agent.workspace import CACHE, Workspace, reading, writing
from store import items, migrations, private, search
from store.database import FILE_NAME
from store.search import Scope
from store.vectors import IndexWriter
from tests.command import Ran, thesis
from tests.fakes import FakeIndex, fetched, item
from tests.folders import CONFIG, DATA, ENDING, kept, make, story, unpack
from tests.folders.conftest import hook  # noqa: F401  # a fixture
from tests.store.test_migrations import FULL_TEXT, revisions
from tests.stored import select

NOW = datetime(2025, 6, 8, 12, tzinfo=UTC)
"""A day after the last thing that happened in any of them."""
NEW = [
    item(
        "n1", "DeepSeek trains a frontier model for 6 million dollars on 2,000 GPUs", "2025-06-08"
    ),
    item("n2", "Anthropic will train on a million TPUs in place of Nvidia GPUs", "2025-06-08"),
]
REVIEWED = "0006"
"""From here on somebody reviewed verdicts."""
DRAWN_AS_NOW = "0008"
"""From here on a band is drawn as it is now, event by event; asked of a score kept before, it is
drawn anew. The one that was kept stands in the history."""
LUCK = 0.15
"""What the width of a band drawn anew may be off."""
EMPTY = {"index_outbox"}
"""What is empty in a folder that is well."""

Table = tuple[list[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Old:
    """A folder that an earlier version left, what was in it, and what `thesis score` made of it."""

    schema: str
    held: dict[str, Table]
    score: Ran
    workspace: Workspace

    @property
    def folder(self) -> Path:
        return self.workspace.config.folder

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What a table held, by column."""
        names, rows = self.held[table]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def now_in(self, folder: Path, table: str) -> list[tuple[Any, ...]]:
        """The rows of a table as `folder` has them now, in the columns that it had then."""
        names, rows = tables(folder / DATA)[table]
        places = [names.index(name) for name in self.held[table][0]]
        return [tuple(row[place] for place in places) for row in rows]


def tables(folder: Path) -> dict[str, Table]:
    """Columns and rows of every table of a database, but of those that SQLite keeps for itself."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith((*FULL_TEXT, "alembic"))
        ]
        found = {}
        for name in names:
            rows = connection.execute(f"SELECT * FROM {name} ORDER BY rowid")
            found[name] = ([column[0] for column in rows.description], rows.fetchall())
        return found


@pytest.fixture(scope="module", params=kept())
def old(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    hook: object,  # noqa: F811
) -> Iterator[Old]:
    """A folder of each schema; to be looked at."""
    config = unpack(request.param, tmp_path_factory.mktemp(request.param))
    held = tables(config.parent / DATA)
    score = thesis("score", "--json", "--config", config)
    with reading(config) as workspace:
        yield Old(request.param, held, score, workspace)


@pytest.fixture(scope="module")
def publishers() -> Publishers:
    """The table of publishers, which takes a tenth of a second to read."""
    return Publishers(ReliabilitySection().default, {})


@pytest.fixture(scope="module")
def opened(
    old: Old,
    tmp_path_factory: pytest.TempPathFactory,
    static_embedder: StaticEmbedder,
    publishers: Publishers,
) -> Iterator[Workspace]:
    """A copy of it, open to be written."""
    folder = tmp_path_factory.mktemp(f"{old.schema}-opened")
    shutil.copytree(old.folder, folder, dirs_exist_ok=True)
    with writing(folder / CONFIG) as workspace:
        workspace.__dict__.update(embedder=static_embedder, publishers=publishers)
        yield workspace


# What is kept


def test_folder_is_kept_of_every_schema_but_the_newest() -> None:
    missing = set(revisions()[:-1]) - set(kept())
    assert missing == set(), "make it with the version before: see tests/folders/README.md"


def test_kept_folder_is_of_its_schema_full_and_of_no_machine(tmp_path: Path) -> None:
    for schema in kept():
        config = unpack(schema, tmp_path / schema)
        data = tmp_path / schema / DATA
        assert select(data, "SELECT version_num FROM alembic_version") == [(schema,)]
        assert {name for name, (_, rows) in tables(data).items() if not rows} == EMPTY
        for file in (config, data / FILE_NAME):
            assert re.findall(rb"/(?:home|root|tmp|work|Users|var)/\w*", file.read_bytes()) == []


@pytest.mark.skipif(
    "THESISWATCH_FOLDERS" not in os.environ, reason="it takes minutes; set THESISWATCH_FOLDERS"
)
def test_folder_of_this_version_can_be_made(tmp_path: Path) -> None:
    packed = make.make(story.ROOT, tmp_path)
    assert packed.name == f"{migrations.HEAD}{ENDING}"
    config = unpack(migrations.HEAD, tmp_path / "unpacked", tmp_path)
    assert {name for name, (_, rows) in tables(config.parent / DATA).items() if not rows} == EMPTY


# What is there when it is opened


def test_score_is_the_one_it_kept(old: Old) -> None:
    last = max(old.rows("snapshot"), key=lambda row: row["as_of"])
    assert (old.score.code, old.score.err) == (0, "")
    answer = old.score.json
    assert answer["as_of"] == last["as_of"].replace(" ", "T").removesuffix(".000000") + "Z"
    for name in ("score", "prior", "largest_share"):
        assert answer[name] == pytest.approx(last[name], abs=1e-9)
    for name in ("status", "events", "publishers"):
        assert answer[name] == last[name]


def test_band_is_the_one_it_kept_or_is_drawn_as_now(old: Old) -> None:
    last = max(old.rows("snapshot"), key=lambda row: row["as_of"])
    low, score, high = (old.score.json[name] for name in ("low", "score", "high"))
    if old.schema < DRAWN_AS_NOW:
        assert low <= score <= high
        assert high - low == pytest.approx(last["high"] - last["low"], rel=LUCK)
    else:
        assert [low, high] == pytest.approx([last["low"], last["high"]], abs=1e-9)


def test_every_row_is_there_with_its_values(old: Old) -> None:
    for table, (_, rows) in old.held.items():
        assert old.now_in(old.folder, table) == rows, table


def test_history_is_as_it_was_kept(old: Old) -> None:
    rows = sorted(old.rows("snapshot"), key=lambda row: row["as_of"])
    names = ("score", "low", "high", "status", "events", "publishers")
    history = report.history(old.workspace, None, None)
    assert [[one[name] for name in names] for one in history] == [
        [row[name] for name in names] for row in rows
    ]


def test_every_past_day_is_scored_as_it_was(old: Old) -> None:
    for row in old.rows("snapshot"):
        at = datetime.fromisoformat(row["as_of"]).replace(tzinfo=UTC)
        assert report.score(old.workspace, at)["score"] == pytest.approx(row["score"], abs=1e-9)


def test_ledger_still_adds_up_and_proves_its_score(old: Old) -> None:
    answer = report.explain(old.workspace)
    added = answer["prior_log_odds"] + sum(row["contribution"] for row in answer["rows"])
    assert added == pytest.approx(answer["log_odds"], abs=1e-9)
    proved = verifying.verify(
        auditing.export(old.workspace, report.standing_at(old.workspace, None))
    )
    assert (proved.faults, proved.score) == ((), old.score.json["score"])


def test_judge_learns_from_what_was_corrected_and_said_then(old: Old) -> None:
    taught = [row for row in old.rows("verdict") if row["judge"] == PERSON and not row["same_as"]]
    with old.workspace.database.reading() as connection:
        lines = learning.learned(connection, old.workspace.thesis.weights)
    assert len(lines) == len(taught)
    assert bool(taught) == (old.schema >= REVIEWED)


def test_items_are_found_by_their_words(old: Old) -> None:
    with old.workspace.database.reading() as connection:
        for words, wanted in (("bread prize", "c1"), ("wafer-scale", "w1"), ("bread wafer", "")):
            found = items.listing(connection, match=words)
            assert "".join(one.id for one in found) == wanted
        scope = Scope(until=NOW)
        (chinese,) = search.lexical(connection, [], search.pairs("开源编译器"), scope, 9)
        assert items.by_numbers(connection, [chinese])[0].id == "w5"


# What comes after


def test_it_goes_on_and_restates_nothing(
    old: Old, opened: Workspace, local_judge: LocalJudge
) -> None:
    opened.__dict__.update(judge=local_judge, index=FakeIndex())
    take = partial(intake.take, source="new", now=NOW, seen_at=lambda draft: NOW)
    with pipeline.Pass(opened, ask_at=NOW) as one:
        with opened.database.writing() as connection:
            take(connection, opened.publishers, fetched(*NEW).drafts, ())
        one.advance(NOW)
        standing = one.snapshot(NOW)
    assert pipeline.tell(opened, NOW)[1].failures == ()
    for table in ("evidence", "event", "snapshot", "verdict"):
        before = old.held[table][1]
        assert old.now_in(opened.config.folder, table)[: len(before)] == before, table
    assert report.score(opened, None)["score"] == standing.score.score
    assert {row["item_id"] for row in report.explain(opened)["rows"]} >= {"n1", "n2"}
    with opened.database.reading() as connection:
        assert set(items.counts(connection)) <= {"scored", "undated"}


def test_import_takes_new_items_into_the_oldest(
    tmp_path: Path,
    judge_cache: Path,
    local_judge: LocalJudge,
    lines: Callable[..., Path],
) -> None:
    config = unpack(kept()[0], tmp_path)
    shutil.copytree(judge_cache, tmp_path / DATA / CACHE)
    ran = thesis("import", lines(*NEW), "--config", config)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("2 new items, 0 known\nscore ")
    assert {"n1", "n2"} <= {row["id"] for row in thesis("items", "--json", "--config", config).json}


SEEN = {"disk", "messages", "sources seen"}
"""What may be amiss: this machine's disk, a source that is not here, mail that was given up."""


def test_its_index_is_made_from_its_vectors(opened: Workspace) -> None:
    with opened.database.reading() as connection:
        stored = items.with_vectors(connection)
    with closing(IndexWriter(opened.database.folder, opened.embedder.name)) as index:
        opened.__dict__.update(index=index)
        assert reindex.rebuild(opened, embed_again=False) == len(stored)
    private.tighten(opened.database.folder)  # the index was made in this process
    found = {one.check: one for one in doctor.examine(opened.config.folder / CONFIG, NOW)}
    assert {name for name, one in found.items() if not one.well} <= SEEN
    assert found["index"].found == f"{len(stored)} vectors, as SQL has them"
