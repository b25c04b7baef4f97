"""Adding a source: its feed is found on a real server, and nothing else in config.toml changes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import config as configuration
from agent import subscriptions
from agent.config import SourceSection
from agent.errors import ConfigError, SourceError
from tests.command import thesis
from tests.feed_server import FeedServer, rss

CONFIG = """# mine
[http]
allow_private = ["127.0.0.1"]   # the test's server
interval = 0
retries = 0

[[sources]]
name = "old"
kind = "feed"
url = "https://old.example/feed"
# the end"""
FEED = rss(
    {"title": "New chip", "guid": "1", "pubDate": "Mon, 27 Jan 2025 15:00:00 GMT"},
    {"title": "Another", "guid": "2"},
)
PAGE = """<html><head><title>x</title>
<link rel="alternate" type="application/rss+xml" href="/comments/feed">
<LINK REL='alternate' TYPE='application/atom+xml; charset=utf-8' HREF='news.xml'>
<link rel="stylesheet" href="x.css"></head><body>hi</body></html>"""


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "config.toml"
    found.write_text(CONFIG, encoding="utf-8")
    return found


def find(path: Path, url: str) -> list[str]:
    return [one.url for one in subscriptions.find(configuration.load(path), url)]


def test_address_of_a_feed_is_the_feed(path: Path, server: FeedServer) -> None:
    server.put("/feed", FEED)
    (found,) = subscriptions.find(configuration.load(path), server.url())
    assert [draft.title for draft in found.drafts] == ["New chip", "Another"]


def test_feed_a_page_names_is_found_and_comments_come_last(path: Path, server: FeedServer) -> None:
    server.put("/blog/", PAGE)
    server.put("/blog/news.xml", FEED)
    server.put("/comments/feed", FEED)
    assert find(path, server.url("/blog/")) == [
        server.url("/blog/news.xml"),
        server.url("/comments/feed"),
    ]


def test_feed_in_a_usual_place_is_found(path: Path, server: FeedServer) -> None:
    server.put("/", "<html><body>hi</body></html>")
    server.put("/atom.xml", FEED)
    assert find(path, server.url("/")) == [server.url("/atom.xml")]


def test_page_without_a_feed_says_so(path: Path, server: FeedServer) -> None:
    server.put("/", "<html><body>hi</body></html>")
    with pytest.raises(SourceError, match="no feed was found there"):
        find(path, server.url("/"))


def test_page_may_not_send_us_to_a_private_address(path: Path, server: FeedServer) -> None:
    inner = '<link rel="alternate" type="application/rss+xml" href="http://localhost/feed">'
    server.put("/", inner)
    with pytest.raises(SourceError, match="no feed was found"):
        find(path, server.url("/"))


def test_hostile_page_is_left_in_time(path: Path, server: FeedServer) -> None:
    server.put("/", "<a " * 150_000)
    with pytest.raises(SourceError, match="no feed was found"):
        find(path, server.url("/"))


def test_source_is_added_at_the_end_and_no_other_byte_changes(path: Path) -> None:
    new = SourceSection(name="old", kind="feed", url="https://new.example/f", publisher='Q "x"')
    (added,) = subscriptions.add(path, [new, new])
    assert path.read_text(encoding="utf-8").startswith(CONFIG + "\n")
    last = configuration.load(path).sources[-1]
    assert (last.name, last.url, last.publisher) == ("old-2", new.url, 'Q "x"')
    assert added == last
    assert list(path.parent.iterdir()) == [path]


def test_known_address_is_not_added_again(path: Path) -> None:
    known = SourceSection(name="x", kind="feed", url="https://old.example/feed")
    assert subscriptions.add(path, [known]) == []
    assert path.read_text(encoding="utf-8") == CONFIG


def test_file_that_could_not_be_loaded_afterwards_is_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "_table", lambda source: "\n[[sources]]\nname = 5\n")
    with pytest.raises(ConfigError):
        subscriptions.add(path, [SourceSection(name="n", kind="feed", url="https://n.example")])
    assert path.read_text(encoding="utf-8") == CONFIG
    assert list(path.parent.iterdir()) == [path]


def test_command_shows_what_a_source_would_bring_and_adds_it(
    path: Path, server: FeedServer
) -> None:
    server.put("/feed", FEED)
    done = thesis("source", "add", server.url(), "--name", "chips", "--yes", "--config", str(path))
    assert done.code == 0, done.err
    assert "2 entries" in done.out
    assert "New chip" in done.out
    assert "2025-01-27 15:00" in done.out
    assert "no date" in done.out
    assert configuration.load(path).sources[-1].name == "chips"
    again = thesis("source", "add", server.url(), "--yes", "--config", str(path))
    assert "already" in again.out


def test_command_asks_first(path: Path, server: FeedServer) -> None:
    server.put("/feed", FEED)
    thesis("source", "add", server.url(), "--config", str(path), stdin=b"n\n")
    assert path.read_text(encoding="utf-8") == CONFIG
    unanswered = thesis("source", "add", server.url(), "--config", str(path))
    assert unanswered.code == 1
    assert "--yes" in unanswered.err
    assert path.read_text(encoding="utf-8") == CONFIG


def test_opml_goes_out_and_comes_in(path: Path, tmp_path: Path) -> None:
    written = thesis("source", "export", "--config", str(path))
    file = tmp_path / "feeds.opml"
    file.write_text(written.out, encoding="utf-8")
    done = thesis("source", "import", str(file), "--config", str(path))
    assert "Added 0 sources" in done.out
    path.write_text(CONFIG.split("[[sources]]")[0], encoding="utf-8")
    thesis("source", "import", str(file), "--config", str(path))
    assert [one.url for one in configuration.load(path).sources] == ["https://old.example/feed"]
