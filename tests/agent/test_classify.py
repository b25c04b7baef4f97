"""Lines judged and forgotten."""

from pathlib import Path

import pytest

from agent import classify as classifying
from agent import config as configuration
from agent.classify import Classifier
from agent.config import Config
from agent.embed import StaticEmbedder
from agent.judge import Judgeable
from agent.judge.local import LocalJudge
from agent.thesis import Thesis
from agent.workspace import CACHE
from tests.fakes import fetched, item
from tests.story import STORY

KEYS = ["id", "relevant", "p_relevant", "labels", "judge", "abstained", "reason"]


@pytest.fixture
def config(config_path: Path, judge_cache: Path, local_judge: LocalJudge) -> Config:
    """The default configuration, with the judge's fit where it will be looked for."""
    loaded = configuration.load(config_path)
    loaded.data_folder.mkdir()
    (loaded.data_folder / CACHE).symlink_to(judge_cache)
    return loaded


def test_every_line_gets_an_answer_in_order_and_nothing_is_stored(
    config: Config, thesis: Thesis
) -> None:
    answers = list(Classifier(config, thesis).classify(fetched(*STORY).drafts))
    assert [one["id"] for one in answers] == [row["id"] for row in STORY]
    assert all(list(one) == KEYS and one["judge"] == "local" for one in answers)
    assert [path.name for path in config.data_folder.iterdir()] == [CACHE]


def test_answers_are_the_judges(
    config: Config, thesis: Thesis, local_judge: LocalJudge, static_embedder: StaticEmbedder
) -> None:
    row = item("a", "DeepSeek trains R1 for six million dollars", summary="Far fewer GPUs")
    (answer,) = Classifier(config, thesis).classify(fetched(row).drafts)
    text = "DeepSeek trains R1 for six million dollars. Far fewer GPUs"
    (said,) = local_judge.judge([Judgeable("a", text)], static_embedder.embed([text]))
    assert said.relevant
    assert (answer["p_relevant"], answer["reason"]) == (said.p_relevant, said.reason)
    assert [one["category"] for one in answer["labels"]] == [one.category for one in said.labels]
    assert set(answer["labels"][0]) == {"category", "stance", "p", "severity"}


def test_length_of_a_chunk_changes_no_answer(
    config: Config, thesis: Thesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = fetched(*STORY).drafts
    whole = list(Classifier(config, thesis).classify(drafts))
    monkeypatch.setattr(classifying, "CHUNK", 3)
    assert list(Classifier(config, thesis).classify(drafts)) == whole


def test_no_lines_no_answers(config: Config, thesis: Thesis) -> None:
    assert list(Classifier(config, thesis).classify(())) == []
