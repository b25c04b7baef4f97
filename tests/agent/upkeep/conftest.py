"""A home of one's own: configuration, thesis and a data folder that a story was replayed into."""

import shutil
from pathlib import Path

import pytest

from agent import setup
from agent.replay import replay
from agent.workspace import writing
from store import migrations
from store.database import FILE_NAME, engine_at
from tests.conftest import fakes
from tests.fakes import fetched
from tests.story import STORY


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The config.toml of a home; only to be looked at."""
    path = setup.initialise(tmp_path_factory.mktemp("upkeep") / "home")
    path.write_text(path.read_text(encoding="utf-8").split("# Sources:")[0], encoding="utf-8")
    (path.parent / ".env").write_text("OPENAI_API_KEY=sk-secret-of-the-test\n", encoding="utf-8")
    with writing(path) as opened:
        opened.__dict__.update(fakes())
        replay(opened, fetched(*STORY), "story")
    return path


@pytest.fixture
def own(home: Path, tmp_path: Path) -> Path:
    """The config.toml of a home that may be changed."""
    shutil.copytree(home.parent, tmp_path / "own")
    return tmp_path / "own" / home.name


@pytest.fixture
def of_before(own: Path) -> Path:
    """The config.toml of a home whose data folder an earlier version made: empty, schema 0004."""
    folder = own.parent / "data"
    shutil.rmtree(folder)
    folder.mkdir()
    engine = engine_at(folder / FILE_NAME, 1)
    migrations.upgrade(engine, "0004")
    engine.dispose()
    return own
