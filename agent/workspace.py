"""What a command works with: configuration, thesis and data folder, and the slow parts on demand.

Opened once, in cli. Holds no decisions and reads no clock.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agent import config as configuration
from agent import thesis as theses
from agent.config import Config
from agent.entities import Mentions
from agent.errors import ConfigError, IndexMismatch, StoreBusy
from agent.publishers import Publishers
from agent.thesis import Thesis
from store import settings
from store.database import Database, exists, open_database, open_to_read, writer_lock

if TYPE_CHECKING:
    from agent.embed import Embedder
    from agent.judge import Judge
    from store.index_process import IndexProcess

CACHE = "cache"
EMBEDDER_KEY = "embedder"
REPLAY_KEY = "replaying"
"""The day that a replay is at; a replay that died leaves it behind."""
PATIENCE = 30.0
"""Seconds that a command waits for the right to write: a daemon's jobs are short."""
TOLD_AFTER = 1.0
"""Seconds of waiting after which it says whom it waits for."""


@dataclass(frozen=True)
class Workspace:
    """One thesis over one data folder."""

    config: Config
    thesis: Thesis
    database: Database

    def taking_over(self, before: "Workspace") -> "Workspace":
        """This one, with the embedder of one that was asked for the same: loading it is slow."""
        if "embedder" in before.__dict__ and self.config.embedding == before.config.embedding:
            self.__dict__["embedder"] = before.embedder
        return self

    @cached_property
    def embedder(self) -> "Embedder":
        """The configured embedder; the data folder refuses a second one."""
        from agent import embed

        embedder = embed.make(self.config)
        with self.database.reading() as connection:
            made_by = settings.read(connection, EMBEDDER_KEY)
        if made_by not in (None, embedder.name):
            raise IndexMismatch(
                f"the vectors in {self.database.folder} were made by {made_by!r}, the configured "
                f"embedder is {embedder.name!r}",
                "Set [embedding] back, or run `thesis index rebuild --embed-again`",
            )
        return embedder

    @cached_property
    def judge(self) -> "Judge":
        """The local judge, fitted or read from the cache, with what it learned on the job."""
        from agent import learning
        from agent.judge import local

        with self.database.reading() as connection:
            learned = learning.learned(connection, self.thesis.weights)
        return local.make(
            self.thesis,
            self.embedder,
            self.database.folder / CACHE,
            threshold=self.config.judge.threshold,
            margin=self.config.judge.margin,
            learned=learned,
        )

    @cached_property
    def index(self) -> "IndexProcess":
        """The writer of the vector index; its process starts with the first batch."""
        from store.index_process import IndexProcess

        return IndexProcess(self.database.folder, self.embedder.name)

    @cached_property
    def publishers(self) -> Publishers:
        """The publisher table with the user's ratings."""
        chosen = self.config.reliability
        return Publishers(chosen.default, chosen.publishers)

    @cached_property
    def mentions(self) -> Mentions:
        """The thesis' entities, ready to be found in text."""
        return Mentions(self.thesis.entities)


def read_settings(path: Path) -> tuple[Config, Thesis]:
    """Load config.toml and the thesis file it names."""
    config = configuration.load(path)
    return config, theses.load(theses.find(config.thesis.file, config.folder))


def require_data(config: Config) -> None:
    """Raise ConfigError when nothing was ever put into the data folder."""
    if not exists(config.data_folder):
        raise ConfigError(
            f"there is no data in {config.data_folder} yet",
            "Run `thesis run`, `thesis import FILE` or `thesis replay FILE` first",
        )


@contextmanager
def reading(path: Path) -> Iterator[Workspace]:
    """A workspace that only looks; refuses a data folder that nothing was ever put in."""
    with looked_into(*read_settings(path)) as workspace:
        yield workspace


@contextmanager
def looked_into(config: Config, thesis: Thesis) -> Iterator[Workspace]:
    """See `reading`, for settings that were read already."""
    require_data(config)
    database = open_to_read(config.data_folder)
    try:
        yield Workspace(config, thesis, database)
    finally:
        database.close()


@contextmanager
def writing(path: Path) -> Iterator[Workspace]:
    """A workspace with the only right to write.

    Raises StoreBusy when another process still has it after PATIENCE.
    """
    with opened(*read_settings(path)) as workspace:
        yield workspace


@contextmanager
def opened(config: Config, thesis: Thesis) -> Iterator[Workspace]:
    """See `writing`, for settings that were read already."""
    with _right_to_write(config.data_folder):
        database = open_database(config.data_folder)
        try:
            yield Workspace(config, thesis, database)
        finally:
            database.close()


@contextmanager
def _right_to_write(folder: Path) -> Iterator[None]:
    """The writer's lock, waited for: whoever waits longer than a moment is told for whom."""
    with ExitStack() as held:
        try:
            held.enter_context(writer_lock(folder, min(PATIENCE, TOLD_AFTER)))
        except StoreBusy as busy:
            if PATIENCE <= TOLD_AFTER:
                raise
            sys.stderr.write(f"thesis: {busy.message}; waiting up to {PATIENCE:.0f} s for it\n")
            held.enter_context(writer_lock(folder, PATIENCE - TOLD_AFTER))
        yield
