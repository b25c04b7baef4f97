"""What the README promises, held against the code."""

import re

from agent import config as configuration
from tests import docs


def test_generated_parts_of_the_readme_say_what_the_code_says() -> None:
    text = docs.README.read_text(encoding="utf-8")
    assert docs.written(text) == text


def test_every_command_named_in_the_readme_exists() -> None:
    text = docs.README.read_text(encoding="utf-8")
    known = set(re.findall(r"`thesis ([a-z]+)", docs.commands()))
    blocks = "".join(re.findall(r"```\n(.*?)```", text, flags=re.DOTALL))
    named = set(re.findall(r"^thesis ([a-z]+)", blocks, flags=re.MULTILINE))
    assert named
    assert (named | set(re.findall(r"`thesis ([a-z]+)", text))) <= known


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
