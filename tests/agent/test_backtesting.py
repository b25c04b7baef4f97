"""The score's history beside prices: what is read from the store, and what a user sees of it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from agent import backtesting, streams
from agent.errors import ThesiswatchError
from agent.replay import replay
from agent.workspace import Workspace
from tests.command import thesis as command
from tests.fakes import fetched, item

START = date(2025, 1, 1)
DAYS = 90


def news(n: int, labels: str = "[code_translation+2]") -> dict[str, object]:
    at = (START + timedelta(days=n)).isoformat()
    return item(f"i{n}", f"Happening number{n} of its own {labels}", at)


def closes(days: int = DAYS + 10) -> list[tuple[date, float]]:
    return [(START + timedelta(days=n), 100 + (n * 7919 % 13)) for n in range(days)]


@pytest.fixture
def watched(workspace: Workspace) -> Workspace:
    rows = [news(n) for n in range(0, DAYS, 2)]
    burst = [
        item(f"b{n}", f"Outcry w{n} by x{n} on y{n} [capex_payback+2]", "2025-03-12T10:00")
        for n in range(10)
    ]
    replay(workspace, fetched(*rows, *burst), "news")
    return workspace


def test_streams_count_new_events_and_what_was_looked_at(watched: Workspace) -> None:
    every = streams.read(watched, datetime(2025, 3, 31, tzinfo=UTC))
    found = {category: one.days for (category, stance), one in every.items() if stance != "weakens"}
    burst = next(one for one in found["capex_payback"] if one.day == date(2025, 3, 12))
    assert (burst.events, len(burst.owners), burst.exposure) == (10, 10, 11)
    assert sum(one.events for one in found["code_translation"]) == DAYS / 2
    whole = next(one for one in found[streams.ALL] if one.day == date(2025, 3, 12))
    assert whole.events == 11
    assert [one.exposure for one in found["code_translation"]][:4] == [1, 0, 1, 0]


def test_burst_is_a_spike_on_its_day(watched: Workspace) -> None:
    answer = backtesting.run(watched, closes(), "close")
    assert [(one["category"], one["fired_on"]) for one in answer["spikes"]] == [
        ("capex_payback", "2025-03-12")
    ]


def test_scores_after_the_last_pass_are_not_made_up(watched: Workspace) -> None:
    answer = backtesting.run(watched, closes(600), "close")
    assert answer["to"] <= "2025-03-31"
    assert answer["closes"][-1][0] == answer["to"]


def test_prices_of_another_time_are_an_error_with_a_way_out(watched: Workspace) -> None:
    old = [(day - timedelta(days=4000), close) for day, close in closes()]
    with pytest.raises(ThesiswatchError, match="share 0 trading days"):
        backtesting.run(watched, old, "close")


def test_user_sees_words_figures_and_a_chart(
    watched: Workspace, config_path: Path, tmp_path: Path
) -> None:
    table = "".join(f"{day},{close}\n" for day, close in closes())
    (tmp_path / "p.csv").write_text("date,close\n" + table, encoding="utf-8")
    chart = tmp_path / "chart.png"
    done = command(
        "backtest", "--prices", tmp_path / "p.csv", "--out", chart, "--config", config_path
    )
    assert done.code == 0, done.err
    assert "trading days" in done.out
    assert "capex_payback" in done.out
    assert chart.read_bytes().startswith(b"\x89PNG")
