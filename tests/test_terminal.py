"""No text from outside steers the terminal: every command over a data folder full of sequences."""

import io
import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.main import get_command

from agent import cli, terminal
from agent.console import Console
from agent.embed import StaticEmbedder
from tests import hostile
from tests.command import Ran, thesis
from tests.fakes import item
from tests.feed_server import FeedServer, rss
from tests.hostile import EVIL, FORGED, MARK

STEERS = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of Unicode: control, format, half a pair, and what ends lines and paragraphs."""

CHAT = f"What of DeepSeek {EVIL}?\n/show 1\n/why 30d\n/against\n/score\n/{EVIL}\n/help\n/new\n"
RUNS: dict[str, list[list[str]]] = {
    "init": [[f"{{folder}}/{EVIL}"], ["{folder}"]],
    "run": [[], ["--estimate"]],
    "import": [["{lines}"]],
    "classify": [["{lines}"]],
    "eval": [["{gold}"]],
    "score": [[], ["--as-of", "2025-01-27"]],
    "history": [[], ["--plot"]],
    "explain": [[], ["--since", "2025-01-22"], ["--item", "a1"]],
    "whatif": [[], ["--without", "{event}"], ["--without", "custom_silicon"]],
    "backtest": [[]],
    "items": [[], ["--match", "Nvidia"]],
    "show": [["a1"], ["{event}"]],
    "review": [[]],
    "digest": [["--date", "2025-02-03"], ["--send"]],
    "ask": [["Who trains cheaper models?"], ["-", "--continue"]],
    "chat": [[]],
    "kpis": [[]],
    "status": [[]],
    "sources": [[], ["--check"]],
    "doctor": [[]],
    "alerts": [[]],
    "alerts list": [[]],
    "alerts show": [["{alert}"]],
    "alerts ack": [["{alert}"]],
    "alerts snooze": [["{alert}", "2"]],
    "alerts silence": [["*", "--reason", EVIL], []],
    "alerts test": [["chat"]],
    "alerts deliver": [["--dead"]],
    "event merge": [["{event}", "{other}"]],
    "event split": [["c2"]],
    "audit export": [["{folder}/pack.zip"]],
    "audit verify": [["{folder}/pack.zip"], ["{lines}"]],
    "forecast list": [[]],
    "forecast pose": [[f"It comes true {EVIL}", "--by", "2099-01-01"]],
    "forecast resolve": [["Q-1", "yes"]],
    "source add": [["{url}", "--yes", "--name", EVIL]],
    "source import": [["{opml}"]],
    "source export": [[]],
}
"""What each command is run with."""
WRITES = set("init run import replay backfill classify eval digest source index event".split())
LEFT_OUT = {
    "demo": "the archive that ships, on the pages of the commands above",
    "replay": "prints what import does",
    "backfill": "prints what import does",
    "start": "goes on for ever; what it says goes to its log, and past the same guard",
    "alerts simulate": "takes seconds; tests/agent/test_screen.py has its page",
    "index rebuild": "prints a number",
    "backup": "prints a path of the user's, and numbers",
    "restore": "prints paths of the user's, and numbers",
    "export": "prints paths of the user's, and numbers",
}
QUOTES = {"explain", "items", "show", "review", "digest", "chat", "kpis", "status", "sources"}
"""Commands that have to show what they were given, or the test has nothing to find."""


class Place(NamedTuple):
    """The hostile folder, and the words that stand in RUNS."""

    config: Path
    words: dict[str, str]


def commands(group: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every command of the program by its words, groups that do something by themselves too."""
    group = group or get_command(cli.app)
    for name, command in group.commands.items():
        words = f"{prefix}{name}"
        if hasattr(command, "commands"):
            yield from commands(command, f"{words} ")
        if not hasattr(command, "commands") or command.invoke_without_command:
            yield words, command


def options(command: Any) -> set[str]:
    return {spelling for one in command.params for spelling in one.opts}


KNOWN = dict(commands())


@pytest.fixture(scope="module")
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        entry = {"title": f"Chips {EVIL}", "link": f"https://evil.example/?{EVIL}", "guid": "g"}
        clean = {name: "".join(filter(str.isprintable, text)) for name, text in entry.items()}
        running.put("/feed", rss(clean))
        reason = f"HTTP/1.1 200 {EVIL}\r\nx: {EVIL}\r\n\r\n".encode()
        running.behave("/broken", lambda handler: handler.wfile.write(reason) and None)
        yield running


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    static_embedder: StaticEmbedder,
    judge_cache: Path,
    local_judge: object,
    server: FeedServer,
) -> Place:
    folder = tmp_path_factory.mktemp("hostile")
    config = hostile.folder(folder, static_embedder, judge_cache, server.url("/broken"))
    rows = [item("z1", f"Nvidia cuts {EVIL}"), item(f"z2{EVIL}", "x", None), {"title": ""}, EVIL]
    (folder / "lines.jsonl").write_text("\n".join(map(json.dumps, rows)) + FORGED, "utf-8")
    gold = {**item("g", f"Nvidia {EVIL}"), "relevant": False}
    (folder / "gold.jsonl").write_text(json.dumps(gold) + "\n" + EVIL + FORGED, "utf-8")
    (folder / "list.opml").write_text(f"<opml><body>{EVIL}", "utf-8")
    listed = thesis("items", "--json", "--config", config).json
    alerts = thesis("alerts", "--json", "--config", config).json
    events = {row["id"]: row["event_id"] for row in listed}
    words = {"folder": str(folder), "lines": str(folder / "lines.jsonl")}
    words |= {"gold": str(folder / "gold.jsonl"), "opml": str(folder / "list.opml")}
    words |= {"event": events["a1"], "other": events["d3"], "alert": alerts[0]["id"]}
    return Place(config, {**words, "url": server.url("/feed")})


def steering(ran: Ran) -> str:
    """What came out that a terminal obeys, or that hides or turns words; line feeds are ours."""
    text = (ran.out + ran.err).replace("\n", "")
    return "".join(sorted({one for one in text if unicodedata.category(one) in STEERS}))


def run(place: Place, command: str, arguments: list[str], *more: str) -> Ran:
    filled = [_filled(one, place) for one in arguments]
    file = place.config if command.split()[0] in WRITES else place.config.with_name("hostile.toml")
    config = ("--config", file) if "--config" in options(KNOWN[command]) else ()
    stdin = CHAT.encode() if command == "chat" else b"What of Nvidia?"
    return thesis(*command.split(), *filled, *more, *config, stdin=stdin)


def _filled(text: str, place: Place) -> str:
    for name, word in place.words.items():
        text = text.replace(f"{{{name}}}", word)
    return text


def test_every_command_is_tried_here() -> None:
    assert KNOWN.keys() == RUNS.keys() | LEFT_OUT.keys(), "say above what a new command is run with"


@pytest.mark.filterwarnings("ignore::UserWarning")  # a chart has no room and no signs for these
@pytest.mark.parametrize("command", RUNS)
def test_no_command_lets_a_text_steer_the_terminal(
    command: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.getchar", lambda: "s")
    monkeypatch.setenv("CHAT_URL", f"json://127.0.0.1:9/{EVIL}")
    said = ""
    for arguments in RUNS[command]:
        both = "--json" in options(KNOWN[command]) and "--send" not in arguments
        for more in ((), ("--json",)) if both else ((),):
            ran = run(place, command, arguments, *more)
            assert steering(ran) == "", f"thesis {command} {arguments} {more}"
            assert FORGED not in "\n" + ran.err
            said += ran.out + ran.err
    assert MARK in said or command not in QUOTES


@pytest.mark.parametrize(
    "arguments",
    [
        [EVIL],
        ["score", f"--{EVIL}"],
        ["score", "--as-of", EVIL],
        ["score", "--config", f"/nowhere/{EVIL}"],
        ["explain", "--item", EVIL],
        ["whatif", "--without", EVIL],
        ["show", EVIL],
        ["alerts", "show", EVIL],
        ["alerts", "--snooze", EVIL, "1"],
        ["alerts", "test", EVIL],
        ["forecast", "resolve", EVIL, "yes"],
        ["event", "split", EVIL],
        ["digest", "--out", f"/proc/{EVIL}"],
        ["audit", "verify", EVIL],
        ["ask", EVIL],
    ],
    ids=lambda one: " ".join(one).replace(EVIL, "EVIL"),
)
def test_an_error_that_repeats_what_was_typed_steers_nothing(
    arguments: list[str], place: Place
) -> None:
    config = [] if "--config" in arguments or arguments[0] in (EVIL, "audit") else ["--config"]
    ran = thesis(*arguments, *config, *([place.config] if config else []))
    assert steering(ran) == ""
    assert MARK in ran.err or ran.code == 0


class Screen(io.StringIO):
    """A terminal, as far as a program can tell."""

    def isatty(self) -> bool:
        return True


def drawn(*arguments: object) -> str:
    """What a command writes to a terminal."""
    out = Screen()
    before = sys.argv, sys.stdout, sys.stderr
    sys.argv = ["thesis", *map(str, arguments)]
    sys.stdout = sys.stderr = out
    try:
        with suppress(SystemExit):
            cli.main()
    finally:
        sys.argv, sys.stdout, sys.stderr = before
    return out.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [["score"], ["explain"], ["items"], ["show", "a1"], ["sources"], ["ask", "What of DeepSeek?"]],
    ids=lambda one: one[0],
)
def test_on_a_terminal_only_the_programs_own_colours_come_out(
    arguments: list[str], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    text = drawn(*arguments, "--config", place.config)
    assert MARK in text or arguments == ["score"]
    assert "\x1b[" in text
    assert steering(Ran(0, re.sub(r"\x1b\[[\d;]*m", "", text), "")) == ""


def test_the_address_of_a_link_ends_where_it_should() -> None:
    from rich.style import Style
    from rich.text import Text

    out = Screen()
    page = Console(out, 80)
    page.print(Text(f":bomb: {EVIL}", Style(link=f"https://a.example/{EVIL}")), soft_wrap=True)
    (link,) = set(re.findall(r"\x1b\]8;id=\d+;(.*?)\x1b\\", out.getvalue()))
    assert link.startswith("https://a.example/")
    assert link.isprintable()
    rest = re.sub(r"\x1b\]8;(id=\d+;.*?|;)\x1b\\", "", out.getvalue())
    assert steering(Ran(0, rest, "")) == ""
    assert ":bomb:" in rest


def test_what_libraries_and_bugs_print_steers_nothing() -> None:
    code = f"""
import logging, sys, threading, warnings
from agent import cli, terminal
from agent.console import Console
evil = {EVIL!r}
@cli.app.command("burst")
def burst() -> None:
    warnings.warn(evil)
    logging.getLogger("httpx").warning(evil)
    print(evil)
    sys.stderr.writelines([evil, evil])
    thread = threading.Thread(target=lambda: 1 / 0, name=evil)
    thread.start(); thread.join()
    raise RuntimeError(evil)
sys.argv = ["thesis", "burst"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert ran.code == 1
    assert ran.out.count(MARK) == 1
    assert ran.err.count(MARK) >= 6
    assert "RuntimeError" in ran.err
    assert steering(ran) == ""


def test_a_sequence_that_comes_in_pieces_is_no_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", out)
    terminal.guard()
    terminal.guard()
    for piece in ("\x1b", "[2J", "\x9b", "2J\tkept\n"):
        assert sys.stdout.write(piece) == len(piece)
    assert out.getvalue() == "[2J2J\tkept\n"
    assert terminal.behind(sys.stdout) is out
    assert not hasattr(sys.stdout, "buffer")
