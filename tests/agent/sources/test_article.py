"""Full text from a real server: the whole article, and nothing that only looks like it."""

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.config import HttpSection
from agent.sources import article
from agent.sources.article import Articles
from agent.sources.draft import Draft, from_mapping
from agent.sources.http import Client
from agent.sources.worker import Worker
from tests.feed_server import FeedServer

TITLE = "Nvidia sells every chip it makes to the cloud firms"
PARAGRAPHS = [
    f"Nvidia said on day {n} that the cloud firms had bought every chip it makes,  and would buy"
    f"\n more in the next quarter if they could get them."
    for n in range(12)
]
TEXT = "\n".join([TITLE, *(" ".join(one.split()) for one in PARAGRAPHS)])
ZH = "英伟达表示，云计算公司已经买下了它生产的全部芯片，下个季度还会继续增加订单。"


def page(*paragraphs: str, title: str = TITLE, head: str = "") -> str:
    body = "".join(f"<p>{one}</p>" for one in paragraphs)
    return f"""<!DOCTYPE html><html><head><title>{title}</title>{head}</head><body>
<nav><a href="/">Home</a> <a href="/chips">Chips</a></nav>
<div class="ad">Buy gold now</div><article><h1>{title}</h1>{body}</article>
<aside>Most read: ten stocks</aside><footer>All rights reserved</footer></body></html>"""


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """One process for all the pages, as it takes its time to load what reads them."""
    made = Worker()
    yield made
    made.close()


@pytest.fixture
def complete(server: FeedServer, worker: Worker) -> Iterator[Callable[..., Draft]]:
    settings = HttpSection(allow_private=("127.0.0.1",), timeout=5.0, interval=0.0, retries=0)
    client = Client(settings)
    articles = Articles(client, worker.extract)

    def one(path: str = "/a", title: str = TITLE, known: tuple[str, ...] = ()) -> Draft:
        draft = from_mapping(
            {"id": "i", "title": title, "summary": "S", "url": server.url(path)}, source="s", line=1
        )
        (done,) = articles.complete("s", [draft], known)
        return done

    yield one
    client.close()


def test_article_is_taken_without_what_surrounds_it(
    server: FeedServer, complete: Callable[..., Draft]
) -> None:
    server.put("/a", page(*PARAGRAPHS))
    found = complete()
    assert found.text == TEXT
    assert (found.note, found.summary) == ("", "S")


def test_chinese_article_is_taken(server: FeedServer, complete: Callable[..., Draft]) -> None:
    text = [f"第{n}天，{ZH}" for n in range(20)]
    server.put("/a", page(*text, title="英伟达芯片售罄"))
    assert complete(title="英伟达芯片售罄").text.split("\n")[1:] == text


def test_text_is_in_one_normal_form(server: FeedServer, complete: Callable[..., Draft]) -> None:
    server.put("/a", page(*(one + " Cafe\u0301." for one in PARAGRAPHS)))
    found = complete().text
    assert "Café" in found
    assert found == unicodedata.normalize("NFC", found)


WALLS = {
    "not free": (
        page(
            *PARAGRAPHS,
            head='<script type="application/ld+json">'
            '{"@type": "NewsArticle", "isAccessibleForFree": "False"}</script>',
        ),
        "not free to read",
    ),
    "paywall": (page(*PARAGRAPHS[:3], "Subscribe to continue reading."), "a wall: 'Subscribe to"),
    "cookies": (
        page(*["Please enable JavaScript and cookies to go on with chips."] * 9),
        "a wall: 'enable",
    ),
    "chinese wall": (page(*[ZH] * 10, "登录后阅读全文"), "a wall: '登录后阅读'"),
    "teaser": (page(PARAGRAPHS[0]), "characters of text"),
    "another story": (
        page(*(f"On day {n} the weather stays mild in the north." for n in range(12)), title="x"),
        "about something else",
    ),
    "pdf": ("%PDF-1.7 \x00\x01 stream endstream", "characters of text"),
    "empty": ("", "characters of text"),
    "endless": ("<p>a" * 600_000, "no full text"),
}


@pytest.mark.parametrize(("body", "why"), WALLS.values(), ids=WALLS)
def test_what_is_not_the_article_is_not_taken_for_it(
    server: FeedServer, complete: Callable[..., Draft], body: str, why: str
) -> None:
    server.put("/a", body)
    found = complete()
    assert found.text == ""
    assert why in found.note
    assert found.summary == "S"


def test_page_that_is_gone_leaves_the_item_with_its_summary(
    complete: Callable[..., Draft],
) -> None:
    assert "answered 404" in complete("/gone").note


def test_robots_are_obeyed_and_asked_once(
    server: FeedServer, complete: Callable[..., Draft]
) -> None:
    server.put(
        "/robots.txt", "User-agent: thesiswatch\nDisallow: /closed\n\nUser-agent: *\nDisallow: /"
    )
    server.put("/closed/a", page(*PARAGRAPHS))
    server.put("/open/a", page(*PARAGRAPHS))
    assert complete("/closed/a").note == "no full text: robots.txt does not allow it"
    assert complete("/open/a").text == TEXT
    assert [path for path, _ in server.seen] == ["/robots.txt", "/open/a"]


@pytest.mark.parametrize(
    ("status", "text"), [(404, TEXT), (410, TEXT), (401, ""), (403, ""), (500, ""), (503, "")]
)
def test_robots_that_cannot_be_read(
    server: FeedServer, complete: Callable[..., Draft], status: int, text: str
) -> None:
    server.put("/robots.txt", "", status=status)
    server.put("/a", page(*PARAGRAPHS))
    assert complete().text == text


def test_site_that_asks_for_a_pause_gets_it(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    server.put("/robots.txt", "User-agent: *\nCrawl-delay: 7")
    server.put("/a", page(*PARAGRAPHS))
    settings = HttpSection(allow_private=("127.0.0.1",), interval=0.0, retries=0)
    client = Client(settings, sleep=slept.append)
    drafts: list[Any] = [
        from_mapping({"id": n, "title": TITLE, "url": server.url("/a")}, source="s", line=1)
        for n in range(3)
    ]
    done = Articles(client).complete("s", drafts, ())
    client.close()
    assert all(one.text for one in done)
    assert [round(pause) for pause in slept] == [7, 14]


def test_known_items_are_not_fetched_again(
    server: FeedServer, complete: Callable[..., Draft]
) -> None:
    server.put("/a", page(*PARAGRAPHS))
    assert complete(known=("i",)).text == ""
    assert server.seen == []


def test_no_more_articles_are_fetched_at_a_look_than_is_polite(server: FeedServer) -> None:
    client = Client(HttpSection(allow_private=("127.0.0.1",), interval=0.0, retries=0))
    drafts = [
        from_mapping({"id": n, "title": "t", "url": server.url(f"/{n}")}, source="s", line=1)
        for n in range(article.MOST_AT_A_LOOK + 5)
    ]
    assert len(Articles(client).complete("s", drafts, ())) == len(drafts)
    client.close()
    assert len(server.seen) == article.MOST_AT_A_LOOK + 1
