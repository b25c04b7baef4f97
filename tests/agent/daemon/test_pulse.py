"""Signs of life: a file, a line to systemd, an address that waits; and their falling silent."""

import io
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent import config as configuration
from agent.config import MonitoringSection
from agent.daemon import logs, pulse
from agent.daemon.jobs import Job
from agent.daemon.pulse import BEAT_EVERY, PING_EVERY, STALE, Pulse
from agent.daemon.runner import MOST_FAILURES, Runner
from tests.disks import small_disk
from tests.feed_server import FeedServer
from tests.stored import select

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PATH = "/5f0c-77aa-secret-uuid"


@pytest.fixture
def beating(tmp_path: Path) -> Pulse:
    return Pulse(tmp_path, START)


def test_heartbeat_says_which_process_lives_since_when(beating: Pulse, tmp_path: Path) -> None:
    assert pulse.read(tmp_path) is None
    beating.beat(START + SECOND)
    found = pulse.read(tmp_path)
    assert found is not None
    assert (found.at, found.started_at, found.pid) == (START + SECOND, START, os.getpid())
    assert found.version
    assert (tmp_path / pulse.FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [pulse.FILE_NAME]


def test_heart_beats_at_most_every_half_minute(beating: Pulse, tmp_path: Path) -> None:
    beating.beat(START)
    beating.beat(START + BEAT_EVERY - SECOND)
    assert pulse.read(tmp_path).at == START  # type: ignore[union-attr]
    beating.beat(START + BEAT_EVERY)
    assert pulse.read(tmp_path).at == START + BEAT_EVERY  # type: ignore[union-attr]


def test_heart_beats_on_when_the_clock_is_set_back(beating: Pulse, tmp_path: Path) -> None:
    beating.beat(START)
    beating.beat(START - timedelta(hours=1))
    assert pulse.read(tmp_path).at == START - timedelta(hours=1)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("later", "fresh"),
    [
        (timedelta(0), True),
        (STALE, True),
        (STALE + SECOND, False),
        (timedelta(days=9), False),
        (-STALE, True),
        (-timedelta(hours=2), False),
    ],
)
def test_heartbeat_is_believed_for_a_quarter_of_an_hour_and_not_out_of_the_future(
    beating: Pulse, tmp_path: Path, later: timedelta, fresh: bool
) -> None:
    beating.beat(START)
    found = pulse.read(tmp_path)
    assert found is not None
    assert found.is_fresh(START + later) == fresh


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"at": "soon"}', '{"at": 3, "pid": "x"}', "\x00\x00", "{}"]
)
def test_heartbeat_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / pulse.FILE_NAME).write_text(text, encoding="utf-8")
    assert pulse.read(tmp_path) is None


def test_heartbeat_of_before_stays_whole_when_the_disk_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        kept = Log(tmp_path / "logs")
        beating = Pulse(disk.place, START)
        beating.beat(START)
        disk.fill(100)
        beating.beat(START + BEAT_EVERY)
        assert pulse.read(disk.place).at == START  # type: ignore[union-attr]
        disk.free_all()
        beating.beat(START + 2 * BEAT_EVERY)
        assert pulse.read(disk.place).at == START + 2 * BEAT_EVERY  # type: ignore[union-attr]
        assert [line["event"] for line in kept.lines] == ["no heartbeat could be written"]
        kept.stop()


class Log:
    """The log of a folder, which is told of no secret."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / logs.FILE_NAME
        chosen = MonitoringSection()
        self._started = logs.start(folder, chosen, logs.Redaction(), io.StringIO())

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._file.read_text(encoding="utf-8").splitlines()]

    def stop(self) -> None:
        logs.stop(self._started)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    kept = Log(tmp_path / "logs")
    yield kept
    kept.stop()


# systemd


class Manager:
    """systemd's end of the line."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(5)

    def heard(self) -> str:
        return self._socket.recv(100).decode()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a file", "an abstract name"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Manager]:
    if request.param == "a file":
        address = named = str(tmp_path / "notify")
    else:
        name = f"thesiswatch-{os.getpid()}"
        address, named = f"\0{name}", f"@{name}"
    monkeypatch.setenv(pulse.NOTIFY, named)
    opened = Manager(address)
    yield opened
    opened.close()


def test_systemd_is_told_that_the_start_is_over_and_of_every_beat(
    beating: Pulse, manager: Manager
) -> None:
    beating.ready()
    beating.beat(START)
    beating.beat(START + SECOND)
    beating.beat(START + BEAT_EVERY)
    assert [manager.heard() for _ in range(3)] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]


def test_systemd_that_is_not_there_is_a_line_in_the_log(
    beating: Pulse, log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beating.ready()
    assert log.lines == []
    monkeypatch.setenv(pulse.NOTIFY, str(tmp_path / "nobody"))
    beating.ready()
    assert [line["event"] for line in log.lines] == ["systemd could not be told"]


# The address that waits


@pytest.fixture
def waiting() -> Iterator[FeedServer]:
    with FeedServer() as running:
        running.put(PATH, "OK")
        yield running


def pinged(server: FeedServer) -> int:
    return len([path for path, _ in server.seen if path == PATH])


def address(server: FeedServer) -> SecretStr:
    return SecretStr(server.url(PATH))


def test_address_is_asked_every_five_minutes(beating: Pulse, waiting: FeedServer, log: Log) -> None:
    for seconds in (0, 1, 299, 300, 301, 599, 600):
        beating.ping(address(waiting), START + seconds * SECOND)
    assert pinged(waiting) == 3
    beating.ping(address(waiting), START)  # a clock that was set back
    assert pinged(waiting) == 4
    assert log.lines == []


def test_nobody_is_asked_where_no_address_waits(
    beating: Pulse, waiting: FeedServer, log: Log
) -> None:
    beating.ping(None, START)
    assert (pinged(waiting), log.lines) == (0, [])
    beating.ping(address(waiting), START + SECOND)  # one named since need not wait its turn
    assert pinged(waiting) == 1


def refuses(server: FeedServer) -> str:
    return server.url("/another" + PATH)


def hangs_up(server: FeedServer) -> str:
    server.behave(PATH, lambda handler: handler.connection.close())
    return server.url(PATH)


def redirects(server: FeedServer) -> str:
    server.redirect(PATH, "/elsewhere")
    return server.url(PATH)


WAYS: dict[str, Callable[[FeedServer], str]] = {
    "it refuses": refuses,
    "it hangs up": hangs_up,
    "it points elsewhere": redirects,
    "nobody listens": lambda server: f"http://127.0.0.1:1{PATH}",
    "no such host": lambda server: f"http://nowhere.invalid{PATH}",
    "no such port": lambda server: f"http://nowhere.invalid:port{PATH}",
    "no such scheme": lambda server: f"gopher://nowhere.invalid{PATH}",
    "no address": lambda server: f"{PATH}",
    "a control character": lambda server: f"http://nowhere.invalid{PATH}\x00",
}


@pytest.mark.parametrize("way", WAYS)
def test_ping_that_fails_is_one_line_without_the_address(
    beating: Pulse, waiting: FeedServer, log: Log, way: str
) -> None:
    beating.ping(SecretStr(WAYS[way](waiting)), START)
    (line,) = log.lines
    assert (line["event"], line["level"]) == ("the ping did not get through", "warning")
    assert len(line["error"]) > 10
    assert "5f0c" not in str(line)


@pytest.mark.parametrize("way", ["hang", "drip"])
def test_answer_that_takes_its_time_is_left_behind(
    beating: Pulse, waiting: FeedServer, log: Log, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(pulse, "PING_TIMEOUT", 0.2)
    waiting.behave(PATH, getattr(waiting, way))
    began = time.monotonic()
    beating.ping(address(waiting), START)
    assert time.monotonic() - began < 5
    (line,) = log.lines
    assert "no answer" in line["error"] or "ReadTimeout" in line["error"]


def test_answer_without_end_is_not_read(beating: Pulse, waiting: FeedServer, log: Log) -> None:
    waiting.behave(PATH, waiting.flood)
    beating.ping(address(waiting), START)
    assert log.lines == []


# While it works, and while it does not


@pytest.fixture
def runner(
    tmp_path: Path, waiting: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[timedelta], Runner]]:
    """A daemon's runner whose clock shows so much more than START."""
    monkeypatch.setenv("PING", waiting.url(PATH))
    path = tmp_path / configuration.FILE_NAME
    path.write_text('[monitoring]\nping_env = "PING"\n', encoding="utf-8")
    shown = {"at": START}
    made = Runner(path, lambda: shown["at"])

    def at(later: timedelta) -> Runner:
        shown["at"] = START + later
        return made

    yield at
    made.stop(1)


def test_job_that_keeps_failing_stops_the_ping_and_one_that_goes_well_again_resumes_it(
    runner: Callable[[timedelta], Runner], waiting: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent.daemon import work

    def broken(*_: object) -> work.Done:
        raise RuntimeError("a bug")

    well = work.WORK[Job.UPKEEP]
    minutes = iter(range(0, 10_000, 90))
    monkeypatch.setitem(work.WORK, Job.UPKEEP, broken)  # type: ignore[arg-type]
    asked = []
    for _ in range(MOST_FAILURES + 2):
        daemon = runner(timedelta(minutes=next(minutes)))
        assert not daemon.run(Job.UPKEEP)
        daemon.run(Job.PAPERS)  # there is nothing for it to do: it asks, if anybody may
        asked.append(pinged(waiting))
    assert asked == [1, 2, 2, 2, 2]
    monkeypatch.setitem(work.WORK, Job.UPKEEP, well)  # type: ignore[arg-type]
    assert runner(timedelta(minutes=next(minutes))).run(Job.UPKEEP)
    assert pinged(waiting) == 3


def test_failures_of_the_daemon_before_go_on_to_count(
    runner: Callable[[timedelta], Runner],
    tmp_path: Path,
    waiting: FeedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from agent.daemon import work

    def broken(*_: object) -> work.Done:
        raise RuntimeError("a bug")

    monkeypatch.setitem(work.WORK, Job.UPKEEP, broken)  # type: ignore[arg-type]
    for failure in range(MOST_FAILURES):
        runner(timedelta(hours=failure)).run(Job.UPKEEP)
    runner(timedelta(hours=5)).stop(1)
    again = Runner(tmp_path / configuration.FILE_NAME, lambda: START + timedelta(hours=6))
    again.run(Job.PAPERS)  # there is nothing for it to do: it asks, if anybody may
    again.run(Job.UPKEEP)
    again.stop(1)
    (failures,) = select(tmp_path / "data", "SELECT failures FROM job WHERE name = 'upkeep'")
    assert failures == (MOST_FAILURES + 1,)
    assert pinged(waiting) == 0


def test_daemon_beats_though_its_jobs_fail(
    runner: Callable[[timedelta], Runner], tmp_path: Path
) -> None:
    daemon = runner(timedelta(minutes=1))
    (tmp_path / "data").mkdir(exist_ok=True)
    daemon.run(Job.PAPERS)
    first = pulse.read(tmp_path / "data")
    assert first is not None
    assert first.at == START + timedelta(minutes=1)
    assert PING_EVERY > BEAT_EVERY
