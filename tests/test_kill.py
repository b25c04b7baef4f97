"""`kill -9` at any moment, run again: the same ledger, and an index of exactly SQL's vectors.

The long run: THESIS_KILLS=20 THESIS_KILL_ARCHIVE=items.jsonl pytest tests/test_kill.py -s
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent import config as configuration
from agent import doctor
from agent.demo.show import ARCHIVE
from agent.embed import StaticEmbedder
from agent.judge.local import LocalJudge
from agent.workspace import CACHE
from store.database import FILE_NAME
from tests.fakes import item
from tests.stored import embedded, indexed, select, tables

KILLS = int(os.environ.get("THESIS_KILLS", "5"))
FILE = os.environ.get("THESIS_KILL_ARCHIVE")
SEED = 20250127
DEMO_ITEMS = 150
START_SECONDS = 2.5
"""A process is through its start after about this long."""
REPLAY = "from agent import cli, replay; replay.STRETCH = 40; cli.main()"
"""`thesis` with short stretches, so that a death can fall between two."""
WORK_DONE = """
    SELECT (SELECT count(*) FROM item) + (SELECT count(*) FROM embedding)
         + (SELECT count(*) FROM verdict) + (SELECT count(*) FROM item WHERE state = 'scored')
"""


def command(config: Path, archive: Path) -> list[str]:
    return [sys.executable, "-c", REPLAY, "replay", str(archive), "--config", str(config)]


def prepared(folder: Path, judge_cache: Path) -> Path:
    """A folder to work in, with the judge's fit where it will be looked for."""
    path = folder / configuration.FILE_NAME
    shutil.copytree(judge_cache, folder / "data" / CACHE)
    path.write_text(configuration.default_text().split("# Sources:")[0], encoding="utf-8")
    return path


def work_done(folder: Path) -> int:
    """How far a running replay has come, in items stored, embedded, judged and scored together."""
    try:
        with closing(sqlite3.connect(f"file:{folder / FILE_NAME}?mode=ro", uri=True)) as connection:
            return int(connection.execute(WORK_DONE).fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # no table yet


@dataclass(frozen=True)
class Moment:
    """When to kill: `delay` seconds after `work` is done; `all_` is the index writer too."""

    work: int
    delay: float
    all_: bool


def killed_at(moment: Moment, command: list[str], folder: Path) -> bool:
    """Run until the moment and kill; False when the run was through before it."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    while process.poll() is None and work_done(folder) < moment.work:
        time.sleep(0.002)
    time.sleep(moment.delay)
    if process.poll() is None:
        kill = os.killpg if moment.all_ else os.kill
        kill(process.pid, signal.SIGKILL)
    _, complaint = process.communicate()
    assert b"Traceback" not in complaint, complaint.decode()
    return process.returncode == -signal.SIGKILL


def moments(total: int) -> list[Moment]:
    """One while a process starts, most while items go through, some while the index is written."""
    rng = random.Random(SEED)
    late = max(1, KILLS // 5)
    works = sorted(rng.randrange(total * 9 // 10) for _ in range(KILLS - late - 1))
    return [
        Moment(0, rng.uniform(0, START_SECONDS), True),
        *(Moment(work, rng.uniform(0, 0.1), rng.random() < 0.5) for work in works),
        *(Moment(total, rng.uniform(0, 1.5), rng.random() < 0.5) for _ in range(late)),
    ]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The archive to replay: the demo's first items, a copy and an undated one; or FILE."""
    if FILE:
        return Path(FILE)
    rows = ARCHIVE.read_text(encoding="utf-8").splitlines()[:DEMO_ITEMS]
    copy = {**json.loads(rows[40]), "url": "https://copy.example/1", "publisher": "Reuters"}
    undated = item("undated", "Nvidia says that Blackwell is sold out", None)
    path = tmp_path / "archive.jsonl"
    path.write_text("\n".join([*rows, json.dumps(copy), json.dumps(undated)]), encoding="utf-8")
    return path


def test_replay_killed_at_random_moments_ends_as_if_nothing_had_happened(
    archive: Path,
    tmp_path: Path,
    judge_cache: Path,
    local_judge: LocalJudge,
) -> None:
    twin, victim = tmp_path / "twin", tmp_path / "victim"
    undisturbed = command(prepared(twin, judge_cache), archive)
    subprocess.run(undisturbed, capture_output=True, check=False)
    total = work_done(twin / "data")
    items = len(embedded(twin / "data"))
    assert items >= DEMO_ITEMS
    disturbed = command(prepared(victim, judge_cache), archive)
    chosen = moments(total)
    died = [killed_at(moment, disturbed, victim / "data") for moment in chosen]
    assert all(killed for killed, moment in zip(died, chosen, strict=True) if moment.work < total)
    done = subprocess.run(disturbed, capture_output=True, text=True, check=False)
    print(f"{sum(died)} kills, {items:,} items; {done.stdout}")

    assert "Traceback" not in done.stderr, done.stderr
    for name, rows in tables(twin / "data").items():
        assert tables(victim / "data")[name] == rows, name
    assert select(victim / "data", "SELECT count(*) FROM evidence") > [(20,)]
    assert select(victim / "data", "SELECT DISTINCT state FROM item") == [("scored",)]
    for folder in (twin / "data", victim / "data"):
        assert select(folder, "SELECT count(*) FROM index_outbox") == [(0,)]
        assert indexed(folder, StaticEmbedder.name) == embedded(folder)
        assert len(embedded(folder)) == items
    findings = doctor.examine(victim / configuration.FILE_NAME, datetime(2026, 1, 1, tzinfo=UTC))
    assert [one for one in findings if not one.well and one.check != "sources"] == []


def test_interrupted_replay_says_so_without_a_traceback(
    archive: Path, tmp_path: Path, judge_cache: Path, local_judge: LocalJudge
) -> None:
    config = prepared(tmp_path / "stopped", judge_cache)
    process = subprocess.Popen(
        command(config, archive),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while process.poll() is None and work_done(config.parent / "data") == 0:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate()
    assert process.returncode == 130
    assert complaint == "thesis: stopped; what was done is kept, run again to finish\n"
