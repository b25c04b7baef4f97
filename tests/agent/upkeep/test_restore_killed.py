"""`kill -9` at any moment of a restore: the old state or the new, and run again it is the new.

All moments: THESIS_RESTORE_KILLS=1000 pytest tests/agent/upkeep/test_restore_killed.py -s
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.upkeep import backup
from store.database import FILE_NAME, engine_at
from store.vectors import FOLDER
from tests.agent.upkeep.dying import SETTINGS
from tests.conftest import ROOT

KILLS = int(os.environ.get("THESIS_RESTORE_KILLS", "4"))
MADE = datetime(2026, 1, 26, 8, tzinfo=UTC)


def test_a_restore_killed_at_any_moment_leaves_the_old_state_or_the_new(
    own: Path, tmp_path: Path
) -> None:
    file = backup.make(own, tmp_path / "b.zip", MADE).file
    engine = engine_at(own.parent / "data" / FILE_NAME, 1)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM snapshot")
        connection.exec_driver_sql("DELETE FROM index_outbox")
    engine.dispose()
    (own.parent / "data" / FOLDER).mkdir()
    (own.parent / "data" / FOLDER / "watermark").write_text("old", encoding="ascii")
    for name in SETTINGS:
        (own.parent / name).unlink()
    command = ["-m", "tests.agent.upkeep.dying", file, own.parent, tmp_path, KILLS]
    done = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    whole, *deaths = [json.loads(line) for line in done.stdout.splitlines()]
    well = {"state": "new", "index": True, "stale": False, "settings": list(SETTINGS)}
    assert whole["whole"] == well
    print(whole["total"], "moments;", [one["left"]["state"] for one in deaths])
    assert len(deaths) >= min(KILLS, whole["total"])
    assert all(one["died"] for one in deaths)
    for one in deaths:
        assert harmless(one["left"]), one
        assert (one["after"], one["drafts"], one["old_is_kept"]) == (well, [], True), one
    states = [one["left"]["state"] for one in deaths]
    assert states == sorted(states, reverse=True)  # first the old, from some moment on the new
    assert {"old", "new"} == set(states)


def harmless(left: dict[str, Any]) -> bool:
    """One state or the other; its vectors are indexed or wait for it; no index of the other.

    The settings, of which there were none, come after the data and a config.toml last.
    """
    settings = left["settings"]
    in_order = settings == list(SETTINGS[: len(settings)])
    early = left["state"] == "old" and settings
    return bool(
        left["state"] in ("old", "new")
        and left["index"]
        and not left["stale"]
        and in_order
        and not early
    )
