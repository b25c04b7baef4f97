"""JSON Feed, and what is the same for every kind of feed."""

import json
from typing import Any

import pytest

from agent.sources import parsing

VERSION = "https://jsonfeed.org/version/1.1"


def feed(*items: Any, **more: Any) -> bytes:
    return json.dumps({"version": VERSION, "title": "T", "items": items, **more}).encode()


def test_json_feed_item_becomes_an_entry() -> None:
    item = {
        "id": 7,
        "url": "https://a.example/7",
        "title": "DeepSeek <i>R1</i>",
        "content_html": "<p>It costs<br>less.</p>",
        "summary": "Cheap.",
        "date_published": "2025-01-27T16:00:00+01:00",
    }
    (entry,) = parsing.read(feed(item, language="en")).entries
    assert (entry.id, entry.link, entry.title) == ("7", "https://a.example/7", "DeepSeek R1")
    assert (entry.summary, entry.text, entry.lang) == ("Cheap.", "It costs less.", "en")
    assert entry.published == 1737990000.0


def test_json_feed_may_begin_with_a_byte_order_mark() -> None:
    assert parsing.read(b"\xef\xbb\xbf" + feed({"id": "1", "title": "t"})).entries[0].title == "t"


@pytest.mark.parametrize("date", ["", "yesterday", "2025-01", None, 5])
def test_json_feed_item_without_a_date_is_undated(date: Any) -> None:
    (entry,) = parsing.read(feed({"id": "1", "title": "t", "date_published": date})).entries
    assert entry.published is None


def test_values_of_the_wrong_type_are_nothing() -> None:
    (entry,) = parsing.read(
        feed({"id": ["x"], "title": {"a": 1}, "url": True, "content_text": "text"})
    ).entries
    assert (entry.id, entry.title, entry.link, entry.text) == ("", "", "", "text")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"version": 5}',
        b'{"items": []}',
        b'{"version": "https://jsonfeed.org/version/1", "items": 5}',
        b'{"version": "https://jsonfeed.org/version/1", "items": {"a": "b"}}',
        b'{"version": "https://jsonfeed.org/version/1", "items": ["a"]}',
        b"{" * 100_000,
        b'{"version": "https://jsonfeed.org/version/1", "items": ' + b"[" * 100_000,
        b'{"a": "\xff"}',
    ],
)
def test_what_is_no_json_feed_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a feed that can be read"):
        parsing.read(body)


def test_no_more_entries_are_read_than_there_is_sense_in() -> None:
    items = [{"id": str(n), "title": "t"} for n in range(parsing.MOST_ENTRIES + 5)]
    assert len(parsing.read(feed(*items)).entries) == parsing.MOST_ENTRIES


def test_page_names_its_feeds() -> None:
    page = b"""<head><link rel=alternate type="application/rss+xml" href="/feed"><link
        rel="alternate" type="application/atom+xml; charset=utf-8" href="a.xml"><link rel=icon
        href=i><link rel=alternate type="application/rss+xml"></head>"""
    assert parsing.feed_links(page) == ["/feed", "a.xml"]


@pytest.mark.parametrize("broken", ["<![x[", "<![DATA[Rival's]]>", "<!DOCTYPE a [<!foo ]>"])
def test_markup_that_cannot_be_costs_no_link_before_it(broken: str) -> None:
    link = '<link rel=alternate type="application/rss+xml" href="/feed">'
    assert parsing.feed_links(f"{link}{broken}".encode())[:1] == ["/feed"]
