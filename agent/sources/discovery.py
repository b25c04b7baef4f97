"""The feeds behind a page's address: itself, what it links to, or where feeds usually are."""

from dataclasses import dataclass
from urllib.parse import urljoin

from agent.config import SourceSection
from agent.errors import SourceError
from agent.sources import feeds
from agent.sources.draft import Draft
from agent.sources.http import Client
from agent.sources.worker import Worker

USUAL = ("/feed", "/rss.xml", "/atom.xml", "/feed.xml", "/index.xml", "/rss", "/feed.json")
MOST_LINKS = 5
"""Feeds of one page that are tried."""
READ_OF_A_PAGE = 500_000
"""Bytes of a page that are searched for links: they stand in its head."""


@dataclass(frozen=True, slots=True)
class Found:
    """A feed that could be read: its address and what it lists."""

    url: str
    drafts: tuple[Draft, ...]


def discover(url: str, client: Client, worker: Worker) -> list[Found]:
    """The feeds of `url`, best first. Raises SourceError when it has none or cannot be read."""
    answer = client.get(url, url)
    if itself := _try(answer.url, answer.body, worker):
        return [itself]
    links = _links(answer.body, answer.url, worker)
    places = links or [urljoin(answer.url, path) for path in USUAL]
    found: list[Found] = []
    for place in places[:MOST_LINKS] if links else places:
        try:
            page = client.get(url, place)
        except SourceError:
            continue  # a guess that was wrong
        if feed := _try(page.url, page.body, worker):
            found.append(feed)
            if not links:
                break
    if not found:
        raise SourceError(
            url, "no feed was found there", "Look for its feed's own address and give that"
        )
    return found


def _try(url: str, body: bytes, worker: Worker) -> Found | None:
    source = SourceSection(name=url, kind="feed", url=url)
    try:
        drafts, _ = feeds.parse(body, source, url, worker.read_feed)
    except SourceError:
        return None
    return Found(url, drafts)


def _links(body: bytes, base: str, worker: Worker) -> list[str]:
    """Addresses of the feeds that a page announces, those of comments last."""
    found: list[str] = []
    try:
        hrefs = worker.read_links(body[:READ_OF_A_PAGE])
    except ValueError:
        hrefs = []
    for href in hrefs:
        try:
            address = urljoin(base, href)
        except ValueError:
            continue
        if address not in found:
            found.append(address)
    return sorted(found, key=lambda address: "comment" in address)
