"""A prompt is filled in one pass, and refuses a name too many or too few."""

from pathlib import Path

import pytest

from agent import prompts
from agent.errors import ConfigError
from agent.prompts import FOLDER, Prompt


def test_values_are_never_read_as_templates() -> None:
    prompt = Prompt("p", "{{a}} and {{b}} {not} {{ c }}")
    assert prompt.render(a="{{b}}", b="$1 \\1") == "{{b}} and $1 \\1 {not} {{ c }}"


@pytest.mark.parametrize("values", [{}, {"a": "1"}, {"a": "1", "b": "2", "c": "3"}])
def test_missing_and_unknown_variables_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="differ by"):
        Prompt("p", "{{a}} {{b}}").render(**values)


def test_another_wording_is_another_version() -> None:
    assert Prompt("p", "one").version != Prompt("p", "two").version


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_every_prompt_file_can_be_loaded(path: Path) -> None:
    assert prompts.load(path.stem).text.endswith("\n")


def test_unknown_prompt_is_named() -> None:
    with pytest.raises(ConfigError, match="nonesuch"):
        prompts.load("nonesuch")
