"""The daemon as a process: it starts, ends when told to, is alone, and minds its clock."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import scheduler
from agent.daemon import pulse
from agent.daemon.jobs import Job
from store.database import daemon_lock, daemon_pid
from tests.command import thesis
from tests.feed_server import FeedServer, rss
from tests.stored import select

PATIENCE = 60.0
DAEMON = """
from agent import scheduler
scheduler.TICK, scheduler.JITTER = 1, None
from agent import cli
cli.main()
"""
FEED = """
[http]
allow_private = ["127.0.0.1"]
retries = 0
timeout = 120
[[sources]]
name = "feed"
kind = "feed"
url = "{url}"
"""


class Daemon:
    """`thesis start` in a process of its own, its jobs asked every second."""

    def __init__(self, config: Path) -> None:
        self.folder = config.parent / "data"
        self.log = config.parent / "shown.log"
        with self.log.open("wb") as shown:
            self.process = subprocess.Popen(
                [sys.executable, "-c", DAEMON, "start", "--config", str(config)],
                stdout=shown,
                stderr=shown,
            )

    def wait_for(self, words: str) -> None:
        """Until the log has these words."""
        until = time.monotonic() + PATIENCE
        while words not in self.shown and time.monotonic() < until:
            assert self.process.poll() is None, self.shown
            time.sleep(0.02)
        assert words in self.shown, self.shown

    @property
    def shown(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; the exit code, and the seconds it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(30)
        return code, time.monotonic() - started


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as found:
        found.put("/feed", rss({"title": "A cake", "link": "https://cake.example/1"}))
        yield found


@pytest.fixture
def start(tmp_path: Path, server: FeedServer) -> Iterator[Callable[[], Daemon]]:
    """Starts a daemon that reads the server's feed; whatever is left is killed at the end."""
    started: list[Daemon] = []
    config = tmp_path / "config.toml"
    config.write_text(FEED.format(url=server.url()), encoding="utf-8")

    def begin() -> Daemon:
        started.append(Daemon(config))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()


def test_daemon_reads_shows_that_it_lives_and_ends_when_told_to(
    start: Callable[[], Daemon], tmp_path: Path
) -> None:
    daemon = start()
    daemon.wait_for("job=feeds said=1 new items from 1 of 1 sources")
    config = tmp_path / "config.toml"
    assert daemon_pid(daemon.folder) == daemon.process.pid
    assert thesis("status", "--alive", "--config", config).code == 0
    second = thesis("start", "--config", config)
    assert second.code == 1
    assert f"a daemon (pid {daemon.process.pid}) is running on" in second.err
    code, took = daemon.end()
    assert (code, took < 10) == (0, True), daemon.shown
    assert "Traceback" not in daemon.shown
    assert daemon_pid(daemon.folder) is None
    log = (daemon.folder / "logs" / "thesiswatch.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line)["event"] for line in log.splitlines()][-1] == "stopped"
    with daemon_lock(daemon.folder):
        pass


def test_daemon_that_waits_for_a_dead_server_ends_within_ten_seconds(
    start: Callable[[], Daemon], server: FeedServer
) -> None:
    server.behave("/feed", server.hang)
    daemon = start()
    daemon.wait_for("watching")
    until = time.monotonic() + PATIENCE
    while not server.seen and time.monotonic() < until:
        time.sleep(0.02)
    assert server.seen
    code, took = daemon.end(signal.SIGINT)
    assert (code, took < 10) == (0, True), daemon.shown
    started, finished = select(
        daemon.folder, "SELECT started_at, finished_at FROM job WHERE name = 'feeds'"
    )[0]
    assert started and not finished


def test_daemon_that_died_is_followed_by_another_which_goes_on(
    start: Callable[[], Daemon], server: FeedServer
) -> None:
    first = start()
    first.wait_for("job=feeds")
    first.process.kill()
    first.process.wait()
    second = start()
    second.wait_for("watching")
    second.end()
    assert len(server.seen) == 1, "what was looked at a minute ago is not looked at again"


def test_configuration_that_cannot_be_used_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[shedule]\n", encoding="utf-8")
    ran = thesis("start", "--config", tmp_path / "config.toml")
    assert ran.code == 1
    assert "unknown key 'shedule'. Did you mean 'schedule'?" in ran.err


class Jobs:
    """What APScheduler gives: jobs whose next time can be set; real ones would need real hours."""

    def __init__(self) -> None:
        self.moved: list[datetime] = []

    def get_jobs(self) -> list["Jobs"]:
        return [self]

    def modify(self, next_run_time: datetime) -> None:
        self.moved.append(next_run_time)


def test_jobs_are_woken_when_the_clock_is_set_back_and_not_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scheduler, "LOOK_UP", 0)
    hours = iter([0, 8, 8, 7, 7, 7])
    ending, jobs, woken = scheduler.Ending(), Jobs(), []

    def clock() -> datetime:
        woken.append(len(jobs.moved))
        hour = next(hours, None)
        if hour is None:
            ending.come()
        return datetime.now(UTC) + timedelta(hours=7 if hour is None else hour)  # noqa: TID251

    scheduler._watch(jobs, clock, ending)
    assert woken[:4] == [0, 0, 0, 0], "not by a clock that goes on, such as after a night's sleep"
    (at,) = jobs.moved
    assert abs(at - clock()) < timedelta(minutes=1)


def test_every_job_is_asked_by_one_thread_and_late_ticks_are_run_once(tmp_path: Path) -> None:
    asked: list[tuple[Any, int]] = []

    class Runner:
        def run(self, job: Job) -> None:
            asked.append((job, os.getpid()))

    late = datetime.now(UTC) - timedelta(hours=9)  # noqa: TID251
    found = scheduler._scheduler(Runner(), late)
    found.start()
    until = time.monotonic() + PATIENCE
    while len(asked) < len(Job) and time.monotonic() < until:
        time.sleep(0.01)
    found.shutdown()
    jobs = [job for job, _ in asked]
    assert jobs[: len(Job)] == list(Job)
    assert len(jobs) <= 2 * len(Job), "nine hours of ticks are one, or two where the jitter says so"


def test_heartbeat_goes_stale_after_a_quarter_of_an_hour() -> None:
    at = datetime(2026, 3, 29, 6, tzinfo=UTC)
    beat = pulse.Heartbeat(at, 1, at, "0")
    assert beat.is_fresh(at + timedelta(minutes=15))
    assert not beat.is_fresh(at + timedelta(minutes=16))
