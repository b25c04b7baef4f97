"""The real headlines of 2024-01 to 2025-04: the efficiency shock alerts, and little else does."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from agent import config as configuration
from agent import simulating
from agent.sources import files
from agent.thesis import Thesis

MOST = 12
"""Alerts in sixteen months that a person would put up with."""
TODAY = datetime(2025, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def fired(thesis: Thesis, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    from tests.conftest import SHARED

    archive = SHARED / "news" / "headlines_2024-01_2025-04.jsonl.gz"
    if not archive.is_file():
        pytest.skip(f"the real headlines are not at {archive}; set THESISWATCH_DATA")
    path = tmp_path_factory.mktemp("real") / "config.toml"
    path.write_text("", encoding="utf-8")
    fetched = files.fetch(str(archive), "real")
    return simulating.run(configuration.load(path), thesis, fetched, "real", TODAY)


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
