"""Who may write, how long a command waits for it, and what it says meanwhile."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import workspace as workspaces
from agent.errors import StoreBusy
from agent.workspace import writing
from store.database import writer_lock
from tests.conftest import ROOT
from tests.fakes import item


@contextmanager
def held_for(folder: Path, seconds: float) -> Iterator[None]:
    """Somebody else writes for so long, as a daemon's job does."""
    took = threading.Event()

    def hold() -> None:
        with writer_lock(folder):
            took.set()
            time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    took.wait()
    yield
    thread.join()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second to wait, a tenth without a word."""
    monkeypatch.setattr(workspaces, "PATIENCE", 0.5)
    monkeypatch.setattr(workspaces, "TOLD_AFTER", 0.1)


def test_a_short_job_is_waited_for_and_who_does_it_is_told(
    config_path: Path, hurried: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = config_path.parent / "data"
    with held_for(folder, 0.25), writing(config_path) as workspace:
        assert workspace.database.folder == folder
    said = capsys.readouterr().err
    assert said.startswith(f"thesis: another thesis process (pid {os.getpid()}) is writing to ")
    assert said.count("\n") == 1
    assert str(folder) in said


def test_a_moment_is_waited_for_without_a_word(
    config_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with held_for(config_path.parent / "data", 0.1), writing(config_path):
        pass
    assert capsys.readouterr().err == ""


def test_a_long_job_is_waited_for_and_then_left(config_path: Path, hurried: None) -> None:
    started = time.monotonic()
    with (
        writer_lock(config_path.parent / "data"),
        pytest.raises(StoreBusy, match=f"pid {os.getpid()}"),
        writing(config_path),
    ):
        pass
    assert 0.4 < time.monotonic() - started < 3


def test_ctrl_c_while_waiting_ends_at_once(config_path: Path, lines: Callable[..., Path]) -> None:
    command = [sys.executable, "-m", "agent", "import", lines(item("a", "A"))]
    with (
        writer_lock(config_path.parent / "data"),
        subprocess.Popen(
            [*map(str, command), "--config", str(config_path)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stderr is not None
        assert "waiting up to 30 s" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        assert process.wait(10) == 130
        assert time.monotonic() - sent < 2
        assert "Traceback" not in process.stderr.read()
