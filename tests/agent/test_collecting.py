"""Collecting: every source is looked at, a failure is state on its row, recovery clears it."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from agent import pipeline, standing
from agent.collecting import AT_ONCE, collect, try_out
from agent.sources import feeds
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


def test_bug_in_one_source_is_raised_after_the_others_were_taken_and_rests_like_a_failure(
    watching: Opened, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("/bug", rss(DEEPSEEK))
    server.put("/good", rss({**DEEPSEEK, "guid": "other", "link": "https://a.example/other"}))
    monkeypatch.setattr("agent.sources.feeds.fetch", _tripping_over("bug"))
    workspace = watching("bug", "good")
    with pytest.raises(ZeroDivisionError, match="in bug"):
        collect(workspace, NOW)
    found = states(workspace)
    assert (found["good"].failures, found["good"].items) == (0, 1)
    assert (found["bug"].failures, found["bug"].last_attempt_at) == (1, NOW)
    assert "ZeroDivisionError: in bug" in found["bug"].error


def _tripping_over(name: str) -> Callable[..., Any]:
    """Reading feeds, with a bug that one source brings out."""
    read = feeds.fetch

    def fetch(source: Any, *rest: Any, **more: Any) -> Any:
        if source.name == name:
            raise ZeroDivisionError(f"in {name}")
        return read(source, *rest, **more)

    return fetch


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
    assert half_blind.sight.blind == pytest.approx(0.5)
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
    assert str(intake.refused[0]) == (
        "source 'mine', line 2: not JSON: expecting value. Correct that line: it is taken when the "
        "file is next read, and the others are not touched by it"
    )
    again, _ = collect(workspace, NOW + HOUR)
    assert (len(again.faults), again.refused) == (1, ())
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


def test_answer_that_is_fresh_still_is_not_asked_for_again(
    watching: Opened, server: FeedServer
) -> None:
    server.put("/feed", rss(DEEPSEEK), cache_control="max-age=1800")
    workspace = watching("feed")
    for minutes, requests in ((0, 1), (29, 1), (31, 2)):
        _, failures = collect(workspace, NOW + timedelta(minutes=minutes))
        assert failures == ()
        assert len(server.seen) == requests


def test_source_that_asks_to_be_left_alone_is_and_stays_failing_meanwhile(
    watching: Opened, server: FeedServer
) -> None:
    server.put("/feed", "", status=503, retry_after="7200")
    workspace = watching("feed")
    collect(workspace, NOW)
    server.put("/feed", rss(DEEPSEEK))
    collect(workspace, NOW + HOUR)
    assert len(server.seen) == 1
    assert states(workspace)["feed"].failures == 1
    collect(workspace, NOW + 3 * HOUR)
    assert states(workspace)["feed"].failures == 0


def test_slow_sources_are_waited_for_together(watching: Opened, server: FeedServer) -> None:
    names = [f"slow{n}" for n in range(AT_ONCE)]
    together = Barrier(AT_ONCE, timeout=5.0)

    def slow(handler: Any) -> None:
        together.wait()  # nobody gets an answer before all have asked
        body = rss(DEEPSEEK).encode()
        handler.send_response(200)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    for name in names:
        server.behave(f"/{name}", slow)
    _, failures = collect(watching(*names), NOW)
    assert failures == ()


def test_sources_are_tried_out_without_keeping_anything(
    watching: Opened, server: FeedServer
) -> None:
    server.put("/good", rss(DEEPSEEK), etag='"1"')
    server.behave("/drip", server.drip)
    server.behave("/flood", server.flood)
    server.put("/bomb", gzip.compress(b" " * 9_000_000), content_encoding="gzip")
    server.redirect("/loop", "/loop")
    server.put("/busy", "", status=503, retry_after="120")
    workspace = watching("good", "drip", "flood", "bomb", "loop", "busy")
    settings = workspace.config.http.model_copy(update={"timeout": 0.5, "max_bytes": 1_000_000})
    found = {
        one.name: one for one in try_out(workspace.config.model_copy(update={"http": settings}), ())
    }
    good = found.pop("good")
    assert (good.entries, good.error) == (1, "")
    said = {
        "drip": "took longer than 0.5 s",
        "flood": "larger than 1,000,000 bytes",
        "bomb": "larger than 1,000,000 bytes",
        "loop": "more than 5 redirects",
        "busy": "answered 503 and asks to be left alone for 120 s",
    }
    for name, one in found.items():
        assert said[name] in one.error
        assert one.seconds < 3.0
    assert states(workspace) == {}
    assert stored(workspace) == []


def test_a_source_is_asked_again_once_a_clock_that_was_ahead_is_right(
    watching: Opened, server: FeedServer
) -> None:
    server.put("/one", rss(DEEPSEEK), cache_control="max-age=3600")
    workspace = watching("one")
    collect(workspace, NOW + 400 * 24 * HOUR)
    collect(workspace, NOW + 400 * 24 * HOUR + HOUR / 2)
    assert len(server.seen) == 1
    collect(workspace, NOW)
    assert len(server.seen) == 2
