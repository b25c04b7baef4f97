"""`thesis eval` over real files and a real endpoint: figures, faults, and judges side by side."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import prompts
from agent.config import FILE_NAME
from agent.judge import prompt
from agent.judge.local import LocalJudge
from agent.workspace import CACHE
from tests.chat_server import ChatServer, fails, item_of, judgement, label, says
from tests.command import thesis

PNG = b"\x89PNG\r\n\x1a\n"
GOLD = [
    {
        "title": "DeepSeek trains V3 for 5.6 million dollars on 2,048 GPUs",
        "relevant": True,
        "labels": [{"category": "training_efficiency", "stance": "supports"}],
    },
    {
        "title": "Cerebras signs a large customer for its wafer-scale chips",
        "relevant": True,
        "labels": [{"category": "novel_accelerators", "stance": "supports"}],
    },
    {"title": "A bakery opens in the old town hall", "relevant": False, "labels": []},
]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, judge_cache: Path, local_judge: LocalJudge, server: ChatServer) -> Path:
    shutil.copytree(judge_cache, tmp_path / "data" / CACHE)
    path = tmp_path / FILE_NAME
    path.write_text(f'[judge]\nbase_url = "{server.url}"\n', encoding="utf-8")
    return path


def gold(folder: Path, *rows: Any) -> Path:
    path = folder / "gold.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_judges_are_graded_side_by_side(config: Path, server: ChatServer) -> None:
    def model(asked: dict[str, Any]) -> tuple[int, Any]:
        text = item_of(asked)
        if "DeepSeek" in text:
            return says(judgement(label("DeepSeek trains V3 for 5.6 million")))(asked)
        return says(judgement())(asked)

    server.always(model)
    path = gold(config.parent, *GOLD)
    both = ("--judge", "local", "--judge", "llm")
    local, llm = thesis("eval", path, *both, "--json", "--config", config).json
    assert local["judge"].startswith("local ridge")
    assert local["relevance"]["f1"] == 1.0
    assert local["primary"]["accuracy"] == 1.0
    assert llm["relevance"]["recall"] == 0.5
    assert (llm["relevant"], llm["unlabelled"]) == (2, 1)
    assert "3 calls, 6,000 tokens in (4,608 cached), 270 out" in llm["spent"]
    shown = thesis("eval", path, *both, "--out", config.parent / "e.png", "--config", config)
    assert "relevance F1" in shown.out
    assert "3 calls" in shown.out
    assert (config.parent / "e.png").read_bytes().startswith(PNG)


def test_line_that_is_no_labelled_item_is_named_and_the_others_count(config: Path) -> None:
    wrong = [
        {"title": "x"},
        {"title": "x", "relevant": True, "labels": []},
        {"title": "x", "relevant": True, "labels": [{"category": "nope", "stance": "supports"}]},
        {**GOLD[0], "labels": [{"category": "amd_stack", "stance": "bullish"}]},
        "text",
    ]
    done = thesis("eval", gold(config.parent, *GOLD, *wrong), "--json", "--config", config)
    assert done.code == 1
    assert done.json[0]["items"] == 3
    for line, reason in enumerate(
        ["true nor false", "needs a category", "no category 'nope'", "no stance", "not a JSON"], 4
    ):
        assert f"line {line}: " in done.err
        assert reason in done.err


def test_file_without_a_labelled_item_is_refused(config: Path) -> None:
    done = thesis("eval", gold(config.parent), "--config", config)
    assert done.code == 1
    assert "holds no labelled item" in done.err


def test_model_without_a_key_says_how_to_get_one(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config.write_text("", encoding="utf-8")
    done = thesis("eval", gold(config.parent, *GOLD), "--judge", "llm", "--config", config)
    assert done.code == 1
    assert "OPENAI_API_KEY" in done.err


def test_prompt_versions_are_graded_side_by_side(
    config: Path, server: ChatServer, tmp_path: Path
) -> None:
    other = tmp_path / "prompts"
    other.mkdir()
    for name in prompt.FILES:
        text = prompts.load(name).text
        (other / f"{name}.md").write_text(text + "Be brief.\n", encoding="utf-8")
    ran = thesis(
        *("eval", gold(tmp_path, *GOLD), "--judge", "llm", "--prompts", other, "--json"),
        *("--config", config),
    )
    assert ran.code == 0, ran.err
    ours, theirs = (row["judge"] for row in ran.json)
    assert ours.split()[:2] == theirs.split()[:2]
    assert ours != theirs
    brief = [asked for asked in server.asked if "Be brief." in asked["messages"][0]["content"]]
    assert (len(brief), len(server.asked)) == (3, 6)


def test_judge_that_could_not_be_asked_about_all_gets_no_figures(
    config: Path, server: ChatServer, tmp_path: Path
) -> None:
    server.always(fails(401))
    ran = thesis("eval", gold(tmp_path, *GOLD), "--judge", "llm", "--config", config)
    assert ran.code == 1
    assert "3 of 3 items could not be judged" in ran.err
