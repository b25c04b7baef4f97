"""A chat and a run that writes, alive at once: what came seconds ago is found, and a kill of either
leaves the index whole.

THESISWATCH_SOAK makes it longer: seconds of ingesting, 8 without it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.chat.answering import Chat
from agent.workspace import Workspace, reading
from tests.agent.chat.conftest import copied, demo_config  # noqa: F401  # fixtures
from tests.stored import embedded, indexed, select

SECONDS = float(os.environ.get("THESISWATCH_SOAK", "8"))
BATCH = 40
SOON = 15.0
"""Seconds within which what a run stored must be found: it says when that is."""
PLACES = "Avalon Brigadoon Camelot Dunsinane Elsinore Foulness Gormenghast Hogsmeade".split()

Copied = Callable[..., Path]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "agent", *map(str, arguments)]


def name_of(batch: int) -> str:
    return f"{PLACES[batch % len(PLACES)]}{batch}"


def write(path: Path, batch: int) -> None:
    """Headlines of a batch: one with a name that nothing else has, the others about chips."""
    day = (datetime(2025, 5, 1, tzinfo=UTC) + timedelta(minutes=batch)).isoformat()
    rows = [
        {
            "id": f"soak-{batch}-{n}",
            "title": f"{name_of(batch)} Semiconductor ships accelerator number {n} against Nvidia",
            "url": f"https://soak.example/{batch}/{n}",
            "published": day,
            "publisher": f"Paper {n % 7}",
        }
        for n in range(BATCH)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def finds(chat: Chat, batch: int) -> bool:
    answer = chat.ask(f"What does {name_of(batch)} Semiconductor ship?", datetime.now(UTC))  # noqa: TID251
    return not answer.refused and name_of(batch) in answer.text


def stored(config: Path) -> int:
    (row,) = select(config.parent / "data", "SELECT count(*) FROM item")
    return int(row[0])


def wait_for_writing(config: Path, before: int) -> None:
    """Until the run has taken its items and is on its way through the stages."""
    ends = time.monotonic() + 60
    while stored(config) == before:
        assert time.monotonic() < ends
        time.sleep(0.02)


def check_index(workspace: Workspace) -> None:
    folder = workspace.database.folder
    assert indexed(folder, workspace.embedder.name) == embedded(folder)


def test_chat_finds_what_a_run_stored_seconds_ago(copied: Copied, tmp_path: Path) -> None:  # noqa: F811
    config, lines = copied(), tmp_path / "batch.jsonl"
    ends, batch = time.monotonic() + SECONDS, 0
    with reading(config) as workspace:
        chat = Chat(workspace)
        while time.monotonic() < ends or batch < 2:
            write(lines, batch)
            run = subprocess.Popen(command("import", lines, "--config", config))
            while run.poll() is None:
                answer = chat.ask("Who invested in Tenstorrent?", datetime.now(UTC))  # noqa: TID251
                assert "Tenstorrent" in answer.text
            assert run.returncode == 0
            began = time.monotonic()
            while not finds(chat, batch):
                assert time.monotonic() - began < SOON
                time.sleep(0.2)
            batch += 1
        chat.close()
        check_index(workspace)


@pytest.mark.parametrize("victim", ["run", "chat"])
def test_kill_of_either_leaves_the_index_whole(
    copied: Copied,  # noqa: F811
    tmp_path: Path,
    victim: str,
) -> None:
    config, lines = copied(name=victim), tmp_path / "batch.jsonl"
    dice = random.Random(7)
    for batch in range(3):
        write(lines, batch)
        chat = subprocess.Popen(
            command("chat", "--config", config),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert chat.stdin is not None
        chat.stdin.write(b"Who invested in Tenstorrent?\n" * 60)
        chat.stdin.flush()
        before = stored(config)
        run = subprocess.Popen(command("import", lines, "--config", config))
        wait_for_writing(config, before)
        time.sleep(dice.uniform(0.0, 0.5))
        struck = run if victim == "run" else chat
        assert struck.poll() is None
        struck.send_signal(signal.SIGKILL)
        chat.stdin.close()
        for process in (run, chat):
            process.wait(60)
        if victim == "chat":
            assert run.returncode == 0
    done = subprocess.run(command("import", lines, "--config", config), timeout=60)
    assert done.returncode == 0
    with reading(config) as workspace:
        check_index(workspace)
        chat_again = Chat(workspace)
        assert finds(chat_again, 2)
        chat_again.close()
