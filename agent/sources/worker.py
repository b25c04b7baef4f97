"""A process that reads hostile bytes for us, and may be killed over it.

Parsers of feeds and pages have taken minutes over a few kilobytes, and gigabytes over a few more.
Here each gets so much processor time and so much memory; what needs more is refused. Windows cannot
bound a process' processor time: there the clock does. Windows and macOS cannot bound its memory.
A request is one JSON line, {"task", "about", "size"}, then the bytes; an answer is one JSON line.
"""

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import IO, Any

from agent.sources import article, filings, parsing
from store import child

PATIENCE = 120.0
"""Seconds by the clock after which a process that should long have ended is given up."""
LOADING = 20.0
"""Seconds that a process may take to load, where only the clock bounds it,"""
SLACK = 4.0
"""and how many times its processor time may then pass by the clock: others want to run as well."""

TASKS: dict[str, Callable[[bytes, str], Any]] = {
    "feed": lambda body, _: asdict(parsing.read(body)),
    "links": lambda body, _: parsing.feed_links(body),
    "article": lambda body, _: article.extract(body),
    "filing": lambda body, form: [asdict(piece) for piece in filings.read(body, form)],
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one document may take: processor time in all and per megabyte, and memory."""

    seconds: float
    seconds_per_mb: float
    memory_bytes: int

    def allowed(self, size: int) -> float:
        """Seconds of processor time for a document of `size` bytes."""
        return self.seconds + self.seconds_per_mb * size / 1_000_000


PAGES = Bounds(1.5, 1.0, 256_000_000)
"""For feeds and pages: real ones need some hundredths of a second, and a second per megabyte."""
FILINGS = Bounds(20.0, 10.0, 3_000_000_000)
"""For filings, which are ten times as long and come from one known place; loading is counted in."""


class Worker:
    """Runs tasks one at a time, threads taking turns; the process starts with the first."""

    def __init__(self, bounds: Bounds = PAGES) -> None:
        self._bounds = bounds
        self._scratch = tempfile.TemporaryDirectory()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def read_feed(self, body: bytes) -> parsing.Feed:
        """As parsing.read, within bounds. Raises ValueError saying why not."""
        found = self._run("feed", body)
        entries = tuple(parsing.Entry(**entry) for entry in found["entries"])
        return parsing.Feed(found["title"], found["total"], entries)

    def read_links(self, body: bytes) -> list[str]:
        """As parsing.feed_links, within bounds. Raises ValueError saying why not."""
        found: list[str] = self._run("links", body)
        return found

    def extract(self, page: bytes) -> str:
        """As article.extract, within bounds. Raises ValueError saying why not."""
        text: str = self._run("article", page)
        return text

    def read_filing(self, body: bytes, form: str) -> list[filings.Piece]:
        """As filings.read, within bounds. Raises ValueError saying why not."""
        return [filings.Piece(**piece) for piece in self._run("filing", body, form)]

    def close(self) -> None:
        """Let the process leave."""
        with self._lock:
            if self._process is not None:
                self._process.communicate()
                self._process = None
            self._scratch.cleanup()

    def _run(self, task: str, body: bytes, about: str = "") -> Any:
        with self._lock:
            process = self._process = self._process or _start(self._bounds, self._scratch.name)
            request = {"task": task, "about": about, "size": len(body)}
            patience, asked = _patience(self._bounds, len(body)), time.monotonic()
            line = _ask(process, request, body, patience)
            if not line.endswith(b"\n"):
                late = time.monotonic() - asked >= patience
                process.kill()
                process.communicate()
                self._process = None
                raise ValueError(_cause(process.returncode, late))
        answer = json.loads(line)
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["found"]


def _patience(bounds: Bounds, size: int) -> float:
    """Seconds by the clock to wait for an answer about `size` bytes."""
    if hasattr(signal, "setitimer"):
        return PATIENCE  # the process bounds itself: see _limit_time
    return min(PATIENCE, LOADING + SLACK * bounds.allowed(size))


def _ask(
    process: "subprocess.Popen[bytes]", request: dict[str, Any], body: bytes, patience: float
) -> bytes:
    """The answer's line; b"" when the process died over the question or is killed for its time."""
    assert process.stdin is not None and process.stdout is not None
    killer = threading.Timer(patience, process.kill)
    killer.start()
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.write(body)
        process.stdin.flush()
        return process.stdout.readline()
    except OSError:  # the pipe is broken; Windows calls that an invalid argument
        return b""
    finally:
        killer.cancel()


def _cause(code: int, late: bool) -> str:
    if late or (hasattr(signal, "SIGPROF") and code == -signal.SIGPROF):
        return "it takes longer to read than any real one does"
    return f"the reader died over it (exit code {code})"


def _start(bounds: Bounds, scratch: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603  # ourselves: no shell, no word from outside
        child.command("agent.sources.worker", json.dumps(asdict(bounds))),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what a parser prints on the way down is not ours to show
        # else edgartools makes a folder in the user's home
        env=child.environment() | {"EDGAR_LOCAL_DATA_DIR": scratch},
    )


def serve(requests: IO[bytes], answers: IO[bytes], bounds: Bounds = PAGES) -> None:
    """Answer requests until the pipe closes."""
    while line := requests.readline():
        request = json.loads(line)
        body = requests.read(request["size"])
        task = partial(TASKS[request["task"]], body, request["about"])
        answer = _within(bounds, task, len(body))
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _within(bounds: Bounds, task: Callable[[], Any], size: int) -> dict[str, Any]:
    _limit_time(bounds.allowed(size))
    try:
        return {"found": task()}
    except ValueError as error:
        return {"error": str(error)[:500]}
    except MemoryError:
        return {"error": f"it takes more than {bounds.memory_bytes // 1_000_000} MB to read"}
    finally:
        _limit_time(0)


def _limit_time(seconds: float) -> None:
    """Past so much processor time a signal ends this process; 0 is no bound."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory(most: int) -> None:
    """Past so many bytes there is a MemoryError. A lower bound that is in force already stays."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    except (ImportError, ValueError, OSError):
        return  # Windows has no such thing, and macOS takes no such bound


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which decides
    import feedparser  # noqa: F401  # not on the first feed's time
    import trafilatura  # noqa: F401  # nor on the first page's

    given = Bounds(**json.loads(sys.argv[1]))
    _limit_memory(given.memory_bytes)
    serve(sys.stdin.buffer, sys.stdout.buffer, given)
