"""The files in deploy/ and docs/running.md: each can be read, and they agree with the program."""

import plistlib
import re
import runpy
import shlex
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from agent import cli
from agent.daemon import pulse
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
GUIDE = ROOT / "docs" / "running.md"
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
COMPOSE = DEPLOY / "docker" / "compose.yaml"
PLIST = DEPLOY / "launchd" / "local.thesiswatch.plist"
SYSTEM = DEPLOY / "systemd" / "thesiswatch.service"
USER = DEPLOY / "systemd" / "user" / "thesiswatch.service"
FILES = [GUIDE, *(path for path in DEPLOY.rglob("*") if path.is_file())]
NEWER = "RestartSteps RestartMaxDelaySec"
"""Settings that systemd knows since 254; an earlier one says so and goes on."""
PRUNE = runpy.run_path(str(DEPLOY / "docker" / "prune.py"))


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """Sections of a unit file, and each setting's values in turn: a key may come twice."""
    sections: dict[str, dict[str, list[str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = sections.setdefault(header[1], {})
        elif line and not line.startswith("#"):
            key, sign, value = line.partition("=")
            assert sign and re.fullmatch(r"[A-Za-z]+", key), line
            section.setdefault(key, []).append(value)
    return sections


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def argument(name: str) -> str:
    """What the last instruction of that name is given: the last stage's."""
    return [rest for found, rest in instructions() if found == name][-1]


def service() -> dict[str, Any]:
    """Compose's one service."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    (one,) = found["services"].values()
    return dict(one)


def commands() -> set[tuple[str, ...]]:
    """Every `thesis ...` that a file tells somebody or something to run, by its words."""
    found: set[tuple[str, ...]] = set()
    for path in (SYSTEM, USER):
        (start,) = unit(path)["Service"]["ExecStart"]
        found.add(tuple(shlex.split(start)[1:]))
    found.add(tuple(plistlib.loads(PLIST.read_bytes())["ProgramArguments"][1:]))
    found.add(tuple(yaml.safe_load(argument("CMD"))))
    found.add(tuple(yaml.safe_load(argument("HEALTHCHECK").partition("CMD ")[2])[1:]))
    guide = GUIDE.read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"```sh\n(.*?)```", guide, flags=re.DOTALL))
    spoken = re.findall(r"`(?:sudo [^`]*?/)?thesis\s([^`]+)`", guide)
    typed = re.findall(r"^(?:[^#\n]*[ /])?thesis (?!config)([a-z][^#\n]*)", blocks, re.MULTILINE)
    return found | {tuple(line.split()) for line in (*spoken, *typed)}


def test_guide_and_files_name_the_commands_that_matter() -> None:
    words = {line[0] for line in commands()}
    assert {"start", "status", "init", "doctor", "backup", "restore"} <= words


@pytest.mark.parametrize("line", sorted(commands()), ids=" ".join)
def test_every_command_that_is_named_exists_with_its_options(line: tuple[str, ...]) -> None:
    program = typer.main.get_command(cli.app)
    assert isinstance(program, click.Group | typer.core.TyperGroup)
    assert line[0] in program.commands
    known = {flag for one in program.commands[line[0]].params for flag in one.opts}
    assert {word for word in line if word.startswith("--")} <= known


@pytest.mark.parametrize("path", [SYSTEM, USER], ids=["system", "user"])
def test_unit_waits_for_its_word_keeps_it_alive_and_lets_it_end_cleanly(path: Path) -> None:
    found = unit(path)
    assert found.keys() == {"Unit", "Service", "Install"}
    settings = {name: values[-1] for name, values in found["Service"].items()}
    assert settings["Type"] == "notify"
    assert settings["Restart"] == "always"
    assert found["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert settings["KillMode"] == "mixed"  # the index writer is no target of SIGTERM
    assert int(settings["TimeoutStopSec"]) > 10
    assert {"WatchdogSec", "MemoryMax", "RestartSec", *NEWER.split()} <= settings.keys()
    assert timedelta(minutes=int(settings["WatchdogSec"].removesuffix("min"))) > pulse.STALE
    assert settings["UMask"] == "0077"
    assert settings["LimitCORE"] == "0"
    assert settings["NoNewPrivileges"] == "yes"
    folder = settings["WorkingDirectory"]
    assert settings["ExecStart"].endswith(f"/.venv/bin/thesis start --config {folder}/config.toml")
    assert not list(DEPLOY.rglob("*.timer"))


def test_system_unit_writes_to_its_own_folders_only() -> None:
    found = {name: values[-1] for name, values in unit(SYSTEM)["Service"].items()}
    assert found["ProtectSystem"] == "strict"
    assert "ReadWritePaths" not in found
    assert found["WorkingDirectory"] == f"/var/lib/{found['StateDirectory']}"
    assert f"MPLCONFIGDIR=/var/cache/{found['CacheDirectory']}" in found["Environment"]
    assert found["User"] not in ("", "root")
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == ""
    assert found["EnvironmentFile"].startswith("-/etc/")
    allowed = " ".join(unit(SYSTEM)["Service"]["SystemCallFilter"])
    assert "@system-service" in allowed
    assert "~@resources" not in allowed  # the reader of feeds bounds itself with setrlimit


@pytest.mark.parametrize("path", [SYSTEM, USER], ids=["system", "user"])
def test_systemd_takes_the_unit_as_it_is(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed here")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    copy = tmp_path / path.name
    text = path.read_text(encoding="utf-8")
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    whose = ["--user"] if path == USER else []
    done = subprocess.run(
        [analyze, "verify", *whose, str(copy)], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if not any(map(line.count, NEWER.split()))]
    assert (done.returncode, said) == (0, [])


def test_plist_keeps_the_daemon_running_and_lets_it_end_cleanly() -> None:
    found = plistlib.loads(PLIST.read_bytes())
    assert PLIST.stem == found["Label"]
    assert found["KeepAlive"] is found["RunAtLoad"] is True
    assert found["ThrottleInterval"] >= 10
    assert found["ExitTimeOut"] > 10
    assert found["ProcessType"] == "Background"
    assert found["Umask"] == 0o077
    assert found["ProgramArguments"][-1] == f"{found['WorkingDirectory']}/config.toml"
    home = "/Users/you/"
    paths = [*found["ProgramArguments"], found["WorkingDirectory"], found["StandardErrorPath"]]
    assert all(path.startswith(home) for path in paths if "/" in path)
    assert f"s#{home.rstrip('/')}#" in GUIDE.read_text(encoding="utf-8")


def test_image_is_built_from_files_that_are_there_and_may_be_seen() -> None:
    shown = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY"]
    sources = {path for paths in copied for path in paths if not paths[0].startswith("--from")}
    assert {"requirements.lock", "pyproject.toml", "agent", "store", "prompts"} <= sources
    assert [path for path in sources if not (ROOT / path).exists()] == []
    assert {f"!{path}" for path in sources} == {line for line in shown if line.startswith("!")}
    assert "*" in shown
    assert "**/.env*" in shown


def test_image_runs_as_nobody_in_particular_and_is_pinned() -> None:
    names = [name for name, _ in instructions()]
    last = names[len(names) - names[::-1].index("FROM") :]
    assert last.index("USER") < last.index("ENTRYPOINT")
    assert int(argument("USER").partition(":")[0]) > 1000
    assert argument("ENTRYPOINT") == '["thesis"]'
    assert argument("VOLUME") == argument("WORKDIR")  # so config.toml is found without --config
    installing = [rest for name, rest in instructions() if name == "RUN" and "pip install" in rest]
    assert "--require-hashes --requirement requirements.lock" in installing[0]
    assert all("--no-deps" in rest for rest in installing)
    for path in (DOCKERFILE, COMPOSE):
        assert ":latest" not in path.read_text(encoding="utf-8")
    tags = re.findall(r"^ARG BASE=(\S+)", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    assert [re.fullmatch(r"python:3\.\d+-slim-\w+", tag) is not None for tag in tags] == [True]


def test_container_may_do_no_more_than_it_must() -> None:
    found = service()
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["init"] is True
    assert found["restart"] == "unless-stopped"
    assert int(found["stop_grace_period"].rstrip("s")) > 10
    assert [one.partition(":")[2] for one in found["volumes"]] == [argument("VOLUME")]
    assert [one.partition(":")[0] for one in found["tmpfs"]] == ["/tmp"]  # noqa: S108  # in a container
    assert all(one["required"] is False for one in found["env_file"])
    assert found["mem_limit"]
    environment = argument("ENV")
    assert "HOME=/tmp" in environment
    assert "MPLCONFIGDIR=/tmp/" in environment
    build = found["build"]
    context = (COMPOSE.parent / build["context"]).resolve()
    assert context == ROOT.resolve()
    assert context / build["dockerfile"] == DOCKERFILE.resolve()


def test_image_keeps_what_the_program_asks_for_and_no_tool_of_development() -> None:
    everything = PRUNE["installed"]()
    kept = PRUNE["needed"](everything)
    assert {"thesiswatch", "chromadb", "numpy", "openai", "tzdata", "typer", "apprise"} <= kept
    assert kept <= everything.keys()
    assert kept & {"pytest", "mypy", "ruff", "hypothesis", "pip", "pip-audit", "reader"} == set()


def test_pruning_follows_extras_and_markers() -> None:
    requires = {
        "thesiswatch": ["a[x]>=1", 'w; sys_platform == "nowhere"'],
        "a": ['b; extra == "x"', 'c; extra == "y"', "a-b.c"],
        "b": ["thesiswatch"],
    }
    assert PRUNE["needed"](requires) == {"thesiswatch", "a", "b", "a-b-c"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_holds_a_secret_or_a_place_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"sk-[A-Za-z0-9]{8}|(KEY|TOKEN|PASSWORD|SECRET)\s*[=:]\s*\S", text)
    assert not re.search(r"/root/|/home/\w", text)


def test_guide_names_files_that_are_there() -> None:
    named = re.findall(
        r"(?:thesiswatch/)?((?:deploy|tests|docs)/[\w./-]*\w)", GUIDE.read_text("utf-8")
    )
    assert {str(path.relative_to(ROOT)) for path in (PLIST, SYSTEM, USER)} <= set(named)
    assert [name for name in named if not (ROOT / name).exists()] == []
