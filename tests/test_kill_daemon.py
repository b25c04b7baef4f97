"""`kill -9` of a daemon, a chat and a run by hand, all alive at once: the ledger is that of an
undisturbed twin, the index that of SQL.

The long run: THESIS_DAEMON_KILLS=200 pytest tests/test_kill_daemon.py -s
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
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent import config as configuration
from agent import doctor
from agent.daemon.jobs import Job
from agent.daemon.runner import Runner
from agent.demo.show import ARCHIVE
from agent.embed import StaticEmbedder
from agent.judge.local import LocalJudge
from agent.workspace import CACHE
from tests.stored import embedded, indexed, select, tables

ROUNDS = int(os.environ.get("THESIS_DAEMON_KILLS", "2"))
SEED = 20251128
ITEMS = 6
"""Items that come in a round."""
START = datetime(2025, 6, 2, 8, tzinfo=UTC)
SOURCE = '[[sources]]\nname = "file"\nkind = "file"\npath = "items.jsonl"\n'
THESIS = """
import sys
from datetime import datetime
from pathlib import Path
from agent import options
clock = Path(sys.argv.pop(1))
options.now = lambda: datetime.fromisoformat(clock.read_text())
from agent import cli, scheduler
scheduler.TICK, scheduler.JITTER = 1, None
cli.main()
"""
"""`thesis` by a clock that a file holds, asking its jobs every second."""
QUESTIONS = b"Why did the score move?\nwhat about TPUs?\n/score\n" * 200


class Home:
    """A folder with a configuration, a clock, and items that come round by round."""

    def __init__(self, folder: Path, judge_cache: Path) -> None:
        folder.mkdir()
        self.config = folder / configuration.FILE_NAME
        self.config.write_text(SOURCE, encoding="utf-8")
        self.data = folder / "data"
        self.clock = folder / "clock"
        shutil.copytree(judge_cache, self.data / CACHE)
        self._folder = folder

    def turn(self, number: int) -> None:
        """Let a round begin: an hour has passed and something has happened."""
        self.clock.write_text((START + number * timedelta(hours=1)).isoformat(), encoding="utf-8")
        every = ARCHIVE.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(every[(number * ITEMS + n) % len(every)]) for n in range(ITEMS)]
        named = [{**row, "id": f"{number}-{n}", "fetched": None} for n, row in enumerate(rows)]
        lines = "".join(json.dumps(row) + "\n" for row in named)
        (self._folder / "items.jsonl").write_text(lines, encoding="utf-8")

    def now(self) -> datetime:
        return datetime.fromisoformat(self.clock.read_text(encoding="utf-8"))

    def finish(self) -> None:
        """What a daemon that is started again does."""
        runner = Runner(self.config, self.now)
        while sum(runner.run(job) for job in Job):
            pass
        assert runner.stop(0.0)

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        """`thesis COMMAND` in a group of its own."""
        given = [sys.executable, "-c", THESIS, str(self.clock), *command, "--config", self.config]
        process = subprocess.Popen(
            given, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        if command == ("chat",) and process.stdin:
            with suppress(BrokenPipeError):
                process.stdin.write(QUESTIONS)
                process.stdin.flush()
        return process


def wait(home: Home, number: int, rng: random.Random) -> None:
    """Until some moment while processes start, or while the round's items go through."""
    until = time.monotonic() + rng.uniform(0.2, 6.0)
    if rng.random() < 0.5:
        came = f"SELECT count(*) FROM item WHERE id LIKE '{number}-%'"
        until = time.monotonic() + 30.0
        while time.monotonic() < until:
            with suppress(sqlite3.OperationalError):  # no table yet
                if select(home.data, came) != [(0,)]:
                    break
            time.sleep(0.02)
        until = time.monotonic() + rng.uniform(0, 1.5)
    time.sleep(max(0.0, until - time.monotonic()))


def end(process: "subprocess.Popen[bytes]", rng: random.Random) -> str:
    """Kill a process, or all of its group; what was left of it by then."""
    alive = process.poll() is None
    with suppress(ProcessLookupError):
        kill = os.killpg if rng.random() < 0.5 else os.kill
        kill(process.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        process.wait()
        os.killpg(process.pid, signal.SIGKILL)  # an orphan would go on into the next round
    _, complaint = process.communicate()
    assert b"Traceback" not in complaint, complaint.decode()
    return "alive" if alive else f"ended with {process.returncode}"


def test_daemon_chat_and_run_killed_at_random_leave_the_ledger_of_an_undisturbed_twin(
    tmp_path: Path, judge_cache: Path, local_judge: LocalJudge
) -> None:
    rng = random.Random(SEED)
    twin, victim = Home(tmp_path / "twin", judge_cache), Home(tmp_path / "victim", judge_cache)
    deaths: Counter[str] = Counter()
    for number in range(ROUNDS):
        twin.turn(number)
        twin.finish()
        victim.turn(number)
        alive = {name: victim.start(name) for name in ("start", "chat", "run")}
        wait(victim, number, rng)
        for name in rng.sample(sorted(alive), len(alive)):
            deaths[f"{name} {end(alive[name], rng)}"] += 1
            time.sleep(rng.uniform(0, 0.5))
        victim.finish()
        assert select(victim.data, "PRAGMA integrity_check") == [("ok",)]
        assert tables(victim.data)["evidence"] == tables(twin.data)["evidence"], number
    print(dict(sorted(deaths.items())))
    for name, rows in tables(twin.data).items():
        assert tables(victim.data)[name] == rows, name
    assert select(victim.data, "SELECT count(*) FROM evidence") > [(0,)]
    for home in (twin, victim):
        home.turn(ROUNDS + 24)  # the index has its turn once a day
        home.finish()
        assert select(home.data, "SELECT * FROM index_outbox") == []
        assert indexed(home.data, StaticEmbedder.name) == embedded(home.data)
    findings = doctor.examine(victim.config, victim.now())
    assert [one for one in findings if not one.well] == []
