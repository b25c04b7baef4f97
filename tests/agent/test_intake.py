"""Drafts become items: once each, attributed to an owner, and never redated."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import report
from agent.errors import ItemError
from agent.intake import Intake, take, text_of
from agent.pipeline import Pass
from agent.sources import Fault
from agent.workspace import Workspace
from store import items
from tests.fakes import fetched, item
from tests.stored import select

NOW = datetime(2025, 2, 1, 12, tzinfo=UTC)
LATER = datetime(2025, 2, 2, 12, tzinfo=UTC)


def deliver(
    workspace: Workspace, *rows: dict[str, Any], now: datetime = NOW, faults: Sequence[Fault] = ()
) -> Intake:
    with workspace.database.writing() as connection:
        return take(
            connection,
            workspace.publishers,
            fetched(*rows).drafts,
            faults,
            source="wire",
            now=now,
            seen_at=lambda draft: now,
        )


def stored(workspace: Workspace, column: str) -> dict[str, Any]:
    return dict(select(workspace.database.folder, f"SELECT id, {column} FROM item"))


def test_known_item_is_neither_stored_twice_nor_changed(workspace: Workspace) -> None:
    first = deliver(workspace, item("a", "A chip"))
    again = deliver(workspace, item("a", "A chip", summary="with more words"), now=LATER)
    assert (first.new, first.known) == (1, 0)
    assert (again.new, again.known) == (0, 1)
    assert stored(workspace, "summary") == {"a": ""}
    assert stored(workspace, "first_seen_at") == {"a": "2025-02-01 12:00:00.000000"}


def test_item_without_id_is_known_by_its_address_however_it_is_spelled(
    workspace: Workspace,
) -> None:
    row = {"title": "A chip", "published": "2025-01-27"}
    deliver(workspace, {**row, "url": "https://www.example.com/a?utm_source=x#top"})
    again = deliver(workspace, {**row, "url": "http://example.com/a/"})
    assert (again.new, again.known) == (0, 1)


def test_edited_title_at_the_same_address_is_the_same_item(workspace: Workspace) -> None:
    deliver(workspace, item("a", "A chip"))
    again = deliver(workspace, item("a", "A chip, updated"))
    assert (again.known, again.faults) == (1, ())
    assert stored(workspace, "title") == {"a": "A chip"}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("url", ["https://other.example/b", None])
def test_two_items_under_one_id_are_a_fault_that_is_kept(
    workspace: Workspace, together: bool, url: str | None
) -> None:
    one = item("a", "A chip") if url else item("a", "A chip", url=None)
    other = item("a", "A quite different thing", url=url)
    if together:
        got = deliver(workspace, one, other)
    else:
        deliver(workspace, one)
        got = deliver(workspace, other)
    (fault,) = got.faults
    assert fault.reason == "id 'a' already belongs to 'A chip'"
    assert got.known == 0
    rejected = select(workspace.database.folder, "SELECT source, reason, raw FROM rejected")
    assert rejected == [("wire", fault.reason, "A quite different thing")]
    assert stored(workspace, "title") == {"a": "A chip"}


def test_undated_item_is_kept_and_marked_and_never_dated_now(workspace: Workspace) -> None:
    got = deliver(workspace, item("a", "A chip", None), item("b", "Another", "last Tuesday"))
    assert (got.new, got.undated) == (2, 2)
    assert stored(workspace, "published_at") == {"a": None, "b": None}
    assert report.status(workspace, NOW)["items"]["undated"] == 2


def test_date_that_arrives_later_is_taken_once_and_then_stays(workspace: Workspace) -> None:
    deliver(workspace, item("a", "A chip", None))
    given = deliver(workspace, item("a", "A chip", "2025-01-27"), now=LATER)
    assert (given.new, given.known, given.dated_now) == (0, 0, 1)
    edited = deliver(workspace, item("a", "A chip", "2025-01-30"), now=LATER)
    assert (edited.known, edited.dated_now) == (1, 0)
    assert stored(workspace, "published_at") == {"a": "2025-01-27 00:00:00.000000"}
    assert stored(workspace, "first_seen_at") == {"a": "2025-02-01 12:00:00.000000"}


def test_date_that_arrives_in_the_same_delivery_is_taken(workspace: Workspace) -> None:
    got = deliver(workspace, item("a", "A chip", None), item("a", "A chip", "2025-01-27"))
    assert (got.new, got.known, got.undated) == (1, 1, 0)
    assert stored(workspace, "published_at") == {"a": "2025-01-27 00:00:00.000000"}


def test_item_whose_date_arrives_before_it_was_judged_is_judged_once(workspace: Workspace) -> None:
    deliver(workspace, item("a", "A chip", None))
    deliver(workspace, item("a", "A chip", "2025-01-27"))
    assert stored(workspace, "state") == {"a": "fetched"}
    with Pass(workspace) as one:
        one.advance(NOW)
    assert len(report.show(workspace, "a")["verdicts"]) == 1


def test_faults_of_the_source_are_kept_beside_the_items(workspace: Workspace) -> None:
    fault = Fault(7, "not JSON", "Correct it", "{oops")
    got = deliver(workspace, faults=(fault,))
    again = deliver(workspace, faults=(fault,), now=LATER)
    assert again == Intake(faults=(fault,))
    assert got.faults == (fault,)
    assert list(map(str, got.refused)) == ["source 'wire', line 7: not JSON. Correct it"]
    assert select(workspace.database.folder, "SELECT line, reason, raw FROM rejected") == [
        (7, "not JSON", "{oops")
    ]


def test_what_could_not_be_had_this_time_is_told_of_each_time(workspace: Workspace) -> None:
    fault = Fault(1, "the server is busy", "It is tried again next run", "AMD", passing=True)
    for now in (NOW, LATER):
        (told,) = deliver(workspace, faults=(fault,), now=now).refused
        assert "the server is busy" in str(told)


def test_intakes_add_up() -> None:
    fault = Fault(1, "bad", "", "")
    one, other = ItemError("a", 1, "bad"), ItemError("b", 1, "bad")
    total = Intake(1, 2, 3, 4, (fault,), (one,)) + Intake(10, 20, 30, 40, (fault,), (other,))
    assert total == Intake(11, 22, 33, 44, (fault, fault), (one, other))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("XYZ"), st.booleans()), max_size=8)
)
def test_every_draft_is_accounted_for(
    workspace: Workspace, drawn: list[tuple[str, str, bool]]
) -> None:
    fresh = len(stored(workspace, "id"))  # ids that no earlier example used
    rows = [
        item(f"{id_}{fresh}", title, "2025-01-27" if dated else None) for id_, title, dated in drawn
    ]
    for _ in range(2):
        got = deliver(workspace, *rows)
        assert got.new + got.known + got.dated_now + len(got.faults) == len(rows)
        assert min(got.new, got.known, got.dated_now) >= 0
    assert got.new == 0
    assert len(stored(workspace, "id")) - fresh == len({id_ for id_, _, _ in drawn})


def test_text_that_is_judged_is_title_and_summary_or_else_the_text(workspace: Workspace) -> None:
    deliver(workspace, item("a", "T", summary="S", text="X"), item("b", "T", text="X"))
    with workspace.database.reading() as connection:
        assert text_of(items.by_id(connection, "a")) == "T. S"
        assert text_of(items.by_id(connection, "b")) == "T. X"
