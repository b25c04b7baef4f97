"""Adding sources to config.toml: found, tried, and written at its end; every other byte stays."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from agent import config as configuration
from agent.config import Config, SourceSection
from agent.errors import ConfigError
from agent.sources import opml
from agent.sources.discovery import Found, discover
from agent.sources.http import Client
from agent.sources.worker import Worker
from store.swap import swap_in


def find(config: Config, url: str) -> list[Found]:
    """The feeds at `url`, with what they list. Raises SourceError when there are none."""
    client, worker = Client(config.http), Worker()
    try:
        return discover(url, client, worker)
    finally:
        client.close()
        worker.close()


def as_source(found: Found, name: str | None, publisher: str) -> SourceSection:
    """A feed that was found, as a source; called after its host when it gets no name."""
    return SourceSection(
        name=name or urlsplit(found.url).hostname or found.url,
        kind="feed",
        url=found.url,
        publisher=publisher,
    )


def add(path: Path, sources: Sequence[SourceSection]) -> list[SourceSection]:
    """Append those of `sources` whose address is not there yet to the config at `path`.

    Names that are taken get a number. The file is replaced only when it can be loaded afterwards.
    """
    config = configuration.load(path)
    known = {one.url for one in config.sources}
    names = {one.name for one in config.sources}
    new: list[SourceSection] = []
    for one in sources:
        if one.url not in known:
            name = _free(one.name, names)
            names.add(name)
            known.add(one.url)
            new.append(one.model_copy(update={"name": name}))
    if new:
        before = path.read_bytes()
        end = b"" if before.endswith(b"\n") or not before else b"\n"
        _replace(path, before + end + "".join(map(_table, new)).encode())
    return new


def take_opml(path: Path, file: Path) -> list[SourceSection]:
    """Append the feeds of an OPML file; returns those that are new."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}", "Check the path") from error
    return add(path, opml.read(body, str(file)))


def _free(name: str, taken: set[str]) -> str:
    free, count = name, 2
    while free in taken:
        free, count = f"{name}-{count}", count + 1
    return free


def _table(source: SourceSection) -> str:
    lines = ["", "[[sources]]", f"name = {_quoted(source.name)}", 'kind = "feed"']
    lines.append(f"url = {_quoted(source.url)}")
    if source.publisher:
        lines.append(f"publisher = {_quoted(source.publisher)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's."""
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _replace(path: Path, content: bytes) -> None:
    """Write beside, load, and only then put in the place of the old file."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
            configuration.load(draft)
            draft.chmod(path.stat().st_mode)
            swap_in(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", "Check its folder"
        ) from error
