"""The demo: the whole job, offline, on an archive that keeps the house's promises."""

import csv
import gzip
import json
import re
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent import report
from agent.demo import show
from agent.judge.local import LocalJudge
from agent.sources import files
from agent.workspace import CACHE, reading


@pytest.fixture(scope="module")
def archive() -> list[dict[str, Any]]:
    lines = show.ARCHIVE.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_line_of_the_archive_is_a_dated_item_with_a_link(
    archive: list[dict[str, Any]],
) -> None:
    fetched = files.fetch(show.ARCHIVE, "demo")
    assert fetched.faults == ()
    assert len(fetched.drafts) == len(archive) >= 300
    assert all(draft.published and draft.url for draft in fetched.drafts)
    assert len({draft.id for draft in fetched.drafts}) == len(archive)


def test_archive_covers_the_months_that_the_demo_speaks_of(archive: list[dict[str, Any]]) -> None:
    months = {row["published"][:7] for row in archive}
    assert months == {"2024-10", "2024-11", "2024-12", *(f"2025-0{n}" for n in (1, 2, 3, 4))}
    assert len({row["publisher"] for row in archive}) >= 20
    assert {row["lang"] for row in archive} >= {"en", "zh"}


def test_wording_of_the_archive_is_our_own(archive: list[dict[str, Any]], shared: Path) -> None:
    path = shared / "news" / "headlines_2024-01_2025-04.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        theirs = {json.loads(line)["title"].casefold() for line in lines}
    assert {row["title"] for row in archive if row["title"].casefold() in theirs} == set()


def test_prices_are_one_a_trading_day() -> None:
    with show.CLOSES.open(encoding="utf-8", newline="") as stream:
        rows = [
            (date.fromisoformat(row["date"]), float(row["close"])) for row in csv.DictReader(stream)
        ]
    days = [day for day, _ in rows]
    assert days == sorted(set(days))
    assert all(day.weekday() < 5 for day in days)
    assert all(50 < close < 200 for _, close in rows)


@pytest.mark.uncounted
def test_demo_runs_offline_and_says_where_to_look_next(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    judge_cache: Path,
    local_judge: LocalJudge,
) -> None:
    folder = tmp_path / "thesis-demo-x"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / CACHE).symlink_to(judge_cache)  # spares the fitting
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(folder))
    show.run()
    said = capsys.readouterr().out
    assert re.search(r"Replaying \d+ items, 2024-10 to 2025-04, offline and without a key", said)
    assert (folder / "score.png").read_bytes().startswith(b"\x89PNG")
    assert "For the thesis" in said and "Against it" in said
    assert f"thesis explain --since 2025-01-24 --as-of 2025-01-28 --config {folder}" in said
    with reading(folder / "config.toml") as workspace:
        assert workspace.config.sources == ()
        assert report.score(workspace, None)["events"] >= 50
        rows = report.explain(workspace)["rows"]
        assert all(row["url"] for row in rows)
        assert {row["stance"] for row in rows} == {"supports", "weakens", "neutral"}
