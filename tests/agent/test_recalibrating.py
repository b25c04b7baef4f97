"""Measured strengths take the place of the default ones, and what was before stays to be seen."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agent import recalibrating, report
from agent.calibration import PERSON, Calibrations
from agent.errors import SourceError
from agent.grading import Graded
from agent.replay import replay
from agent.score import calibrated_strength
from agent.workspace import Workspace
from tests.fakes import FakeJudge, fetched, item
from tests.stored import select, tables
from tests.story import STORY

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
GOOD = {"supports": (40, 4, 6), "weakens": (4, 40, 6), "neutral": (5, 5, 20)}
BLIND = {"supports": (20, 20, 10), "weakens": (20, 20, 10), "neutral": (10, 10, 10)}


def graded(table: dict[str, tuple[int, int, int]]) -> Graded:
    names = ("supports", "weakens", "neutral")
    confusion = {true: dict(zip(names, counts, strict=True)) for true, counts in table.items()}
    figures: dict[str, Any] = {"stance": {"confusion": confusion}}
    return Graded("fake", figures, "", (FakeJudge.name, FakeJudge.model, FakeJudge.prompt_hash))


def ledger(workspace: Workspace) -> list[dict[str, Any]]:
    found = report.explain(workspace, since=None, as_of=None, category=None, item_id=None)
    return list(found["rows"])


def test_measured_judge_weighs_what_it_was_measured_to_weigh(workspace: Workspace) -> None:
    replay(workspace, fetched(*STORY), "story")
    before, kept = report.score(workspace, None), tables(workspace.database.folder)["evidence"]
    assert before["status"] == "uncalibrated"
    done = recalibrating.keep(workspace, [graded(GOOD)], "gold.jsonl", NOW)
    after = report.score(workspace, None)
    assert done.after.score.score == after["score"]
    assert 50 < done.before < before["score"]
    assert after["status"] == "calibrated"
    assert after["score"] > done.before
    evidence = tables(workspace.database.folder)["evidence"]
    assert evidence[: len(kept)] == kept
    assert done.rows == len(evidence) - len(kept) > 0
    restated = [row for row in ledger(workspace) if row["cause"] == "judge change"]
    size = calibrated_strength([GOOD[name] for name in GOOD])
    assert max(abs(row["strength"]) for row in restated) <= size * 2
    rows = ledger(workspace)
    odds = report.explain(workspace, since=None, as_of=None, category=None, item_id=None)
    total = odds["prior_log_odds"] + sum(row["contribution"] for row in rows)
    assert total == pytest.approx(odds["log_odds"], abs=1e-9)


def test_what_was_said_before_the_measurement_is_what_as_of_answers(workspace: Workspace) -> None:
    replay(workspace, fetched(*STORY), "story")
    last = datetime.fromisoformat(report.score(workspace, None)["as_of"])
    before = report.score(workspace, last)
    recalibrating.keep(workspace, [graded(GOOD)], "gold.jsonl", NOW)
    assert report.score(workspace, last) == before


def test_judge_that_cannot_tell_the_sides_apart_moves_nothing(workspace: Workspace) -> None:
    replay(workspace, fetched(*STORY), "story")
    recalibrating.keep(workspace, [graded(BLIND)], "gold.jsonl", NOW)
    assert report.score(workspace, None)["score"] == pytest.approx(50.0)


def test_measuring_twice_the_same_restates_nothing(workspace: Workspace) -> None:
    replay(workspace, fetched(*STORY), "story")
    recalibrating.keep(workspace, [graded(GOOD)], "gold.jsonl", NOW)
    assert recalibrating.keep(workspace, [graded(GOOD)], "gold.jsonl", NOW).rows == 0


def test_evidence_that_comes_later_is_weighed_the_same_way(workspace: Workspace) -> None:
    replay(workspace, fetched(*STORY), "story")
    recalibrating.keep(workspace, [graded(GOOD)], "gold.jsonl", NOW)
    replay(workspace, fetched(item("late", "Zinc [interconnect+2]", "2025-03-02")), "more")
    (late,) = [row for row in ledger(workspace) if row["item_id"] == "late"]
    assert late["strength"] == pytest.approx(0.7)
    assert report.score(workspace, None)["status"] == "calibrated"


def test_too_few_labels_measure_nothing_and_change_nothing(workspace: Workspace) -> None:
    replay(workspace, fetched(*STORY), "story")
    before = tables(workspace.database.folder)
    few = {**GOOD, "weakens": (1, 8, 1)}
    with pytest.raises(SourceError, match="10 items that the local judge|10 items that the fake"):
        recalibrating.keep(workspace, [graded(few)], "gold.jsonl", NOW)
    assert tables(workspace.database.folder) == before
    assert select(workspace.database.folder, "SELECT count(*) FROM calibration") == [(0,)]


def test_person_counts_as_a_judge_that_never_erred() -> None:
    known = Calibrations({("local", "m"): [[8, 1, 1], [2, 6, 2], [0, 0, 5]]})
    assert known.of(PERSON, "") == [[10, 0, 0], [0, 10, 0], [0, 0, 5]]
    assert known.of("local", "other") is None
    assert Calibrations({}).of(PERSON, "") is None
    assert Calibrations({}).pooled is None
