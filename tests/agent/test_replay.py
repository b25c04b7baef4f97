"""Dated items day by day: what was first seen later cannot be known earlier."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from agent import replay as replaying
from agent import report
from agent.errors import SourceError
from agent.pipeline import end_of
from agent.replay import by_day, replay
from agent.sources import Fault, Fetched
from agent.workspace import Workspace
from tests.fakes import fetched, item
from tests.stored import tables
from tests.story import STORY


def test_days_come_in_order_and_hold_what_was_first_seen_on_them() -> None:
    days = list(by_day(fetched(*reversed(STORY)).drafts))
    assert [day for day, _ in days] == sorted({day for day, _ in days})
    of = {draft.id: day for day, drafts in days for draft in drafts}
    assert of["a3"] == date(2025, 1, 20)
    assert of["e1"] == date(2025, 1, 27)  # published on the 26th, first seen on the 27th
    assert of["e3"] == date(2025, 2, 3)  # undated: the last day
    assert len(of) == len(STORY)


def test_day_is_the_utc_day() -> None:
    row = item("a", "A chip", "2025-01-27T23:30:00-05:00")
    assert [day for day, _ in by_day(fetched(row).drafts)] == [date(2025, 1, 28)]


def test_end_of_a_day_is_its_last_instant() -> None:
    assert end_of(date(2025, 1, 27)) == datetime(2025, 1, 27, 23, 59, 59, 999999, UTC)


def test_every_day_leaves_a_score(told: Workspace) -> None:
    kept = [row["as_of"][:10] for row in report.history(told, None, None)]
    assert kept == [f"2025-01-{day}" for day in (20, 21, 22, 23, 24, 26, 27)] + ["2025-02-03"]


def test_as_of_is_what_was_kept_then_to_the_bit(told: Workspace) -> None:
    for row in report.history(told, None, None):
        as_of = datetime.fromisoformat(row["as_of"])
        again = report.score(told, as_of)
        assert {name: again[name] for name in row} == row


def test_order_of_lines_changes_no_score(workspace: Workspace, told: Workspace) -> None:
    rows = list(STORY)
    random.Random(5).shuffle(rows)
    replay(workspace, fetched(*rows), "story")
    assert report.history(workspace, None, None) == report.history(told, None, None)


def test_archive_in_two_parts_tells_the_same_story(workspace: Workspace, told: Workspace) -> None:
    early = [
        row for row in STORY if (row.get("fetched") or row.get("published") or "9") < "2025-01-24"
    ]
    late = [row for row in STORY if row not in early]
    replay(workspace, fetched(*early), "story")
    replay(workspace, fetched(*late), "story")
    assert tables(workspace.database.folder) == tables(told.database.folder)


@pytest.mark.parametrize("stretch", [1, 2, 5])
def test_how_many_days_are_judged_together_changes_nothing(
    workspace: Workspace, told: Workspace, monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    monkeypatch.setattr(replaying, "STRETCH", stretch)
    replay(workspace, fetched(*STORY), "story")
    assert tables(workspace.database.folder) == tables(told.database.folder)


LATE = [
    item("x", "Trainium spreads [custom_silicon+3]", None, fetched="2025-01-20"),
    item("y", "A shoemaker", "2025-01-22"),
    item("x", "Trainium spreads [custom_silicon+3]", "2025-01-20", fetched="2025-01-24"),
]


@pytest.mark.parametrize("parts", [[LATE], [LATE[:1], LATE[1:]]], ids=["one file", "two files"])
@pytest.mark.parametrize("stretch", [1, 2, 1000])
def test_date_that_arrives_during_a_replay_counts_from_the_day_it_arrived(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, stretch: int, parts: list[list[Any]]
) -> None:
    monkeypatch.setattr(replaying, "STRETCH", stretch)
    for part in parts:
        replay(workspace, fetched(*part), "story")
    scores = {row["as_of"][8:10]: row["score"] for row in report.history(workspace, None, None)}
    assert scores["20"] == scores["22"] == 50.0 < scores["24"]
    (row,) = report.explain(workspace)["rows"]
    assert row["recorded"].startswith("2025-01-24")


def test_what_a_replay_did_is_counted(workspace: Workspace) -> None:
    clash = item("a1", "Not the same thing at all", url="https://else.example/x")
    fault = Fault(99, "not JSON", "Correct it", "{oops")
    given = fetched(*STORY, clash)
    done = replay(workspace, Fetched(given.drafts, (fault,)), "story")
    assert (done.intake.new, done.intake.undated, done.days) == (len(STORY), 1, 8)
    assert done.intake.faults[0] == fault
    assert [one.reason for one in done.intake.faults[1:]] == [
        f"id 'a1' already belongs to {STORY[0]['title']!r}"
    ]
    assert report.status(workspace, datetime(2025, 2, 4, tzinfo=UTC))["rejected"] == 2


def test_nothing_to_replay_is_nothing_done(workspace: Workspace) -> None:
    fault = Fault(1, "not JSON", "Correct it", "{oops")
    done = replay(workspace, Fetched(faults=(fault,)), "story")
    assert (done.days, done.standing, done.intake.faults) == (0, None, (fault,))
    assert report.history(workspace, None, None) == []


def test_archive_without_a_single_date_is_refused_and_nothing_is_dated_now(
    workspace: Workspace,
) -> None:
    with pytest.raises(SourceError, match="none of its 2 items has a date"):
        replay(workspace, fetched(item("a", "A", None), item("b", "B", "27/01/25")), "story")
    assert tables(workspace.database.folder)["item"] == []


def test_score_of_a_day_is_the_same_whatever_came_after(
    workspaces: Callable[..., Workspace],
) -> None:
    whole, cut = workspaces("whole"), workspaces("cut")
    replay(whole, fetched(*STORY), "story")
    replay(cut, fetched(*(row for row in STORY if (row["id"])[0] in "abc")), "story")
    upto = report.history(cut, None, datetime(2025, 1, 22, 23, 59, 59, 999999, UTC))
    assert len(upto) == 3
    assert report.history(whole, None, None)[:3] == upto
