"""RSS and Atom. feedparser is given bytes that our own client fetched, never an address."""

import calendar
import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

from agent.config import SourceSection
from agent.errors import SourceError
from agent.sources.draft import LONGEST_TITLE, Draft, Fault, Fetched, clean, identify
from agent.sources.http import Client

_ENTITY = re.compile(rb"<!ENTITY", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_TITLE_ONLY = "The entry was set aside; the others are in"


def fetch(
    source: SourceSection, client: Client, *, etag: str = "", last_modified: str = ""
) -> Fetched:
    """Look at a feed. Raises SourceError when it cannot be fetched or is no feed at all."""
    answer = client.get(source.name, source.url, etag=etag, last_modified=last_modified)
    if answer.unchanged:
        return Fetched(etag=etag, last_modified=last_modified, unchanged=True)
    drafts, faults = parse(answer.body, source, answer.url)
    return Fetched(drafts, faults, etag=answer.etag, last_modified=answer.last_modified)


def parse(
    body: bytes, source: SourceSection, url: str
) -> tuple[tuple[Draft, ...], tuple[Fault, ...]]:
    """Entries of a feed's bytes; an entry without title and text is a fault, not an item."""
    import feedparser

    if _ENTITY.search(body):
        raise SourceError(
            source.name, f"{url} declares XML entities", "It is refused: feeds have no need of them"
        )
    feed = feedparser.parse(
        body,
        response_headers={"content-location": url},
        sanitize_html=True,
        resolve_relative_uris=True,
    )
    if not feed.entries and (feed.bozo or not feed.version):
        raise SourceError(
            source.name, f"{url} is not a feed that can be read", "Check that the url is a feed's"
        )
    drafts: list[Draft] = []
    faults: list[Fault] = []
    for number, entry in enumerate(feed.entries, start=1):
        draft = _draft(entry, source, number)
        if draft is None:
            faults.append(Fault(number, "an entry without a title", _TITLE_ONLY, str(entry)[:500]))
        else:
            drafts.append(draft)
    return tuple(drafts), tuple(faults)


def _draft(entry: Any, source: SourceSection, number: int) -> Draft | None:
    summary = _plain(entry.get("summary", ""))
    title = _plain(entry.get("title", "")) or summary[:120]
    if not title:
        return None
    url = entry.get("link") or None
    body = " ".join(_plain(part.get("value", "")) for part in entry.get("content", ()))
    return Draft(
        id=f"{source.name}:{entry.id}" if entry.get("id") else identify(url, title, source.name),
        url=url,
        title=title[:LONGEST_TITLE],
        summary=summary,
        text=body,
        published=_published(entry),
        fetched=None,
        publisher=source.publisher or clean(entry.get("source", {}).get("title", "")),
        lang=entry.get("language", "") or "",
        kind="news",
        line=number,
    )


def _published(entry: Any) -> datetime | None:
    """The entry's own date; never the time of fetching."""
    found = entry.get("published_parsed") or entry.get("updated_parsed")
    try:
        return datetime.fromtimestamp(calendar.timegm(found), UTC) if found else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _plain(html: str) -> str:
    return clean(unescape(_TAG.sub(" ", html)))
