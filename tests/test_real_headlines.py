"""The real headlines of 2024-01 to 2025-04, replayed once: the efficiency shock alerts and little
else does, and what a question asks for is found."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent import alerting, simulating
from agent.alerts import Status
from agent.chat import retrieval
from agent.chat.question import understand
from agent.chat.retrieval import Retriever
from agent.workspace import Workspace, reading
from tests.agent.chat.conftest import AS_OF, questions, replayed
from tests.agent.chat.test_retrieval import found, recall
from tests.conftest import SHARED

MOST = 12
"""Alerts in sixteen months that a person would put up with."""


@pytest.fixture(scope="module")
def workspace(
    tmp_path_factory: pytest.TempPathFactory, judge_cache: Path, local_judge: object
) -> Iterator[Workspace]:
    archive = SHARED / "news" / "headlines_2024-01_2025-04.jsonl.gz"
    if not archive.is_file():
        pytest.skip(f"the real headlines are not at {archive}; set THESISWATCH_DATA")
    folder = tmp_path_factory.mktemp("real")
    with reading(replayed(folder, judge_cache, archive)) as opened:
        yield opened


@pytest.fixture(scope="module")
def fired(workspace: Workspace) -> list[dict[str, Any]]:
    """Every alert that fired as the days were replayed, as a simulation tells it."""
    alerts = [one for one in alerting.listing(workspace) if one.status is not Status.PENDING]
    return [simulating.as_answer(one) for one in reversed(alerts)]


def test_deepseek_alerts_within_a_day_with_four_owners(fired: list[dict[str, Any]]) -> None:
    spikes = [one for one in fired if one["category"] == "training_efficiency"]
    assert len(spikes) == 1
    day = date.fromisoformat(spikes[0]["fired_at"][:10])
    assert abs((day - date(2025, 1, 27)).days) <= 1
    assert spikes[0]["direction"] == "rising"
    assert len(spikes[0]["owners"]) >= 4
    about = [one for one in spikes[0]["events"] if "deepseek" in one["title"].lower()]
    assert len({owner for one in about for owner in one["owners"]}) >= 4


def test_few_alerts_in_all(fired: list[dict[str, Any]]) -> None:
    assert 1 <= len(fired) <= MOST


def test_every_alert_leads_to_its_sources(fired: list[dict[str, Any]]) -> None:
    for one in fired:
        assert one["events"]
        assert all(event["link"] for event in one["events"])


def test_expected_evidence_is_among_the_first_eight(workspace: Workspace) -> None:
    both = recall(workspace, "headlines", retrieval.HALVES)
    assert both >= 0.85
    assert both >= max(recall(workspace, "headlines", (half,)) for half in retrieval.HALVES)


def test_what_no_headline_answers_is_borne_out_by_none(workspace: Workspace) -> None:
    retriever = Retriever(workspace)
    for row in questions("unanswerable", "headlines"):
        hits = found(retriever, workspace, row["question"])
        bare = understand(row["question"], workspace.thesis, AS_OF.date()).bare
        assert retriever.bearing(bare, hits, AS_OF) == [], row["question"]
    retriever.close()
