"""`thesis doctor`: looks at everything a pass needs and says what to do about each finding."""

import shlex
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent import channels
from agent import workspace as workspaces
from agent.config import DOTENV, Config
from agent.daemon import checkup
from agent.errors import ThesisFileError, ThesiswatchError
from agent.judge import llm
from agent.report import Answer
from agent.thesis import Thesis
from agent.upkeep import disk
from agent.workspace import Workspace
from store import damage, items, migrations, outbox, private
from store.database import exists, is_full, open_to_read
from store.vectors import IndexReader, is_damaged

MOST_LOOSE = 3
PROBES = 20
"""Stored vectors that are looked up in the index."""
MISSES = 0.2
"""Share of them that may be missed: the index is approximate and misses some when it is well."""
MOST_NAMED = 5
"""Quarantined items that are named."""


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
    findings = list(_configured(path, config, thesis))
    ill = {one.check for one in findings if not one.well}
    try:
        stored = exists(config.data_folder)
    except ThesiswatchError as error:
        return [*findings, Finding("database", False, error.message, error.way_out)]
    if stored:
        findings.extend(_stored(config, thesis, now, ill))
    else:
        findings.append(Finding("database", True, "none yet: the first pass makes it"))
    return findings


def _configured(path: Path, config: Config, thesis: Thesis) -> Iterator[Finding]:
    yield from (
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
        _check("ping", lambda: _ping(config)),
    )


def _check(name: str, look: Callable[[], Finding]) -> Finding:
    """Run one check; an error of ours is its finding."""
    try:
        return look()
    except ThesiswatchError as error:
        return Finding(name, False, error.message, error.way_out)


def _stored(
    config: Config, thesis: Thesis, now: datetime, ill: Collection[str]
) -> Iterator[Finding]:
    """What is stored, but for what the checks that are `ill` spoil."""
    try:
        database = open_to_read(config.data_folder)
    except ThesiswatchError as error:
        if "data folder" not in ill and not is_full(config.data_folder):
            yield Finding("database", False, error.message, error.way_out)
        return
    workspace = Workspace(config, thesis, database)
    try:
        found = _check("database", lambda: _database(workspace))
        yield found
        if not found.well:
            return
        yield _check("items", lambda: _items(workspace))
        if "key" not in ill:
            found = _check("embedder", lambda: _embedder(workspace))
            yield found
            if found.well and not is_full(config.data_folder):  # Chroma needs room to look
                yield _check("index", lambda: _index(workspace))
        yield from _in_operation(workspace, now, ill)
    finally:
        database.close()


def _in_operation(workspace: Workspace, now: datetime, ill: Collection[str]) -> Iterator[Finding]:
    """What `thesis status` sees of the jobs, the sources and the messages."""
    try:
        seen = checkup.examine(workspace, now)
    except ThesiswatchError as error:
        if "disk" not in ill:
            yield Finding("status", False, error.message, error.way_out)
        return
    for check, (subjects, well) in _OPERATION.items():
        troubles = [one for one in seen["troubles"] if one["what"].split()[0] in subjects]
        if troubles:
            found = "; ".join(map(_told, troubles))
            way_outs = dict.fromkeys(one["way_out"] for one in troubles)
            yield Finding(check, False, found, "; ".join(way_outs))
        else:
            yield Finding(check, True, well(seen, now))


def _told(trouble: Answer) -> str:
    """A trouble in words; of jobs there are several."""
    job = f"{trouble['what']} " if trouble["what"].startswith("job ") else ""
    return f"{job}{trouble['found']}"


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


def _ping(config: Config) -> Finding:
    """Whether there is an address to ask while all is well; it is not asked here."""
    name = config.monitoring.ping_env
    if not name:
        return Finding("ping", True, "none wanted: [monitoring] ping_env is empty")
    if name not in config.secrets:
        return Finding(
            "ping",
            False,
            f"[monitoring] ping_env names {name}, which is not set: nothing is pinged",
            "Set it in the environment or in .env, or empty ping_env",
        )
    return Finding("ping", True, f"{name} is set")


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
    if free < disk.ROOM:
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
    damage.look(workspace.database, whole=True)
    return Finding("database", True, f"whole, {migrations.HEAD} is its schema")


def _items(workspace: Workspace) -> Finding:
    with workspace.database.reading() as connection:
        counts = items.counts(connection)
        aside = items.quarantined(connection, MOST_NAMED)
    found = f"{sum(n for state, n in counts.items() if state != 'undated'):,} items"
    if not aside:
        return Finding("items", True, found)
    named = ", ".join(repr(one) for one in aside)
    return Finding(
        "items",
        False,
        f"{found}, {counts['quarantined']:,} quarantined and not scored: {named}",
        "`thesis show ID` says why",
    )


def _embedder(workspace: Workspace) -> Finding:
    embedder = workspace.embedder
    if workspace.config.embedding.kind == "static":
        embedder.embed(["a word"])
    return Finding("embedder", True, embedder.name)


def _index(workspace: Workspace) -> Finding:
    """The index must hold exactly the vectors that SQL says it has, and find them."""
    if is_damaged(workspace.database.folder):
        return Finding("index", False, "its files are damaged", "Run `thesis index rebuild`")
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


def _beating(seen: Answer, now: datetime) -> str:
    pid = seen["daemon"]["pid"]
    return "none runs" if pid is None else f"pid {pid} since {seen['daemon']['since']}"


def _ran(seen: Answer, now: datetime) -> str:
    ran = sum(one["finished_at"] is not None for one in seen["jobs"])
    return f"{ran} of {len(seen['jobs'])} ran, none keeps failing" if ran else "none ran yet"


def _seen(seen: Answer, now: datetime) -> str:
    words = Counter(one["health"] for one in seen["sources"])
    return ", ".join(f"{count} {word}" for word, count in sorted(words.items())) or "none"


_OPERATION: Mapping[str, tuple[Collection[str], Callable[[Answer, datetime], str]]] = {
    "clock": (("clock",), lambda seen, now: f"{now:%Y-%m-%d %H:%M} UTC"),
    "daemon": (("daemon", "edit"), _beating),
    "jobs": (("job",), _ran),
    "sources seen": (("sources",), _seen),
    "verdicts": (("judge",), lambda seen, now: "none waits for a language model"),
    "messages": (("messages",), lambda seen, now: "none is held up"),
}
"""Checks by what `thesis status` calls attention to, and what is said where it is well."""
