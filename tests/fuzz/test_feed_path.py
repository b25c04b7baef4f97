"""A feed's bytes -> entries -> drafts -> stored items, as `thesis run` takes them."""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

from hypothesis import strategies as st

from agent.config import SourceSection
from agent.sources import feeds, parsing
from agent.sources.draft import EARLIEST, LATEST
from agent.sources.parsing import Entry, Feed
from agent.sources.worker import PAGES
from agent.workspace import Workspace
from tests.feed_server import atom, rss
from tests.fuzz import seeds
from tests.fuzz.mutation import spoiled
from tests.fuzz.running import fuzz
from tests.fuzz.storing import Take, is_plain, take_and_forget

SOURCE = SourceSection(name="s", kind="feed", url="https://feeds.example/all", lang="en")
PIECES = [
    b"<item>", b"</item>", b"<entry>", b"<title>", b"</title>", b"<![CDATA[", b"]]>", b"<!--",
    b"<!DOCTYPE a [", b"<!ENTITY a 'b'>", b"<?xml version='1.0' encoding='utf-7'?>", b"&#xD800;",
    b"<?xml version='1.0' encoding='unicode_escape'?>", b"&#0;", b"&#x1b;", b"&amp;#x9b;",
    b"<pubDate>", b"<updated>", b"<guid>", b"<link href='http://['/>", b"xml:base='http://[/'",
    b"<content type='application/xhtml+xml' mode='base64'>",
    b"xmlns:media='http://search.yahoo.com/mrss/'", b"\xff\xfe", b"\xc2\x9b", b"\xed\xa0\x80",
    b"Mon, 01 Jan 0001 00:00:00 GMT", b"2025-13-45", b"<source><title>",
    b"<georss:point>1e400 2</georss:point>", b"<itunes:duration>",
]  # fmt: skip
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(-timedelta(hours=5))])
MOMENTS = st.builds(
    lambda seconds, zone: datetime.fromtimestamp(seconds, zone),
    st.integers(-(2**30), 2**32),
    ZONES,
)
NO_DATES = st.sampled_from(["", "yesterday", "last Tuesday", "soon", "n/a", "Q1", "今天"])


BODIES = spoiled(seeds.feeds(), PIECES)


def follow(body: bytes, take: Take) -> None:
    """The feed path up to a database, for bytes of any kind."""
    try:
        feed = parsing.read(body)
    except ValueError as error:
        assert str(error)
        return
    assert _handed_on(feed) == feed
    drafts, faults = feeds.parse(body, SOURCE, SOURCE.url, lambda _: feed)
    assert len(drafts) + len(faults) == len(feed.entries)
    for entry in feed.entries:
        assert is_plain(entry.title, entry.summary, entry.text, entry.publisher)
        assert is_plain(entry.id, entry.link, entry.lang)
    for draft in drafts:
        _has_a_possible_date(draft.published)
    take(drafts, faults)


def _handed_on(feed: Feed) -> Feed:
    """A feed as it comes out of the process that reads it."""
    found = json.loads(json.dumps(asdict(feed)))
    return Feed(found["title"], found["total"], tuple(Entry(**one) for one in found["entries"]))


def _has_a_possible_date(at: datetime | None) -> None:
    assert at is None or EARLIEST <= at.year <= LATEST
    assert at is None or abs(at.timestamp() - time.time()) > 60, "dated now"


def test_any_bytes_become_items_or_are_refused(workspace: Workspace) -> None:
    take = take_and_forget(workspace)
    fuzz(BODIES, lambda body: follow(body, take), seconds=PAGES.seconds + PAGES.seconds_per_mb)


@st.composite
def dated(draw: Any) -> tuple[bytes, float | None]:
    """A feed of one entry and when it is from, None where it does not say so."""
    at = draw(MOMENTS)
    kind = draw(st.sampled_from(["rss", "atom", "json"]))
    spelled = format_datetime(at) if kind == "rss" else at.isoformat()
    if draw(st.booleans()):
        at, spelled = None, draw(NO_DATES)
    if kind == "rss":
        body = rss({"title": "t", "pubDate": spelled}).encode()
    elif kind == "atom":
        body = atom(
            {"title": "t", draw(st.sampled_from(["updated", "published"])): spelled}
        ).encode()
    else:
        item = {"id": "1", "title": "t", draw(_JSON_DATES): spelled}
        body = json.dumps({**seeds.JSON_FEED, "items": [item]}).encode()
    return body, at.timestamp() if at else None


_JSON_DATES = st.sampled_from(["date_published", "date_modified"])


def tell_the_date(example: tuple[bytes, float | None]) -> None:
    """An entry is of the moment that it says, or of none."""
    body, at = example
    assert [entry.published for entry in parsing.read(body).entries] == [at]


def test_entry_is_of_the_moment_that_it_says_or_of_none() -> None:
    fuzz(dated(), tell_the_date)
