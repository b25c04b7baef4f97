"""A feed's bytes as plain entries, a page's as the feeds it names. Runs where it can be killed.

Everything here is hostile input; what comes out is short text and numbers, safe to hand on.
"""

import calendar
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from typing import Any

from agent.sources.draft import LONGEST_TEXT, clean, is_whole_date, read_time

MOST_ENTRIES = 5_000
"""Entries read of one feed, the first ones: real feeds have some dozens."""
_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_CHARACTER = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));")
_BLANKS = re.compile(rb"\s{100,}")
_TAG = re.compile(r"<[^<>]*>")
_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json")
_JSON_FEED = "https://jsonfeed.org/version/1"
_DECLARED = re.compile(rb"<\?[^>\n]*?encoding=['\"]([^'\">\n]*)['\"]")
_MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `published` in seconds since 1970 UTC, None when there is no date to be read."""

    id: str
    link: str
    title: str
    summary: str
    text: str
    published: float | None
    publisher: str
    lang: str


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed says of itself, and its entries in its own order."""

    title: str
    total: int | None
    entries: tuple[Entry, ...]


def read(body: bytes) -> Feed:
    """Raises ValueError saying why when the bytes are not a feed, or one that is refused."""
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _read_json(body)
    if _ENTITY.search(body.replace(b"\0", b"")):  # without the zeros UTF-16 and UTF-32 read alike
        raise ValueError("it declares XML entities, and feeds have no need of them")
    try:
        found = _parse(body)
        entries = tuple(_entry(raw) for raw in found.entries[:MOST_ENTRIES])
        total = str(found.feed.get("opensearch_totalresults", ""))
    except _MALFORMED as error:
        raise ValueError(f"it cannot be parsed: {error}") from error
    if not entries and (found.bozo or not found.get("version")):
        raise ValueError("it is not a feed that can be read")
    count = int(total) if total.isascii() and total.isdigit() else None
    return Feed(plain(found.feed.get("title") or ""), count, entries)


def feed_links(body: bytes) -> list[str]:
    """The addresses of feeds that a page announces, as it spells them."""
    parser = _Head()
    with suppress(AssertionError):  # its word for markup that cannot be; what came before counts
        parser.feed(body.decode("utf-8", "replace"))
    return parser.feeds


class _Head(HTMLParser):
    """Collects <link rel=alternate> of the types that feeds have."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for every tag."""
        given = {name: value or "" for name, value in attrs}
        kind = given.get("type", "").partition(";")[0].strip().lower()
        href = given.get("href", "")
        is_feed = "alternate" in given.get("rel", "").lower() and kind in _FEED_TYPES
        if tag == "link" and is_feed and href:
            self.feeds.append(href)


def plain(html: str) -> str:
    """One line of text without tags."""
    return clean(unescape(_TAG.sub(" ", html)))[:LONGEST_TEXT]


def _parse(body: bytes) -> Any:
    """The feed as feedparser sees it, kept off what makes it crash or take hours.

    It is not told the address, or it would make ids absolute: a feed that moves would bring
    everything again. Nor any header, or it would take a feed that names no encoding for Latin-1.
    """
    import feedparser.encodings
    import feedparser.mixin

    # Its pattern for authors takes quadratic time, and nobody here reads authors; the one for the
    # encoding takes cubic time.
    feedparser.mixin._FeedParserMixin._sync_author_detail = lambda *_: None
    feedparser.encodings.RE_XML_PI_ENCODING = _DECLARED
    return feedparser.parse(_BLANKS.sub(b" ", _CHARACTER.sub(_possible, body)), sanitize_html=True)


def _possible(reference: re.Match[bytes]) -> bytes:
    """A character reference, or U+FFFD for one to a character that cannot be."""
    hexadecimal, decimal = reference.groups()
    digits = (hexadecimal or decimal)[:12]  # more than any character needs
    code = int(digits, 16 if hexadecimal else 10)
    return b"&#xFFFD;" if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF else reference[0]


def _entry(raw: Any) -> Entry:
    body = " ".join(plain(part.get("value") or "") for part in raw.get("content", ()))
    return Entry(
        id=clean(raw.get("id") or ""),
        link=clean(raw.get("link") or ""),
        title=plain(raw.get("title") or ""),
        summary=plain(raw.get("summary") or ""),
        text=body[:LONGEST_TEXT],
        published=_published(raw),
        publisher=clean(raw.get("source", {}).get("title") or ""),
        lang=clean(raw.get("language") or ""),
    )


def _published(raw: Any) -> float | None:
    """The entry's own date; never the time of fetching."""
    for name in ("published", "updated"):
        # dict's own get: feedparser's passes the one off as the other, with a warning.
        found = dict.get(raw, f"{name}_parsed")
        if found and is_whole_date(raw.get(name)):
            try:
                return float(calendar.timegm(found))
            except (ValueError, OverflowError):
                return None
    return None


def _read_json(body: bytes) -> Feed:
    try:
        raw = json.loads(body.decode("utf-8-sig"))
        known = _text(raw.get("version")).startswith(_JSON_FEED)
        lang = _text(raw.get("language"))
        entries = tuple(_json_entry(item, lang) for item in raw.get("items", ())[:MOST_ENTRIES])
    except _MALFORMED as error:
        raise ValueError("it is not a feed that can be read, nor a JSON Feed") from error
    if not known:
        raise ValueError("it is JSON, not a feed that can be read")
    return Feed(plain(_text(raw.get("title"))), None, entries)


def _json_entry(item: dict[str, Any], lang: str) -> Entry:
    text = _text(item.get("content_text")) or _text(item.get("content_html"))
    at = read_time(_text(item.get("date_published"))) or read_time(_text(item.get("date_modified")))
    return Entry(
        id=clean(_text(item.get("id"))),
        link=clean(_text(item.get("url")) or _text(item.get("external_url"))),
        title=plain(_text(item.get("title"))),
        summary=plain(_text(item.get("summary"))),
        text=plain(text),
        published=at.timestamp() if at else None,
        publisher="",
        lang=clean(_text(item.get("language")) or lang),
    )


def _text(value: Any) -> str:
    """Feeds have been seen with numbers for ids; anything but text and numbers is nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).encode("utf-8", "replace").decode("utf-8")
