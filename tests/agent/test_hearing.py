"""`thesis alerts`: what a person sees and says, on the screen and as JSON."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent import alerting, hearing
from agent.alerts import Status
from agent.errors import ThesiswatchError
from agent.workspace import CACHE, Workspace
from tests.agent.test_alerting import BURST, after_calm, burst, calm, calm_days, weather
from tests.command import thesis as command
from tests.live import arrive

__all__ = ["after_calm", "calm_days"]
HOUR = timedelta(hours=1)


@pytest.fixture
def workspace(after_calm: Callable[..., Workspace]) -> Workspace:
    """One alert fires."""
    opened = after_calm("heard", config="")
    arrive(opened, BURST, *burst())
    return opened


@pytest.fixture
def config(workspace: Workspace) -> Path:
    return workspace.config.folder / "config.toml"


@pytest.fixture
def id_(workspace: Workspace) -> str:
    return next(one.id for one in alerting.listing(workspace) if one.subject == "capex_payback")


def test_list_and_show_say_what_fired_with_links(
    workspace: Workspace, config: Path, id_: str
) -> None:
    for arguments in (["alerts"], ["alerts", "list"]):
        shown = command(*arguments, "--config", config)
        assert (shown.code, id_ in shown.out, "threat rising" in shown.out) == (0, True, True)
    rows = command("alerts", "--json", "--config", config).json
    assert {"id", "rule", "category", "state", "severity", "fired_at", "headline"} <= set(rows[0])
    whole = command("alerts", "show", id_, "--config", config)
    assert "https://b0.example/a" in whole.out
    answer = command("alerts", "show", id_, "--json", "--config", config).json
    assert len(answer["evidence"]) == 8
    assert all(one["link"].startswith("https://") for one in answer["evidence"])
    assert [one["change"] for one in answer["changes"]][:2] == ["began", "fired"]


@pytest.mark.parametrize("form", [["alerts", "ack"], ["alerts", "--ack"]])
def test_acknowledged_in_both_spellings(
    workspace: Workspace,
    config: Path,
    id_: str,
    form: list[str],
    workspaces: Callable[..., Workspace],
) -> None:
    workspaces.close("heard")  # type: ignore[attr-defined]
    assert command(*form, id_, "--config", config).code == 0
    rows = command("alerts", "list", "--json", "--config", config).json
    assert {row["id"]: row["state"] for row in rows}[id_] == "acknowledged"


def test_snoozed_by_id_by_category_and_in_both_spellings(
    workspace: Workspace, config: Path, id_: str, workspaces: Callable[..., Workspace]
) -> None:
    workspaces.close("heard")  # type: ignore[attr-defined]
    assert command("alerts", "snooze", id_, 2, "--config", config).code == 0
    rows = command("alerts", "list", "--json", "--config", config).json
    assert {row["id"]: row["state"] for row in rows}[id_] == "snoozed"
    assert command("alerts", "--snooze", "interconnect", 3, "--config", config).code == 0
    (held,) = command("alerts", "silence", "--json", "--config", config).json
    assert held["match"] == "interconnect"


def test_silence_is_listed_and_ended(workspace: Workspace) -> None:
    number, until = hearing.silence(workspace, "spike", 2, "on holiday", BURST)
    assert until == BURST + timedelta(days=2)
    (row,) = hearing.silences(workspace, BURST)
    assert (row["match"], row["reason"]) == ("spike", "on holiday")
    hearing.end_silence(workspace, number, BURST + HOUR)
    assert hearing.silences(workspace, BURST + HOUR) == []
    with pytest.raises(ThesiswatchError, match="no silence"):
        hearing.end_silence(workspace, number, BURST + HOUR)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ack", "A-nope"], "no alert 'A-nope'"),
        (["show", "A-nope"], "no alert 'A-nope'"),
        (["snooze", "capex", "2"], "no alert 'capex'"),
        (["silence", "capex"], "no alert is about 'capex'"),
        (["silence", "--end", "7"], "no silence 7"),
    ],
)
def test_wrong_names_are_refused_with_a_way_out(
    config: Path, arguments: list[str], said: str, workspaces: Callable[..., Workspace]
) -> None:
    workspaces.close("heard")  # type: ignore[attr-defined]
    done = command("alerts", *arguments, "--config", config)
    assert done.code == 1
    assert said in done.err


def test_status_shows_what_fires_and_what_could_not_be_sent(config: Path, id_: str) -> None:
    assert id_ in command("status", "--config", config).out
    answer = command("status", "--json", "--config", config).json["alerts"]
    assert id_ in [one["id"] for one in answer["firing"]]


def test_alert_that_is_over_cannot_be_acknowledged(workspace: Workspace, id_: str) -> None:
    for n in range(1, 40):
        at = BURST + timedelta(days=n)
        arrive(workspace, at, *weather(at.isoformat(), n + 5000))
        (alert,) = (one for one in alerting.listing(workspace) if one.id == id_)
        if alert.status is Status.RESOLVED:
            break
    with pytest.raises(ThesiswatchError, match="is resolved already"):
        hearing.acknowledge(workspace, id_, datetime(2026, 1, 1, tzinfo=UTC))


def kept(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.uncounted
def test_simulation_says_when_and_keeps_nothing(
    tmp_path: Path, lines: Callable[..., Path], judge_cache: Path, local_judge: object
) -> None:
    """With the real judge over real words: a burst of one story in a quiet year."""
    config = tmp_path / "config.toml"
    config.write_text("", encoding="utf-8")
    shutil.copytree(judge_cache, tmp_path / "data" / CACHE)
    before = kept(tmp_path / "data")
    quiet_rows = [row for row in calm(60) if row["id"].startswith("off")]
    words = (
        "DeepSeek trains a frontier model for a few million dollars",
        "A lab cuts training cost with FP8 and mixture of experts",
        "DeepSeek V3 matched leading models on a tiny training budget",
        "Training compute falls tenfold with new optimizer, researchers report",
        "Open R1 reproduction trains reasoning model for 30 dollars",
        "Multi-token prediction cuts pretraining cost in new open model",
    )
    rows = [
        {
            "title": title,
            "source": f"s{n}.example",
            "published": "2025-03-01T09:00:00Z",
            "url": f"https://s{n}.example/a",
        }
        for n, title in enumerate(words)
    ]
    file = lines(*quiet_rows, *rows)
    done = command("alerts", "simulate", file, "--json", "--config", config)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    spikes = [
        one for one in found if one["rule"] == "spike" and one["category"] == "training_efficiency"
    ]
    assert [one["fired_at"][:10] for one in spikes] == ["2025-03-01"]
    assert {"rule", "category", "fired_at", "resolved_at", "events"} <= set(spikes[0])
    assert len(spikes[0]["owners"]) >= 4
    assert "would have fired" in command("alerts", "simulate", file, "--config", config).out
    assert kept(tmp_path / "data") == before
