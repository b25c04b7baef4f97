"""How large the data are and will be."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from agent.upkeep import disk
from agent.upkeep.drafts import PREFIX
from agent.workspace import CACHE, Workspace
from store import settings
from store.copies import KEPT
from store.database import FILE_NAME, LOCK_NAME
from store.vectors import FOLDER

FIRST = date(2026, 1, 1)
MB = 1_000_000


def days(*sizes: int, gap: int = 1) -> list[tuple[date, int]]:
    return [(FIRST + timedelta(days=gap * n), size) for n, size in enumerate(sizes)]


def test_every_part_of_the_folder_is_measured(tmp_path: Path) -> None:
    for place, size in {
        FILE_NAME: 1000,
        f"{FILE_NAME}-wal": 200,
        f"{FOLDER}/chroma.sqlite3": 30,
        f"{FOLDER}/segment/data_level0.bin": 4,
        f"{CACHE}/judge-1.npz": 50_000,
        f"{disk.LOGS}/thesiswatch.jsonl": 600_000,
        f"{disk.LOGS}/thesiswatch.jsonl.1": 7_000_000,
        f"{KEPT}-2": 80_000_000,
        f"{KEPT}-2-wal": 10_000,
        f"{PREFIX}dead/{FILE_NAME}": 900_000_000,
        LOCK_NAME: 0,
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / place).open("wb") as file:
            file.truncate(size)
    (tmp_path / FOLDER / "gone").symlink_to(tmp_path / "nowhere")
    found = disk.measure(tmp_path)
    parts = (found.database, found.index, found.cache, found.logs, found.kept)
    assert parts == (1200, 34, 50_000, 7_600_000, 980_010_000)
    assert found.total == sum(parts)
    assert found.growing == sum(parts[:-1])
    assert found.free > 0
    assert found.in_a_year is None


def test_folder_in_which_nothing_is_yet_has_no_size(tmp_path: Path) -> None:
    assert disk.measure(tmp_path).total == 0


@pytest.mark.parametrize("known", [[], days(5 * MB), days(*range(0, 7 * MB, MB))])
def test_before_a_week_is_over_nothing_is_forecast(known: list[tuple[date, int]]) -> None:
    assert disk.in_a_year(known, 7 * MB) is None


def test_pace_of_the_last_weeks_is_carried_on_for_a_year() -> None:
    week = days(*(10 * MB + n * MB for n in range(8)))
    assert disk.in_a_year(week, 17 * MB) == (17 + 365) * MB
    assert disk.in_a_year(days(10 * MB, 17 * MB, gap=7), 18 * MB) == (18 + 365) * MB


def test_what_was_before_the_last_four_weeks_does_not_count() -> None:
    busy = [(FIRST - timedelta(days=n), 0) for n in range(30, 0, -1)]
    calm = days(*(500 * MB for _ in range(29)))
    assert disk.in_a_year(busy + calm, 500 * MB) == 500 * MB


def test_folder_that_shrank_is_not_said_to_vanish() -> None:
    assert disk.in_a_year(days(900 * MB, 100 * MB, gap=10), 100 * MB) == 100 * MB


def test_sizes_of_two_months_are_remembered_one_a_day(workspace: Workspace) -> None:
    with workspace.database.writing() as connection:
        assert disk.sizes(connection) == []
        for n in range(100):
            disk.remember(connection, FIRST + timedelta(days=n), n)
            disk.remember(connection, FIRST + timedelta(days=n), n * MB)
        known = disk.sizes(connection)
        assert len(known) == disk.DAYS_KEPT
        assert known[-1] == (FIRST + timedelta(days=99), 99 * MB)
        assert len(settings.read(connection, disk.SIZES_KEY) or "") < 2000


def test_clock_that_was_set_back_leaves_no_day_to_come(workspace: Workspace) -> None:
    with workspace.database.writing() as connection:
        for n in (0, 1, 2, 3):
            disk.remember(connection, FIRST + timedelta(days=n), n)
        disk.remember(connection, FIRST + timedelta(days=1), 7)
        assert disk.sizes(connection) == days(0, 7)
