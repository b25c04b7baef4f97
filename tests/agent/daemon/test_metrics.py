"""What Prometheus reads: real answers over the loopback, parsed as Prometheus does."""

import io
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from agent import config as configuration
from agent.config import MonitoringSection
from agent.daemon import checkup, logs, metrics
from agent.daemon.edits import Settings
from agent.daemon.jobs import Job
from agent.errors import ThesiswatchError
from agent.workspace import Workspace, reading
from store import jobs as stored
from tests.stored import select

NOW = datetime(2025, 2, 4, 9, tzinfo=UTC)
Samples = dict[tuple[str, ...], float]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def path(told: Workspace, tmp_path: Path, port: int) -> Path:
    """STORY's folder once more, with a source that was never looked at."""
    shutil.copytree(told.config.folder, tmp_path / "home")
    path = tmp_path / "home" / configuration.FILE_NAME
    source = '[[sources]]\nname = "gone"\nkind = "file"\npath = "gone.jsonl"\n'
    path.write_text(f"[monitoring]\nmetrics_port = {port}\n{source}", encoding="utf-8")
    return path


@contextmanager
def served(path: Path) -> Iterator[Settings]:
    settings = Settings(path)
    with metrics.served(settings, lambda: NOW):
        yield settings


def scraped(port: int) -> Samples:
    """Every sample by its name and the values of its labels."""
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200
    return {
        (sample.name.removeprefix("thesiswatch_"), *sample.labels.values()): sample.value
        for family in parse(answer.text)
        for sample in family.samples
    }


def test_figures_are_those_of_status(path: Path, port: int) -> None:
    with reading(path) as workspace:
        with workspace.database.writing() as connection:
            stored.begin(connection, Job.FEEDS, NOW)
            stored.succeed(connection, Job.FEEDS, NOW, "3 new items", 0.5)
            for _ in range(4):
                stored.fail(connection, Job.UPKEEP, NOW, "no")
        wanted = checkup.examine(workspace, NOW)
    with served(path):
        found = scraped(port)
    assert found["up",] == 1
    assert found["score",] == wanted["score"]
    assert found["troubles",] == len(wanted["troubles"]) > 0
    items = {key[1]: count for key, count in found.items() if key[0] == "items"}
    assert items == wanted["items"]
    assert found["index_waiting",] == wanted["index_waiting"]
    assert found["sources", "never looked at"] == 1
    assert found["dollars_this_month",] == 0
    assert found["disk_bytes", "database"] > 100_000
    assert found["disk_bytes", "free"] > 0
    assert (found["job_failures", "upkeep"], found["job_failures", "feeds"]) == (4, 0)
    assert found["job_success_seconds", "feeds"] == NOW.timestamp()
    assert ("job_success_seconds", "upkeep") not in found


def test_every_figure_says_what_it_is_and_is_given_once(path: Path, port: int) -> None:
    with served(path):
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    families = list(parse(answer))
    assert len({one.name for one in families}) == len(families) > 8
    assert all(one.name.startswith("thesiswatch_") for one in families)
    assert all(one.type == "gauge" and len(one.documentation) > 10 for one in families)
    assert str(path.parent) not in answer


def test_each_scrape_looks_anew(path: Path, port: int) -> None:
    with served(path):
        assert ("job_success_seconds", "feeds") not in scraped(port)
        with reading(path) as workspace, workspace.database.writing() as connection:
            stored.succeed(connection, Job.FEEDS, NOW, "", 0.0)
        assert scraped(port)["job_success_seconds", "feeds"] == NOW.timestamp()


def test_only_this_machine_is_answered(path: Path, port: int) -> None:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("only Linux lists its sockets there")
    with served(path):
        listening = [
            line.split()[1]
            for table in ("tcp", "tcp6")
            for line in Path("/proc/net", table).read_text(encoding="ascii").splitlines()
            if f":{port:04X} " in line and " 0A " in line
        ]
    assert listening == [f"0100007F:{port:04X}"]


def test_nothing_listens_once_it_is_over_or_where_no_port_was_chosen(path: Path, port: int) -> None:
    with served(path):
        pass
    with pytest.raises(httpx.ConnectError):
        scraped(port)
    path.write_text("", encoding="utf-8")
    with served(path), pytest.raises(httpx.ConnectError):
        scraped(port)


def test_port_that_is_taken_says_so(path: Path, port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ThesiswatchError, match=f"port {port} for Prometheus cannot be had") as told,
        served(path),
    ):
        pass
    assert "metrics_port" in told.value.way_out


@pytest.mark.parametrize("damage", ["gone", "no database", "empty"])
def test_folder_that_cannot_be_read_is_down_and_a_line_in_the_log(
    path: Path, port: int, tmp_path: Path, capfd: pytest.CaptureFixture[str], damage: str
) -> None:
    data = path.parent / "data"
    log = logs.start(tmp_path / "logs", MonitoringSection(), logs.Redaction(), io.StringIO())
    with served(path):
        assert scraped(port)["up",] == 1
        shutil.rmtree(data)
        if damage != "gone":
            data.mkdir()
        if damage == "no database":
            (data / "thesiswatch.sqlite3").write_bytes(b"this is no database" * 1000)
        assert scraped(port) == {("up",): 0}
    logs.stop(log)
    said = (tmp_path / "logs" / logs.FILE_NAME).read_text(encoding="utf-8").splitlines()
    events = [json.loads(line)["event"] for line in said]
    assert events == ["metrics", "metrics could not be read"]
    assert capfd.readouterr().err == ""


def test_edit_that_the_daemon_refuses_does_not_call_the_folder_down(path: Path, port: int) -> None:
    with served(path) as settings:
        path.write_text("[nonsense", encoding="utf-8")
        settings.refresh()
        assert settings.refused
        assert scraped(port)["up",] == 1
    assert select(path.parent / "data", "SELECT count(*) FROM item") != [(0,)]
