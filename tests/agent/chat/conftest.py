"""The demo's archive as a chat finds it: replayed once, with the real parts, only to be read."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent import config as configuration
from agent.chat.answering import Chat
from agent.demo.show import ARCHIVE
from agent.replay import replay
from agent.sources import files
from agent.workspace import CACHE, Workspace, writing
from tests.chat_server import ChatServer

QUESTIONS = Path(__file__).parent / "questions.jsonl"
AS_OF = datetime(2025, 4, 30, 23, 59, 59, 999999, tzinfo=UTC)
NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)


def questions(kind: str, of: str) -> list[dict[str, Any]]:
    """Questions of a kind about "demo" or "headlines"; `expected` is a list of happenings, each the
    ids of the items that report it."""
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if (row["kind"], row["set"]) == (kind, of)]


def replayed(folder: Path, cache: Path, archive: Path) -> Path:
    """A data folder with `archive` in it; its config.toml."""
    (folder / "data").mkdir(parents=True)
    shutil.copytree(cache, folder / "data" / CACHE, dirs_exist_ok=True)
    path = folder / configuration.FILE_NAME
    path.write_text("", encoding="utf-8")
    with writing(path) as opened:
        replay(opened, files.fetch(str(archive), "test"), "test")
    return path


@pytest.fixture(scope="session")
def demo_config(
    tmp_path_factory: pytest.TempPathFactory, judge_cache: Path, local_judge: object
) -> Path:
    """The config.toml of the replayed demo."""
    return replayed(tmp_path_factory.mktemp("asked"), judge_cache, ARCHIVE)


@pytest.fixture
def copied(demo_config: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copies the replayed demo, so that a test may write; gives the path of its config.toml."""

    def copy(config: str = "", name: str = "copy") -> Path:
        folder = tmp_path / name
        shutil.copytree(demo_config.parent, folder)
        path = folder / configuration.FILE_NAME
        path.write_text(config, encoding="utf-8")
        return path

    return copy


@pytest.fixture(scope="session")
def demo(demo_config: Path) -> Iterator[Workspace]:
    """The replayed demo, open to be read."""
    from agent.workspace import reading

    with reading(demo_config) as opened:
        yield opened


@pytest.fixture(scope="session")
def chat(demo: Workspace) -> Iterator[Chat]:
    """A chat over the demo without a language model."""
    opened = Chat(demo)
    yield opened
    opened.close()


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """An endpoint that behaves as it is told."""
    with ChatServer() as running:
        yield running


@pytest.fixture
def talking(server: ChatServer, copied: Callable[..., Path]) -> Iterator[Callable[..., Chat]]:
    """Opens a chat over a copy of the demo that asks the `server`."""
    from agent.workspace import reading

    with ExitStack() as stack:

        def open_(settings: str = "") -> Chat:
            path = copied(f'[judge]\nbase_url = "{server.url}"\n{settings}', "talking")
            chat = Chat(stack.enter_context(reading(path)))
            stack.callback(chat.close)
            return chat

        yield open_
