"""docs/faults.md, row by row: each fault is made for real, and every message quoted there is seen.

A row's test goes through a fault as a user does: `thesis run`, the daemon's jobs, `thesis status`
and `thesis doctor` while it lasts; then it is taken away, and the daemon goes on by itself.
"""

import io
import json
import re
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stderr
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import certifi
import pytest
import trustme

from agent import cli, daemon_cli, notices, report
from agent import config as configuration
from agent.daemon import logs
from agent.daemon.jobs import Job
from agent.daemon.runner import Runner
from agent.judge.local import LocalJudge
from agent.thesis import Thesis
from agent.workspace import Workspace
from store import messages
from store.database import FILE_NAME, open_database, open_to_read
from store.vectors import DATABASE, FOLDER
from tests.chat_server import ChatServer
from tests.command import Ran
from tests.command import thesis as command
from tests.conftest import ROOT
from tests.damage import flip_page
from tests.disks import read_only, small_disk
from tests.fakes import item
from tests.feed_server import FeedServer, rss
from tests.mail_server import PASSWORD, MailServer
from tests.stored import embedded, indexed, select

TABLE = ROOT / "docs" / "faults.md"
NOW = datetime(2025, 1, 28, 12, tzinfo=UTC)
FAR = datetime(2025, 2, 10, tzinfo=UTC)
"""The instant as of which scores are compared: growing old moves none of them."""
HOUR = timedelta(hours=1)
TICK = timedelta(minutes=2)
ARCHIVE = '[[sources]]\nname = "archive"\nkind = "file"\npath = "items.jsonl"\n'
FEED = '[[sources]]\nname = "wire"\nkind = "feed"\nurl = "{url}"\n'
LOCAL = '[http]\nallow_private = ["127.0.0.1", "feeds.invalid"]\ninterval = 0.0\nretries = 2\n'
FIRST = [
    item("a", "DeepSeek trains a frontier model for 6 million dollars on 2,000 GPUs"),
    item("b", "Nvidia Blackwell is sold out for a year as GPU demand soars", "2025-01-28"),
    item("c", "A village bakery wins the county bread prize", "2025-01-28"),
]
NEXT = item("d", "A museum of trams opens in the old depot", "2025-01-28")
"""What comes while something is wrong: it must not be lost, and moves no score."""
ENTRY = {"title": NEXT["title"], "link": "https://d.example/a", "guid": "d"}


def rows() -> dict[str, str]:
    """The rows of the table by the name of their fault."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    return {line.split("|")[1].strip(): line for line in lines[1:]}


def pattern_of(quote: str) -> str:
    """A quoted message as an expression: "…" stands for what differs from machine to machine."""
    return ".+?".join(map(re.escape, quote.split("…")))


class Home:
    """A folder whose daemon has run at NOW; what is printed and logged from then on is `seen`."""

    def __init__(self, folder: Path, thesis: Thesis, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._thesis = thesis
        self.data = folder / "data"
        self.config = folder / "config.toml"
        self.logs = self.data / "logs"
        self.now = NOW
        self.seen = ""
        self._stream = io.StringIO()
        self._handlers: list[Any] = []
        self._runner: Runner | None = None
        for module in (cli, daemon_cli):
            monkeypatch.setattr(module, "now", lambda: self.now)

    @contextmanager
    def row(self, fault: str) -> Iterator[None]:
        """At the end everything that this row quotes must have been seen, and no traceback."""
        text = rows()[fault]
        yield
        self.log()
        quotes = re.findall(r"“(.+?)”", text)
        assert quotes
        assert [one for one in quotes if not re.search(pattern_of(one), self.seen)] == []
        assert "Traceback" not in self.seen
        assert "Logging error" not in self.seen

    def configure(self, text: str) -> None:
        self.config.write_text(ARCHIVE + text, encoding="utf-8")

    def put(self, *given: dict[str, Any]) -> None:
        """What the archive has from here on, besides what it had."""
        text = "".join(json.dumps(row) + "\n" for row in (*FIRST, *given))
        (self.folder / "items.jsonl").write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> Ran:
        ran = command(*arguments, "--config", self.config)
        self.seen += f"{ran.out}\n{ran.err}\n"
        return ran

    def daemon(self, later: timedelta = timedelta(0)) -> list[str]:
        """Let time pass and every job be asked once; returns those that ran."""
        self.now += later
        if self._runner is None:
            self._runner = Runner(self.config, lambda: self.now)
            chosen = self._runner.settings.config.monitoring
            redaction = logs.Redaction()
            self._handlers = logs.start(self.logs, chosen, redaction, self._stream)
        with redirect_stderr(self._stream):
            return [job.value for job in Job if self._runner.run(job)]

    def log(self) -> str:
        """What the daemon has said since the last look."""
        said = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        self.seen += said
        return said

    def stop(self) -> None:
        """End the daemon."""
        if self._runner is not None:
            self._runner.stop(1)
            logs.stop(self._handlers)
            self._runner = None

    def score(self) -> float:
        """The score as of FAR, from the ledger as it is."""
        with closing(open_to_read(self.data)) as database:
            workspace = Workspace(configuration.load(self.config), self._thesis, database)
            return float(report.score(workspace, FAR)["score"])

    def states(self) -> dict[str, str]:
        """How far each item has come."""
        return dict(select(self.data, "SELECT title, state FROM item"))

    def is_scored(self) -> bool:
        """Whether what came meanwhile is in, once, and has come all the way."""
        states = self.states()
        return len(states) == len(FIRST) + 1 and set(states.values()) == {"scored"}

    def troubles(self) -> list[str]:
        """What `thesis status` calls attention to."""
        ran = command("status", "--json", "--config", self.config)
        troubles, unsent = ran.json["troubles"], ran.json["alerts"]["unsent"]
        self.seen += "".join(
            f"{one['what']}: {one['found']}. {one['way_out']}\n" for one in troubles
        )
        self.seen += "".join(f"{one['error']}\n" for one in (*ran.json["jobs"], *unsent))
        assert ran.code == bool(troubles)
        return [one["what"] for one in troubles]

    def ill(self) -> list[str]:
        """The checks of `thesis doctor` that are not well."""
        ran = command("doctor", "--json", "--config", self.config)
        ill = [one for one in ran.json if not one["well"]]
        self.seen += "".join(f"{one['check']} {one['found']} -> {one['way_out']}\n" for one in ill)
        assert ran.code == bool(ill)
        return [one["check"] for one in ill]


@pytest.fixture(scope="module")
def lived(
    tmp_path_factory: pytest.TempPathFactory,
    thesis: Thesis,
    local_judge: LocalJudge,
    judge_cache: Path,
) -> Path:
    """A folder whose daemon ran every job at NOW."""
    with pytest.MonkeyPatch.context() as patched:
        home = Home(tmp_path_factory.mktemp("lived"), thesis, patched)
        shutil.copytree(judge_cache, home.data / "cache")
        home.configure("")
        home.put()
        assert "index" in home.daemon()
        home.stop()
        (home.data / "heartbeat").unlink()  # each test says for itself whether a daemon lives
        return home.folder


@pytest.fixture
def home(
    lived: Path, tmp_path: Path, thesis: Thesis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Home]:
    shutil.copytree(lived, tmp_path / "home")
    found = Home(tmp_path / "home", thesis, monkeypatch)
    yield found
    found.stop()


def one_line(ran: Ran) -> bool:
    """An expected failure: exit code 1 and a line on standard error."""
    return ran.code == 1 and not ran.out and ran.err.count("\n") == 1


def test_every_row_has_its_test_and_every_test_its_row() -> None:
    tested = re.findall(r'home\.row\("(.+?)"\)', Path(__file__).read_text(encoding="utf-8"))
    assert sorted(tested) == sorted(rows())
    assert all(row.count("|") == 5 for row in rows().values())


def test_full_disk(home: Home) -> None:
    before = home.score()
    with home.row("The disk is full"), small_disk(home.folder / "disk", megabytes=24) as disk:
        shutil.move(home.data, disk.place / "data")
        home.data = disk.place / "data"
        home.logs = home.data / "logs"
        home.configure('[data]\nfolder = "disk/data"\n')
        assert home.daemon(TICK) == []
        home.put(NEXT)
        disk.fill(50_000)
        assert one_line(home.run("run"))
        assert home.troubles() == home.ill() == ["disk"]
        home.stop()
        assert home.daemon(HOUR) == []
        for _ in range(3):
            assert home.daemon(TICK) == []
        assert home.log().count("\n") < 100  # it is told of, and not at every look
        disk.free_all()
        home.daemon(HOUR)
        assert home.is_scored()
        assert home.score() == before
        assert "job " not in " ".join(home.troubles())
        home.stop()


def test_read_only_folder(home: Home) -> None:
    before = home.score()
    with home.row("The data folder cannot be written"):
        home.logs = home.folder / "logs"
        home.put(NEXT)
        with read_only(home.data):
            assert one_line(home.run("run"))
            assert one_line(home.run("status"))
            assert one_line(home.run("start"))
            assert home.ill() == ["data folder"]
            assert home.daemon(TICK) == home.daemon(TICK) == []
        with read_only(home.data / "logs"):
            assert one_line(home.run("start"))  # its log is all that it may not write
        home.daemon(HOUR)
        assert home.is_scored()
        assert home.score() == before
        assert home.troubles() == home.ill() == []


def test_damaged_index(home: Home) -> None:
    before = home.score()
    with home.row("A file of the vector index is damaged"):
        flip_page(home.data / FOLDER / DATABASE, "embedding_metadata")
        assert home.ill() == ["index"]
        assert home.troubles() == []  # the daemon mends it, nobody need look
        home.daemon(25 * HOUR)
        assert "the vector index was damaged" in home.log()
        assert home.ill() == []
        assert indexed(home.data, "wordllama-l2-supercat-256") == embedded(home.data)
        assert home.score() == before


def test_damaged_index_in_a_run(home: Home) -> None:
    """The run that has something to add finds an index that cannot be opened."""
    with home.row("The vector index cannot be opened"):
        (home.data / FOLDER / DATABASE).write_bytes(b"no database" * 1000)
        home.run("ask", "What about the bakery?")
        home.put(NEXT)
        assert home.run("run").code == 0
        assert home.is_scored()
        assert home.ill() == []
        assert indexed(home.data, "wordllama-l2-supercat-256") == embedded(home.data)


def test_damaged_database(home: Home) -> None:
    with home.row("A page of the database is damaged"):
        home.daemon(TICK)
        home.stop()
        shutil.copytree(home.data, home.folder / "backup")
        before = home.score()
        flip_page(home.data / FILE_NAME, "turn")
        assert home.score() == before  # nobody reads that page
        assert home.troubles() == []
        assert home.ill() == ["database"]
        ran = home.daemon(25 * HOUR)
        assert "upkeep" not in ran
        for _ in range(2):
            home.daemon(HOUR)
        assert home.troubles() == ["job upkeep"]
        home.stop()
        shutil.rmtree(home.data)
        shutil.copytree(home.folder / "backup", home.data)
        assert "upkeep" in home.daemon(HOUR)
        assert home.ill() == home.troubles() == []
        assert home.score() == before


def test_damage_that_every_command_meets(home: Home) -> None:
    with home.row("The database cannot be read"):
        flip_page(home.data / FILE_NAME, "item")
        assert one_line(home.run("run"))
        assert one_line(home.run("status"))
        assert home.ill() == ["database"]
        home.daemon(HOUR)


def test_missing_key(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    before = home.score()
    with home.row("A key is missing"), ChatServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        home.configure('[embedding]\nkind = "openai"\n')
        assert one_line(home.run("run"))
        assert home.ill() == ["key"]
        home.configure('[judge]\nkind = "llm"\ngate = 0.0\n')
        home.put(NEXT)
        assert one_line(home.run("run"))
        assert home.ill() == ["judge"]
        assert "files" in home.daemon(HOUR)
        for _ in range(2):
            home.daemon(HOUR)
        assert home.states()[NEXT["title"]] == "grouped"
        assert home.troubles() == ["job judge"]
        assert home.score() == before
        (home.folder / ".env").write_text("OPENAI_API_KEY=sk-test-4242\n", encoding="utf-8")
        (home.folder / ".env").chmod(0o600)
        home.daemon(HOUR)
        assert home.is_scored()
        assert server.keys == ["Bearer sk-test-4242"]
        assert home.troubles() == home.ill() == []
        assert home.score() == before
    assert "sk-test" not in home.seen


def test_expired_certificate(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(home.folder / "ca.pem")
    monkeypatch.setattr(certifi, "where", lambda: str(home.folder / "ca.pem"))
    past = [datetime(year, 1, 1, tzinfo=UTC) for year in (2023, 2024)]
    authority.issue_cert("127.0.0.1", not_before=past[0], not_after=past[1]).configure_cert(context)
    before = home.score()
    server = FeedServer()
    server.encrypt(context)
    server.put("/feed", rss(ENTRY))
    with home.row("A source's certificate has expired"), server:
        home.configure(FEED.format(url=server.url().replace("http:", "https:")) + LOCAL)
        assert home.run("run").code == 1
        assert "feeds" in home.daemon(HOUR)
        assert server.seen == []
        assert home.troubles() == ["sources"]
        assert home.ill() == ["sources seen"]
        authority.issue_cert("127.0.0.1").configure_cert(context)
        home.daemon(HOUR)
        assert home.is_scored()
        assert home.troubles() == home.ill() == []
        assert home.score() == before


def test_names_that_are_not_resolved(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    before, resolve = home.score(), socket.getaddrinfo

    def resolved(host: str, *rest: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if host == "feeds.invalid" else host, *rest, **named)

    with home.row("Names are not resolved (DNS)"), FeedServer() as server:
        server.put("/feed", rss(ENTRY))
        home.configure(FEED.format(url=server.url(host="feeds.invalid")) + LOCAL)
        assert home.run("run").code == 1
        assert "feeds" in home.daemon(HOUR)
        assert home.troubles() == ["sources"]
        assert home.ill() == ["sources seen"]
        with monkeypatch.context() as mended:
            mended.setattr(socket, "getaddrinfo", resolved)
            home.daemon(HOUR)
        assert home.is_scored()
        assert home.troubles() == home.ill() == []
        assert home.score() == before


def test_mail_server_down(home: Home, thesis: Thesis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    before, mail = home.score(), MailServer(home.folder)
    with home.row("The mail server is down (SMTP)"), mail:
        home.configure(mail.channel())
        queue_mail(home.data, thesis)
        mail.stop()
        assert home.run("run").code == 1
        for _ in range(3):
            assert "alerts" in home.daemon(15 * TICK)
        assert home.troubles() == ["messages"]
        assert home.ill() == ["messages"]
        mail.start()
        home.daemon(15 * TICK)
        home.daemon(15 * TICK)
        assert [str(one["subject"]) for one in mail.taken] == ["Told once"]
        assert home.troubles() == home.ill() == []
        assert home.score() == before


def queue_mail(data: Path, thesis: Thesis) -> None:
    """A message that waits since NOW."""
    parcel = notices.sample(thesis, NOW)
    said = {"subject": "Told once", "text": parcel.text, "html": parcel.html, "images": {}}
    times = {"made_at": NOW, "due_at": NOW}
    with closing(open_database(data)) as database, database.writing() as connection:
        row = {"id": "m", "thesis_id": thesis.id, "channel": "mail", "kind": "alert", "alerts": []}
        messages.queue(connection, {**row, **said, **times})


def test_clock_set_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    before = home.score()
    with home.row("The clock is behind"), FeedServer() as server:
        server.put("/ping", "OK")
        monkeypatch.setenv("PING", server.url("/ping"))
        home.configure('[monitoring]\nping_env = "PING"\n')
        home.daemon(HOUR)
        assert len(server.seen) == 1
        home.put(NEXT)
        for behind in (HOUR / 2, 40 * 24 * HOUR):
            assert home.daemon(-behind) == []
            assert home.troubles() == home.ill() == ["clock"]
            assert home.score() == before
            home.now += behind
        assert len(server.seen) == 1
        home.now -= HOUR / 2
        assert "the last work was done at 2025-01-28 13:00 UTC" in home.run("run").err
        home.now += HOUR / 2
        home.daemon(TICK * 3)
        assert len(server.seen) == 2
        assert home.is_scored()
        assert home.troubles() == home.ill() == []
        assert home.score() == before
        dated = select(home.data, "SELECT min(first_seen_at) FROM item WHERE id = 'd'")
        assert dated >= [("2025-01-28 13:00",)]


@pytest.mark.parametrize("by_hand", [False, True])
def test_clock_ahead(home: Home, by_hand: bool) -> None:
    before = home.score()
    with home.row("The clock is ahead"):
        assert "score" in home.daemon(400 * 24 * HOUR)
        assert home.troubles() == home.ill() == []  # who is to know?
        home.now -= 400 * 24 * HOUR
        assert home.troubles() == home.ill() == ["clock"]
        home.put(NEXT)
        if by_hand:
            assert "the clock was ahead before" in home.run("run").err
            assert home.troubles() == home.ill() == []
        assert {"files", "score", "alerts", "upkeep"} <= set(home.daemon(HOUR))
        assert home.is_scored()
        assert home.troubles() == home.ill() == []
        assert home.score() == before
        (last,) = select(home.data, "SELECT max(as_of) FROM snapshot")[0]
        assert last.startswith("2025-01-28 13:00")
