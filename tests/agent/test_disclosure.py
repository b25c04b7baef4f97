"""Reported figures become ledger rows with their filing, once, and are restated when put right."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent import auditing, disclosure, pipeline, report, verifying
from agent.figures import BASE_VARIABLE, update
from agent.workspace import Workspace
from tests.agent.test_figures import ACME, THESIS, opened, put, server  # noqa: F401  # fixtures
from tests.agent.test_kpis import ENDS, fact, year_to_date
from tests.feed_server import FeedServer
from tests.stored import tables

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = """
[[rules]]
id = "sales-collapse"
kpi = "acme_sales"
of = "value"
comparison = "<"
threshold = 10.0
category = "volume"
effect = "supports"
strength = 0.8
text = "Hardly any sales."
"""
Opened = Callable[..., Workspace]


@pytest.fixture
def reported(opened: Opened, server: FeedServer) -> Iterator[Callable[..., Workspace]]:  # noqa: F811
    """A workspace that took in what Acme's filings state, after so many days."""

    def take(*facts: Any, days: int = 0, text: str = THESIS + RULES) -> Workspace:
        put(server, ACME, *facts)
        workspace = opened(text)
        update(workspace, NOW + days * DAY, base=server.url(""))
        disclosure.take(workspace, NOW + days * DAY)
        keep(workspace, NOW + days * DAY)
        return workspace

    yield take


def keep(workspace: Workspace, now: datetime) -> None:
    with pipeline.Pass(workspace) as one:
        one.snapshot(now)


def explained(workspace: Workspace, as_of: datetime | None = None) -> list[dict[str, Any]]:
    found = report.explain(workspace, since=None, as_of=as_of, category=None, item_id=None)
    return list(found["rows"])


def test_report_that_meets_a_rule_is_a_row_with_its_filing(
    reported: Callable[..., Workspace],
) -> None:
    workspace = reported(*year_to_date(10, 20, 5, 40))
    (row,) = explained(workspace)
    assert (row["category"], row["stance"], row["strength"]) == ("volume", "supports", 1.0)
    assert (row["cap"], row["half_life_days"], row["judge"]) == (2.3, 180.0, "rule")
    assert row["quote"] == row["title"]
    assert row["title"].startswith("Sales: $0 million in the period to 2025-10-26")
    assert row["url"].startswith("https://www.sec.gov/Archives/edgar/data/1/")
    said = report.show(workspace, row["item_id"])["verdicts"][-1]
    assert said["reason"] == "by the thesis file: sales-collapse, F-1"


def test_report_speaks_once_however_often_it_is_read(reported: Callable[..., Workspace]) -> None:
    workspace = reported(*year_to_date(10, 20, 5, 40))
    before = tables(workspace.database.folder)
    reported(*year_to_date(10, 20, 5, 40), days=1)
    after = tables(workspace.database.folder)
    assert {name: after[name] for name in ("item", "event", "verdict", "evidence")} == {
        name: before[name] for name in ("item", "event", "verdict", "evidence")
    }


def test_restated_figure_restates_the_row_and_both_stay(
    reported: Callable[..., Workspace],
) -> None:
    workspace = reported(*year_to_date(10, 20, 5, 40))
    later = fact(ENDS[2], 15, ENDS[1] + DAY, filed=ENDS[3] + 40 * DAY, form="10-Q")
    first = explained(workspace)
    stated = fact(ENDS[2], 5, ENDS[1] + DAY)
    workspace = reported(*year_to_date(10, 20, 5, 40), stated, later, days=30)
    (row,) = explained(workspace)
    assert (row["weight"], row["cause"]) == (0.0, "amendment")
    assert explained(workspace, NOW) == first


def test_edited_rule_restates_what_it_said(reported: Callable[..., Workspace]) -> None:
    reported(*year_to_date(10, 20, 5, 40))
    harder = (THESIS + RULES).replace("strength = 0.8", "strength = 0.4")
    unmet = harder.replace("threshold = 10.0", "threshold = 1.0", 1)  # the falsifier's
    workspace = reported(*year_to_date(10, 20, 5, 40), days=1, text=unmet)
    (row,) = explained(workspace)
    assert (row["strength"], row["cause"]) == (0.4, "thesis edit")
    causes = report.explain(workspace, since=NOW, as_of=NOW + DAY)["causes"]
    assert causes["thesis edit"] < 0 == causes["new evidence"]


def test_pack_with_figures_verifies(reported: Callable[..., Workspace]) -> None:
    workspace = reported(*year_to_date(10, 20, 5, 40))
    packed = auditing.export(workspace, report.standing_at(workspace, None))
    assert verifying.verify(packed).faults == ()


def test_run_takes_in_news_and_figures_together(
    opened: Opened,  # noqa: F811
    server: FeedServer,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(server, ACME, *year_to_date(10, 20, 5, 40))
    monkeypatch.setenv(BASE_VARIABLE, server.url(""))
    workspace = opened(THESIS + RULES)
    found = pipeline.run(workspace, NOW)
    assert found.standing.score.events == 1
    assert found.standing.score.score > 50
