"""What the README promises, held against the code."""

import re
import shlex
from collections.abc import Iterator

import pytest
from typer.main import get_command

from agent import cli
from agent import config as configuration
from tests import docs


def test_generated_parts_of_the_readme_say_what_the_code_says() -> None:
    text = docs.README.read_text(encoding="utf-8")
    assert docs.written(text) == text


FOLDERS = ("agent", "store")
TEXTS = ("README.md", "docs/*.md", "config.toml", *(f"{one}/**/*.py" for one in FOLDERS))
KNOWN = get_command(cli.app)


def named() -> Iterator[tuple[str, str]]:
    """Every command line that a text of ours names, with the file: between backticks, at the
    beginning of a line of a listing, or as a string of the code's own."""
    root = docs.README.parent
    for path in sorted(path for pattern in TEXTS for path in root.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"`thesis\s+([a-z][^`]*)`", text)
        if path.suffix == ".py":
            strings = re.findall(r'"thesis ([a-z]+\b[^"]*)"', text)
            found += [one for one in strings if one.split()[0] in KNOWN.commands]  # type: ignore[attr-defined]
        for listing in re.findall(r"```(?:sh)?\n(.*?)```", text, flags=re.DOTALL):
            found += re.findall(r"^thesis ([^#\n]+)", listing, flags=re.MULTILINE)
        for line in found:
            yield path.name, re.sub(r"\{[^{}]*(\{[^{}]*\}[^{}]*)*\}", "X", line)


def fault(line: str) -> str:
    """Why a command line cannot be typed, or ""; what it lacks is left to whoever types it."""
    command, words, given = KNOWN, shlex.split(line), 0
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
    if command is KNOWN:
        return "there is no such command"
    options = {name: one for one in command.params for name in one.opts if name.startswith("-")}
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            given += 1
        elif word not in options:
            return f"it has no {word}"
        elif not options[word].is_flag:  # type: ignore[attr-defined]
            words = words[1:]
    takes = sum(one.param_type_name == "argument" for one in command.params)
    return f"it takes {takes} arguments" if given > takes else ""


def test_every_command_line_that_a_text_names_can_be_typed() -> None:
    lines = list(named())
    assert len(lines) > 150
    assert [(place, line, why) for place, line in lines if (why := fault(line))] == []


@pytest.mark.parametrize(
    "line", ["shew ID", "show source X", "sources --chek", "index mend", "alerts list X"]
)
def test_command_line_that_cannot_be_typed_is_found(line: str) -> None:
    assert fault(line)


def test_every_setting_of_config_toml_is_explained_in_the_readme() -> None:
    rows = docs.settings().splitlines()[2:]
    assert len(rows) >= 15
    assert all(row.split("|")[3].strip() for row in rows)
    assert all("`" + row.split("`")[1] + "`" in docs.README.read_text("utf-8") for row in rows)
    assert "[[sources]]" in configuration.default_text()


def test_every_file_that_the_threat_model_names_exists() -> None:
    text = docs.README.read_text(encoding="utf-8")
    section = text.split("## Security")[1].split("\n## ")[0]
    named = re.findall(r"`([\w/.]+(?:\.py|\.lock|/))`", section)
    root = docs.README.parent
    there = {str(path.relative_to(root)) for path in root.glob("*.lock")}
    for folder in ("agent", "store", "tests"):
        there |= {str(path.relative_to(root)) for path in (root / folder).rglob("*")}
    assert len(named) > 15
    assert [
        one for one in named if not any(f"/{it}".endswith(f"/{one.rstrip('/')}") for it in there)
    ] == []


def test_everything_that_makes_the_status_exit_with_1_is_told() -> None:
    root = docs.README.parent
    told = (root / "docs" / "running.md").read_text(encoding="utf-8")
    told = told.split("`thesis status` exits with 1 when")[1].split("\n\n")[0]
    code = (root / "agent" / "daemon" / "checkup.py").read_text(encoding="utf-8")
    troubles = set(re.findall(r'Trouble\(f?"(\w+)', code))
    assert len(troubles) >= 9
    assert [one for one in sorted(troubles) if one not in told] == []
