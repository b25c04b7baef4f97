"""Papers from arXiv's API, the newest first. All versions of a paper are one item.

Facts: arXiv API user's manual. It answers what it cannot answer with an Atom entry called Error,
with status 400 or 200, and now and then with a page that has no entries though more are counted.
"""

import re
from datetime import datetime, timedelta
from urllib.parse import urlencode

from agent.config import SourceSection
from agent.errors import SourceError
from agent.sources.draft import LONGEST_TITLE, Draft, Fault, Fetched
from agent.sources.feeds import Read, time_of
from agent.sources.http import Client
from agent.sources.parsing import Entry, Feed

API = "https://export.arxiv.org/api/query"
PAGE, MOST_PAGES = 100, 5
"""Papers to a request, and requests to a look."""
OVERLAP = timedelta(days=3)
"""How far before the last look the next one reaches: papers appear days after their date."""
_PAPER = re.compile(r"https?://arxiv\.org/abs/(.+?)(?:v\d+)?")
_ERROR = "/api/errors"


def fetch(
    source: SourceSection, client: Client, read: Read, last_look: datetime | None = None
) -> Fetched:
    """Papers that match the source's query; on a first look the newest page of them.

    Raises SourceError with arXiv's own words when it refuses the query.
    """
    since = last_look - OVERLAP if last_look else None
    drafts: dict[str, Draft] = {}
    faults: list[Fault] = []
    for page in range(MOST_PAGES if since else 1):
        feed = _page(source, client, read, page * PAGE)
        for number, entry in enumerate(feed.entries, start=page * PAGE + 1):
            draft = _draft(entry, source, number)
            if draft is None:
                way_out = "The entry was set aside; the others are in"
                faults.append(Fault(number, "an entry that is no paper", way_out, str(entry)[:500]))
            else:
                drafts.setdefault(draft.id, draft)
        oldest = min((one.published for one in drafts.values() if one.published), default=None)
        if len(feed.entries) < PAGE or not (since and oldest and oldest > since):
            break
    return Fetched(tuple(drafts.values()), tuple(faults))


def _page(source: SourceSection, client: Client, read: Read, start: int) -> Feed:
    asked = {
        "search_query": source.query,
        "start": start,
        "max_results": PAGE,
        "sortBy": "submittedDate",
        "sortOrder": "descending",
    }
    url = f"{source.url or API}?{urlencode(asked)}"
    answer = client.get(source.name, url, accept=(400,))
    try:
        feed = read(answer.body)
    except ValueError as error:
        raise SourceError(source.name, f"{url}: {error}", "It is tried again next run") from error
    refusal = next((one.summary for one in feed.entries if _ERROR in one.id), None)
    if refusal or answer.status == 400:
        raise SourceError(
            source.name,
            f"arXiv refused the query {source.query!r}: {refusal or 'status 400'}",
            "Correct the source's query; its language is in arXiv's API manual",
        )
    if not feed.entries and (feed.total or 0) > start:
        raise SourceError(
            source.name,
            f"arXiv counts {feed.total:,} papers and sent none",
            "It does that now and then: it is tried again next run",
        )
    return feed


def _draft(entry: Entry, source: SourceSection, number: int) -> Draft | None:
    found = _PAPER.fullmatch(entry.id)
    if not found or not entry.title:
        return None
    return Draft(
        id=f"arxiv:{found[1]}",
        url=f"https://arxiv.org/abs/{found[1]}",
        title=entry.title[:LONGEST_TITLE],
        summary=entry.summary,
        text="",
        published=time_of(entry.published),
        fetched=None,
        publisher=source.publisher or "arXiv",
        lang=source.lang or "en",
        kind="paper",
        line=number,
    )
