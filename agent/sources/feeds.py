"""RSS and Atom. feedparser is given bytes that our own client fetched, never an address."""

import calendar
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import urljoin

from agent.config import SourceSection
from agent.errors import SourceError
from agent.sources.draft import (
    LONGEST_TEXT,
    LONGEST_TITLE,
    Draft,
    Fault,
    Fetched,
    clean,
    identify,
    is_whole_date,
)
from agent.sources.http import Client

_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_CHARACTER = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));")
_BLANKS = re.compile(rb"\s{100,}")
_TAG = re.compile(r"<[^<>]*>")
_TITLE_ONLY = "The entry was set aside; the others are in"


def fetch(
    source: SourceSection, client: Client, *, etag: str = "", last_modified: str = ""
) -> Fetched:
    """Look at a feed. Raises SourceError when it cannot be fetched or is no feed at all."""
    answer = client.get(source.name, source.url, etag=etag, last_modified=last_modified)
    if answer.unchanged:
        return Fetched(
            etag=etag, last_modified=last_modified, unchanged=True, fresh_for=answer.fresh_for
        )
    drafts, faults = parse(answer.body, source, answer.url)
    return Fetched(
        drafts,
        faults,
        etag=answer.etag,
        last_modified=answer.last_modified,
        fresh_for=answer.fresh_for,
    )


def parse(
    body: bytes, source: SourceSection, url: str
) -> tuple[tuple[Draft, ...], tuple[Fault, ...]]:
    """Entries of a feed's bytes; an entry without title and text is a fault, not an item."""
    if _ENTITY.search(body.replace(b"\0", b"")):  # without the zeros UTF-16 and UTF-32 read alike
        raise SourceError(
            source.name, f"{url} declares XML entities", "It is refused: feeds have no need of them"
        )
    try:
        feed = _read(body)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, ValueError) as error:
        raise SourceError(
            source.name, f"{url} cannot be parsed: {error}", "It is tried again next run"
        ) from error
    if not feed.entries and (feed.bozo or not feed.get("version")):
        raise SourceError(
            source.name, f"{url} is not a feed that can be read", "Check that the url is a feed's"
        )
    drafts: list[Draft] = []
    faults: list[Fault] = []
    for number, entry in enumerate(feed.entries, start=1):
        draft = _draft(entry, source, url, number)
        if draft is None:
            faults.append(Fault(number, "an entry without a title", _TITLE_ONLY, str(entry)[:500]))
        else:
            drafts.append(draft)
    return tuple(drafts), tuple(faults)


def _read(body: bytes) -> Any:
    """The feed as feedparser sees it, kept off what makes it crash or take hours.

    It is not told the address, or it would make ids absolute: a feed that moves would bring
    everything again. Nor any header, or it would take a feed that names no encoding for Latin-1.
    """
    import feedparser.mixin

    # Its pattern for authors takes quadratic time, and nobody here reads authors.
    feedparser.mixin._FeedParserMixin._sync_author_detail = lambda *_: None
    return feedparser.parse(_BLANKS.sub(b" ", _CHARACTER.sub(_possible, body)), sanitize_html=True)


def _possible(reference: re.Match[bytes]) -> bytes:
    """A character reference, or U+FFFD for one to a character that cannot be."""
    hexadecimal, decimal = reference.groups()
    digits = (hexadecimal or decimal)[:12]  # more than any character needs
    code = int(digits, 16 if hexadecimal else 10)
    return b"&#xFFFD;" if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF else reference[0]


def _draft(entry: Any, source: SourceSection, feed_url: str, number: int) -> Draft | None:
    summary = _plain(entry.get("summary", ""))
    title = _plain(entry.get("title", "")) or summary[:120]
    if not title:
        return None
    id_ = clean(entry.get("id") or "")
    url = _absolute(feed_url, clean(entry.get("link") or ""))
    body = " ".join(_plain(part.get("value", "")) for part in entry.get("content", ()))
    return Draft(
        id=f"{source.name}:{id_}" if id_ else identify(url, title, source.name),
        url=url,
        title=title[:LONGEST_TITLE],
        summary=summary[:LONGEST_TEXT],
        text=body[:LONGEST_TEXT],
        published=_published(entry),
        fetched=None,
        publisher=source.publisher or clean(entry.get("source", {}).get("title", "")),
        lang=entry.get("language", "") or "",
        kind="news",
        line=number,
    )


def _absolute(feed_url: str, link: str) -> str | None:
    try:
        return urljoin(feed_url, link) if link else None
    except ValueError:
        return None


def _published(entry: Any) -> datetime | None:
    """The entry's own date; never the time of fetching."""
    for name in ("published", "updated"):
        # dict's own get: feedparser's passes the one off as the other, with a warning.
        found = dict.get(entry, f"{name}_parsed")
        if found and is_whole_date(entry.get(name)):
            try:
                return datetime.fromtimestamp(calendar.timegm(found), UTC)
            except (ValueError, OverflowError, OSError):
                return None
    return None


def _plain(html: str) -> str:
    return clean(unescape(_TAG.sub(" ", html)))
