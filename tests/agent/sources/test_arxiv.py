"""arXiv as it really answers: pages, versions, refusals, and pages that are missing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agent.config import HttpSection, SourceSection
from agent.errors import SourceError
from agent.sources import arxiv, parsing
from agent.sources.http import Client
from tests.feed_server import FeedServer

NOON = datetime(2025, 1, 27, 12, tzinfo=UTC)


def paper(number: int, version: int = 1, day: str = "2025-01-27") -> str:
    return f"""<entry><id>http://arxiv.org/abs/2501.{number:05}v{version}</id>
<title>Paper {number}</title><updated>2025-02-01T00:00:00Z</updated>
<summary>  We train
it cheaply. </summary><published>{day}T10:00:00Z</published></entry>"""


def answer(*entries: str, total: int | None = None) -> str:
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns="http://www.w3.org/2005/Atom">
<title>arXiv Query</title><opensearch:totalResults>{len(entries) if total is None else total}
</opensearch:totalResults>{"".join(entries)}</feed>"""


class Arxiv(FeedServer):
    """Plays the API: `pages` are the answers by `start`; `asked` the queries of the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[int, tuple[int, str | bytes]] = {}

    @property
    def asked(self) -> list[dict[str, str]]:
        return [
            {name: value[0] for name, value in parse_qs(urlsplit(path).query).items()}
            for path, _ in self.seen
        ]

    def page_at(self, path: str) -> Any:
        status, body = self.pages[int(parse_qs(urlsplit(path).query)["start"][0])]
        return status, body.encode() if isinstance(body, str) else body


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Arxiv]:
    with Arxiv() as running:

        def answer_any(handler: Any) -> None:
            status, body = running.page_at(handler.path)
            handler.send_response(status)
            handler.send_header("content-length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        running.otherwise(answer_any)
        yield running


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(HttpSection(allow_private=("127.0.0.1",), timeout=5.0, interval=0.0, retries=0))
    yield made
    made.close()


def fetch(api: Arxiv, client: Client, last_look: datetime | None = None) -> Any:
    source = SourceSection(
        name="papers", kind="arxiv", url=api.url("/api/query"), query='cat:cs.LG AND abs:"FP8"'
    )
    return arxiv.fetch(source, client, parsing.read, last_look)


def test_paper_becomes_a_draft(api: Arxiv, client: Client) -> None:
    api.pages[0] = 200, answer(paper(19437, version=2))
    (draft,) = fetch(api, client).drafts
    assert (draft.id, draft.url) == ("arxiv:2501.19437", "https://arxiv.org/abs/2501.19437")
    assert (draft.title, draft.summary) == ("Paper 19437", "We train it cheaply.")
    assert draft.published == datetime(2025, 1, 27, 10, tzinfo=UTC)
    assert (draft.kind, draft.publisher) == ("paper", "arXiv")
    assert api.asked[0]["search_query"] == 'cat:cs.LG AND abs:"FP8"'
    assert (api.asked[0]["sortBy"], api.asked[0]["sortOrder"]) == ("submittedDate", "descending")


def test_versions_of_a_paper_are_one_item(api: Arxiv, client: Client) -> None:
    api.pages[0] = 200, answer(paper(1, version=3), paper(1, version=1), paper(2))
    assert [one.id for one in fetch(api, client).drafts] == ["arxiv:2501.00001", "arxiv:2501.00002"]


def test_first_look_takes_one_page(api: Arxiv, client: Client) -> None:
    api.pages[0] = 200, answer(*map(paper, range(arxiv.PAGE)), total=900)
    assert len(fetch(api, client).drafts) == arxiv.PAGE
    assert len(api.asked) == 1


def test_later_look_goes_back_until_the_last_one(api: Arxiv, client: Client) -> None:
    pages = ["2025-02-03", "2025-02-01", "2025-01-24", "2025-01-20"]
    for n, day in enumerate(pages):
        numbers = range(n * arxiv.PAGE, (n + 1) * arxiv.PAGE)
        api.pages[n * arxiv.PAGE] = 200, answer(*(paper(i, day=day) for i in numbers), total=900)
    fetched = fetch(api, client, last_look=NOON)  # 3 days of overlap: the 24th is reached
    assert [int(one["start"]) for one in api.asked] == [0, 100, 200]
    assert len(fetched.drafts) == 3 * arxiv.PAGE


def test_look_after_a_long_pause_ends_all_the_same(api: Arxiv, client: Client) -> None:
    for n in range(20):
        numbers = range(n * arxiv.PAGE, (n + 1) * arxiv.PAGE)
        api.pages[n * arxiv.PAGE] = 200, answer(*map(paper, numbers), total=9_000)
    fetch(api, client, last_look=datetime(2024, 1, 1, tzinfo=UTC))
    assert len(api.asked) == arxiv.MOST_PAGES


@pytest.mark.parametrize("status", [200, 400])
def test_refused_query_is_told_in_arxivs_words(api: Arxiv, client: Client, status: int) -> None:
    error = """<entry><id>https://arxiv.org/api/errors#incorrect_id</id><title>Error</title>
<summary>incorrect id format for abc</summary></entry>"""
    api.pages[0] = status, answer(error)
    with pytest.raises(SourceError, match="incorrect id format for abc") as refused:
        fetch(api, client)
    assert "Correct the source's query" in refused.value.way_out


def test_missing_page_is_an_error_and_not_nothing_new(api: Arxiv, client: Client) -> None:
    api.pages[0] = 200, answer(total=214_881)
    with pytest.raises(SourceError, match="counts 214,881 papers and sent none"):
        fetch(api, client)


def test_query_that_nothing_matches_is_nothing_new(api: Arxiv, client: Client) -> None:
    api.pages[0] = 200, answer()
    assert fetch(api, client).drafts == ()


def test_entry_that_is_no_paper_is_a_fault(api: Arxiv, client: Client) -> None:
    api.pages[0] = 200, answer(paper(1), "<entry><id>urn:x</id><title>t</title></entry>")
    fetched = fetch(api, client)
    assert len(fetched.drafts) == 1
    assert [fault.reason for fault in fetched.faults] == ["an entry that is no paper"]


def test_recorded_answers_are_read(api: Arxiv, client: Client, shared: Path) -> None:
    folder = shared / "arxiv/api_atom"
    for one in json.loads((folder / "index.json").read_text(encoding="utf-8")):
        body = (folder / one["file"]).read_bytes()
        api.pages[0] = one["status"], body
        if one["status"] == 400:
            with pytest.raises(SourceError, match="incorrect id format"):
                fetch(api, client)
            continue
        fetched = fetch(api, client)
        assert len(fetched.drafts) == body.count(b"<entry>"), one["file"]
        assert fetched.faults == ()
        assert all(draft.published and draft.summary for draft in fetched.drafts)
