"""The reading commands' answers: every number leads back to rows, and the rows add up."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import log
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import report
from agent import thesis as theses
from agent.errors import ThesiswatchError
from agent.replay import replay
from agent.thesis import Thesis
from agent.workspace import Workspace
from tests.fakes import fetched, item
from tests.stored import tables
from tests.story import STORY

START = datetime(2025, 1, 19, tzinfo=UTC)
hours = st.integers(0, 24 * 60).map(lambda n: START + timedelta(hours=n))


def edited(thesis: Thesis, folder: Path, *changes: tuple[str, str]) -> str:
    """A config.toml for a copy of the thesis with some text replaced."""
    shutil.copytree(thesis.path.parent, folder / "thesis", dirs_exist_ok=True)
    text = thesis.text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "thesis" / theses.THESIS_FILE).write_text(text, encoding="utf-8")
    return f'[thesis]\nfile = "{folder}/thesis/{theses.THESIS_FILE}"\n'


def day(text: str) -> datetime:
    return datetime.fromisoformat(text + "T23:59:59.999999+00:00")


def total(answer: report.Answer) -> float:
    return sum(row["contribution"] for row in answer["rows"])


@settings(max_examples=25, deadline=None)
@given(as_of=hours)
def test_contributions_add_up_to_the_score_at_any_instant(told: Workspace, as_of: datetime) -> None:
    answer = report.explain(told, as_of=as_of)
    prior = log(told.thesis.prior / (1 - told.thesis.prior))
    assert answer["prior_log_odds"] == pytest.approx(prior, abs=1e-12)
    assert answer["log_odds"] == pytest.approx(prior + total(answer), abs=1e-9)
    assert answer["score"] == report.score(told, as_of)["score"]


@settings(max_examples=25, deadline=None)
@given(since=hours, as_of=hours)
def test_changes_add_up_to_the_change_between_any_two_instants(
    told: Workspace, since: datetime, as_of: datetime
) -> None:
    answer = report.explain(told, since=since, as_of=as_of)
    then = report.explain(told, as_of=since)
    assert answer["change"] == pytest.approx(answer["log_odds"] - then["log_odds"], abs=1e-12)
    assert total(answer) == pytest.approx(answer["change"], abs=1e-9)
    assert sum(answer["causes"].values()) == pytest.approx(answer["change"], abs=1e-9)
    assert answer["score_then"] == then["score"]


def test_changes_across_a_thesis_edit_still_add_up(
    workspaces: Callable[..., Workspace], thesis: Thesis, tmp_path: Path
) -> None:
    replay(workspaces("one", config=edited(thesis, tmp_path)), fetched(*STORY[:-1]), "story")
    workspaces.close("one")  # type: ignore[attr-defined]
    changes = (("prior = 0.5", "prior = 0.4"), ("weight = 1.25", "weight = 3.0"))
    workspace = workspaces("one", config=edited(thesis, tmp_path, *changes))
    replay(workspace, fetched(STORY[-1]), "story")
    answer = report.explain(workspace, since=day("2025-01-27"))
    prior = log(0.4 / 0.6)
    assert answer["prior_change"] == pytest.approx(prior, abs=1e-12)
    assert answer["prior_change"] + total(answer) == pytest.approx(answer["change"], abs=1e-9)


def test_old_as_of_answers_with_the_thesis_of_its_time(
    workspaces: Callable[..., Workspace], thesis: Thesis, tmp_path: Path
) -> None:
    before = workspaces("one", config=edited(thesis, tmp_path))
    replay(before, fetched(*STORY[:-1]), "story")
    kept = report.history(before, None, None)
    said = report.score(before, day("2025-01-24"))
    workspaces.close("one")  # type: ignore[attr-defined]
    changes = (("prior = 0.5", "prior = 0.4"), ("weight = 1.25", "weight = 3.0"))
    after = workspaces("one", config=edited(thesis, tmp_path, *changes))
    assert after.thesis.version != before.thesis.version
    replay(after, fetched(STORY[-1]), "story")
    assert report.score(after, day("2025-01-24")) == said
    assert report.history(after, None, None)[:-1] == kept
    assert report.score(after, None)["prior"] == 40.0
    assert report.score(after, day("2025-01-24"))["prior"] == 50.0


def test_category_that_the_thesis_dropped_counts_then_and_not_now(
    workspaces: Callable[..., Workspace], thesis: Thesis, tmp_path: Path
) -> None:
    small = ONE_CATEGORY.format(extra=OTHER_CATEGORY)
    path = tmp_path / "small.toml"
    path.write_text(small, encoding="utf-8")
    config = f'[thesis]\nfile = "{path}"\n'
    one = item("a", "First [gone+3] [kept+1]", "2025-01-20")
    replay(workspaces("one", config=config), fetched(one), "story")
    workspaces.close("one")  # type: ignore[attr-defined]
    path.write_text(ONE_CATEGORY.format(extra=""), encoding="utf-8")
    workspace = workspaces("one", config=config)
    replay(workspace, fetched(item("b", "Second [kept+1]", "2025-01-21")), "story")
    then, now = (report.explain(workspace, as_of=day(f"2025-01-{n}")) for n in (20, 21))
    assert sorted(row["category"] for row in then["rows"]) == ["gone", "kept"]
    assert sorted(row["category"] for row in now["rows"]) == ["kept", "kept"]
    change = report.explain(workspace, since=day("2025-01-20"))
    assert total(change) == pytest.approx(change["change"], abs=1e-9)


def test_score_before_the_first_item_is_the_prior(told: Workspace) -> None:
    answer = report.score(told, START)
    assert (answer["score"], answer["low"], answer["high"]) == (50.0, 50.0, 50.0)
    assert answer["status"] == "no evidence yet; uncalibrated"


def test_score_without_any_pass_says_what_to_do(workspace: Workspace) -> None:
    with pytest.raises(ThesiswatchError, match="there is no score yet. Run `thesis run`"):
        report.score(workspace, None)
    with pytest.raises(ThesiswatchError, match="there is no score yet"):
        report.explain(workspace)
    assert report.status(workspace, START)["status"] == "no pass yet"
    assert report.history(workspace, None, None) == []


def test_score_is_the_one_the_last_pass_kept(told: Workspace) -> None:
    last = report.history(told, None, None)[-1]
    now = report.score(told, None)
    assert {name: now[name] for name in last} == last


def test_pillars_add_up_to_their_categories_and_to_the_log_odds(told: Workspace) -> None:
    answer = report.score(told, None)
    for pillar in told.thesis.pillars:
        inside = [one.id for one in told.thesis.categories if one.pillar == pillar.id]
        parts = sum(answer["categories"][name]["log_odds"] for name in inside)
        assert answer["pillars"][pillar.id] == pytest.approx(parts, abs=1e-12)
    log_odds = report.explain(told)["log_odds"] - report.explain(told)["prior_log_odds"]
    assert sum(answer["pillars"].values()) == pytest.approx(log_odds, abs=1e-12)


def test_every_row_leads_to_a_stored_source(told: Workspace) -> None:
    rows = report.explain(told)["rows"]
    assert rows
    urls = {row["id"]: row["url"] for row in STORY}
    for row in rows:
        assert row["url"] == urls[row["item_id"]]
        assert row["item_id"] in {
            one["id"] for one in report.show(told, row["event_id"])["event"]["members"]
        }


def test_rows_come_largest_first(told: Workspace) -> None:
    sizes = [abs(row["contribution"]) for row in report.explain(told)["rows"]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0


def test_explain_narrows_to_a_category_or_to_the_event_of_an_item(told: Workspace) -> None:
    rows = report.explain(told)["rows"]
    only = report.explain(told, category="capex_payback")["rows"]
    assert only == [row for row in rows if row["category"] == "capex_payback"]
    assert {row["item_id"] for row in only} == {"e2", "f1"}
    (row,) = report.explain(told, item_id="c2")["rows"]
    assert row["owners"] == ["c1.example", "c2.example"]
    both = report.explain(told, item_id="d3", category="amd_stack")["rows"]
    assert [row["category"] for row in both] == ["amd_stack"]


def test_row_of_the_past_stands_as_it_did_then(told: Workspace) -> None:
    owners = {
        n: report.explain(told, as_of=day(f"2025-01-{n}"), item_id="c1")["rows"][0]["owners"]
        for n in (22, 23)
    }
    assert owners == {22: ["c1.example"], 23: ["c1.example", "c2.example"]}


def test_new_rows_of_a_change_are_marked_new(told: Workspace) -> None:
    rows = report.explain(told, since=day("2025-01-27"))["rows"]
    assert {row["item_id"] for row in rows if row["new"]} == {"f1"}
    decayed = [row for row in rows if not row["new"] and row["weight"]]
    assert decayed
    assert all(row["contribution"] * row["weight"] < 0 for row in decayed)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda w: report.explain(w, category="capex"), "no category 'capex'. It has novel_"),
        (lambda w: report.explain(w, item_id="zz"), "no item 'zz'. List them with `thesis items`"),
        (lambda w: report.show(w, "zz"), "no item or event 'zz'"),
    ],
)
def test_unknown_name_is_an_error_with_a_way_out(
    told: Workspace, ask: Callable[[Workspace], object], message: str
) -> None:
    with pytest.raises(ThesiswatchError, match=message):
        ask(told)


def listed(told: Workspace, **filters: object) -> list[str]:
    names = ("since", "as_of", "category", "event_id", "match", "limit")
    rows = report.listing(told, **{**dict.fromkeys(names), **filters})  # type: ignore[arg-type]
    return [row["id"] for row in rows]


def test_items_come_newest_first_and_every_filter_narrows(told: Workspace) -> None:
    assert listed(told)[:3] == ["e3", "f1", "e1"]
    assert set(listed(told)) == {row["id"] for row in STORY}
    assert listed(told, limit=2) == ["e3", "f1"]
    assert listed(told, category="capex_payback") == ["f1", "e2"]
    assert listed(told, match="blackwell sold") == ["b1", "b2"]
    assert listed(told, since=day("2025-01-27")) == ["e3", "f1"]
    assert listed(told, as_of=day("2025-01-20")) == ["a3", "a2", "a1"]
    event = report.show(told, "c1")["event"]["id"]
    assert listed(told, event_id=event) == ["c3", "c2", "c1"]


def test_search_takes_words_and_no_syntax(told: Workspace) -> None:
    for words in ('"', "NEAR(", "title:nvidia OR", "a*b -c", "') --"):
        assert isinstance(listed(told, match=words), list)


def test_item_shows_its_verdict_and_its_event_with_reasons(told: Workspace) -> None:
    shown = report.show(told, "c2")
    assert shown["item"]["state"] == "scored"
    assert shown["verdicts"][0]["labels"][0]["category"] == "training_efficiency"
    assert [one["id"] for one in shown["event"]["members"]] == ["c1", "c2", "c3"]
    assert shown["event"]["members"][1]["why"].startswith("near copy")
    assert shown["event"]["members"][2]["publisher"] == "Reuters"
    assert report.show(told, shown["event"]["id"])["item"] is None


def test_undated_item_is_shown_undated(told: Workspace) -> None:
    assert report.show(told, "e3")["item"]["published"] is None


def test_status_says_how_old_the_score_is(told: Workspace) -> None:
    last = day("2025-02-03")
    assert report.status(told, last + timedelta(days=1))["status"] == "uncalibrated"
    late = report.status(told, last + timedelta(days=9))
    assert late["status"] == "uncalibrated; last pass 9 days ago"
    assert late["items"] == {"scored": len(STORY), "undated": 1}
    assert late["ledger_rows"] == len(tables(told.database.folder)["evidence"])
    assert late["index_waiting"] == 0


def test_source_nobody_looked_at_is_said_to_be_so(workspaces: Callable[..., Workspace]) -> None:
    config = '[[sources]]\nname = "wire"\nkind = "file"\npath = "x.jsonl"\n'
    (source,) = report.status(workspaces("one", config=config), START)["sources"]
    assert source == {
        "name": "wire",
        "health": "never looked at",
        "why": "",
        "items": 0,
        "items_a_week": 0.0,
    }


ONE_CATEGORY = """
id = "small"
title = "T"
author = "A"
date = 2025-01-01
url = "https://example.com"
summary = "S"
subject = "x"
[[pillars]]
id = "p"
name = "P"
description = "D"
[[categories]]
id = "kept"
pillar = "p"
name = "Kept"
description = "D"
weight = 1.0
supports = ["s"]
weakens = ["w"]
{extra}
[[entities]]
id = "x"
name = "X"
categories = ["kept"]
"""
OTHER_CATEGORY = """
[[categories]]
id = "gone"
pillar = "p"
name = "Gone"
description = "D"
weight = 2.0
supports = ["s"]
weakens = ["w"]
"""
