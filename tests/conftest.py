"""What every test stands on: no network but loopback, no key, a folder of its own."""

import gzip
import json
import os
import shutil
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from agent import config as configuration
from agent import thesis as theses
from agent.config import JudgeSection
from agent.embed import StaticEmbedder
from agent.judge import Judgeable, Verdict, local
from agent.judge.local import LocalJudge
from agent.replay import replay
from agent.thesis import Thesis
from agent.workspace import Workspace, writing
from store.database import FILE_NAME, open_database
from tests.fakes import FakeEmbedder, FakeIndex, FakeJudge, fetched
from tests.story import STORY

settings.register_profile("house", deadline=None)  # how long an example takes is no promise
settings.load_profile("house")
ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("THESISWATCH_DATA", ROOT.parent / "shared" / "data"))

MIRRORS = tuple(ROOT / "tests" / package for package in ("agent", "store"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Count the lines that the tests of a module reach, and no others.

    A program that ran through says little of what was asserted, and counting takes as long again
    as the test. `uncounted` marks what goes a long way over lines that its neighbours count, as
    the hundred examples of a property do.
    """
    counting = item.config.pluginmanager.getplugin("_cov")
    counter = counting and counting.cov_controller
    far = any(item.get_closest_marker(name) for name in ("uncounted", "hypothesis"))
    if not counter or (_mirrors(item) and not far):
        return (yield)
    counter.pause()
    try:
        return (yield)
    finally:
        counter.resume()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole programs first: the longest modules are among them, and would keep one of several
    processors waiting at the end."""
    items.sort(key=_mirrors)


def _mirrors(item: pytest.Item) -> bool:
    return any(folder in item.path.parents for folder in MIRRORS)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection or look-up that would leave the machine is a failure, not a delay."""
    connect = socket.socket.connect
    resolve = socket.getaddrinfo

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "unix"
        if host not in ("127.0.0.1", "::1", "unix"):
            raise AssertionError(f"a test tried to reach {host!r}")
        connect(self, address)

    def resolved(host: str, *rest: object, **named: object) -> object:
        if host not in ("127.0.0.1", "::1", "localhost") and not host.endswith(".invalid"):
            raise AssertionError(f"a test tried to look up {host!r}")
        return resolve(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", resolved)


@pytest.fixture(autouse=True)
def without_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def shared() -> Path:
    """The real data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the real data is not at {SHARED}; set THESISWATCH_DATA")
    return SHARED


@pytest.fixture(scope="session")
def thesis() -> Thesis:
    """The default thesis."""
    return theses.load(theses.BUNDLED / "nvda_short_case" / theses.THESIS_FILE)


@pytest.fixture(scope="session")
def static_embedder() -> StaticEmbedder:
    """The embedder that needs no key."""
    return StaticEmbedder()


@pytest.fixture(scope="session")
def judge_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `local_judge` keeps its fit; copy it to `data/cache` to spare a process the fitting."""
    return tmp_path_factory.mktemp("judge")


@pytest.fixture(scope="session")
def local_judge(thesis: Thesis, static_embedder: StaticEmbedder, judge_cache: Path) -> LocalJudge:
    """The real judge as configured by default, fitted once."""
    chosen = JudgeSection()
    return local.make(
        thesis, static_embedder, judge_cache, threshold=chosen.threshold, margin=chosen.margin
    )


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    """The default configuration without its sources, in a folder of the test's own."""
    path = tmp_path / configuration.FILE_NAME
    path.write_text(configuration.default_text().split("# Sources:")[0], encoding="utf-8")
    return path


def fakes() -> dict[str, object]:
    """What stands in for the slow parts of a workspace."""
    return {"embedder": FakeEmbedder(), "judge": FakeJudge(), "index": FakeIndex()}


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace that STORY was replayed into; only to be looked at."""
    path = tmp_path_factory.mktemp("told") / configuration.FILE_NAME
    path.write_text("", encoding="utf-8")
    with writing(path) as opened:
        opened.__dict__.update(fakes())
        replay(opened, fetched(*STORY), "story")
        yield opened


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a row, to be copied: migrating to it takes longer than most tests."""
    folder = tmp_path_factory.mktemp("empty")
    open_database(folder).close()
    return folder / FILE_NAME


@pytest.fixture
def workspace(config_path: Path, empty_database: Path) -> Iterator[Workspace]:
    """A workspace with a fake embedder, index and judge, who reads labels out of the title."""
    lay(empty_database, config_path.parent / "data")
    with writing(config_path) as opened:
        opened.__dict__.update(fakes())
        yield opened


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows as a JSON Lines file (gzipped when the name ends so) and gives its path."""

    def write(*rows: object, name: str = "items.jsonl") -> Path:
        path = tmp_path / name
        text = "".join(
            (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n"
            for row in rows
        )
        data = text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


def lay(empty: Path, data: Path) -> None:
    """Put an empty database into a data folder that has none."""
    if not (data / FILE_NAME).exists():
        data.mkdir(exist_ok=True)
        shutil.copy(empty, data)


@pytest.fixture
def workspaces(tmp_path: Path, empty_database: Path) -> Iterator[Callable[..., Workspace]]:
    """Opens workspaces by name, each in a folder of its own; the same name is the same folder.

    Only one of a name may be open at a time, as only one process may write: `close()` it first.
    """
    opened: dict[str, ExitStack] = {}

    def close(name: str) -> None:
        opened.pop(name).close()

    def open_(
        name: str, *, config: str = "", real_index: bool = False, **parts: object
    ) -> Workspace:
        path = tmp_path / name / configuration.FILE_NAME
        path.parent.mkdir(exist_ok=True)
        path.write_text(config, encoding="utf-8")
        lay(empty_database, path.parent / "data")
        opened[name] = ExitStack()
        found = opened[name].enter_context(writing(path))
        found.__dict__.update({**fakes(), **parts})
        if real_index:
            del found.__dict__["index"]
        return found

    open_.close = close  # type: ignore[attr-defined]
    yield open_
    for stack in opened.values():
        stack.close()


@pytest.fixture(scope="session")
def ask(local_judge: LocalJudge, static_embedder: StaticEmbedder) -> Callable[..., list[Verdict]]:
    """The local judge's verdicts on texts."""

    def judged(*texts: str) -> list[Verdict]:
        given = [Judgeable(str(n), text) for n, text in enumerate(texts)]
        return local_judge.judge(given, static_embedder.embed(list(texts)))

    return judged
