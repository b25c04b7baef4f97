"""What the score would be without some of its evidence: as if it had never come in."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from agent import regrouping, report, reviewing, whatif
from agent.errors import ThesiswatchError
from agent.events import event_id_of
from agent.replay import replay
from agent.reviewing import Decision
from agent.workspace import Workspace
from tests.fakes import fetched, item

CHIP = "Cerebras sells a wafer [novel_accelerators+2]"
RENT = "Google rents TPUs to a rival [custom_silicon+3]"
ROWS = (
    item("a", CHIP, publisher="Reuters"),
    item("b", CHIP, publisher="Bloomberg"),
    item("c", RENT, publisher="Reuters"),
    item("d", "Nvidia sells out [growth_and_margins-2]", publisher="Associated Press"),
)


def told(workspace: Workspace, *rows: dict[str, object]) -> Workspace:
    replay(workspace, fetched(*rows), "rows")
    return workspace


def without(workspace: Workspace, *names: str) -> float:
    found = report.standing_at(workspace, None)
    return float(whatif.without(workspace, found, names)["score_without"])


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Reuters", "bd"),
        ("custom_silicon", "abd"),
        (event_id_of("c"), "abd"),
        ("thomson reuters", "bd"),
    ],
)
def test_score_without_is_the_score_had_it_never_come(
    workspaces: Callable[..., Workspace], name: str, kept: str
) -> None:
    whole = told(workspaces("whole"), *ROWS)
    less = told(workspaces("less"), *(row for row in ROWS if str(row["id"]) in kept))
    expected = report.score(less, report.standing_at(whole, None).as_of)["score"]
    assert without(whole, name) == pytest.approx(expected, abs=1e-9)


def test_several_are_left_out_together(workspace: Workspace) -> None:
    told(workspace, *ROWS)
    rest = ["Reuters", "Bloomberg", "growth_and_margins"]
    assert without(workspace, *rest) == pytest.approx(50.0)


def test_name_that_nothing_has_says_so(workspace: Workspace) -> None:
    told(workspace, *ROWS)
    with pytest.raises(ThesiswatchError, match="called 'The Onion'"):
        without(workspace, "The Onion")


def test_across_names_the_events_that_hold_the_score_up(workspace: Workspace) -> None:
    told(workspace, *ROWS)
    answer = whatif.across(workspace, report.standing_at(workspace, None))
    assert answer["crosses"]
    assert answer["without_events"][0] == {"event_id": event_id_of("c"), "title": RENT}
    gone = [one["event_id"] for one in answer["without_events"]]
    assert without(workspace, *gone) == pytest.approx(answer["score_without"], abs=1e-9)
    assert answer["score_without"] <= 50 < answer["score"]
    assert answer["new_events"]["growth_and_margins"] >= 1


def test_score_of_a_past_day_without_a_publisher_knows_nothing_of_later(
    workspace: Workspace,
) -> None:
    told(workspace, *ROWS)
    at = report.standing_at(workspace, None).as_of
    before = whatif.without(workspace, report.standing_at(workspace, at), ["Reuters"])
    later = at + timedelta(days=1)
    reviewing.decide(workspace, Decision("b", ()), later)
    regrouping.merge(workspace, event_id_of("a"), event_id_of("d"), later)
    assert whatif.without(workspace, report.standing_at(workspace, at), ["Reuters"]) == before
