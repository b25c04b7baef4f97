"""Edits while a daemon runs: noticed, taken when they are valid, refused with a word when not."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent import config as configuration
from agent.daemon import checkup, logs
from agent.daemon.edits import Settings
from agent.daemon.jobs import Job
from agent.daemon.runner import REFUSED_KEY, Runner
from agent.errors import ConfigError, ThesisFileError
from agent.setup import THESIS_FOLDER
from agent.thesis import BUNDLED, THESIS_FILE
from agent.workspace import reading
from store import settings as remembered
from store.database import daemon_lock

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
CONFIG = f"""
[thesis]
file = "{THESIS_FOLDER}/{THESIS_FILE}"
[schedule]
feeds = 15
[monitoring]
ping_env = "PING"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A configuration with a thesis of its own and a secret, as `thesis init` lays them out."""
    shutil.copytree(BUNDLED / "nvda_short_case", tmp_path / THESIS_FOLDER)
    (tmp_path / ".env").write_text("PING=https://ping.example/one\n", encoding="utf-8")
    path = tmp_path / configuration.FILE_NAME
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def settings(path: Path) -> Settings:
    return Settings(path)


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def thesis_file(path: Path) -> Path:
    return path.parent / THESIS_FOLDER / THESIS_FILE


def exemplars(path: Path) -> Path:
    return next((path.parent / THESIS_FOLDER / "exemplars").glob("*.jsonl"))


# Noticed and taken


def test_nothing_is_noticed_where_nothing_was_edited(settings: Settings, path: Path) -> None:
    assert [settings.refresh() for _ in range(3)] == [False] * 3
    path.read_bytes()
    assert not settings.refresh()
    assert settings.refused == ""


def test_edit_of_the_configuration_is_taken_once(settings: Settings, path: Path) -> None:
    replace(path, "feeds = 15", "feeds = 20")
    assert settings.refresh()
    assert settings.config.schedule.feeds == 20
    assert not settings.refresh()


def test_edit_of_a_secret_is_taken(settings: Settings, path: Path) -> None:
    env = path.parent / ".env"
    replace(env, "one", "two")
    assert settings.refresh()
    assert settings.config.secrets["PING"].get_secret_value().endswith("/two")
    env.unlink()
    assert settings.refresh()
    assert settings.config.secrets == {}
    env.write_text("PING=https://ping.example/three\n", encoding="utf-8")
    assert settings.refresh()
    assert settings.config.secrets["PING"].get_secret_value().endswith("/three")


def test_edit_of_the_thesis_is_taken_with_its_new_version(settings: Settings, path: Path) -> None:
    before = settings.thesis
    replace(thesis_file(path), f'title = "{before.title}"', 'title = "Another title"')
    assert settings.refresh()
    assert settings.thesis.title == "Another title"
    assert settings.thesis.version != before.version


def test_exemplar_that_was_edited_added_or_deleted_is_noticed(
    settings: Settings, path: Path
) -> None:
    first = exemplars(path)
    another = first.with_name("mine.jsonl")
    for edit in (
        lambda: first.write_text(first.read_text(encoding="utf-8") + "\n", encoding="utf-8"),
        lambda: another.write_text("", encoding="utf-8"),
        another.unlink,
    ):
        edit()
        assert settings.refresh()
        assert not settings.refresh()
    assert settings.refused == ""


def test_another_thesis_file_of_the_same_thesis_is_taken_and_watched(
    settings: Settings, path: Path
) -> None:
    shutil.copytree(path.parent / THESIS_FOLDER, path.parent / "second")
    replace(path, f"{THESIS_FOLDER}/", "second/")
    assert settings.refresh()
    assert not settings.refresh()
    replace(path.parent / "second" / THESIS_FILE, "title = ", "author = 1\ntitle = ")
    assert settings.refresh()
    assert "second" in settings.refused


def test_edit_within_a_tick_of_the_clock_that_keeps_the_size_is_noticed(
    settings: Settings, path: Path
) -> None:
    found = path.stat()
    replace(path, "feeds = 15", "feeds = 51")
    second = found.st_mtime_ns // 10**9 * 10**9
    os.utime(path, ns=(second, second + (found.st_mtime_ns + 1) % 10**9))
    assert path.stat().st_size == found.st_size
    assert settings.refresh()
    assert settings.config.schedule.feeds == 51


def test_file_that_was_put_in_the_place_of_another_is_noticed_though_it_is_older(
    settings: Settings, path: Path
) -> None:
    draft = path.with_name("draft.toml")
    draft.write_text(CONFIG.replace("feeds = 15", "feeds = 60"), encoding="utf-8")
    os.utime(draft, (1_000_000_000, 1_000_000_000))
    draft.replace(path)
    assert settings.refresh()
    assert settings.config.schedule.feeds == 60


def test_what_is_written_while_an_edit_is_read_is_seen_the_next_time(
    settings: Settings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = settings._check

    def meanwhile(*given: object) -> None:
        replace(path, "feeds = 20", "feeds = 300")
        monkeypatch.setattr(settings, "_check", check)

    replace(path, "feeds = 15", "feeds = 20")
    monkeypatch.setattr(settings, "_check", meanwhile)
    assert settings.refresh()
    assert settings.config.schedule.feeds == 20
    assert settings.refresh()
    assert settings.config.schedule.feeds == 300


def test_data_that_lie_beside_the_thesis_file_are_no_edit(path: Path) -> None:
    shutil.copy(thesis_file(path), path.parent / "mine.toml")
    shutil.copytree(thesis_file(path).parent / "exemplars", path.parent / "exemplars")
    replace(path, f"{THESIS_FOLDER}/{THESIS_FILE}", "mine.toml")
    settings = Settings(path)
    (path.parent / "data" / "logs").mkdir(parents=True)
    (path.parent / "data" / "heartbeat").write_text("{}", encoding="utf-8")
    (path.parent / "notes.txt").write_text("mine", encoding="utf-8")
    assert not settings.refresh()
    replace(path.parent / "mine.toml", "summary = ", "summary= ")
    assert settings.refresh()


# Refused


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no TOML": (lambda path: replace(path, "[schedule]", "[schedule"), "not valid TOML"),
    "an unknown key": (lambda path: replace(path, "feeds", "feds"), "Did you mean 'feeds'?"),
    "a wrong value": (lambda path: replace(path, "feeds = 15", "feeds = 0"), "schedule.feeds"),
    "no UTF-8": (lambda path: path.write_bytes(b"\xff\xfe["), "cannot be read"),
    "no file": (lambda path: path.unlink(), "there is no"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
    "another data folder": (
        lambda path: replace(path, "[schedule]", '[data]\nfolder = "other"\n[schedule]'),
        "[data] folder was changed. Restart `thesis start`",
    ),
    "another thesis": (
        lambda path: replace(thesis_file(path), 'id = "nvda_short_case"', 'id = "mine"'),
        "the thesis' id was changed. Restart `thesis start`",
    ),
    "a broken thesis": (
        lambda path: replace(thesis_file(path), "title = ", "titel = "),
        THESIS_FILE,
    ),
    "no thesis": (lambda path: thesis_file(path).unlink(), "there is no such thesis file"),
}


@pytest.mark.parametrize("edit", REFUSED)
def test_edit_that_cannot_be_used_is_refused_and_what_was_before_holds(
    settings: Settings, path: Path, edit: str
) -> None:
    do, words = REFUSED[edit]
    before = settings.config, settings.thesis
    do(path)
    assert settings.refresh()
    assert words in settings.refused
    assert (settings.config, settings.thesis) == before
    assert not settings.refresh()
    assert words in settings.refused


def test_edit_that_was_corrected_is_taken(settings: Settings, path: Path) -> None:
    replace(path, "feeds = 15", "feeds = often")
    assert settings.refresh()
    assert settings.refused
    replace(path, "feeds = often", "feeds = 30")
    assert settings.refresh()
    assert (settings.refused, settings.config.schedule.feeds) == ("", 30)


@pytest.mark.parametrize("which", [Path, thesis_file])
def test_file_that_was_gone_for_a_while_is_taken_when_it_is_back(
    settings: Settings, path: Path, which: Callable[[Path], Path]
) -> None:
    gone = which(path)
    away = gone.with_name("away")
    gone.rename(away)
    assert settings.refresh()
    assert settings.refused
    away.rename(gone)
    assert settings.refresh()
    assert settings.refused == ""
    assert not settings.refresh()


def test_start_without_usable_settings_is_an_error(path: Path) -> None:
    thesis_file(path).unlink()
    with pytest.raises(ThesisFileError):
        Settings(path)
    path.unlink()
    with pytest.raises(ConfigError):
        Settings(path)


# In the daemon


@pytest.fixture
def runner(path: Path) -> Iterator[Runner]:
    (path.parent / ".env").unlink()  # nobody is pinged
    made = Runner(path, lambda: NOW)
    with daemon_lock(made.folder):
        yield made
    made.stop(1)


def shown(path: Path) -> list[str]:
    """What `thesis status` says of edits."""
    with reading(path) as workspace:
        troubles = checkup.examine(workspace, NOW)["troubles"]
    return [one["found"] for one in troubles if one["what"] == "edit"]


def test_refusal_is_shown_until_the_edit_is_corrected(runner: Runner, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    runner.run(Job.PAPERS)
    assert shown(path) == []
    replace(thesis_file(path), "title = ", "titel = ")
    runner.run(Job.PAPERS)
    replace(thesis_file(path), "titel = ", "title = ")
    (said,) = shown(path)
    assert said.startswith("the daemon goes on as before an edit: ")
    assert "titel" in said
    runner.run(Job.PAPERS)
    assert shown(path) == []
    assert path.read_text(encoding="utf-8") == text


def test_refusal_is_forgotten_by_a_daemon_that_starts_with_what_was_corrected(
    runner: Runner, path: Path
) -> None:
    runner.run(Job.PAPERS)
    replace(path, "feeds = 15", "feeds = often")
    runner.run(Job.PAPERS)
    runner.stop(1)
    replace(path, "feeds = often", "feeds = 30")
    (_,) = shown(path)
    again = Runner(path, lambda: NOW)
    again.run(Job.PAPERS)
    assert shown(path) == []
    with reading(path) as workspace, workspace.database.reading() as connection:
        assert remembered.read(connection, REFUSED_KEY) == ""
    again.stop(1)


def test_secret_that_an_edit_brings_is_hidden_in_the_log_from_then_on(path: Path) -> None:
    redaction = logs.Redaction()
    runner = Runner(path, lambda: NOW, redaction)
    (path.parent / ".env").write_text(
        "CHAT=json://hooks.example/t0ken-of-today\n", encoding="utf-8"
    )
    channel = '[[channels]]\nname = "chat"\nkind = "push"\nurl_env = "CHAT"\n'
    path.write_text(path.read_text(encoding="utf-8") + channel, encoding="utf-8")
    said = "one, then t0ken-of-today"
    assert redaction.clean(said) == said
    runner.run(Job.PAPERS)
    assert redaction.clean(said) == "one, then ***"
    runner.stop(1)


def test_jobs_go_by_the_edit_from_the_next_one_on(runner: Runner, path: Path) -> None:
    assert not runner.run(Job.FILES)
    (path.parent / "in.jsonl").write_text('{"title": "Cerebras sells a wafer"}\n', encoding="utf-8")
    source = '[[sources]]\nname = "in"\nkind = "file"\npath = "in.jsonl"\n'
    path.write_text(path.read_text(encoding="utf-8") + source, encoding="utf-8")
    assert runner.run(Job.FILES)
    with reading(path) as workspace, workspace.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM item").scalar() == 1
