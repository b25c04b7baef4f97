"""`thesis status`: each trouble with what to do and exit code 1, none when all is well."""

import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import config as configuration
from agent import daemon_cli
from agent.daemon import checkup, situation
from agent.daemon.jobs import INDEX_BATCH, Job
from agent.daemon.pulse import FILE_NAME, Pulse
from agent.daemon.runner import MOST_FAILURES, REFUSED_KEY
from agent.upkeep import disk
from agent.workspace import Workspace, reading
from store import jobs as stored
from store import messages, settings, sources
from store.database import Database, daemon_lock
from tests.command import Ran
from tests.command import thesis as command

NOW = datetime(2025, 2, 4, 0, 20, tzinfo=UTC)
"""Soon after the last score of the story."""
MINUTE = timedelta(minutes=1)
SOURCES = ["first-of-a-long-name", "second-of-a-long-name"]
SEEN = dict.fromkeys(("last_attempt_at", "last_success_at", "last_item_at"), NOW - MINUTE)
LONG = (
    "the endpoint https://api.example.com/v1/chat/completions?model=gpt-5.4-mini&user=thesiswatch"
    " answered 503 Service Unavailable after 3 tries: upstream connect error or disconnect/reset "
    "before headers. Wait, or look at https://status.example.com/incidents/2025-02-04"
)


THESIS = "nvda_short_case"


class Folder:
    """STORY's data under a daemon that does well: `do_ill` by the name of a method."""

    def __init__(self, path: Path, stack: ExitStack, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.data = path.parent / "data"
        self._stack = stack
        self._patch = patch
        with self.database() as database:
            self.go_well(database)

    def database(self) -> Any:
        """The database, as another program opens it."""
        return _Opened(self.path)

    def go_well(self, database: Database) -> None:
        with database.writing() as connection:
            for job in Job:
                stored.begin(connection, job, NOW - MINUTE)
                stored.succeed(connection, job, NOW - MINUTE, "up to date", 0.1)
            situation.begin(connection, THESIS, NOW - MINUTE)
            for name in SOURCES:
                sources.keep_state(connection, name, **SEEN)
        self._stack.enter_context(daemon_lock(self.data))
        Pulse(self.data, NOW - timedelta(days=1)).beat(NOW - MINUTE)

    def stop(self) -> None:
        """The daemon ends."""
        self._stack.close()

    def ask(self, *more: str) -> Ran:
        return command("status", *more, "--config", self.path)

    # what may go wrong

    def die(self) -> None:
        self.stop()
        Pulse(self.data, NOW).beat(NOW - timedelta(minutes=3))

    def hang(self) -> None:
        Pulse(self.data, NOW).beat(NOW - timedelta(minutes=16))

    def fail(self) -> None:
        for _ in range(3):
            self.write(lambda connection: stored.fail(connection, Job.UPKEEP, NOW, LONG))

    def stall(self) -> None:
        long_ago = NOW - timedelta(hours=30)
        self.write(lambda one: stored.succeed(one, Job.UPKEEP, long_ago, "up to date", 0.1))

    def run_short(self) -> None:
        self._patch.setattr(disk, "ROOM", 10**18)

    def grow(self) -> None:
        def note(connection: Any) -> None:
            disk.remember(connection, NOW.date() - timedelta(days=20), 10**6)
            disk.remember(connection, NOW.date(), 10**15)

        self.write(note)

    def run_ahead(self) -> None:
        ahead = NOW + timedelta(hours=3)
        self.write(lambda connection: situation.begin(connection, THESIS, ahead))

    def refuse(self) -> None:
        said = "config.toml: unknown key 'schedule.feds'. Did you mean 'feeds'?"
        self.write(lambda connection: settings.keep(connection, REFUSED_KEY, said))

    def defer(self) -> None:
        self.execute(
            "UPDATE item SET state = 'deferred', state_reason = 'the key was refused' "
            "WHERE number IN (1, 2)"
        )

    def go_blind(self) -> None:
        self.execute("UPDATE source_state SET failures = 9, error = 'no such host'")

    def give_up(self) -> None:
        self.write(lambda connection: messages.queue(connection, LETTER))
        self.write(lambda connection: messages.give_up(connection, "m", LONG))

    def fall_behind(self) -> None:
        self._patch.setattr(checkup, "INDEX_BATCH", 1)
        self.execute("INSERT INTO index_outbox SELECT item_number FROM embedding LIMIT 6")

    def write(self, do: Callable[[Any], object]) -> None:
        with self.database() as database, database.writing() as connection:
            do(connection)

    def execute(self, query: str) -> None:
        self.write(lambda connection: connection.exec_driver_sql(query))


class _Opened:
    def __init__(self, path: Path) -> None:
        self._stack = ExitStack()
        self._path = path

    def __enter__(self) -> Database:
        workspace: Workspace = self._stack.enter_context(reading(self._path))
        return workspace.database

    def __exit__(self, *_: object) -> None:
        self._stack.close()


LETTER = {
    "id": "m",
    "thesis_id": "nvda_short_case",
    "channel": "mail",
    "kind": "alert",
    "subject": "A threat is rising on training_efficiency",
    "text": "T",
    "html": "",
    "images": {},
    "alerts": [],
    "made_at": NOW,
    "due_at": NOW,
}


@pytest.fixture
def folder(told: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    monkeypatch.setattr(daemon_cli, "now", lambda: NOW)
    monkeypatch.setattr(disk, "ROOM", 0)  # whatever the disk of this machine has
    shutil.copytree(told.config.folder, tmp_path / "home")
    path = tmp_path / "home" / configuration.FILE_NAME
    named = (f'[[sources]]\nname = "{n}"\nkind = "file"\npath = "{n}.jsonl"\n' for n in SOURCES)
    path.write_text("[schedule]\nfiles = 60\n" + "".join(named), encoding="utf-8")
    with ExitStack() as stack:
        yield Folder(path, stack, monkeypatch)


def plain(text: str) -> str:
    """Words of what was shown, wherever its lines were broken."""
    return " ".join(text.split())


def test_nothing_is_called_out_when_all_is_well(folder: Folder) -> None:
    for options in ((), ("--json",)):
        done = folder.ask(*options)
        assert (done.code, done.err) == (0, "")
    assert done.json["troubles"] == []
    assert folder.ask("--alive") == Ran(0, "", "")


TROUBLES = {
    "die": ("daemon", "not running since 2025-02-04 00:17 UTC", "`thesis start`"),
    "hang": ("daemon", f"pid {os.getpid()} shows no sign of life since", "Restart it"),
    "fail": ("job upkeep", f"failed 3 times in a row: {LONG}", "The log has more"),
    "stall": ("job upkeep", "is due since 2025-02-03T18:20:00Z and does not run", "Restart"),
    "run_short": ("disk", "MB free", "Free some space"),
    "grow": ("disk", "GB in a year", "[retention] text_days"),
    "run_ahead": ("clock", "00:20 UTC is before the last pass, 2025-02-04 03:20", "Set the clock"),
    "refuse": ("edit", "Did you mean 'feeds'?", "Correct it"),
    "defer": ("judge", "2 items wait for the language model: the key was refused", "the key"),
    "go_blind": ("sources", f"2 of 2 cannot be seen: {', '.join(SOURCES)}", "--check"),
    "give_up": ("messages", "1 were given up", "`thesis alerts deliver --dead`"),
    "fall_behind": ("index", "6 vectors wait for it", "`thesis index rebuild`"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_is_told_first_with_what_to_do_and_the_exit_code_says_so(
    folder: Folder, trouble: str
) -> None:
    what, found, way_out = TROUBLES[trouble]
    getattr(folder, trouble)()
    done = folder.ask("--json")
    assert (done.code, done.err) == (1, "")
    (said,) = done.json["troubles"]
    assert said["what"] == what
    assert found in said["found"]
    assert way_out in said["way_out"]
    shown = folder.ask()
    assert shown.code == 1
    assert plain(shown.out).startswith(f"{what}: ")
    assert plain(f"{found}") in plain(shown.out)
    assert plain(said["way_out"]) in plain(shown.out)


def test_several_troubles_are_all_told_the_gravest_first(folder: Folder) -> None:
    for trouble in reversed(TROUBLES):
        if trouble not in ("hang", "grow", "refuse", "stall"):
            getattr(folder, trouble)()
    whats = [one["what"] for one in folder.ask("--json").json["troubles"]]
    told = ["daemon", "job upkeep", "disk", "clock", "judge", "sources", "messages", "index"]
    assert whats == told


@pytest.mark.parametrize("failures", range(1, MOST_FAILURES))
def test_job_that_failed_once_or_twice_is_tried_again_before_anybody_is_called(
    folder: Folder, failures: int
) -> None:
    for _ in range(failures):
        folder.write(lambda one: stored.fail(one, Job.UPKEEP, NOW, "no answer"))
    done = folder.ask()
    assert done.code == 0
    assert "no answer" in done.out


def test_job_that_failed_and_has_nothing_to_do_any_more_is_no_trouble(folder: Folder) -> None:
    for _ in range(MOST_FAILURES):
        folder.write(lambda one: stored.fail(one, Job.JUDGE, NOW, "no answer"))
    assert folder.ask().code == 0


def test_folder_that_no_daemon_ever_ran_in_is_well(folder: Folder) -> None:
    folder.stop()
    (folder.data / FILE_NAME).unlink()
    folder.execute("DELETE FROM job")
    done = folder.ask()
    assert done.code == 0
    assert "daemon: none runs" in done.out
    assert "what came of it" not in done.out


def test_refusal_is_no_trouble_without_a_daemon_that_goes_by_it(folder: Folder) -> None:
    folder.refuse()
    folder.stop()
    (folder.data / FILE_NAME).unlink()
    assert folder.ask().code == 0


def test_index_that_is_a_few_batches_behind_is_no_trouble(folder: Folder) -> None:
    folder.execute("INSERT INTO index_outbox SELECT item_number FROM embedding")
    assert folder.ask("--json").json["index_waiting"] < INDEX_BATCH
    assert folder.ask().code == 0


# Whether it lives, for those who watch containers


@pytest.mark.parametrize(
    ("ago", "code"),
    [(timedelta(0), 0), (timedelta(minutes=15), 0), (timedelta(minutes=16), 1), (-MINUTE, 0)],
)
def test_alive_is_an_exit_code_and_no_word(folder: Folder, ago: timedelta, code: int) -> None:
    Pulse(folder.data, NOW).beat(NOW - ago)
    assert folder.ask("--alive") == Ran(code, "", "")


def test_dead_once_it_ended_however_lately_it_lived(folder: Folder) -> None:
    folder.stop()
    assert folder.ask("--alive").code == 1


def test_ended_a_moment_ago_is_no_trouble_as_it_may_be_starting_again(folder: Folder) -> None:
    folder.stop()
    assert folder.ask().code == 0


def test_alive_though_it_goes_on_as_before_an_edit_that_it_refused(folder: Folder) -> None:
    folder.path.write_text("[shedule]\n" + folder.path.read_text(encoding="utf-8"))
    assert folder.ask("--alive").code == 0
    assert "unknown key 'shedule'" in folder.ask().err
    folder.path.write_text("[schedule\n", encoding="utf-8")
    assert folder.ask("--alive").code == 0


def test_dead_where_no_configuration_is_or_names_another_folder(folder: Folder) -> None:
    folder.path.write_text('[data]\nfolder = "elsewhere"\n', encoding="utf-8")
    assert folder.ask("--alive").code == 1
    folder.path.unlink()
    assert folder.ask("--alive").code == 1


def test_dead_without_a_heartbeat(folder: Folder) -> None:
    (folder.data / FILE_NAME).unlink()
    assert folder.ask("--alive").code == 1


def test_alive_whatever_else_goes_wrong(folder: Folder) -> None:
    folder.fail()
    folder.go_blind()
    assert folder.ask("--alive").code == 0


# What programs read, and what people do


def test_json_has_a_row_for_each_job_and_all_of_the_disk(folder: Folder) -> None:
    answer = folder.ask("--json").json
    assert [row["job"] for row in answer["jobs"]] == [job.value for job in Job]
    row = answer["jobs"][0]
    assert row["succeeded_at"] == "2025-02-04T00:19:00Z"
    assert set(row) == {
        *("job", "next_at", "started_at", "finished_at", "succeeded_at"),
        *("failures", "error", "said", "seconds"),
    }
    assert set(answer["disk"]) == {
        *("database", "index", "cache", "logs", "kept", "total", "free", "in_a_year"),
    }
    assert answer["daemon"]["pid"] == os.getpid()
    assert answer["daemon"]["heartbeat"] == "2025-02-04T00:19:00Z"
    assert answer["daemon"]["since"] == "2025-02-03T00:20:00Z"
    assert json.loads(folder.ask("--json").out)["troubles"] == []


def test_in_eighty_columns_nothing_of_a_long_error_or_name_is_cut(folder: Folder) -> None:
    folder.fail()
    folder.go_blind()
    folder.give_up()
    shown, code = on_a_terminal(folder.path)
    lines = shown.splitlines()
    assert code == 1
    assert max(map(len, lines)) <= 80
    assert "…" not in shown
    closed = re.sub(r"\s", "", shown)
    assert closed.count(re.sub(r"\s", "", LONG)) == 3  # the trouble, the letter, the job's row
    assert "https://status.example.com/incidents/2025-02-04" in shown
    for name in SOURCES:
        start, end = name[:12], name[-8:]
        assert start in shown
        assert end in closed
    assert shown.startswith("job upkeep: failed 3 times in a row: the endpoint")


def on_a_terminal(path: Path, columns: int = 80) -> tuple[str, int]:
    """`thesis status` on a real terminal, without its colours."""
    import fcntl
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    program = "from agent import cli, daemon_cli; from datetime import datetime; "
    program += f"daemon_cli.now = lambda: datetime.fromisoformat({NOW.isoformat()!r}); cli.main()"
    environment = {name: text for name, text in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        [sys.executable, "-c", program, "status", "--config", str(path)],
        stdout=theirs,
        stdin=theirs,
        env={**environment, "TERM": "xterm"},
    ) as running:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the other end is closed when the command ends
            while chunk := os.read(ours, 65536):
                seen += chunk
        code = running.wait(30)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", seen.decode()).replace("\r", ""), code
