"""Collecting: every source is looked at, a failure is state on its row, recovery clears it."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import pipeline, standing
from agent.collecting import collect
from agent.workspace import Workspace
from store import items, ledger, sources
from tests.feed_server import FeedServer, rss

NOW = datetime(2025, 1, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEEPSEEK = {
    "title": "DeepSeek trains R1 for six million [training_efficiency+3]",
    "guid": "ds",
    "link": "https://a.example/ds",
    "pubDate": "Mon, 27 Jan 2025 08:00:00 GMT",
}


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


Opened = Callable[..., Workspace]


@pytest.fixture
def watching(workspaces: Callable[..., Workspace], server: FeedServer) -> Opened:
    """Opens a workspace with feeds of the given names, at the server's path of the same name."""

    def open_(*feeds: str, more: str = "") -> Workspace:
        listed = "".join(
            f'[[sources]]\nname = "{name}"\nkind = "feed"\nurl = "{server.url("/" + name)}"\n'
            for name in feeds
        )
        polite = "timeout = 5.0\ninterval = 0\nretries = 0\n"
        config = f'[http]\nallow_private = ["127.0.0.1"]\n{polite}{listed}{more}'
        return workspaces("watching", config=config)

    return open_


def states(workspace: Workspace) -> dict[str, Any]:
    with workspace.database.reading() as connection:
        return sources.states(connection)


def stored(workspace: Workspace) -> list[Any]:
    with workspace.database.reading() as connection:
        return items.listing(connection)


def evidence(workspace: Workspace) -> int:
    with workspace.database.reading() as connection:
        return ledger.count(connection, workspace.thesis.id)


def test_working_source_leaves_its_state(watching: Opened, server: FeedServer) -> None:
    server.put("/good", rss(DEEPSEEK), etag='"1"', last_modified="Mon, 27 Jan 2025 08:00:00 GMT")
    workspace = watching("good")
    intake, failures = collect(workspace, NOW)
    assert (intake.new, failures) == (1, ())
    state = states(workspace)["good"]
    assert (state.failures, state.error, state.items) == (0, "", 1)
    assert state.last_attempt_at == state.last_success_at == state.last_item_at == NOW
    assert (state.etag, state.last_modified) == ('"1"', "Mon, 27 Jan 2025 08:00:00 GMT")


def test_failing_source_is_state_on_its_row_and_the_others_go_on(
    watching: Opened, server: FeedServer
) -> None:
    server.put("/down", "", status=503)
    server.put("/page", "<html><body>Moved!</body></html>")
    server.put("/good", rss(DEEPSEEK))
    workspace = watching("down", "page", "gone", "good")
    intake, failures = collect(workspace, NOW)
    assert intake.new == 1
    assert [failure.source for failure in failures] == ["down", "page", "gone"]
    found = states(workspace)
    assert {name: state.failures for name, state in found.items()} == {
        "down": 1,
        "page": 1,
        "gone": 1,
        "good": 0,
    }
    assert "answered 503" in found["down"].error
    assert "not a feed that can be read" in found["page"].error
    assert "answered 404" in found["gone"].error
    assert found["down"].last_attempt_at == NOW
    assert found["down"].last_success_at is None


def test_failures_are_counted_and_recovery_clears_them(
    watching: Opened, server: FeedServer
) -> None:
    workspace = watching("feed")
    server.put("/feed", rss(DEEPSEEK), etag='"1"')
    collect(workspace, NOW)
    server.put("/feed", "", status=500)
    for hours in (1, 2, 3):
        collect(workspace, NOW + hours * HOUR)
    broken = states(workspace)["feed"]
    assert (broken.failures, broken.etag, broken.items) == (3, '"1"', 1)
    assert broken.last_success_at == NOW
    assert broken.last_attempt_at == NOW + 3 * HOUR

    server.put("/feed", rss(DEEPSEEK, {**DEEPSEEK, "guid": "2", "link": "https://a.example/2"}))
    _, failures = collect(workspace, NOW + 4 * HOUR)
    healed = states(workspace)["feed"]
    assert failures == ()
    assert (healed.failures, healed.error, healed.items) == (0, "", 2)
    assert healed.last_success_at == NOW + 4 * HOUR


def test_unchanged_feed_is_a_success_with_nothing_new(watching: Opened, server: FeedServer) -> None:
    server.put("/feed", rss(DEEPSEEK), etag='"1"')
    workspace = watching("feed")
    collect(workspace, NOW)
    intake, failures = collect(workspace, NOW + HOUR)
    assert (intake.new, intake.known, failures) == (0, 0, ())
    assert server.seen[-1][1]["if-none-match"] == '"1"'
    state = states(workspace)["feed"]
    assert (state.etag, state.items, state.last_item_at) == ('"1"', 1, NOW)
    assert state.last_success_at == NOW + HOUR


def test_edited_publication_date_brings_no_second_item_and_no_second_evidence(
    watching: Opened, server: FeedServer
) -> None:
    server.put("/feed", rss(DEEPSEEK))
    workspace = watching("feed")
    pipeline.run(workspace, NOW)
    before = stored(workspace)
    assert evidence(workspace) == 1
    server.put("/feed", rss({**DEEPSEEK, "pubDate": "Tue, 28 Jan 2025 08:00:00 GMT"}))
    report = pipeline.run(workspace, NOW + 24 * HOUR)
    assert (report.intake.new, report.intake.known) == (0, 1)
    assert stored(workspace) == before
    assert evidence(workspace) == 1


def test_undated_entry_is_kept_marked_and_never_scored(
    watching: Opened, server: FeedServer
) -> None:
    server.put("/feed", rss({key: DEEPSEEK[key] for key in ("title", "guid")}))
    workspace = watching("feed")
    report = pipeline.run(workspace, NOW)
    assert (report.intake.new, report.intake.undated) == (1, 1)
    (item,) = stored(workspace)
    assert item.published_at is None
    assert item.first_seen_at == NOW
    assert evidence(workspace) == 0


def test_entry_that_turns_up_with_its_date_counts_from_then_on(
    watching: Opened, server: FeedServer
) -> None:
    server.put("/feed", rss({key: DEEPSEEK[key] for key in ("title", "guid", "link")}))
    workspace = watching("feed")
    pipeline.run(workspace, NOW)
    server.put("/feed", rss(DEEPSEEK))
    report = pipeline.run(workspace, NOW + HOUR)
    assert (report.intake.new, report.intake.dated_now) == (0, 1)
    assert evidence(workspace) == 1


def test_faulty_entry_is_kept_beside_the_items_once(watching: Opened, server: FeedServer) -> None:
    server.put("/feed", rss(DEEPSEEK, {"link": "https://a.example/untitled"}))
    workspace = watching("feed")
    for hours in (0, 1):
        intake, failures = collect(workspace, NOW + hours * HOUR)
        assert failures == ()
        assert [fault.reason for fault in intake.faults] == ["an entry without a title"]
    with workspace.database.reading() as connection:
        assert sources.rejected_count(connection) == 1
    assert states(workspace)["feed"].failures == 0


def test_sources_that_cannot_be_looked_at_widen_the_band_and_leave_the_score(
    watching: Opened, server: FeedServer
) -> None:
    server.put("/good", rss(DEEPSEEK))
    server.put("/other", rss())
    workspace = watching("good", "other")
    seeing = pipeline.run(workspace, NOW).standing.score
    server.put("/other", "", status=500)
    half_blind = pipeline.run(workspace, NOW).standing
    assert half_blind.blind == pytest.approx(0.5)
    assert half_blind.score.score == seeing.score
    assert half_blind.score.high - half_blind.score.low > seeing.high - seeing.low
    assert half_blind.status != standing.UNCALIBRATED


def test_file_is_a_source_like_any_other(
    watching: Opened, tmp_path: Path, lines: Callable[..., Path]
) -> None:
    path = lines({"id": "1", "title": "t", "published": "2025-01-27"}, "broken")
    workspace = watching(
        more=f'[[sources]]\nname = "mine"\nkind = "file"\npath = {json.dumps(str(path))}\n'
    )
    intake, failures = collect(workspace, NOW)
    assert (intake.new, len(intake.faults), failures) == (1, 1, ())
    path.unlink()
    _, failures = collect(workspace, NOW + HOUR)
    assert "cannot be read" in failures[0].message
    assert states(workspace)["mine"].failures == 1


def test_hostile_feed_cannot_stop_the_pass(watching: Opened, server: FeedServer) -> None:
    hostile = {
        "bomb": '<!DOCTYPE r [<!ENTITY a "aaaa">]><rss version="2.0"/>',
        "surrogate": rss({"title": "x@", "guid": "x@"}).replace("@", "&#55296;"),
        "overflow": rss({"title": "x", "pubDate": "9" * 400}),
        "binary": bytes(range(256)) * 100,
        "endless": b" " * 6_000_000,
    }
    for name, body in hostile.items():
        server.put(f"/{name}", body)
    server.behave("/cut", lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\n"))
    server.redirect("/inward", "http://localhost/")
    server.put("/good", rss(DEEPSEEK))
    workspace = watching(*hostile, "cut", "inward", "good")
    report = pipeline.run(workspace, NOW)
    assert {failure.source for failure in report.failures} == {
        "bomb",
        "binary",
        "endless",
        "cut",
        "inward",
    }
    assert states(workspace)["good"].failures == 0
    assert evidence(workspace) == 1
