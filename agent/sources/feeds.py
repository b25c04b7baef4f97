"""RSS, Atom and JSON Feed: bytes that our own client fetched, read where reading may be killed."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urljoin

from agent.config import SourceSection
from agent.errors import SourceError
from agent.sources import parsing
from agent.sources.draft import LONGEST_TITLE, Draft, Fault, Fetched, identify, possible
from agent.sources.http import Client
from agent.sources.parsing import Entry, Feed

Read = Callable[[bytes], Feed]
"""Bytes -> Feed; raises ValueError. parsing.read, or a worker's that can be killed."""

_PROJECT = re.compile(r"(?:Release notes|Tags|Recent Commits) (?:from|to) (\S+)")
_TITLE_ONLY = "The entry was set aside; the others are in"


def fetch(
    source: SourceSection, client: Client, read: Read, *, etag: str = "", last_modified: str = ""
) -> Fetched:
    """Look at a feed. Raises SourceError when it cannot be fetched or is no feed at all."""
    answer = client.get(source.name, source.url, etag=etag, last_modified=last_modified)
    if answer.unchanged:
        return Fetched(
            etag=etag, last_modified=last_modified, unchanged=True, fresh_for=answer.fresh_for
        )
    drafts, faults = parse(answer.body, source, answer.url, read)
    return Fetched(
        drafts,
        faults,
        etag=answer.etag,
        last_modified=answer.last_modified,
        fresh_for=answer.fresh_for,
    )


def parse(
    body: bytes, source: SourceSection, url: str, read: Read = parsing.read
) -> tuple[tuple[Draft, ...], tuple[Fault, ...]]:
    """Entries of a feed's bytes; an entry without title and text is a fault, not an item."""
    try:
        feed = read(body)
    except ValueError as error:
        raise SourceError(
            source.name, f"{url}: {error}", "Check that the url is a feed's; it is tried again"
        ) from error
    drafts: list[Draft] = []
    faults: list[Fault] = []
    for number, entry in enumerate(feed.entries, start=1):
        draft = _draft(entry, source, url, number, _project(feed, source))
        if draft is None:
            faults.append(Fault(number, "an entry without a title", _TITLE_ONLY, str(entry)[:500]))
        else:
            drafts.append(draft)
    return tuple(drafts), tuple(faults)


def _draft(
    entry: Entry, source: SourceSection, feed_url: str, number: int, project: str
) -> Draft | None:
    publisher = source.publisher or entry.publisher
    title = (entry.title or entry.summary[:120]).removesuffix(f" - {publisher}")
    if not title:
        return None
    if project.casefold() not in title.casefold():
        title = f"{project} {title}"
    url = _absolute(feed_url, entry.link)
    return Draft(
        id=f"{source.name}:{entry.id}" if entry.id else identify(url, title, source.name),
        url=url,
        title=title[:LONGEST_TITLE],
        summary=entry.summary,
        text=entry.text,
        published=time_of(entry.published),
        fetched=None,
        publisher=publisher,
        lang=entry.lang or source.lang,
        kind=source.items,
        line=number,
    )


def _project(feed: Feed, source: SourceSection) -> str:
    """The project whose releases a feed lists: their titles are often a bare version."""
    found = _PROJECT.fullmatch(feed.title) if source.items == "release" else None
    return found[1] if found else ""


def _absolute(feed_url: str, link: str) -> str | None:
    try:
        return urljoin(feed_url, link) if link else None
    except ValueError:
        return None


def time_of(seconds: float | None) -> datetime | None:
    """An entry's time as aware UTC; None for none, and for one that no publisher can mean."""
    try:
        return None if seconds is None else possible(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return None
