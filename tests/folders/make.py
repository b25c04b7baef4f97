"""Makes a data folder as a version of the program leaves it, and packs it for the tests.

    python -m tests.folders.make                       the version of this checkout
    python -m tests.folders.make --program CHECKOUT    that of another one

It writes tests/folders/NNNN.tar.xz, NNNN being the schema: config.toml and data/thesiswatch.sqlite3
after half a year in which everything happens that this version can do. The program runs as a user
would run it, with its clock set and every server on the loopback; what it cannot do is left out.
"""

import argparse
import io
import json
import lzma
import os
import re
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.batch_server import BatchServer
from tests.chat_server import ChatServer
from tests.feed_server import FeedServer
from tests.folders import CONFIG, ENDING, HERE, story
from tests.hook_server import HookServer

DATABASE = "data/thesiswatch.sqlite3"
CLOCKED = """
import sys
from datetime import datetime

import click

from agent import cli

at = datetime.fromisoformat(sys.argv.pop(1))
for module in list(sys.modules.values()):
    for name in {"now", "_now"} & set(vars(module)):
        if module.__name__.startswith("agent."):
            setattr(module, name, lambda: at)
click.getchar = lambda *_: sys.stdin.read(1)
cli.main()
"""
"""The command with its clock set, which reads keys where there is no terminal."""
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABAQAAAAA3bvkkAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg=="
"""A PNG of one point, which stands in a pack for every picture: they would be most of it."""


@dataclass(frozen=True)
class Program:
    """One version of the program, over a folder of its own."""

    tree: Path
    folder: Path
    environment: dict[str, str]

    def can(self, command: str, option: str = "") -> bool:
        """Whether it has this command, with this option."""
        done = self._started("2025-01-01", command, "--help")
        return done.returncode == 0 and option in done.stdout

    def run(self, at: str, *arguments: str, keys: str = "", config: str = CONFIG) -> str:
        """`thesis ARGUMENTS` at an instant of UTC, `keys` typed; gives standard output."""
        done = self._started(at, *arguments, "--config", config, keys=keys)
        print(f"{at}  thesis {' '.join(arguments)} -> {done.returncode}", file=sys.stderr)
        if done.returncode not in (0, 1) or "Traceback" in done.stderr:
            raise SystemExit(done.stdout + done.stderr)
        return done.stdout

    def write(self, name: str, *rows: object) -> None:
        """Rows as JSON Lines."""
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (self.folder / name).write_text(text, encoding="utf-8")

    def select(self, query: str) -> list[Any]:
        """Rows of the database, read as another program would."""
        with closing(sqlite3.connect(self.folder / DATABASE)) as connection:
            return connection.execute(query).fetchall()

    def _started(
        self, at: str, *arguments: str, keys: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", CLOCKED, f"{at}+00:00", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=keys,
            capture_output=True,
            text=True,
        )


@dataclass(frozen=True)
class World:
    """What the program meets, all of it on the loopback."""

    hook: HookServer
    companies: FeedServer
    model: ChatServer
    batches: BatchServer


def make(tree: Path, into: Path) -> Path:
    """Let the program in `tree` fill a folder and pack it; gives the pack's path."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        world = World(
            stack.enter_context(HookServer()),
            stack.enter_context(FeedServer()),
            stack.enter_context(ChatServer()),
            stack.enter_context(BatchServer()),
        )
        world.companies.otherwise(story.company_facts)
        world.model.always(story.judged)
        own = {name: text for name, text in os.environ.items() if not name.startswith("OPENAI_")}
        environment = {
            **own,  # without a key: nobody is asked but the servers below
            "PYTHONPATH": str(tree.resolve()),
            "CHAT_URL": world.hook.address,
            "PAGER_URL": "json://127.0.0.1:9/",
            "EDGAR_DATA_URL": world.companies.url(""),
        }
        program = Program(tree.resolve(), Path(folder), environment)
        _configure(program, CONFIG)
        _live(program, world)
        return _pack(program, into)


def _configure(program: Program, name: str, model: str = "", digest: str = "[]") -> None:
    """The configuration that this version ships, with sources and channels of ours."""
    shipped = (program.tree / CONFIG).read_text(encoding="utf-8")
    text = re.split(r"(?m)^# (?:Channels|Sources):", shipped)[0]
    chosen = {
        "user_agent": '"thesiswatch/0.1 (+mailto:desk@acme.test)"',
        "allow_private": '["127.0.0.1"]',
        "move_points": "1.0",
        "channels": digest,
    }
    for key, value in chosen.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    if model:
        before, judge = text.split("\n[judge]\n")
        asking = judge.replace('base_url = ""', f'base_url = "{model}"', 1)
        text = f"{before}\n[judge]\n{asking}"
    for source, path in (("wire", "wire.jsonl"), ("gone", "/nowhere/gone.jsonl")):
        text += f'[[sources]]\nname = "{source}"\nkind = "file"\npath = "{path}"\n\n'
    for channel in ("chat", "pager") if "[alerts]" in text else ():
        text += f'[[channels]]\nname = "{channel}"\nkind = "push"\n'
        text += f'url_env = "{channel.upper()}_URL"\ntimeout = 5.0\n\n'
    (program.folder / name).write_text(text, encoding="utf-8")


def _live(program: Program, world: World) -> None:
    """Half a year: history replayed, sources read, a model asked, and a person who takes part."""
    program.write("archive.jsonl", *story.archive(), *story.PAST)
    program.run("2025-02-01T08:00:00", "replay", "archive.jsonl")
    program.write("wire.jsonl", *story.WIRE, {"title": 7})
    program.run("2025-06-02T09:00:00", "run")
    program.write("dated.jsonl", {**story.PAST[1], "published": "2025-06-01"})
    program.run("2025-06-02T10:00:00", "import", "dated.jsonl")
    for can, step in (
        (program.can("backfill"), _ask_a_model),
        (program.can("review"), _correct),
        (program.can("backfill", "--batch"), _hand_over),
        (program.can("event"), _regroup),
        (program.can("forecast"), _pose),
        (program.can("alerts"), _hear),
        (program.can("digest", "--send"), _send),
        (program.can("ask"), _question),
    ):
        if can:
            step(program, world)
    program.run("2025-06-07T09:00:00", "run")


def _ask_a_model(program: Program, world: World) -> None:
    program.write("wire.jsonl", *story.WIRE, *story.LATER)
    _configure(program, "asking.toml", world.model.url)
    program.run("2025-06-03T09:00:00", "run", config="asking.toml")


def _correct(program: Program, world: World) -> None:
    """Accept a verdict, reject one, and measure the judge's word by labels of our own."""
    program.run("2025-06-03T10:00:00", "review", keys="arq")
    program.write("gold.jsonl", *story.gold(program.tree))
    program.run("2025-06-03T11:00:00", "eval", "gold.jsonl", "--calibrate")


def _hand_over(program: Program, world: World) -> None:
    _configure(program, "batching.toml", world.batches.url)
    program.write("batched.jsonl", *story.BATCHED)
    at = "2025-06-03T12:00:00"
    program.run(at, "backfill", "batched.jsonl", "--batch", config="batching.toml")


def _regroup(program: Program, world: World) -> None:
    """Two events made one, and a copy made an event of its own."""
    events = dict(program.select("SELECT id, event_id FROM item"))
    program.run("2025-06-04T09:00:00", "event", "merge", events["w1"], events["w2"])
    program.run("2025-06-04T09:30:00", "event", "split", "copy")


def _pose(program: Program, world: World) -> None:
    """One question that stays open and one that is answered."""
    at = "2025-06-04T10:00:00"
    program.run(at, "forecast", "pose", "Groq goes public.", "--by", "2027-12-31")
    posed = program.run(at, "forecast", "pose", "AMD ships MI400.", "--by", "2025-06-30")
    program.run("2025-06-04T11:00:00", "forecast", "resolve", posed.split(":")[0], "no")


def _hear(program: Program, world: World) -> None:
    """Silence, snooze and acknowledge what fired by now."""
    program.run("2025-06-04T12:00:00", "alerts", "silence", "amd_stack", "--days", "900")
    program.run("2025-06-04T12:05:00", "alerts", "snooze", "capex_payback", "2")
    heard = program.select("SELECT id FROM alert WHERE status = 'firing' ORDER BY id LIMIT 1")
    for (alert,) in heard:
        program.run("2025-06-04T12:10:00", "alerts", "ack", alert)


def _send(program: Program, world: World) -> None:
    """One digest by hand and one in its time."""
    _configure(program, "sending.toml", digest='["chat"]')
    sent = ("digest", "--date", "2025-06-03", "--send")
    program.run("2025-06-05T08:00:00", *sent, config="sending.toml")
    program.run("2025-06-06T08:00:00", "run", config="sending.toml")


def _question(program: Program, world: World) -> None:
    program.run("2025-06-06T09:00:00", "ask", "How strong is the thesis?")
    program.run("2025-06-06T09:01:00", "ask", "Who rents out TPU pods?", "--continue")


def _pack(program: Program, into: Path) -> Path:
    """The folder as `into`/NNNN.tar.xz, the same bytes for the same files."""
    _thin(program.folder / DATABASE)
    ((schema,),) = program.select("SELECT version_num FROM alembic_version")
    path = into / f"{schema}{ENDING}"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in (CONFIG, DATABASE):
            content = (program.folder / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    path.write_bytes(lzma.compress(packed.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    return path


def _thin(database: Path) -> None:
    """Put a point in the place of every picture."""
    pictured = (
        "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c "
        "WHERE m.type = 'table' AND c.name = 'images'"
    )
    with closing(sqlite3.connect(database)) as connection:
        for (table,) in connection.execute(pictured).fetchall():
            rows = connection.execute(f"SELECT rowid, images FROM {table}").fetchall()
            for rowid, images in rows:
                dots = json.dumps(dict.fromkeys(json.loads(images), DOT))
                connection.execute(f"UPDATE {table} SET images = ? WHERE rowid = ?", (dots, rowid))
        connection.commit()
        connection.execute("VACUUM")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--program", type=Path, default=story.ROOT, help="A checkout of the version."
    )
    parser.add_argument("--into", type=Path, default=HERE, help="Where to write the pack.")
    chosen = parser.parse_args()
    print(f"Wrote {make(chosen.program, chosen.into)}")


if __name__ == "__main__":
    main()
