"""`thesis doctor`: looks at everything a pass needs and says what to do about each finding."""

import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agent import channels
from agent import workspace as workspaces
from agent.config import DOTENV, Config
from agent.errors import ThesisFileError, ThesiswatchError
from agent.judge import llm
from agent.thesis import Thesis
from agent.workspace import Workspace
from store import items, ledger, outbox, private
from store.database import exists, open_to_read
from store.vectors import IndexReader

ROOM = 500_000_000
"""Free bytes below which the disk is called short."""
CLOCK_SLACK = timedelta(minutes=10)
MOST_LOOSE = 3
PROBES = 20
"""Stored vectors that are looked up in the index."""
MISSES = 0.2
"""Share of them that may be missed: the index is approximate and misses some when it is well."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, whether it is well, what was found and what to do."""

    check: str
    well: bool
    found: str
    way_out: str = ""


def examine(path: Path, now: datetime) -> list[Finding]:
    """Every check in turn; one that cannot be made because of an earlier one is left out."""
    try:
        config, thesis = workspaces.read_settings(path)
    except ThesiswatchError as error:
        check = "thesis" if isinstance(error, ThesisFileError) else "config"
        return [Finding(check, False, error.message, error.way_out)]
    findings = [
        Finding("config", True, f"{path} is valid"),
        Finding(
            "thesis",
            True,
            f"{thesis.title}: {len(thesis.categories)} categories, {len(thesis.claims)} claims",
        ),
        _check("sources", lambda: _sources(config)),
        _check("data folder", lambda: _folder(config.data_folder)),
        _check("modes", lambda: _modes(config)),
        _check("disk", lambda: _disk(config.data_folder)),
        _check("key", lambda: _key(config)),
        _check("judge", lambda: _judge(config)),
        _check("channels", lambda: _channels(config)),
    ]
    try:
        stored = exists(config.data_folder)
    except ThesiswatchError as error:
        return [*findings, Finding("database", False, error.message, error.way_out)]
    if stored:
        findings.extend(_stored(config, thesis, now))
    else:
        findings.append(Finding("database", True, "none yet: the first pass makes it"))
    return findings


def _check(name: str, look: Callable[[], Finding]) -> Finding:
    """Run one check; an error of ours is its finding."""
    try:
        return look()
    except ThesiswatchError as error:
        return Finding(name, False, error.message, error.way_out)


def _stored(config: Config, thesis: Thesis, now: datetime) -> Iterator[Finding]:
    try:
        database = open_to_read(config.data_folder)
    except ThesiswatchError as error:
        yield Finding("database", False, error.message, error.way_out)
        return
    workspace = Workspace(config, thesis, database)
    try:
        yield _check("database", lambda: _database(workspace))
        yield _check("clock", lambda: _clock(workspace, now))
        yield _check("embedder", lambda: _embedder(workspace))
        yield _check("index", lambda: _index(workspace))
    finally:
        database.close()


def _sources(config: Config) -> Finding:
    if config.sources:
        return Finding("sources", True, f"{len(config.sources)} configured")
    return Finding(
        "sources",
        False,
        "none configured: `thesis run` has nothing to look at",
        "Add [[sources]] to config.toml",
    )


def _channels(config: Config) -> Finding:
    """Whether every channel has its secret; `thesis alerts test` tries one."""
    if not config.channels:
        found = "none configured: alerts are only listed by `thesis alerts`"
        return Finding("channels", True, found)
    for one in config.channels:
        channels.make(config, one)
    names = ", ".join(one.name for one in config.channels)
    return Finding("channels", True, f"{names}; `thesis alerts test NAME` tries one")


def _folder(folder: Path) -> Finding:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor"):
            pass
    except OSError as error:
        return Finding(
            "data folder",
            False,
            f"{folder} cannot be written: {error.strerror}",
            "Make it writable, or set [data] folder to one that is",
        )
    return Finding("data folder", True, f"{folder} can be written")


def _modes(config: Config) -> Finding:
    """Whether other users of this machine can read, or write, what is stored or a key."""
    keys = config.folder / DOTENV
    found = [*private.loose(config.data_folder), *([keys] if private.is_loose(keys) else [])]
    if not found:
        return Finding("modes", True, "the data folder and .env are this user's alone")
    more = f" and {len(found) - MOST_LOOSE} more" if len(found) > MOST_LOOSE else ""
    return Finding(
        "modes",
        False,
        f"others can use {', '.join(map(private.described, found[:MOST_LOOSE]))}{more}",
        f"Run `chmod go-rwx {shlex.join(map(str, found))}`; opening the data folder does it for "
        "what is in there, where it may",
    )


def _disk(folder: Path) -> Finding:
    try:
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(
            "disk",
            False,
            f"{folder} cannot be looked at: {error.strerror}",
            "Let this user enter the folder, or set [data] folder to another",
        )
    found = f"{free / 1e9:.1f} GB free"
    if free < ROOM:
        return Finding("disk", False, found, "Free some space: a pass may stop half-way")
    return Finding("disk", True, found)


def _key(config: Config) -> Finding:
    if config.embedding.kind == "openai" and config.openai_api_key is None:
        return Finding(
            "key",
            False,
            'embedding.kind is "openai" and OPENAI_API_KEY is not set',
            'Set it in the environment or in .env, or set embedding.kind = "static"',
        )
    needed = config.embedding.kind == "openai"
    return Finding("key", True, "set" if needed else "none needed")


def _judge(config: Config) -> Finding:
    """Whether the judge that is wanted could be asked, and what it may cost."""
    if not llm.is_wanted(config):
        return Finding("judge", True, "local: nobody is asked")
    wanted, price = config.judge, llm.price_of(config)
    if config.openai_api_key is None and not wanted.base_url:
        return Finding(
            "judge",
            False,
            'judge.kind is "llm" and OPENAI_API_KEY is not set',
            'Set it in the environment or in .env, or set judge.kind = "auto"',
        )
    cost = "nothing" if price == llm.FREE else f"at most ${wanted.monthly_budget:.2f} a month"
    return Finding("judge", True, f"{wanted.model}, for {cost}")


def _database(workspace: Workspace) -> Finding:
    with workspace.database.reading() as connection:
        said = connection.exec_driver_sql("PRAGMA quick_check").scalar()
        counts = items.counts(connection)
    if said != "ok":
        return Finding("database", False, f"damaged: {said}", "Restore it from a backup")
    aside = counts.get("quarantined", 0)
    found = f"{sum(n for state, n in counts.items() if state != 'undated'):,} items"
    if aside:
        return Finding("database", False, f"{found}, {aside} quarantined", "See `thesis status`")
    return Finding("database", True, found)


def _clock(workspace: Workspace, now: datetime) -> Finding:
    with workspace.database.reading() as connection:
        last = ledger.snapshot_before(connection, workspace.thesis.id, None)
    if last and last.as_of > now + CLOCK_SLACK and last.as_of.date() > now.date():
        return Finding(
            "clock",
            False,
            f"the last pass was at {last.as_of:%Y-%m-%d %H:%M}, in the future",
            "Set the system clock; new evidence would be dated before old",
        )
    return Finding("clock", True, f"{now:%Y-%m-%d %H:%M} UTC")


def _embedder(workspace: Workspace) -> Finding:
    embedder = workspace.embedder
    if workspace.config.embedding.kind == "static":
        embedder.embed(["a word"])
    return Finding("embedder", True, embedder.name)


def _index(workspace: Workspace) -> Finding:
    """The index must hold exactly the vectors that SQL says it has, and find them."""
    reader = IndexReader(workspace.database.folder, workspace.embedder.name)
    try:
        with workspace.database.reading() as connection:
            waiting = set(outbox.waiting(connection, limit=-1))
            stored = items.with_vectors(connection)
            indexed = reader.numbers()
            missing, extra = stored - waiting - indexed, indexed - stored
            probes = sorted(stored & indexed)[:: max(1, len(indexed) // PROBES)]
            vectors = items.vectors_of(connection, probes)
        lost = [
            number
            for number, vector in zip(probes, vectors, strict=True)
            if vector.any() and not any(d < 1e-4 for _, d in reader.search(vector, 3))
        ]
    finally:
        reader.close()
    if missing or extra or len(lost) > MISSES * len(probes):
        return Finding(
            "index",
            False,
            f"{len(missing)} vectors missing, {len(extra)} unknown, {len(lost)} not found",
            "Run `thesis index rebuild`",
        )
    behind = f", {len(waiting)} waiting" if waiting else ""
    return Finding("index", True, f"{len(indexed):,} vectors, as SQL has them{behind}")
