"""What a process of our own is started with."""

import subprocess
from pathlib import Path

import pytest

from store import child


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "SMTP_PASSWORD",
        "SLACK_URL",
        "AWS_SECRET_ACCESS_KEY",
        "PYTHONANYWHERE_TOKEN",
    ],
)
def test_a_child_is_given_no_secret_whatever_its_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "sk-test-4242")
    assert "sk-test-4242" not in child.environment().values()


def test_a_child_has_what_a_program_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    given = child.environment()
    assert given["LC_ALL"] == "C.UTF-8"
    assert {"PATH", "PYTHONPATH"} <= given.keys()


def test_a_module_planted_in_the_folder_we_stand_in_is_not_run(tmp_path: Path) -> None:
    for name in ("json", "numpy", "agent", "store", "feedparser"):
        (tmp_path / f"{name}.py").write_text("open('taken', 'w').close()\n", encoding="utf-8")
    command = child.command("agent.sources.worker", '{"seconds": 1, "seconds_per_mb": 1}')
    place = {"cwd": tmp_path, "env": child.environment()}
    subprocess.run(command, **place, capture_output=True, input=b"", check=False)
    assert not (tmp_path / "taken").exists()
