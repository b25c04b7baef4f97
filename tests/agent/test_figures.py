"""Facts are fetched once a day and company; what cannot be read is state, not a dead run."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.figures import update
from agent.kpi_report import table
from agent.sources import facts
from agent.workspace import Workspace
from store import sources
from tests.agent.test_kpis import ENDS, document, fact, year_to_date
from tests.agent.test_thesis import SMALL
from tests.feed_server import FeedServer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ACME, BOLT = "0000000001", "0000000002"
THESIS = (
    SMALL.replace('aliases_zh = ["艾克米"]', f'aliases_zh = ["艾克米"]\ncik = "{ACME}"')
    .replace("aliases_zh = []", f'aliases_zh = []\ncik = "{BOLT}"')
    .replace(
        'description = "All of them."',
        'description = "All of them."\nmeasure = "flow"\ntags = ["Paid"]',
    )
    + """
[[kpis]]
id = "bolt_stock"
entity = "bolt"
name = "Stock"
unit = "USD"
frequency = "quarter"
measure = "stock"
tags = ["Stock"]
description = "On the shelves."

[[kpis]]
id = "acme_parts"
entity = "acme"
name = "Parts"
unit = "USD"
frequency = "quarter"
measure = "flow"
tags = []
description = "Of a segment."
"""
)
Opened = Callable[..., Workspace]


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def opened(workspaces: Opened, tmp_path: Path) -> Opened:
    """Opens the workspace of a thesis with two companies; again, with another text, the same."""

    def open_(text: str = THESIS, agent: str = "acme desk@acme.test") -> Workspace:
        path = tmp_path / "acme.toml"
        path.write_text(text, encoding="utf-8")
        config = f"[thesis]\nfile = {json.dumps(str(path))}\n[http]\ntimeout = 5.0\n"
        config += f'allow_private = ["127.0.0.1"]\nuser_agent = "{agent}"\n'
        return workspaces("figures", config=config)

    return open_


def put(server: FeedServer, cik: str, *rows: Any) -> None:
    body = {**document(*rows), "cik": int(cik)}
    server.put(f"/api/xbrl/companyfacts/CIK{cik}.json", json.dumps(body))


def put_both(server: FeedServer) -> None:
    put(server, ACME, *year_to_date(10, 20, 5, 40))
    put(server, BOLT, fact(ENDS[3], 7, None, tag="Stock"))


def values(workspace: Workspace, id_: str, at: datetime = NOW) -> list[float]:
    (kpi,) = (one for one in table(workspace, at)["kpis"] if one["id"] == id_)
    return [one["value"] for one in kpi["values"]]


def state(workspace: Workspace, cik: str) -> Any:
    with workspace.database.reading() as connection:
        return sources.states(connection)[facts.name_of(cik)]


def test_every_companys_figures_come_in(opened: Opened, server: FeedServer) -> None:
    put_both(server)
    workspace, told = opened(), []
    failures = update(workspace, NOW, lambda *said: told.append(said), base=server.url(""))
    assert failures == ()
    assert values(workspace, "acme_sales") == [10, 20, 5, 40]
    assert values(workspace, "bolt_stock") == [7]
    assert told == [("facts", 1)] * 2
    assert (state(workspace, ACME).items, state(workspace, ACME).last_item_at) == (4, NOW)


def test_a_company_is_asked_once_a_day(opened: Opened, server: FeedServer) -> None:
    put_both(server)
    workspace = opened()
    for hours in (0, 1, 12, 22):
        update(workspace, NOW + hours * HOUR, base=server.url(""))
    assert len(server.seen) == 2
    update(workspace, NOW + DAY, base=server.url(""))
    assert len(server.seen) == 4
    assert values(workspace, "acme_sales") == [10, 20, 5, 40]
    assert state(workspace, ACME).last_item_at == NOW


def test_a_company_is_asked_again_once_a_clock_that_was_ahead_is_right(
    opened: Opened, server: FeedServer
) -> None:
    put_both(server)
    workspace = opened()
    update(workspace, NOW + 400 * DAY, base=server.url(""))
    update(workspace, NOW, base=server.url(""))
    assert len(server.seen) == 4


def test_one_that_fails_is_state_and_the_others_come_in(opened: Opened, server: FeedServer) -> None:
    put(server, BOLT, fact(ENDS[3], 7, None, tag="Stock"))
    workspace = opened()
    (failure,) = update(workspace, NOW, base=server.url(""))
    assert failure.source == facts.name_of(ACME)
    assert values(workspace, "bolt_stock") == [7]
    assert (state(workspace, ACME).failures, state(workspace, ACME).last_success_at) == (1, None)
    assert "404" in state(workspace, ACME).error


def test_one_that_failed_is_tried_again_after_an_hour_and_recovers(
    opened: Opened, server: FeedServer
) -> None:
    workspace = opened()
    update(workspace, NOW, base=server.url(""))
    put_both(server)
    assert update(workspace, NOW + HOUR / 2, base=server.url("")) == ()
    assert len(server.seen) == 2
    update(workspace, NOW + HOUR, base=server.url(""))
    assert (state(workspace, ACME).failures, state(workspace, ACME).error) == (0, "")
    assert values(workspace, "acme_sales") == [10, 20, 5, 40]


def test_facts_that_cannot_be_read_leave_the_figures_that_were_there(
    opened: Opened, server: FeedServer
) -> None:
    put_both(server)
    workspace = opened()
    update(workspace, NOW, base=server.url(""))
    tag, said = fact(ENDS[0], 1)
    put(server, ACME, (tag, {**said, "val": "many"}))
    (failure,) = update(workspace, NOW + DAY, base=server.url(""))
    assert "a fact of Paid cannot be read" in str(failure)
    assert values(workspace, "acme_sales") == [10, 20, 5, 40]


def test_nobody_is_asked_without_a_contact_and_a_corrected_file_is_tried_at_once(
    opened: Opened, server: FeedServer, workspaces: Any
) -> None:
    put_both(server)
    workspace = opened(agent="thesiswatch/0.1")
    assert update(workspace, NOW, base=server.url("")) == ()
    with workspace.database.reading() as connection:
        noted = sources.states(connection)
    assert all("user_agent" in state.error for state in noted.values())
    assert (len(noted), server.seen) == (2, [])
    workspaces.close("figures")
    assert update(opened(), NOW + timedelta(minutes=1), base=server.url("")) == ()
    assert len(server.seen) == 2


def test_a_figure_defined_anew_is_read_anew(
    opened: Opened, server: FeedServer, workspaces: Any
) -> None:
    put_both(server)
    update(opened(), NOW, base=server.url(""))
    workspaces.close("figures")
    changed = opened(THESIS.replace('tags = ["Paid"]', 'tags = ["Other", "Paid"]'))
    assert values(changed, "acme_sales") == []
    update(changed, NOW + HOUR, base=server.url(""))
    assert [path[-15:] for path, _ in server.seen[2:]] == [f"{ACME}.json"]
    assert values(changed, "acme_sales") == [10, 20, 5, 40]


def test_the_place_of_facts_may_come_from_the_environment(
    opened: Opened, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_both(server)
    monkeypatch.setenv("EDGAR_DATA_URL", server.url(""))
    assert update(opened(), NOW) == ()
    assert len(server.seen) == 2


def test_a_document_larger_than_a_feed_may_be_is_taken(opened: Opened, server: FeedServer) -> None:
    put_both(server)
    workspace = opened()
    body = {**document(*year_to_date(10)), "cik": 1, "padding": " " * 5_500_000}
    server.put(f"/api/xbrl/companyfacts/CIK{ACME}.json", json.dumps(body))
    assert update(workspace, NOW, base=server.url("")) == ()
    assert values(workspace, "acme_sales") == [10]


def test_a_thesis_without_figures_asks_nobody(workspaces: Opened, tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    config = f"[thesis]\nfile = {json.dumps(str(path))}\n"
    assert update(workspaces("small", config=config), NOW) == ()


# What is told of them


def test_the_table_says_where_each_figure_is_from(opened: Opened, server: FeedServer) -> None:
    again = fact(ENDS[0], 9, filed=date(2026, 2, 20), filing="0000000001-26-000009")
    put(server, ACME, *year_to_date(10, 20), again)
    workspace = opened()
    update(workspace, NOW, base=server.url(""))
    sales = table(workspace, NOW)["kpis"][0]
    first, restated, second = sales["values"]
    assert sales["status"] == "ok"
    assert sales["fetched"] == "2026-03-01T12:00:00Z"
    assert first | {"url": ""} == {
        "period_start": "2025-01-27",
        "period_end": "2025-04-27",
        "value": 10.0,
        "unit": "USD",
        "tags": ["Paid"],
        "accession": "a-2025-05-27",
        "url": "",
        "form": "10-Q",
        "filed": "2025-05-27",
        "derivation": "as stated",
        "restates": None,
    }
    assert (restated["value"], restated["restates"]) == (9.0, "a-2025-05-27")
    assert restated["url"] == (
        "https://www.sec.gov/Archives/edgar/data/1/000000000126000009/"
        "0000000001-26-000009-index.html"
    )
    assert second["derivation"] == "6 months less 3 months (a-2025-05-27)"


def test_what_is_missing_is_told_from_what_was_not_looked_at(
    opened: Opened, server: FeedServer
) -> None:
    workspace = opened()

    def statuses() -> dict[str, str]:
        return {one["id"]: one["status"] for one in table(workspace, NOW)["kpis"]}

    assert statuses()["acme_sales"].startswith("not looked at yet")
    assert statuses()["acme_parts"].startswith("not tagged: the thesis file names no tag")
    put(server, ACME, fact(ENDS[0], 1, tag="Other"))
    update(workspace, NOW, base=server.url(""))
    assert statuses()["acme_sales"] == "not tagged in any filing"
    assert statuses()["bolt_stock"].startswith("failing: source 'facts of cik 0000000002'")


def test_a_tag_that_went_out_of_use_is_told(opened: Opened, server: FeedServer) -> None:
    put(server, ACME, *year_to_date(10), *(fact(end, 1, None, tag="Stock") for end in ENDS))
    workspace = opened(
        THESIS.replace('entity = "bolt"\nname = "Stock"', 'entity = "acme"\nname = "Stock"')
    )
    update(workspace, NOW, base=server.url(""))
    sales, stock, _ = table(workspace, NOW)["kpis"]
    assert sales["status"] == ("not tagged after 2025-04-27; the company reported up to 2026-01-25")
    assert stock["status"] == "ok"


def test_a_falsifier_points_at_the_filing_that_decided_it(
    opened: Opened, server: FeedServer
) -> None:
    put_both(server)
    workspace = opened()
    (before,) = table(workspace, NOW)["falsifiers"]
    assert (before["status"], before["accession"]) == ("not yet reported", None)
    update(workspace, NOW, base=server.url(""))
    (ruling,) = table(workspace, NOW)["falsifiers"]
    assert (ruling["status"], ruling["final"], ruling["on"]) == ("true", True, "2025-11-25")
    assert (ruling["value"], ruling["accession"]) == (5.0, "a-2025-11-25")
    assert ruling["url"].endswith("a-2025-11-25-index.html")


def test_real_facts_of_the_default_thesis_come_in(
    shared: Path, server: FeedServer, workspaces: Opened
) -> None:
    cik = "0001045810"
    recorded = shared / f"sec/http_recordings/data.sec.gov_api_xbrl_companyfacts_CIK{cik}.json"
    server.put(f"/api/xbrl/companyfacts/CIK{cik}.json", recorded.read_bytes())
    config = '[http]\nallow_private = ["127.0.0.1"]\nuser_agent = "a@acme.test"\ninterval = 0\n'
    workspace = workspaces("real", config=config)
    failures = update(workspace, NOW, base=server.url(""))
    assert {one.source for one in failures} == {
        facts.name_of(entity.cik)
        for entity in workspace.thesis.entities
        if entity.cik and entity.id in ("microsoft", "google", "amazon", "meta", "oracle")
    }
    margin = values(workspace, "nvda_gross_margin")
    assert len(margin) > 70
    assert margin[-1] == pytest.approx(74.93, abs=0.01)
    update(workspace, NOW + DAY, base=server.url(""))
    assert values(workspace, "nvda_gross_margin") == margin
