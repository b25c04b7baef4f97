"""Every command against a data folder that the version before left: it answers, and rightly.

A command that is new fails here until it has a case.
"""

import inspect
import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from agent import cli
from agent.judge.local import LocalJudge
from agent.workspace import CACHE
from store import migrations
from tests.command import Ran, thesis
from tests.feed_server import FeedServer, rss
from tests.folders import CONFIG, DATA, kept, unpack
from tests.folders.conftest import hook  # noqa: F401  # a fixture
from tests.stored import select

ROOT = Path(__file__).parent.parent
PREVIOUS = max(schema for schema in kept() if schema < migrations.HEAD)
ELSEWHERE = {
    "start": "tests/agent/test_scheduler.py",
    "demo": "tests/agent/demo",
    "alerts simulate": "tests/agent/test_hearing.py",
}
"""Commands that look at no data folder but one of their own, and where they are tested."""
NEW = {
    "id": "n1",
    "title": "DeepSeek trains a frontier model for 6 million dollars on 2,000 GPUs",
    "published": "2025-06-08",
    "publisher": "Reuters",
}
GOLD = [
    {
        "title": "DeepSeek trains V3 for 5.6 million dollars on 2,048 GPUs",
        "relevant": True,
        "labels": [{"category": "training_efficiency", "stance": "supports"}],
    },
    {"title": "A bakery opens in the old town hall", "relevant": False},
]
OPML = '<opml version="2.0"><body><outline type="rss" xmlUrl="https://a.example/f"/></body></opml>'
KEYS = "arq"
"""What is typed into `thesis review`: accept the first, reject the second, leave."""


@dataclass(frozen=True)
class Case:
    """A command line, and what it must say of the folder; {words} stand for what that holds.

    `first` is a line that goes before it; 1 is the documented `code` where something is amiss.
    """

    line: str
    says: tuple[str, ...]
    code: int = 0
    stdin: str = ""
    first: str = ""


def case(line: str, *says: str, **more: Any) -> Case:
    return Case(line, says, **more)


CASES = [
    case("init {folder}/new", "Wrote {folder}/new/config.toml"),
    case("run", "0 new items, 1 known; looked at 1 of 2 sources", code=1),
    case("run --estimate", "the local judge judges them: $0.00"),
    case("import {folder}/known.jsonl", "0 new items, 2 known", "{events} events as of 20"),
    case("replay {folder}/known.jsonl", "0 new items, 2 known; 2 days"),
    case("backfill {folder}/asked.jsonl", "0 new items, 1 known; 1 days"),
    case("classify {folder}/new.jsonl", '"id": "n1", "relevant": true', "training_efficiency"),
    case("eval {folder}/gold.jsonl", "primary-category accuracy", "1.000"),
    case("score", "{score:.1f} of 100", "{events} events, {publishers} publishers"),
    case("history", "2025-01-24T23:59", "{score:.2f}"),
    case("explain", "{score:.1f} of 100", "prior +0.000, rows {odds:+.3f} log-odds"),
    case("whatif --without amd_stack", "with  {score:.1f} of 100", "1 rows differ"),
    case("backtest --prices {root}/agent/demo/nvda_closes.csv", "2025-01-28 to 2025-04-30"),
    case("items", "m1", "Reuters"),
    case("show a05", "{title}", "event {event[a05]}"),
    case("review", "1 accepted, 0 changed, 1 rejected"),
    case("digest --date 2025-06-03", "{digest}"),
    case("digest --date 2025-01-24", "The Short Case for Nvidia Stock, 2025-01-24"),
    case('ask "Who rents out TPU pods?"', "“Google rents its TPU pods", "thesis show w2"),
    case(
        "chat", "“Google rents", "stands at {score:.1f}", stdin="Who rents out TPU pods?\n/score\n"
    ),
    case("kpis", "60.52%", "a-2025-05-28"),
    case(
        "status",
        "items: {items} scored, 1 undated",
        "ledger rows: {ledger} ",
        "2 calls",
        "messages: 1 were given up",
        code=1,
    ),
    case("sources", "/nowhere/gone.jsonl cannot be read"),
    case("sources --check", "2025-06-01 00:00", "/nowhere/gone.jsonl cannot be read", code=1),
    case("doctor", "{items} items", "{items} vectors missing", code=1),
    case("backup {folder}/kept.zip", "{items} items"),
    case("restore {folder}/kept.zip --force", "{items} items", first="backup {folder}/kept.zip"),
    case("export {folder}/tables --format csv", "{folder}/tables"),
    case("alerts", "{alert}", "acknowledged"),
    case("alerts list", "{alert}", "1 of 2 sources of all kinds cannot be seen"),
    case("alerts show {alert}", "2025-06-04 12:10   acknowledged", "message to pager"),
    case("alerts ack {alert}", "{alert} is acknowledged."),
    case("alerts snooze {alert} 2", "{alert} is kept back until"),
    case("alerts silence custom_silicon --days 3", "Silence 3: custom_silicon until"),
    case("alerts silence", "interconnect until 20", first="alerts silence interconnect"),
    case("alerts test chat", "A sample was sent over 'chat'."),
    case("alerts deliver --dead", "2 sent, 0 waiting, 0 given up"),
    case("event merge {event[w3]} {event[w5]}", "Merged; score "),
    case("event split w1", "Split; score "),
    case("audit export {folder}/pack.zip", "score {score:.1f} as of 2025-06-07"),
    case("audit verify {folder}/pack.zip", "{score:.1f}", first="audit export {folder}/pack.zip"),
    case("forecast list", "Q-1", "Groq goes public.", "no "),
    case('forecast pose "Groq is sold." --by 2099-12-31', "Q-3: the score gives it {score:.0f}%"),
    case("forecast resolve Q-1 yes", "Q-1 came out yes."),
    case("source add {feed}", "Added '127.0.0.1' to {folder}/config.toml.", stdin="y\n"),
    case("source import {folder}/feeds.opml", "Added 1 sources to {folder}/config.toml."),
    case("source export", '<opml version="2.0">'),
    case("index rebuild", "The index holds {items} vectors."),
]


def commands(group: typer.Typer = cli.app, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every command by what is typed, with the function behind it."""
    for one in group.registered_commands:
        assert one.callback is not None
        yield prefix + (one.name or one.callback.__name__.rstrip("_")), one.callback
    for inner in group.registered_groups:
        app = inner.typer_instance
        assert app is not None
        if app.registered_callback:
            yield f"{prefix}{inner.name}", app.registered_callback.callback
        yield from commands(app, f"{prefix}{inner.name} ")


COMMANDS = dict(commands())


def command_of(line: str) -> str:
    """The command that a line begins with."""
    return max((name for name in COMMANDS if f"{line} ".startswith(f"{name} ")), key=len)


@pytest.fixture(scope="module")
def feed() -> Iterator[str]:
    """The address of a feed."""
    with FeedServer() as running:
        entry = {"title": "A chip", "link": "https://a.example/1"}
        running.put("/feed", rss(entry), content_type="application/rss+xml")
        yield running.url("/feed")


@pytest.fixture
def words(
    tmp_path: Path,
    judge_cache: Path,
    local_judge: LocalJudge,
    hook: object,  # noqa: F811
    feed: str,
) -> dict[str, Any]:
    """A fresh copy of the folder, and what it holds, by the words of a case."""
    config = unpack(PREVIOUS, tmp_path)
    shutil.copytree(judge_cache, tmp_path / DATA / CACHE)
    nobody = config.read_text(encoding="utf-8").replace("desk@acme.test", "you@example.com")
    config.write_text(nobody, encoding="utf-8")  # without a contact the SEC is not asked
    write(tmp_path)
    return {"folder": tmp_path, "root": ROOT, "feed": feed, **held(tmp_path / DATA)}


def write(folder: Path) -> None:
    """The files that cases name, of items that are new and that are known."""
    names = ("id", "title", "summary", "publisher", "published")
    known = [
        dict(zip(names, row, strict=True))
        for row in select(
            folder / DATA,
            "SELECT id, title, summary, publisher, substr(published_at, 1, 10) FROM item "
            "WHERE id IN ('a05', 'm1', 'w1') ORDER BY id",
        )
    ]
    files = {
        "new.jsonl": [NEW],
        "known.jsonl": [known[0], known[2]],
        "asked.jsonl": [known[1]],
        "wire.jsonl": [known[2]],
        "gold.jsonl": GOLD,
    }
    for name, rows in files.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "feeds.opml").write_text(OPML, encoding="utf-8")


def held(data: Path) -> dict[str, Any]:
    """What a folder holds, read as another program would."""
    score, odds, events, publishers = select(
        data, "SELECT score, log_odds, events, publishers FROM snapshot ORDER BY as_of DESC LIMIT 1"
    )[0]

    def one(query: str) -> Any:
        return select(data, f"SELECT {query}")[0][0]

    return {
        "score": score,
        "odds": odds,
        "events": events,
        "publishers": publishers,
        "items": one("count(*) FROM item"),
        "ledger": one("count(*) FROM evidence"),
        "title": one("title FROM item WHERE id = 'a05'"),
        "event": dict(select(data, "SELECT id, event_id FROM item")),
        "alert": one("id FROM alert WHERE rule = 'blind'"),
        "digest": one("subject FROM digest WHERE day = '2025-06-03'"),
    }


def run(line: str, words: dict[str, Any], stdin: str = "") -> Ran:
    """A line, its words put in, against the folder."""
    takes = inspect.signature(COMMANDS[command_of(line)]).parameters
    options = ["--config", words["folder"] / CONFIG] if "config" in takes else []
    return thesis(*shlex.split(line.format(**words)), *options, stdin=stdin.encode())


def test_every_command_has_a_case() -> None:
    tested = {command_of(one.line) for one in CASES}
    assert tested | set(ELSEWHERE) == set(COMMANDS)
    assert all((ROOT / place).exists() for place in ELSEWHERE.values())


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.line)
def test_command_answers_from_a_folder_of_the_version_before(
    one: Case, words: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = iter(KEYS)
    monkeypatch.setattr(click, "getchar", lambda: next(keys))
    if one.first:
        run(one.first, words)
    ran = run(one.line, words, one.stdin)
    assert ran.code == one.code, ran
    assert "Traceback" not in ran.err
    missing = [said for said in one.says if said.format(**words) not in ran.out]
    assert missing == [], ran
