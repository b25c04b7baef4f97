"""`thesis restore`: the same answers from another folder, and nothing of the old one lost."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

from agent import doctor
from agent.embed import StaticEmbedder
from agent.errors import StoreBusy, StoreError, ThesiswatchError
from agent.replay import replay
from agent.upkeep import backup
from agent.upkeep.restore import Restored, restore
from agent.workspace import Workspace, reading, writing
from store import copies, index_process, migrations
from store.database import FILE_NAME, daemon_lock, engine_at, writer_lock
from store.vectors import FOLDER
from tests.agent.upkeep.test_archive import claimed, rewritten, smuggled
from tests.command import thesis
from tests.conftest import fakes
from tests.disks import small_disk
from tests.fakes import FakeEmbedder, fetched
from tests.store.test_database import HOLD_DATABASE, another_process
from tests.stored import embedded, indexed, select, tables
from tests.story import STORY

NOW = datetime(2026, 1, 27, 8, tzinfo=UTC)
MADE = datetime(2026, 1, 26, 8, tzinfo=UTC)


@pytest.fixture(scope="session")
def file(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the home; only to be looked at."""
    return backup.make(home, tmp_path_factory.mktemp("backup") / "b.zip", MADE).file


@pytest.fixture
def copied(file: Path, tmp_path: Path) -> Path:
    """A backup that may be changed."""
    return Path(shutil.copy(file, tmp_path / "copied.zip"))


@pytest.fixture
def thinner(own: Path) -> Path:
    """A home with less in it than the backup, and an index."""
    data = own.parent / "data"
    select(data, "PRAGMA journal_mode=DELETE")
    with_less = engine_at(data / FILE_NAME, 1)
    with with_less.begin() as connection:
        connection.exec_driver_sql("DELETE FROM snapshot")
        connection.exec_driver_sql("DELETE FROM index_outbox")
    with_less.dispose()
    (data / FOLDER).mkdir()
    (data / FOLDER / "watermark").write_text("of the old one", encoding="ascii")
    return own


def answers(config: Path) -> dict[str, str]:
    """What the reading commands say, byte for byte."""
    commands = ("score", "explain", "history", "items", "alerts", "show f1")
    return {
        command: thesis(*command.split(), "--json", "--config", config).out for command in commands
    }


def snapshots(config: Path) -> int:
    return int(select(config.parent / "data", "SELECT count(*) FROM snapshot")[0][0])


def waits_for_index(config: Path) -> bool:
    """Whether every vector waits, as nothing is indexed."""
    data = config.parent / "data"
    waiting = {number for (number,) in select(data, "SELECT item_number FROM index_outbox")}
    return waiting == embedded(data) and not (data / FOLDER).exists()


def others(done: Restored) -> list[str]:
    """What is noted besides that the index is empty, which is noted last."""
    *notes, last = done.notes
    assert last.startswith("The index is empty: ")
    return notes


def test_another_folder_gives_the_same_answers_byte_for_byte(
    home: Path, file: Path, tmp_path: Path
) -> None:
    done = restore(file, tmp_path / "new" / "config.toml", NOW)
    there = tmp_path / "new"
    assert answers(there / "config.toml") == answers(home)
    assert tables(there / "data") == tables(home.parent / "data")
    for path in ("config.toml", "thesis/thesis.toml", "thesis/exemplars/border.jsonl"):
        assert (there / path).read_bytes() == (home.parent / path).read_bytes()
        assert there / path in done.written
    assert (done.left, done.kept, others(done)) == ((), None, [])
    assert (done.contents.items, done.made_at) == (len(STORY), MADE)
    assert waits_for_index(there / "config.toml")
    assert not (there / ".env").exists()
    assert (there / "data").stat().st_mode & 0o077 == 0


def test_a_thesis_with_a_mark_before_it_comes_back_as_the_same_version(
    own: Path, tmp_path: Path
) -> None:
    essay = own.parent / "thesis" / "thesis.toml"
    essay.write_bytes(b"\xef\xbb\xbf" + essay.read_bytes().replace(b"\n", b"\r\n"))
    file = backup.make(own, tmp_path / "b.zip", MADE).file
    assert restore(file, own, NOW, force=True).left == ((essay, False), (own, False))
    restore(file, tmp_path / "new" / "config.toml", NOW)
    assert (tmp_path / "new" / "thesis" / "thesis.toml").read_bytes() == essay.read_bytes()


def test_the_next_pass_fills_the_index(
    workspaces: Callable[..., Workspace], tmp_path: Path
) -> None:
    opened = workspaces("mine")
    replay(opened, fetched(*STORY[:4]), "story")
    file = backup.make(tmp_path / "mine" / "config.toml", tmp_path / "b.zip", MADE).file
    del opened.__dict__["index"]  # from here on the real one, of items that are then no more
    replay(opened, fetched(*STORY[8:]), "story")
    workspaces.close("mine")  # type: ignore[attr-defined]
    restore(file, tmp_path / "mine" / "config.toml", NOW, force=True)
    again = workspaces("mine", real_index=True)
    replay(again, fetched(*STORY[4:6]), "story")
    folder = again.database.folder
    assert indexed(folder, FakeEmbedder.name) == embedded(folder)
    assert len(embedded(folder)) == 6


def test_an_index_that_waits_for_the_next_pass_is_not_called_broken(
    tmp_path: Path, static_embedder: StaticEmbedder
) -> None:
    config = tmp_path / "mine" / "config.toml"
    config.parent.mkdir()
    (config.parent / "items.jsonl").touch()
    source = '[[sources]]\nname = "archive"\nkind = "file"\npath = "items.jsonl"\n'
    config.write_text(source, encoding="utf-8")
    with writing(config) as opened:
        opened.__dict__.update({**fakes(), "embedder": static_embedder})
        replay(opened, fetched(*STORY), "story")
    file = backup.make(config, tmp_path / "b.zip", MADE).file
    done = restore(file, tmp_path / "new" / "config.toml", NOW)
    found = {one.check: one for one in doctor.examine(tmp_path / "new" / "config.toml", NOW)}
    assert found["index"].well
    assert found["index"].found == f"0 vectors, as SQL has them, {len(STORY)} waiting"
    assert done.notes == (
        f"The index is empty: {len(STORY)} vectors are put into it by the next pass, or by "
        "`thesis index rebuild`; nothing is lost meanwhile",
    )
    troubles = thesis("status", "--json", "--config", tmp_path / "new" / "config.toml").json
    assert "index" not in [one["what"] for one in troubles["troubles"]]


# What is there already


def test_a_database_that_is_there_is_not_touched_without_force(thinner: Path, file: Path) -> None:
    before = answers(thinner)
    with pytest.raises(StoreError, match="there is a database in .* Add --force"):
        restore(file, thinner, NOW)
    assert answers(thinner) == before
    assert (thinner.parent / "data" / FOLDER / "watermark").exists()


def test_by_force_the_old_one_is_kept_beside_and_said_so(
    home: Path, thinner: Path, file: Path, tmp_path: Path
) -> None:
    old = tables(thinner.parent / "data")
    done = restore(file, thinner, NOW, force=True)
    assert answers(thinner) == answers(home)
    assert waits_for_index(thinner)
    assert done.kept == thinner.parent / "data" / f"{FILE_NAME}.before-restore"
    (tmp_path / "kept").mkdir()
    shutil.copy(done.kept, tmp_path / "kept" / FILE_NAME)
    assert tables(tmp_path / "kept") == old


def test_configuration_and_thesis_that_are_there_are_left_alone(thinner: Path, file: Path) -> None:
    own = thinner.read_bytes() + b"# mine\n"
    thinner.write_bytes(own)
    text = thinner.parent / "thesis" / "thesis.toml"
    (text.parent / "exemplars" / "border.jsonl").unlink()
    done = restore(file, thinner, NOW, force=True)
    assert thinner.read_bytes() == own
    assert done.left == ((text, False), (thinner, True))
    assert done.written == ()
    assert not (text.parent / "exemplars" / "border.jsonl").exists()


def test_a_thesis_is_written_where_the_configuration_that_is_there_wants_it(
    file: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[thesis]\nfile = "mine/essay.toml"\n', encoding="utf-8")
    done = restore(file, config, NOW)
    assert (tmp_path / "mine" / "essay.toml").exists()
    assert (tmp_path / "mine" / "exemplars" / "border.jsonl").exists()
    assert others(done) == []
    assert thesis("score", "--config", config).code == 0


@pytest.mark.parametrize("name", ["../elsewhere/essay.toml", ".env", "{tmp}/abs/essay.toml"])
def test_no_thesis_is_written_where_it_might_be_anything(
    file: Path, tmp_path: Path, name: str
) -> None:
    config = tmp_path / "in" / "config.toml"
    config.parent.mkdir()
    name = name.replace("{tmp}", str(tmp_path))
    config.write_text(f'[thesis]\nfile = "{name}"\n', encoding="utf-8")
    done = restore(file, config, NOW)
    assert sorted(path.name for path in config.parent.iterdir()) == ["config.toml", "data"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    assert "was not written" in done.notes[0] and repr(name) in done.notes[0]
    assert select(tmp_path / "in" / "data", "SELECT count(*) FROM item") == [(len(STORY),)]


def test_a_bundled_thesis_in_the_configuration_stays_the_one_that_is_watched(
    file: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("", encoding="utf-8")
    done = restore(file, config, NOW)
    assert done.written == ()
    assert "[thesis] file is 'nvda_short_case'" in done.notes[0]


def test_a_backup_of_another_thesis_is_called_one(own: Path, file: Path) -> None:
    text = own.parent / "thesis" / "thesis.toml"
    other = text.read_text(encoding="utf-8").replace('id = "nvda_short_case"', 'id = "another"', 1)
    text.write_text(other, encoding="utf-8")
    done = restore(file, own, NOW, force=True)
    assert others(done) == [
        "The backup is of the thesis 'nvda_short_case', the configuration watches 'another'",
    ]


def test_messages_that_will_go_out_again_are_announced(own: Path, tmp_path: Path) -> None:
    message = (
        "INSERT INTO message (id, thesis_id, channel, kind, subject, text, html, images, alerts,"
        " made_at, due_at, state, attempts, unsure, error)"
        " VALUES ('m', 't', 'c', 'alert', '', '', '', '{}', '[]', '', '', 'waiting', 0, 0, '')"
    )
    engine = engine_at(own.parent / "data" / FILE_NAME, 1)
    with engine.begin() as connection:
        connection.exec_driver_sql(message)
    engine.dispose()
    backup.make(own, tmp_path / "b.zip", MADE)
    done = restore(tmp_path / "b.zip", tmp_path / "new" / "config.toml", NOW)
    assert others(done) == ["Messages that waited then go out with the next pass: 1"]


# Who may, and when


def test_it_is_refused_while_a_daemon_runs_or_another_writes(thinner: Path, file: Path) -> None:
    before = tables(thinner.parent / "data")
    for lock, words in ((daemon_lock, "a daemon \\(pid "), (writer_lock, "is writing to")):
        with (
            lock(thinner.parent / "data"),
            pytest.raises(StoreBusy, match=words),
        ):
            restore(file, thinner, NOW, force=True)
    assert tables(thinner.parent / "data") == before


def test_it_gives_up_when_another_program_will_not_let_go(
    thinner: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "BUSY_SECONDS", 0.1)
    data = thinner.parent / "data"
    before = tables(data)
    with another_process(HOLD_DATABASE, data), pytest.raises(StoreBusy, match="is locked"):
        restore(file, thinner, NOW, force=True)
    assert tables(data) == before
    assert not list(data.glob("*before-restore*"))


def test_settings_come_only_with_the_data(
    home: Path, thinner: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_process, "PATIENCE", 0.1)
    data, essay = thinner.parent / "data", thinner.parent / "thesis"
    thinner.unlink()
    shutil.rmtree(essay)
    before = tables(data)
    with FileLock(data / index_process.LOCK_NAME), pytest.raises(StoreError, match="being written"):
        restore(file, thinner, NOW, force=True)
    assert tables(data) == before
    assert not [path for path in (thinner, *essay.rglob("*")) if path.is_file()]
    assert not list(thinner.parent.rglob("*draft*")) + list(data.glob("*before-restore*"))
    done = restore(file, thinner, NOW, force=True)
    assert done.written[-2:] == (essay / "thesis.toml", thinner)
    assert answers(thinner) == answers(home)


def test_who_has_it_open_reads_the_new_one(home: Path, thinner: Path, file: Path) -> None:
    with reading(thinner) as workspace:
        with workspace.database.reading() as connection:
            count = "SELECT count(*) FROM snapshot"
            assert connection.exec_driver_sql(count).scalar() == 0
        restore(file, thinner, NOW, force=True)
        with workspace.database.reading() as connection:
            assert connection.exec_driver_sql(count).scalar() == snapshots(home) > 0


# What is no good


def nothing_came_of(action: Callable[[], Restored], folder: Path, words: str) -> None:
    """It is refused in these words, and nothing is written, not even a folder."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(ThesiswatchError, match=words):
        action()
    assert sorted(folder.rglob("*")) == before


def test_a_changed_byte_is_named_and_nothing_is_written(copied: Path, tmp_path: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        data = bytearray(members[FILE_NAME])
        data[70_000] ^= 1
        members[FILE_NAME] = bytes(data)

    rewritten(copied, change)
    path = tmp_path / "new" / "config.toml"
    words = f"copied.zip: {FILE_NAME} is not what was backed up"
    nothing_came_of(lambda: restore(copied, path, NOW), tmp_path, words)


def test_a_path_that_climbs_out_is_refused(copied: Path, tmp_path: Path) -> None:
    rewritten(copied, lambda members: smuggled(members, "../evil.jsonl"))
    path = tmp_path / "new" / "config.toml"
    nothing_came_of(lambda: restore(copied, path, NOW), tmp_path, r"'\.\./evil.jsonl'")


@pytest.mark.parametrize("facts", [{"schema_revision": "9999"}, {"format": 2}])
def test_a_backup_of_a_newer_program_is_refused(
    copied: Path, tmp_path: Path, facts: dict[str, object]
) -> None:
    rewritten(copied, lambda members: claimed(members, **facts))
    path = tmp_path / "new" / "config.toml"
    nothing_came_of(lambda: restore(copied, path, NOW), tmp_path, "Upgrade thesiswatch")


def test_a_manifest_that_lies_about_the_schema_changes_nothing(
    own: Path, file: Path, tmp_path: Path
) -> None:
    engine = engine_at(own.parent / "data" / FILE_NAME, 1)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    forged = backup.make(own, tmp_path / "forged.zip", MADE).file
    rewritten(forged, lambda members: claimed(members, schema_revision="0001"))
    with pytest.raises(StoreError, match="has schema 9999"):
        restore(forged, tmp_path / "new" / "config.toml", NOW)
    assert not (tmp_path / "new" / "data" / FILE_NAME).exists()
    assert not list((tmp_path / "new").rglob(".thesis-draft*"))


def test_a_data_folder_of_before_is_upgraded_on_its_way(of_before: Path, tmp_path: Path) -> None:
    file = backup.make(of_before, tmp_path / "b.zip", MADE).file
    done = restore(file, tmp_path / "new" / "config.toml", NOW)
    assert done.contents.schema == migrations.HEAD
    assert done.contents.score is None


def test_a_damaged_database_is_replaced_and_kept_as_it_was(
    home: Path, thinner: Path, file: Path
) -> None:
    path = thinner.parent / "data" / FILE_NAME
    path.write_bytes(b"this is no database" * 1000)
    done = restore(file, thinner, NOW, force=True)
    assert answers(thinner) == answers(home)
    assert done.kept and done.kept.read_bytes() == b"this is no database" * 1000
    assert waits_for_index(thinner)


def test_a_disk_that_fills_up_leaves_the_old_state_until_there_is_room(
    home: Path, file: Path, thinner: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "small", megabytes=6) as disk:
        shutil.copytree(thinner.parent, disk.place / "own")
        config = disk.place / "own" / "config.toml"
        before = tables(config.parent / "data")
        config.unlink()
        disk.fill(150_000)
        said = []
        while True:
            ran = thesis("restore", file, "--force", "--config", config)
            if ran.code == 0:
                break
            assert ran.code == 1 and "Traceback" not in ran.err, ran.err
            said.append(ran.err)
            disk.free_some()
            assert tables(config.parent / "data") == before
            assert not config.exists()
            assert not list(config.parent.rglob("*draft*"))
            assert not list(config.parent.rglob("*before-restore*"))
        assert len(said) >= 3
        assert all("MB free" in line or "is full" in line for line in said), said
        disk.free_all()
        assert answers(config) == answers(home)


# The command


def test_the_command_says_what_became_of_what(thinner: Path, file: Path) -> None:
    ran = thesis("restore", file, "--force", "--config", thinner)
    data = thinner.parent / "data"
    waiting = len(embedded(data))
    assert (ran.code, ran.err) == (0, "")
    for words in (
        f"Restored {file}, made 2026-01-26 08:00 UTC, into {data}.",
        f"What was there is kept as {data / FILE_NAME}.before-restore: delete it when",
        f"Left alone: {thinner}, the same as the backup's.",
        f"There are {len(STORY)} items",
        "as of 2025-02-03 23:59 UTC.",
        f"The index is empty: {waiting} vectors are put into it by the next pass, or by",
    ):
        assert words in ran.out
    size = Path(f"{data / FILE_NAME}.before-restore").stat().st_size / 1e6
    shown = thesis("status", "--config", thinner).out
    assert f"({size:,.0f} MB of it kept by restores)" in " ".join(shown.split())


def test_the_command_answers_as_json(home: Path, file: Path, tmp_path: Path) -> None:
    config = tmp_path / "new" / "config.toml"
    said = thesis("restore", file, "--json", "--config", config).json
    assert said["items"] == len(STORY)
    assert said["score"] == thesis("score", "--json", "--config", home).json["score"]
    assert said["made_at"] == "2026-01-26T08:00:00Z"
    assert str(config) in said["written"]
    assert (said["kept"], said["left_alone"]) == (None, [])
    (note,) = said["notes"]
    assert note.startswith("The index is empty: ")


def test_what_went_wrong_is_one_line_and_exit_code_1(own: Path, file: Path, tmp_path: Path) -> None:
    for arguments in ((file,), (tmp_path / "nowhere.zip",), (own,)):
        ran = thesis("restore", *arguments, "--config", own)
        assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert thesis("restore", "--config", own).code == 2
