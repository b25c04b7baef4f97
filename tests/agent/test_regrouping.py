"""Events that turn out to be one or two: the ledger says so, and nothing is lost of how it was."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agent import regrouping, report
from agent.errors import ThesiswatchError
from agent.events import Line, Merge, Placement, Window, event_id_of, same_happening
from agent.likeness import Fingerprint, Usage
from agent.replay import replay
from agent.workspace import Workspace
from tests.fakes import fetched, item
from tests.stored import select, tables

NOW = datetime(2025, 2, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = "Cerebras sells a wafer [novel_accelerators+2]", "Broadcom wins TPUs [custom_silicon+2]"
C = "Microsoft cancels leases [capex_payback+1]"
DAYS = (
    item("a", A, "2025-02-01T09:00"),
    item("b", B, "2025-02-02T09:00"),
    item("c", C, "2025-02-03T09:00"),
)


def explained(workspace: Workspace, as_of: datetime | None = None) -> list[dict[str, Any]]:
    return report.explain(workspace, since=None, as_of=as_of, category=None, item_id=None)["rows"]


def events_then(workspace: Workspace, as_of: datetime | None = None) -> dict[str, str]:
    rows = report.listing(
        workspace, since=None, as_of=as_of, category=None, event_id=None, match=None, limit=None
    )
    return {row["id"]: row["event_id"] for row in rows}


@pytest.fixture
def replayed(workspace: Workspace) -> Workspace:
    replay(workspace, fetched(*DAYS), "days")
    return workspace


def test_merge_by_hand_moves_the_members_and_restates_both_events(replayed: Workspace) -> None:
    one, other = event_id_of("a"), event_id_of("b")
    regrouping.merge(replayed, other, one, NOW)
    assert events_then(replayed) == {"a": one, "b": one, "c": event_id_of("c")}
    standing = {(row["event_id"], row["category"]): row for row in explained(replayed)}
    assert standing[one, "custom_silicon"]["cause"] == "merge"
    gone = standing[other, "custom_silicon"]
    assert (gone["weight"], gone["cause"]) == (0.0, "merge")


def test_as_of_a_day_before_the_merge_nothing_is_merged(replayed: Workspace) -> None:
    before = events_then(replayed), explained(replayed, NOW - HOUR)
    regrouping.merge(replayed, event_id_of("a"), event_id_of("b"), NOW)
    assert (events_then(replayed, NOW - HOUR), explained(replayed, NOW - HOUR)) == before
    assert events_then(replayed, NOW) != before[0]
    listed = report.listing(
        replayed,
        since=None,
        as_of=NOW - HOUR,
        category=None,
        event_id=event_id_of("b"),
        match=None,
        limit=None,
    )
    assert [row["id"] for row in listed] == ["b"]


def test_split_gives_an_item_its_event_back(replayed: Workspace) -> None:
    start = events_then(replayed)
    score = report.score(replayed, NOW)["score"]
    regrouping.merge(replayed, event_id_of("a"), event_id_of("b"), NOW)
    before, after = regrouping.split(replayed, "b", NOW + HOUR)
    assert events_then(replayed) == start
    assert after == pytest.approx(score, abs=1e-3)
    rows = select(
        replayed.database.folder, "SELECT kind, from_event, to_event FROM regrouping ORDER BY id"
    )
    assert rows == [
        ("merge", event_id_of("b"), event_id_of("a")),
        ("split", event_id_of("a"), event_id_of("b")),
    ]


def test_event_says_why_each_member_is_in_it(replayed: Workspace) -> None:
    regrouping.merge(replayed, event_id_of("a"), event_id_of("b"), NOW)
    event = report.show(replayed, event_id_of("a"))["event"]
    whys = {one["id"]: one["why"] for one in event["members"]}
    assert whys["a"] == "nothing like it in the window"
    assert whys["b"].endswith(f"; merge from {event_id_of('b')} on 2025-02-10: by hand")
    gone = report.show(replayed, event_id_of("b"))["event"]
    assert gone["merged_into"] == event_id_of("a")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a", "a"), "one event already"),
        (("a", "nowhere"), "there is no event"),
    ],
)
def test_merge_of_what_is_not_two_events_says_so(
    replayed: Workspace, names: tuple[str, str], words: str
) -> None:
    with pytest.raises(ThesiswatchError, match=words):
        regrouping.merge(replayed, *map(event_id_of, names), NOW)


@pytest.mark.parametrize(
    ("id_", "words"),
    [("c", "alone in its event"), ("a", "opened the event"), ("x", "there is no item")],
)
def test_split_that_makes_no_sense_says_so(replayed: Workspace, id_: str, words: str) -> None:
    regrouping.merge(replayed, event_id_of("a"), event_id_of("b"), NOW)
    with pytest.raises(ThesiswatchError, match=words):
        regrouping.split(replayed, id_, NOW)


def test_merged_event_can_be_named_no_more(replayed: Workspace) -> None:
    regrouping.merge(replayed, event_id_of("a"), event_id_of("b"), NOW)
    with pytest.raises(ThesiswatchError, match=f"is part of '{event_id_of('a')}'"):
        regrouping.merge(replayed, event_id_of("b"), event_id_of("c"), NOW)


class Bridging(Window):
    """Makes one event of the first two as soon as the third item comes."""

    def place(self, item: Fingerprint) -> Placement:
        found = super().place(item)
        if item.item_id != "c":
            return found
        merge = Merge(event_id_of("b"), event_id_of("a"), "the third says so")
        self.merge(merge)
        return Placement(
            found.item_id, found.event_id, found.storyline, found.reason, True, (merge,)
        )


@pytest.mark.parametrize("stretch", [1, 2000])
def test_merge_holds_from_the_day_that_showed_it_and_not_before(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    monkeypatch.setattr("agent.grouping.Window", Bridging)
    monkeypatch.setattr("agent.replay.STRETCH", stretch)
    replay(workspace, fetched(*DAYS), "days")
    a, b, c = (event_id_of(name) for name in "abc")
    third = datetime(2025, 2, 3, 23, 59, 59, 999999, tzinfo=UTC)
    second = third - timedelta(days=1)
    assert events_then(workspace, second) == {"a": a, "b": b}
    assert events_then(workspace, third) == {"a": a, "b": a, "c": c}
    assert {row["event_id"] for row in explained(workspace, second) if row["weight"]} == {a, b}
    assert {row["event_id"] for row in explained(workspace, third) if row["weight"]} == {a, c}


def test_second_replay_of_a_merge_changes_not_one_bit(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.grouping.Window", Bridging)
    replay(workspace, fetched(*DAYS), "days")
    before = tables(workspace.database.folder)
    replay(workspace, fetched(*DAYS), "days")
    assert tables(workspace.database.folder) == before


def test_pass_that_dies_before_a_merge_is_settled_leaves_it_to_the_next(
    workspaces: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.grouping.Window", Bridging)
    whole, broken = workspaces("whole"), workspaces("broken")
    replay(whole, fetched(*DAYS), "days")
    settle, calls = regrouping.settle, []

    def dies(*given: Any) -> int:
        calls.append(given)
        if len(calls) == 3:
            raise RuntimeError("the power went")
        return settle(*given)

    monkeypatch.setattr(regrouping, "settle", dies)
    with pytest.raises(RuntimeError):
        replay(broken, fetched(*DAYS), "days")
    replay(broken, fetched(*DAYS), "days")
    assert tables(broken.database.folder) == tables(whole.database.folder)


@pytest.mark.parametrize("together", [True, False])
def test_amended_filing_speaks_in_the_place_of_the_first(
    workspace: Workspace, together: bool
) -> None:
    first = item("f1", "A filing of [growth_and_margins-3]", "2025-01-02", kind="filing")
    rows = [first, *DAYS]
    amended = item("f2", "A filing put right [growth_and_margins+1]", "2025-02-20", kind="filing")
    drafts = fetched(*rows, amended)
    drafts = replace(drafts, drafts=(*drafts.drafts[:-1], replace(drafts.drafts[-1], amends="f1")))
    if together:
        replay(workspace, drafts, "filings")
    else:
        replay(workspace, fetched(*rows), "filings")
        replay(workspace, replace(drafts, drafts=drafts.drafts[-1:]), "filings")
    found = events_then(workspace)
    assert found["f1"] == found["f2"]
    (row,) = (row for row in explained(workspace) if row["category"] == "growth_and_margins")
    assert (row["item_id"], row["stance"], row["severity"]) == ("f2", "supports", 1)
    then = explained(workspace, datetime(2025, 2, 19, tzinfo=UTC))
    (old,) = (row for row in then if row["category"] == "growth_and_margins")
    assert (old["item_id"], old["stance"]) == ("f1", "weakens")


def line(id_: str, text: str, *names: str, hours: float = 0) -> Line:
    at = NOW + timedelta(hours=hours)
    vector = np.array([1, 0], dtype=np.float32)
    said = Fingerprint(id_, at, None, "", text, text, vector, frozenset(names))
    return Line(said, f"event of {id_}", at)


def same(one: Line, *others: Line) -> str | None:
    usage = Usage()
    for other in others:
        usage.add(other.said)
    found = same_happening(one, others, usage)
    return found[0].event_id if found else None


def test_judges_lines_that_say_the_same_make_one_event() -> None:
    first = line("a", "DeepSeek releases R1 on 20 January", "deepseek")
    again = line("b", "DeepSeek releases R1 reasoning model on 20 January", "deepseek", hours=5)
    other = line("c", "OpenAI releases Operator on 23 January", "openai", hours=6)
    assert same(again, first) == "event of a"
    assert same(other, first, again) is None


def test_lines_without_a_common_actor_are_two_events() -> None:
    first = line("a", "The company cuts its prices", "deepseek")
    assert same(line("b", "The company cuts its prices", "openai"), first) is None


def test_line_about_a_frozen_event_unites_nothing() -> None:
    first = line("a", "DeepSeek releases R1", "deepseek")
    late = line("b", "DeepSeek releases R1", "deepseek", hours=24 * 15)
    assert same(late, first) is None
