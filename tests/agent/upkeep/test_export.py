"""`thesis export`: the tables say what the ledger says, and of a past day what was known then."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import log
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from agent import alerting, regrouping, report
from agent.alerts import Alert, Case, Evidence, Status
from agent.days import end_of
from agent.errors import ThesiswatchError
from agent.replay import replay
from agent.score import LedgerRow, compute
from agent.signals import Direction, Rule, Severity
from agent.upkeep import export as exporting
from agent.upkeep.cells import unguarded
from agent.upkeep.export import export
from agent.upkeep.tables import TABLES, Kind
from agent.workspace import Workspace
from store import alerts, items
from tests.command import thesis
from tests.disks import small_disk
from tests.fakes import fetched, item
from tests.story import STORY

NOW = datetime(2026, 1, 27, 8, tzinfo=UTC)
DAY = end_of(datetime(2025, 1, 24, tzinfo=UTC).date())
HOSTILE = '=HYPERLINK("http://evil.invalid";"x") [custom_silicon+2]'

Tables = dict[str, list[dict[str, Any]]]


def read(folder: Path) -> Tables:
    """The Parquet tables of an export."""
    return {
        one.name: parquet.read_table(folder / f"{one.name}.parquet").to_pylist() for one in TABLES
    }


def told_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
    return found


def exported(workspace: Workspace, folder: Path, as_of: datetime | None = None) -> Tables:
    export(workspace, folder, NOW, as_of, as_csv=False, force=True)
    return read(folder)


def score_of(folder: Path) -> float:
    """The score from the exported ledger and columns.json alone."""
    said = told_of(folder)
    rows = [
        LedgerRow(
            row["event_id"],
            row["category"],
            row["weight"],
            row["half_life_days"],
            row["occurred_at"],
            tuple(row["owners"]),
        )
        for row in read(folder)["ledger"]
        if row["stands"]
    ]
    at = datetime.fromisoformat(said["as_of"])
    seed = f"{said['thesis']} {at.date()}"
    found = compute(rows, as_of=at, weights=said["weights"], prior=said["prior"], seed=seed)
    return found.score


@pytest.mark.parametrize("as_of", [None, DAY])
def test_the_score_can_be_computed_again_from_the_exported_ledger(
    told: Workspace, tmp_path: Path, as_of: datetime | None
) -> None:
    tables = exported(told, tmp_path, as_of)
    said, score = told_of(tmp_path), report.score(told, as_of)["score"]
    assert score_of(tmp_path) == pytest.approx(score, abs=1e-9)
    assert said["score"] == score != 50
    added = sum(row["contribution"] for row in tables["ledger"])
    prior = log(said["prior"]) - log(1 - said["prior"])
    assert prior + added == pytest.approx(said["log_odds"], abs=1e-9)


def test_every_row_that_is_stored_is_there(told: Workspace, tmp_path: Path) -> None:
    tables = exported(told, tmp_path)
    listed = report.listing(
        told, since=None, as_of=None, category=None, event_id=None, match=None, limit=None
    )
    for name in ("title", "event_id", "url", "state"):
        assert {row["item_id"]: row[name] for row in tables["items"]} == {
            row["id"]: row[name] for row in listed
        }
    explained = {row["row"]: row for row in report.explain(told)["rows"]}
    stands = [row for row in tables["ledger"] if row["stands"]]
    assert {row["row"] for row in stands} == explained.keys()
    for row in stands:
        said = explained[row["row"]]
        for name in ("contribution", "weight", "owners", "item_id", "url", "publisher", "title"):
            assert row[name] == said[name], name
    assert [row["score"] for row in tables["scores"]] == [
        row["score"] for row in report.history(told, None, None)
    ]
    assert told_of(tmp_path)["tables"]["items"]["rows"] == len(listed) == len(STORY)


def test_a_verdict_has_a_row_for_each_label_and_an_abstention_one_without(
    told: Workspace, tmp_path: Path
) -> None:
    rows = exported(told, tmp_path)["verdicts"]

    def of(item_id: str) -> list[dict[str, Any]]:
        return [row for row in rows if row["item_id"] == item_id]

    assert [(row["label"], row["category"], row["severity"]) for row in of("d3")] == [
        (1, "amd_stack", 2),
        (2, "inference_efficiency", 1),
    ]
    (abstained,) = of("b3")
    assert abstained["abstained"] and abstained["category"] is None and abstained["label"] == 0
    (irrelevant,) = of("a2")
    assert not irrelevant["abstained"] and not irrelevant["relevant"]


def test_times_are_typed_and_in_utc(told: Workspace, tmp_path: Path) -> None:
    exported(told, tmp_path)
    for table in TABLES:
        schema = parquet.read_schema(tmp_path / f"{table.name}.parquet")
        for column in table.columns:
            kind = str(schema.field(column.name).type)
            assert (kind == "timestamp[us, tz=UTC]") == (column.kind is Kind.INSTANT)
            assert (kind == "date32[day]") == (column.kind is Kind.DAY)
    undated = next(row for row in read(tmp_path)["items"] if row["item_id"] == "e3")
    assert undated["published_at"] is None


def test_every_column_is_explained_in_the_file_and_beside_it(
    told: Workspace, tmp_path: Path
) -> None:
    exported(told, tmp_path)
    for table in TABLES:
        schema = parquet.read_schema(tmp_path / f"{table.name}.parquet")
        beside = told_of(tmp_path)["tables"][table.name]
        assert list(beside["columns"]) == schema.names
        for field in schema:
            meaning = beside["columns"][field.name]["meaning"]
            assert meaning and field.metadata[b"meaning"].decode() == meaning


def test_of_a_past_day_it_says_what_it_would_have_said_then(
    workspaces: Callable[..., Workspace], tmp_path: Path
) -> None:
    then = [row for row in STORY if (row.get("published") or "later") < "2025-01-25"]
    early = workspaces("early")
    replay(early, fetched(*then), "story")
    late = workspaces("late")
    replay(late, fetched(*then), "story")
    replay(late, fetched(*STORY), "story")
    with late.database.reading() as connection:
        one, other = items.events_by_id(connection, ["a1", "a3"]).values()
    assert one != other
    regrouping.merge(late, one, other, NOW)
    before, after = exported(early, tmp_path / "early"), exported(late, tmp_path / "late", DAY)
    for table in TABLES:
        assert after[table.name] == before[table.name], table.name
    now = exported(late, tmp_path / "now")
    assert len(now["items"]) > len(after["items"])
    assert {row["merged_into"] for row in now["events"]} > {
        row["merged_into"] for row in after["events"]
    }


def test_an_alert_that_ended_later_was_firing(workspace: Workspace, tmp_path: Path) -> None:
    replay(workspace, fetched(*STORY[:3]), "story")
    evidence = (Evidence("a1", "DeepSeek", "a1.example", "https://a1.example/a"),)
    alert = Alert(
        id="A-1",
        rule=Rule.MOVE,
        subject="thesis",
        direction=Direction.RISING,
        severity=Severity.WARNING,
        status=Status.RESOLVED,
        began_at=DAY - timedelta(days=4),
        active_at=DAY,
        case=Case("It moved", evidence, score_before=50.0, score_after=56.0),
        fired_at=DAY - timedelta(days=3),
        resolved_at=DAY + timedelta(days=2),
        acknowledged_at=DAY - timedelta(days=1),
    )
    with workspace.database.writing() as connection:
        alerts.keep(connection, alerting.as_row(alert, workspace.thesis.id))
    (now,) = exported(workspace, tmp_path / "now")["alerts"]
    assert (now["status"], now["resolved_at"]) == ("resolved", alert.resolved_at)
    assert (now["headline"], now["item_ids"]) == ("It moved", ["a1"])
    assert now["urls"] == ["https://a1.example/a"]
    (then,) = exported(workspace, tmp_path / "then", DAY)["alerts"]
    assert (then["status"], then["resolved_at"]) == ("firing", None)
    assert then["acknowledged_at"] == alert.acknowledged_at
    before = exported(workspace, tmp_path / "before", DAY - timedelta(days=3, hours=1))
    assert before["alerts"] == []


# CSV


def test_csv_says_the_same_in_text(told: Workspace, tmp_path: Path) -> None:
    tables = exported(told, tmp_path)
    export(told, tmp_path, NOW, None, as_csv=True, force=True)
    for table in TABLES:
        with (tmp_path / f"{table.name}.csv").open(encoding="utf-8", newline="") as file:
            read = list(csv.DictReader(file))
        assert len(read) == len(tables[table.name])
        for text, row in zip(read, tables[table.name], strict=True):
            for column in table.columns:
                assert same(column.kind, text[column.name], row[column.name]), column


def same(kind: Kind, text: str, value: Any) -> bool:
    """Whether a cell of CSV says what Parquet holds."""
    if value is None:
        return text == ""
    if kind is Kind.NUMBER:
        return float(text) == value
    if kind is Kind.INSTANT:
        return datetime.fromisoformat(text) == value
    if kind is Kind.TEXTS:
        return bool(json.loads(unguarded(text)) == value)
    if kind is Kind.FLAG:
        return text == str(value).lower()
    return unguarded(text) == str(value)


def test_a_title_that_is_a_formula_is_not_run_and_parquet_has_it_as_it_is(
    workspace: Workspace, tmp_path: Path
) -> None:
    replay(workspace, fetched(item("h", HOSTILE)), "story")
    assert exported(workspace, tmp_path)["items"][0]["title"] == HOSTILE
    export(workspace, tmp_path, NOW, None, as_csv=True, force=True)
    for name in ("items", "ledger"):
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
        assert row["title"] == "'" + HOSTILE


# Files


def test_tables_replace_those_of_before_for_their_owner_alone(
    told: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "items.parquet").write_text("of before", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    exported(told, tmp_path)
    names = {f"{table.name}.parquet" for table in TABLES} | {"columns.json", "notes.txt"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert (tmp_path / "items.parquet").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["items.csv", "kpis.csv", "columns.json"])
def test_a_file_that_is_there_is_only_written_over_by_force(
    told: Workspace, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"precious")
    with pytest.raises(ThesiswatchError, match=rf"{name} exists already. Name another folder, or"):
        export(told, tmp_path, NOW, None, as_csv=True)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"precious"]
    config = told.config.folder / "config.toml"
    command = ("export", tmp_path, "--format", "csv", "--config", config)
    assert thesis(*command).code == 1
    assert thesis(*command, "--force").code == 0
    assert len(list(tmp_path.iterdir())) == len(TABLES) + 1


@pytest.mark.parametrize("as_csv", [True, False])
def test_a_full_disk_leaves_the_tables_of_before(
    told: Workspace, tmp_path: Path, as_csv: bool
) -> None:
    with small_disk(tmp_path / "small", megabytes=1) as disk:
        export(told, disk.place / "out", NOW, DAY, as_csv=as_csv)
        before = {path.name: path.read_bytes() for path in (disk.place / "out").iterdir()}
        disk.fill(4_000)
        disk.free_some()
        with pytest.raises(ThesiswatchError, match=r"disk of .*out is full. Nothing was changed"):
            export(told, disk.place / "out", NOW, None, as_csv=as_csv, force=True)
        assert {path.name: path.read_bytes() for path in (disk.place / "out").iterdir()} == before


def test_few_rows_are_in_memory_at_a_time(
    told: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = exported(told, tmp_path / "whole")
    monkeypatch.setattr(exporting, "BATCH", 3)
    assert exported(told, tmp_path / "parts") == whole
    found = parquet.ParquetFile(tmp_path / "parts" / "items.parquet")
    assert found.num_row_groups == -(-len(STORY) // 3)


def test_before_the_first_pass_there_is_nothing_to_add_up(
    workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(ThesiswatchError, match="there is no score yet"):
        export(workspace, tmp_path / "out", NOW, None, as_csv=False)
    assert not list((tmp_path / "out").glob("*"))


# The command


def test_the_command_says_what_it_wrote(told: Workspace, tmp_path: Path) -> None:
    config = told.config.folder / "config.toml"
    ran = thesis("export", tmp_path / "out", "--config", config)
    assert (ran.code, ran.err) == (0, "")
    assert f"Wrote {tmp_path / 'out' / 'items.parquet'}: {len(STORY)} rows." in ran.out
    assert "The ledger adds up to" in ran.out
    said = thesis("export", tmp_path / "c", "--format", "csv", "--json", "--config", config).json
    assert said["rows"]["items"] == len(STORY)
    assert said["score"] == report.score(told, None)["score"]
    assert all(Path(path).exists() for path in said["files"])


def test_the_command_takes_a_day_and_refuses_what_it_does_not_know(
    told: Workspace, tmp_path: Path
) -> None:
    config = told.config.folder / "config.toml"
    ran = thesis("export", tmp_path, "--as-of", "2025-01-24", "--json", "--config", config)
    assert ran.json["as_of"] == "2025-01-24T23:59:59.999999Z"
    assert thesis("export", tmp_path, "--format", "xlsx", "--config", config).code == 2
    (tmp_path / "file").touch()
    ran = thesis("export", tmp_path / "file", "--config", config)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
