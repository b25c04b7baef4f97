"""What Windows lacks, taken away here: most signals, replacing what is open, pipes of UTF-8.

Simulated on the system that the tests run on; nothing here was tried on Windows itself.
"""

import ast
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agent import config as configuration
from agent import subscriptions
from agent import thesis as theses
from agent.config import SourceSection
from agent.errors import StoreError
from agent.sources import parsing, worker
from agent.sources.worker import Bounds, Worker
from store import index_process, swap
from store.index_process import IndexProcess
from store.vectors import IndexReader
from tests.conftest import ROOT
from tests.feed_server import rss

GOOD = rss({"title": "DeepSeek trains cheaply", "guid": "1"}).encode()
TIGHT = Bounds(0.05, 1.0, 256_000_000)
SIGNALS = {"SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN"}
"""What the signal module has on Windows and elsewhere."""
FUNCTIONS = {"signal", "getsignal", "raise_signal", "default_int_handler", "strsignal"}
GONE = {
    "os": "fchmod fchown fork forkpty getegid geteuid getgid getpgid getuid killpg mkfifo nice "
    "setgid setpgid setsid setuid statvfs sync uname wait WNOHANG",
    "signal": "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGPROF SIGQUIT SIGSTOP SIGUSR1 SIGUSR2 "
    "SIGXCPU alarm pause pthread_kill pthread_sigmask setitimer sigwait SIG_BLOCK SIG_SETMASK "
    "ITIMER_PROF ITIMER_REAL siginterrupt set_wakeup_fd",
    "select": "select poll epoll kqueue",
    "socket": "AF_UNIX SO_REUSEPORT socketpair",
    "time": "tzset clock_gettime",
}
"""Of the modules that we use: what Windows has not, or not for pipes."""
MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
CHILD = f"""
import json, runpy, signal, sys
sys.modules.update(dict.fromkeys({MODULES!r} - {{"grp", "pwd"}}))  # importing them fails
for name in {GONE["signal"]!r}.split():
    vars(signal).pop(name, None)
from agent.sources import article, filings, parsing
read = parsing.read
parsing.read = lambda body: sum(iter(int, 1)) if body == b"slow" else read(body)
sys.argv = ["worker", {json.dumps({"seconds": 0.05, "seconds_per_mb": 1, "memory_bytes": 0})!r}]
runpy.run_module("agent.sources.worker", run_name="__main__")
"""


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our modules see no more of `signal` than there is on Windows, and start such children."""
    start = subprocess.Popen
    known = {name: getattr(signal, name) for name in SIGNALS | FUNCTIONS}
    for module in (worker, index_process):
        monkeypatch.setattr(module, "signal", SimpleNamespace(**known))
    script = [sys.executable, "-c", CHILD]
    monkeypatch.setattr(worker.subprocess, "Popen", lambda _, **how: start(script, **how))


@pytest.fixture
def reader() -> Iterator[Worker]:
    made = Worker(TIGHT)
    yield made
    made.close()


@pytest.mark.usefixtures("windows")
def test_document_without_end_is_given_up_by_the_clock_and_the_next_is_read(
    reader: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reader.read_feed(GOOD) == parsing.read(GOOD)
    started = time.monotonic()
    with monkeypatch.context() as patience:
        patience.setattr(worker, "LOADING", 0.2)
        with pytest.raises(ValueError, match="takes longer to read than any real one"):
            reader.read_feed(b"slow")
    assert time.monotonic() - started < worker.PATIENCE / 10
    assert reader.read_feed(GOOD).entries[0].title == "DeepSeek trains cheaply"


@pytest.mark.usefixtures("windows")
def test_exit_code_of_a_reader_that_was_ended_is_no_negative_number() -> None:
    assert worker._cause(1, late=True) == "it takes longer to read than any real one does"
    assert worker._cause(1, late=False) == "the reader died over it (exit code 1)"


@pytest.mark.parametrize("refused", [ValueError, OSError])
def test_reader_starts_where_its_memory_cannot_be_bounded(
    refused: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS, which takes no RLIMIT_DATA, and on Windows, which has no such module."""

    asked = []

    def refuse(_: int, bounds: tuple[int, int]) -> None:
        asked.append(bounds)
        raise refused("current limit exceeds maximum limit")

    monkeypatch.setattr("resource.setrlimit", refuse)
    worker._limit_memory(1)
    monkeypatch.setitem(sys.modules, "resource", None)
    worker._limit_memory(2)
    assert asked == [(1, 1)]


class BrokenPipe:
    """What a pipe without a reader says on Windows."""

    def write(self, _: bytes) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    flush = close = lambda *_: None


def ended() -> Any:
    """A process that is no more, with its pipe."""
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    process.wait()
    process.stdin = BrokenPipe()  # type: ignore[assignment]
    return process


def test_broken_pipe_that_calls_itself_invalid_is_a_dead_process(
    reader: Worker, tmp_path: Path
) -> None:
    reader._process = ended()
    with pytest.raises(ValueError, match="died over it"):
        reader.read_feed(GOOD)
    writer = IndexProcess(tmp_path, "e")
    writer._process = ended()
    with pytest.raises(StoreError, match="the index writer of .* died"):
        writer.clear()
    writer.close()


def test_index_is_written_where_signals_cannot_be_held_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_process, "signal", SimpleNamespace(SIGINT=signal.SIGINT))
    writer = IndexProcess(tmp_path, "e")
    writer.add([7], np.ones((1, 4), dtype=np.float32))
    writer.close()
    index = IndexReader(tmp_path, "e")
    assert index.numbers() == {7}
    index.close()


class Open(type(Path())):  # type: ignore[misc]
    """A file whose place is refused `times` times, as while somebody has that open."""

    times = 0

    def replace(self, target: Path) -> Path:
        if self.times:
            self.times -= 1
            raise PermissionError(errno.EACCES, "Access is denied")
        return super().replace(target)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("on_windows", "times", "swapped"), [(True, 2, True), (False, 1, False)])
def test_file_that_is_open_is_replaced_once_it_is_closed(
    on_windows: bool, times: int, swapped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "WINDOWS", on_windows)
    monkeypatch.setattr(swap, "PAUSE", 0.001)
    path = tmp_path / "watermark"
    path.write_text("old", encoding="utf-8")
    draft = Open(tmp_path / "draft")
    draft.write_text("new", encoding="utf-8")
    draft.times = times
    if swapped:
        swap.swap_in(draft, path)
    else:
        with pytest.raises(PermissionError):
            swap.swap_in(draft, path)
    assert path.read_text(encoding="utf-8") == ("new" if swapped else "old")


def test_file_that_stays_open_is_an_error_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "WINDOWS", True)
    monkeypatch.setattr(swap, "PAUSE", 0.001)
    draft = Open(tmp_path / "draft")
    draft.times = swap.TRIES
    with pytest.raises(PermissionError):
        swap.swap_in(draft, tmp_path / "watermark")
    assert draft.times == 0


def test_pipes_carry_utf8_whatever_the_system_speaks() -> None:
    code = (
        "import sys; from agent import cli; cli._speak_utf8()\n"
        r"print(sys.stdin.read()); print('\u5f97\u5206 \u2192 50', file=sys.stderr)"
    )
    foreign = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="得分多少？".encode(),
        env={**os.environ, **foreign},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == "得分多少？"
    assert done.stderr.decode().strip() == "得分 → 50"


def test_files_that_an_editor_of_windows_wrote_are_read(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    path = tmp_path / "config.toml"
    path.write_bytes(mark + b'[data]\r\nfolder = "mine"\r\n')
    (tmp_path / ".env").write_bytes(mark + b"OPENAI_API_KEY=sk-test\r\n")
    config = configuration.load(path)
    assert config.data_folder == tmp_path / "mine"
    assert config.openai_api_key is not None
    assert config.openai_api_key.get_secret_value() == "sk-test"
    bundled = theses.BUNDLED / "nvda_short_case"
    own = tmp_path / "thesis.toml"
    own.write_bytes(mark + (bundled / theses.THESIS_FILE).read_bytes().replace(b"\n", b"\r\n"))
    (tmp_path / "exemplars").symlink_to(bundled / "exemplars")
    assert theses.load(own).claims == theses.load(bundled / theses.THESIS_FILE).claims


def test_source_is_added_to_a_file_with_lines_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    before = b'\xef\xbb\xbf# mine\r\n[data]\r\nfolder = "mine"\r\n'
    path.write_bytes(before)
    subscriptions.add(path, [SourceSection(name="n", kind="feed", url="https://n.example/f")])
    assert path.read_bytes().startswith(before)
    assert configuration.load(path).sources[0].name == "n"


def asked_for(tree: ast.AST) -> Iterator[str]:
    """`module.name` for each name of GONE that is used without asking whether it is there."""
    text = ast.unparse(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module, name = node.value.id, node.attr
            if name in GONE.get(module, "").split() and f"hasattr({module}, " not in text:
                yield f"{module}.{name}"


def imported(tree: ast.Module) -> Iterator[str]:
    """Modules imported when ours is."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_no_module_of_ours_takes_for_granted_what_windows_has_not() -> None:
    files = [*(ROOT / "agent").rglob("*.py"), *(ROOT / "store").rglob("*.py")]
    assert len(files) > 150
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
        taken = {name for function in functions for name in asked_for(function)}
        assert taken == set(), path
        assert MODULES.isdisjoint(imported(tree)), path


def test_files_are_named_so_that_windows_takes_the_names() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    names = {part for path in tracked for part in Path(path).parts}
    assert not [name for name in names if set(name) & set('<>:"|?*\\') or name.endswith((".", " "))]
    assert len({path.lower() for path in tracked}) == len(tracked)
