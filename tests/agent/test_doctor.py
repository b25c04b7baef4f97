import re
import shutil
import sqlite3
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent import cli, doctor, pipeline
from agent import thesis as theses
from agent.daemon import checkup
from agent.daemon.jobs import Job
from agent.daemon.runner import Runner
from agent.doctor import Finding
from agent.embed import StaticEmbedder
from agent.replay import replay
from agent.upkeep import disk
from agent.workspace import writing
from store import messages, private
from store.database import FILE_NAME, daemon_lock, open_database
from store.vectors import FOLDER, IndexWriter
from tests.command import thesis
from tests.conftest import fakes
from tests.damage import flip_page
from tests.disks import read_only
from tests.fakes import FakeJudge, fetched
from tests.story import STORY

NOW = datetime(2025, 2, 4, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
CONFIG = '[[sources]]\nname = "archive"\nkind = "file"\npath = "items.jsonl"\n'
STORED = ["database", "items", "embedder", "index"]
OPERATION = ["clock", "daemon", "jobs", "sources seen", "verdicts", "messages"]


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: Any, static_embedder: StaticEmbedder) -> Path:
    """A folder in which nothing is wrong, with real vectors and a real index, that has run."""
    folder: Path = tmp_path_factory.mktemp("healthy")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "items.jsonl").touch()
    with writing(folder / "config.toml") as opened:
        index = IndexWriter(opened.database.folder, static_embedder.name)
        opened.__dict__.update(embedder=static_embedder, judge=FakeJudge(), index=index)
        replay(opened, fetched(*STORY), "story")
        assert pipeline.run(opened, NOW).failures == ()
        index.close()
    runner = Runner(folder / "config.toml", lambda: LATER - timedelta(minutes=1))
    assert runner.run(Job.FILES)
    runner.stop(1)
    private.tighten(folder / "data")  # the index was made in this process
    return folder


@pytest.fixture
def folder(healthy: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    shutil.copytree(healthy, tmp_path / "copy")
    return tmp_path / "copy"


def examined(folder: Path, now: datetime = LATER) -> dict[str, Finding]:
    return {one.check: one for one in doctor.examine(folder / "config.toml", now)}


def ill(folder: Path, now: datetime = LATER) -> dict[str, Finding]:
    found = {check: one for check, one in examined(folder, now).items() if not one.well}
    assert [one for one in found.values() if not one.way_out] == []
    return found


def execute(folder: Path, query: str) -> None:
    with closing(sqlite3.connect(folder / "data" / FILE_NAME)) as connection, connection:
        connection.execute(query)


def configure(folder: Path, text: str) -> None:
    (folder / "config.toml").write_text(text, encoding="utf-8")


def test_nothing_is_found_where_nothing_is_wrong(healthy: Path) -> None:
    found = examined(healthy)
    assert ill(healthy) == {}
    assert list(found) == [
        "config",
        "thesis",
        "sources",
        "data folder",
        "modes",
        "disk",
        "key",
        "judge",
        "channels",
        "ping",
        *STORED,
        *OPERATION,
    ]
    assert "12 categories" in found["thesis"].found
    assert f"{len(STORY)} items" in found["items"].found
    assert f"{len(STORY)} vectors" in found["index"].found


def test_a_folder_without_data_is_well_and_said_to_be_empty(tmp_path: Path) -> None:
    configure(tmp_path, CONFIG)
    found = examined(tmp_path)
    assert ill(tmp_path) == {}
    assert "none yet" in found["database"].found
    assert not (tmp_path / "data" / FILE_NAME).exists()


def test_no_configuration(tmp_path: Path) -> None:
    assert "there is no" in ill(tmp_path)["config"].found


def test_an_unknown_key(tmp_path: Path) -> None:
    configure(tmp_path, "[http]\ntimout = 3\n")
    found = examined(tmp_path)
    assert list(found) == ["config"]
    assert "http.timout" in found["config"].found
    assert "'timeout'" in found["config"].way_out


def test_a_broken_thesis_file(tmp_path: Path) -> None:
    configure(tmp_path, '[thesis]\nfile = "mine.toml"\n')
    assert "no such thesis file" in ill(tmp_path)["thesis"].found
    (tmp_path / "mine.toml").write_text("id = \n", encoding="utf-8")
    found = ill(tmp_path)
    assert list(found) == ["thesis"]
    assert "mine.toml:1: not valid TOML" in found["thesis"].found


def test_no_sources(folder: Path) -> None:
    configure(folder, "")
    assert list(ill(folder)) == ["sources"]


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    configure(tmp_path, CONFIG)
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    found = ill(tmp_path)
    assert list(found) == ["data folder"]
    assert str(tmp_path / "data") in found["data folder"].found


def test_a_data_folder_that_may_not_be_entered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    found = ill(folder)
    assert list(found) == ["disk"]
    assert "Permission denied" in found["disk"].found


def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(disk.ROOM - 1))
    assert list(ill(folder)) == ["disk"]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(disk.ROOM))
    assert ill(folder) == {}


def test_a_missing_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(tmp_path, CONFIG + '[embedding]\nkind = "openai"\n')
    found = ill(tmp_path)
    assert list(found) == ["key"]
    assert "OPENAI_API_KEY is not set" in found["key"].found
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-4242")
    assert ill(tmp_path) == {}
    assert "sk-test" not in repr(examined(tmp_path))


@pytest.mark.parametrize(
    ("judge", "found", "way_out"),
    [
        ('kind = "llm"', "OPENAI_API_KEY is not set", 'judge.kind = "auto"'),
        ('base_url = ""\nkind = "llm"\nmodel = "unheard-of"', "no 'unheard-of'", "what it costs"),
    ],
)
def test_a_judge_that_cannot_be_asked(tmp_path: Path, judge: str, found: str, way_out: str) -> None:
    configure(tmp_path, CONFIG + f"[judge]\n{judge}\n")
    (finding,) = ill(tmp_path).values()
    assert (finding.check, found in finding.found) == ("judge", True)
    assert way_out in finding.way_out


def test_a_damaged_database(folder: Path) -> None:
    (folder / "data" / FILE_NAME).write_bytes(b"not a database, not at all" * 400)
    for part in ("-wal", "-shm"):
        (folder / "data" / (FILE_NAME + part)).unlink(missing_ok=True)
    found = ill(folder)
    assert list(found) == ["database"]
    assert "damaged" in found["database"].found
    assert "backup" in found["database"].way_out


def test_an_index_of_the_database_gone_bad(folder: Path) -> None:
    flip_page(folder / "data" / FILE_NAME, "ix_evidence_pair")
    assert "damaged" in ill(folder)["database"].found


def test_items_set_aside(folder: Path) -> None:
    execute(folder, "UPDATE item SET state = 'quarantined' WHERE id IN ('a1', 'a2')")
    found = ill(folder)
    assert list(found) == ["items"]
    assert f"{len(STORY)} items, 2 quarantined and not scored: 'a2', 'a1'" in found["items"].found


def test_a_clock_behind_the_last_pass(folder: Path) -> None:
    found = ill(folder, LATER - timedelta(days=30))
    assert list(found) == ["clock"]
    assert "2025-01-05 00:10 UTC is before the last pass, 2025-02-04 00:09" in found["clock"].found


def test_a_replay_of_today_ends_its_day_and_is_no_clock_set_back(tmp_path: Path) -> None:
    configure(tmp_path, CONFIG)
    with writing(tmp_path / "config.toml") as opened:
        opened.__dict__.update(fakes())
        replay(opened, fetched(STORY[0]), "story")
        noon = datetime(2025, 1, 20, 12, tzinfo=UTC)
        assert checkup.examine(opened, noon)["troubles"] == []
        found = checkup.examine(opened, noon - timedelta(days=1))["troubles"]
        assert [one["what"] for one in found] == ["clock"]


def test_vectors_of_another_embedder(folder: Path) -> None:
    execute(folder, "UPDATE setting SET value = 'openai-tiny-8' WHERE key = 'embedder'")
    found = ill(folder)
    assert list(found) == ["embedder"]
    assert "'openai-tiny-8'" in found["embedder"].found
    assert "--embed-again" in found["embedder"].way_out


def test_an_index_that_is_gone(folder: Path) -> None:
    shutil.rmtree(folder / "data" / FOLDER)
    found = ill(folder)
    assert list(found) == ["index"]
    assert f"{len(STORY)} vectors missing" in found["index"].found
    assert "index rebuild" in found["index"].way_out


def test_a_vector_that_sql_does_not_know(folder: Path) -> None:
    execute(folder, "DELETE FROM embedding WHERE item_number = 1")
    assert "0 vectors missing, 1 unknown" in ill(folder)["index"].found


def test_vectors_that_wait_are_not_missing(folder: Path) -> None:
    shutil.rmtree(folder / "data" / FOLDER)
    execute(folder, "INSERT INTO index_outbox SELECT item_number FROM embedding")
    assert ill(folder) == {}
    assert f"{len(STORY)} waiting" in examined(folder)["index"].found


def test_an_index_that_holds_other_vectors_than_sql(
    folder: Path, static_embedder: StaticEmbedder
) -> None:
    writer = IndexWriter(folder / "data", static_embedder.name)
    numbers = range(1, len(STORY) + 1)
    writer.clear()
    writer.add(numbers, static_embedder.embed([f"{n} texts about rye bread" for n in numbers]))
    writer.close()
    assert f"{len(STORY)} not found" in ill(folder)["index"].found


def test_an_index_made_by_another_embedder(folder: Path, static_embedder: StaticEmbedder) -> None:
    writer = IndexWriter(folder / "data", static_embedder.name)
    writer.clear()
    other = IndexWriter(folder / "data", "another")
    other.add([1], static_embedder.embed(["a"]))
    other.close()
    assert "was made by 'another'" in ill(folder)["index"].found


def test_an_index_damaged_on_disk(folder: Path) -> None:
    (folder / "data" / FOLDER / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    found = ill(folder)
    assert list(found) == ["index"]
    assert "index rebuild" in found["index"].way_out


def test_channel_without_its_secret_is_found(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[[channels]]\nname = "chat"\nkind = "push"\nurl_env = "CHAT_URL"\n')
    found = {one.check: one for one in doctor.examine(path, NOW)}["channels"]
    assert not found.well
    assert "CHAT_URL is not set" in found.found
    assert ".env" in found.way_out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_what_others_can_read_is_named_with_the_chmod_that_ends_it(folder: Path) -> None:
    key, database = folder / ".env", folder / "data" / FILE_NAME
    key.write_text("OPENAI_API_KEY=sk-test-4242\n", encoding="utf-8")
    key.chmod(0o644)
    database.chmod(0o640)
    found = ill(folder)["modes"]
    assert f"{database} (0640), {key} (0644)" in found.found
    assert f"chmod go-rwx {database} {key}" in found.way_out
    assert "sk-test" not in repr(found)
    assert str(database) not in ill(folder)["modes"].found, "the first look opened the folder"
    key.chmod(0o600)
    assert ill(folder) == {}


def test_more_than_a_few_loose_files_are_counted(folder: Path) -> None:
    for path in (folder / "data" / "index").rglob("*"):
        path.chmod(0o755)
    assert " more" in ill(folder)["modes"].found


# What a user can have: each planted in the folder that has run, and found by the command


class Planting:
    """A folder to break; what must be undone afterwards is left to `undone`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, undone: ExitStack) -> None:
        self.data = folder / "data"
        self.patch = monkeypatch
        self.undone = undone
        self._folder = folder

    def configure(self, text: str) -> None:
        """Add to config.toml."""
        path = self._folder / "config.toml"
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    def execute(self, query: str, *given: object) -> None:
        with closing(sqlite3.connect(self.data / FILE_NAME)) as connection, connection:
            connection.execute(query, given)

    def misspell(self) -> None:
        self.configure("[http]\ntimout = 3\n")

    def weigh_wrongly(self) -> None:
        text = (theses.BUNDLED / "nvda_short_case" / theses.THESIS_FILE).read_text("utf-8")
        broken = re.sub(r"^weight = .*$", "weight = -1", text, count=1, flags=re.MULTILINE)
        assert broken != text
        (self._folder / "mine.toml").write_text(broken, encoding="utf-8")
        self.configure('[thesis]\nfile = "mine.toml"\n')

    def name_twice(self) -> None:
        self.configure(CONFIG)

    def name_no_source(self) -> None:
        (self._folder / "config.toml").write_text("", encoding="utf-8")

    def mount_read_only(self) -> None:
        self.undone.enter_context(read_only(self.data))

    def fill_the_disk(self) -> None:
        self.patch.setattr(disk, "ROOM", 10**18)

    def embed_without_a_key(self) -> None:
        self.configure('[embedding]\nkind = "openai"\n')

    def judge_without_a_key(self) -> None:
        self.configure('[judge]\nkind = "llm"\n')

    def forget_a_secret(self) -> None:
        self.configure('[[channels]]\nname = "chat"\nkind = "push"\nurl_env = "CHAT_URL"\n')

    def forget_the_ping(self) -> None:
        self.configure('[monitoring]\nping_env = "THESIS_PING_URL"\n')

    def damage_a_page(self) -> None:
        flip_page(self.data / FILE_NAME, "evidence")

    def damage_a_text(self) -> None:
        self.execute("UPDATE item SET title = CAST(x'4e76ff696469' AS TEXT) WHERE number = 3")

    def come_from_a_newer_program(self) -> None:
        self.execute("UPDATE alembic_version SET version_num = '9999'")

    def quarantine(self) -> None:
        self.execute("UPDATE item SET state = 'quarantined' WHERE id = 'a1'")

    def change_embedders(self) -> None:
        self.execute("UPDATE setting SET value = 'openai-tiny-8' WHERE key = 'embedder'")

    def lose_vectors(self) -> None:
        shutil.rmtree(self.data / FOLDER)

    def damage_the_index(self) -> None:
        flip_page(self.data / FOLDER / "chroma.sqlite3", "embedding_metadata")

    def set_the_clock_back(self) -> None:
        self.patch.setattr(cli, "now", lambda: LATER - timedelta(hours=1))

    def kill_the_daemon(self) -> None:
        self.patch.setattr(cli, "now", lambda: LATER + timedelta(hours=2))

    def hang_the_daemon(self) -> None:
        self.undone.enter_context(daemon_lock(self.data))
        self.kill_the_daemon()

    def fail_a_job(self) -> None:
        self.execute(
            "UPDATE job SET failures = 4, error = 'the endpoint failed' WHERE name = 'files'"
        )

    def lose_sight(self) -> None:
        self.execute("UPDATE source_state SET failures = 9, error = 'gone'")

    def wait_for_the_model(self) -> None:
        self.execute("UPDATE item SET state = 'deferred' WHERE id = 'a1'")

    def give_up(self, state: str = "dead") -> None:
        with closing(open_database(self.data)) as database, database.writing() as connection:
            row = {"thesis_id": "nvda_short_case", "channel": "mail", "kind": "alert"}
            words = {"subject": "S", "text": "T", "html": "", "images": {}, "alerts": []}
            times = {"made_at": NOW, "due_at": NOW}
            messages.queue(connection, {"id": "m", **row, **words, **times})
        self.execute("UPDATE message SET state = ?, error = 'refused', attempts = 3", state)

    def hold_up(self) -> None:
        self.give_up("waiting")


PLANTED = [
    ("misspell", "config", "http.timout", "'timeout'"),
    ("weigh_wrongly", "thesis", "weight", "Correct that line"),
    ("name_twice", "config", "'archive'", "Correct that value"),
    ("name_no_source", "sources", "none configured", "[[sources]]"),
    ("mount_read_only", "data folder", "/data cannot be written", "[data] folder"),
    ("fill_the_disk", "disk", "GB free", "Free some space"),
    ("embed_without_a_key", "key", "OPENAI_API_KEY is not set", ".env"),
    ("judge_without_a_key", "judge", "OPENAI_API_KEY is not set", ".env"),
    ("forget_a_secret", "channels", "CHAT_URL is not set", ".env"),
    ("forget_the_ping", "ping", "names THESIS_PING_URL, which is not set", ".env"),
    ("damage_a_page", "database", "/data is damaged", "backup"),
    ("damage_a_text", "database", "a text in it cannot be read", "backup"),
    ("come_from_a_newer_program", "database", "schema 9999", "Upgrade thesiswatch"),
    ("quarantine", "items", "1 quarantined and not scored: 'a1'", "`thesis show ID`"),
    ("change_embedders", "embedder", "'openai-tiny-8'", "--embed-again"),
    ("lose_vectors", "index", "16 vectors missing", "`thesis index rebuild`"),
    ("damage_the_index", "index", "damaged", "`thesis index rebuild`"),
    ("set_the_clock_back", "clock", "is before the last pass, 2025-02-04 00:09", "Set the clock"),
    ("kill_the_daemon", "daemon", "not running since 2025-02-04 00:09", "`thesis start`"),
    ("hang_the_daemon", "daemon", "shows no sign of life", "Restart it"),
    ("fail_a_job", "jobs", "files failed 4 times in a row: the endpoint failed", "log"),
    ("lose_sight", "sources seen", "1 of 1 cannot be seen: archive", "--check"),
    ("wait_for_the_model", "verdicts", "1 items wait for the language model", "key"),
    ("give_up", "messages", "1 were given up", "`thesis alerts deliver --dead`"),
    ("hold_up", "messages", "1 could not be sent yet: refused", "two days"),
]


@pytest.mark.parametrize(("fault", "check", "found", "way_out"), PLANTED)
def test_a_planted_fault_is_the_one_that_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str, check: str, found: str, way_out: str
) -> None:
    monkeypatch.setattr(cli, "now", lambda: LATER)
    with ExitStack() as undone:
        getattr(Planting(folder, monkeypatch, undone), fault)()
        ran = thesis("doctor", "--json", "--config", folder / "config.toml")
    assert ran.code == 1
    ill = [one for one in ran.json if not one["well"]]
    assert [one["check"] for one in ill] == [check]
    assert found in ill[0]["found"]
    assert way_out in ill[0]["way_out"]


def test_all_is_well_before_anything_is_planted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "now", lambda: LATER)
    assert thesis("doctor", "--config", folder / "config.toml").code == 0
