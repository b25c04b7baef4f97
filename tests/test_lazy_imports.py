"""Which modules each command loads: a slow one that creeps in is felt at every start."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.workspace import Workspace

HEAVY = (
    "apprise chromadb css_inline jinja2 langchain langchain_core matplotlib openai plotext pyarrow "
    "scipy sklearn wordllama".split()
)
FOR_HELP = [*HEAVY, "numpy", "sqlalchemy", "sqlmodel", "httpx", "feedparser", "rich"]


def loaded(*arguments: object) -> set[str]:
    """Top-level modules that a fresh interpreter holds when the command has ended."""
    code = (
        "import sys\n"
        "from agent.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print('|'.join(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in done.stderr.splitlines()[-1].split("|")}


@pytest.mark.parametrize("command", [["--help"], ["score", "--help"], ["init", "--help"]])
def test_help_loads_nothing_slow(command: list[str]) -> None:
    found = loaded(*command)
    assert "typer" in found
    assert found & set(FOR_HELP) == set()


@pytest.mark.parametrize(
    "command",
    [["score"], ["explain"], ["items"], ["history"], ["status"], ["kpis"], ["alerts"]],
    ids=lambda one: one[0],
)
def test_a_command_that_only_reads_loads_no_index_no_model_and_no_vendor(
    command: list[str], told: Workspace
) -> None:
    config = told.config.folder / "config.toml"
    found = loaded(*command, "--config", config)
    assert "sqlalchemy" in found
    assert found & set(HEAVY) == set()


def test_a_backup_and_its_way_back_load_no_index_no_model_and_no_vendor(
    told: Workspace, tmp_path: Path
) -> None:
    config, file = told.config.folder / "config.toml", tmp_path / "b.zip"
    assert loaded("backup", file, "--config", config) & set(HEAVY) == set()
    assert loaded("restore", file, "--config", tmp_path / "config.toml") & set(HEAVY) == set()


def test_init_loads_no_store(tmp_path: Path) -> None:
    assert loaded("init", tmp_path / "mine") & {*HEAVY, "sqlalchemy", "numpy"} == set()
