"""Notices that config.toml, .env or the thesis was edited, and takes the edit or keeps what was."""

from collections.abc import Iterator
from pathlib import Path

from agent.config import Config
from agent.errors import ThesiswatchError
from agent.thesis import Thesis
from agent.workspace import read_settings

ENV_FILE = ".env"

Mark = tuple[tuple[str, int, int], ...]


class Settings:
    """Configuration and thesis as they were last valid; `refused` says why an edit was not taken.

    Raises ConfigError or ThesisFileError when they cannot be used at the start.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config: Config
        self.thesis: Thesis
        self.config, self.thesis = read_settings(path)
        self._seen = self._mark()
        self.refused = ""

    def refresh(self) -> bool:
        """Take an edit since the last look; returns whether there was one, taken or refused."""
        mark = self._mark()
        if mark == self._seen:
            return False
        self._seen = mark  # of before they are read: what is edited meanwhile is seen next time
        try:
            config, thesis = read_settings(self.path)
            self._check(config, thesis)
        except ThesiswatchError as error:
            self.refused = str(error)
            return True
        is_another = thesis.path != self.thesis.path
        self.config, self.thesis, self.refused = config, thesis, ""
        if is_another:
            self._seen = self._mark()
        return True

    def _check(self, config: Config, thesis: Thesis) -> None:
        """What a running daemon cannot change."""
        before, again = self.config, "Restart `thesis start` to use it"
        if config.data_folder != before.data_folder:
            raise ThesiswatchError("[data] folder was changed", again)
        if thesis.id != self.thesis.id:
            raise ThesiswatchError("the thesis' id was changed", again)
        if config.monitoring != before.monitoring:
            raise ThesiswatchError("[monitoring] was changed", again)
        if config.embedding.kind != before.embedding.kind or (
            config.embedding.model != before.embedding.model
        ):
            raise ThesiswatchError(
                "another embedder was chosen",
                "Stop `thesis start`, run `thesis index rebuild --embed-again`, and start again",
            )

    def _mark(self) -> Mark:
        return tuple(sorted(_stamp(path) for path in self._files()))

    def _files(self) -> Iterator[Path]:
        yield self.path
        yield self.path.resolve().parent / ENV_FILE
        yield self.thesis.path
        yield from self.thesis.exemplars


def _stamp(path: Path) -> tuple[str, int, int]:
    """By which an edit is noticed."""
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, -1
    return str(path), found.st_mtime_ns, found.st_size
