"""What is spoiled: valid input of every kind, and the real feeds where they are at hand."""

import json
from functools import cache
from typing import Any

from agent import config as configuration
from agent import thesis as theses
from agent.demo.show import ARCHIVE
from tests.agent.test_thesis import SMALL
from tests.conftest import SHARED
from tests.feed_server import atom, rss

LONGEST = 20_000
"""Bytes of a real feed that are taken: what comes after is more of the same."""

ENTRY = {
    "title": "Chip <b>maker</b> &amp; rival",
    "description": "<p>It costs<br/>less.</p>",
    "pubDate": "Mon, 27 Jan 2025 15:00:00 GMT",
}
RSS_FULL = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>A wire</title><language>en-us</language><ttl>60</ttl>
<item><title><![CDATA[Rival's chip sells <i>out</i>]]></title>
<link>https://wire.example/1?utm_source=rss</link><guid isPermaLink="false">w-1</guid>
<dc:date>2025-01-27T15:00:00+01:00</dc:date><dc:creator>A. Writer</dc:creator>
<source url="https://other.example/feed">Other Wire</source>
<description>Half the &#36;5 million &#x2014; or so.</description>
<content:encoded><![CDATA[<p onclick="x()">All <a href="/a">of it</a>.</p>]]></content:encoded>
</item></channel></rss>"""
ATOM_FULL = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="https://a.example/">
<title type="html">Notes &lt;b&gt;from&lt;/b&gt; a lab</title><id>urn:1</id>
<entry><id>urn:2</id><title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Half
the <em>memory</em></div></title><link rel="alternate" href="notes/2"/>
<updated>2025-01-27T15:00:00.25Z</updated><published>2025-01-26T23:59:60Z</published>
<content type="html">&lt;p&gt;Said &#8220;so&#8221;.&lt;/p&gt;</content></entry></feed>"""
RDF = """<?xml version="1.0" encoding="iso-8859-1"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<channel rdf:about="https://r.example"><title>Caf\xe9</title></channel>
<item rdf:about="https://r.example/1"><title>M\xe9moire</title><link>https://r.example/1</link>
</item></rdf:RDF>"""
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "A JSON wire",
    "language": "en",
    "items": [
        {
            "id": 7,
            "url": "https://j.example/7",
            "title": "A <i>chip</i>",
            "content_html": "<p>It costs<br>less.</p>",
            "summary": "Cheap.",
            "date_published": "2025-01-27T16:00:00+01:00",
            "date_modified": "2025-01-28",
        }
    ],
}
PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>A chip</title>
<link rel="alternate" type="application/rss+xml" href="/feed">
<link rel='alternate' type="application/atom+xml; charset=utf-8" href=atom.xml></head><body>
<nav><a href="/">Home</a></nav><article><h1>A chip sells out</h1>{}</article></body></html>"""
PARAGRAPH = (
    "<p>The maker of the chip says that every unit of the year is sold, and that the next ones "
    "are promised to two buyers who pay in advance. Rivals &amp; analysts doubt it.</p>"
)

MORE_OF_A_THESIS = """
[[kpis]]
id = "acme_margin"
entity = "bolt"
name = "Margin"
unit = "percent"
frequency = "quarter"
description = "What is left."
measure = "ratio"
numerator = ["GrossProfit"]
denominator = ["Revenues", "us-gaap:SalesRevenueNet"]
since = 2024-01-01

[[rules]]
id = "margin-falls"
kpi = "acme_margin"
of = "change"
comparison = "<"
threshold = -2.5
category = "price"
effect = "supports"
strength = 0.6
text = "It keeps less."

[[falsifiers]]
id = "F-2"
category = "price"
text = "It is sold."
kind = "event"
effect = "weakens"
by = 2030-01-01
after = 2026-01-01
"""

CHANNELS = """
[[channels]]
name = "mail"
kind = "email"
to = ["you@example.com", "You <you@example.org>"]
sender = "thesis@example.com"
host = "smtp.example.com"
username = "you"
password_env = "THESIS_SMTP_PASSWORD"

[[channels]]
name = "chat"
kind = "push"
url_env = "THESIS_CHAT_URL"

[[sources]]
name = "mine"
kind = "file"
path = "items.jsonl"

[digest]
channels = ["mail"]

[judge.prices."a-model"]
input = 1.0
cached = 0.1
output = 2.0
"""


@cache
def feeds() -> list[bytes]:
    """Feeds of every kind, ours first."""
    ours = [
        rss(ENTRY, {"title": "Undated", "guid": "g2"}),
        atom({"title": "A", "link": "/a", "updated": "2025-01-27T15:00:00Z"}),
        RSS_FULL,
        ATOM_FULL,
        json.dumps(JSON_FEED),
    ]
    encoded = [text.encode() for text in ours]
    odd = [RDF.encode("latin-1"), RSS_FULL.encode("utf-16"), ATOM_FULL.encode("utf-32")]
    return [*encoded, *odd, *_real()]


def _real() -> list[bytes]:
    """Real ones and those of parsers' own suites, in order of their paths."""
    kinds = ("feedparser", "reader", "defusedxml", "real_2026")
    files = [path for kind in kinds for path in sorted((SHARED / "feeds" / kind).rglob("*"))]
    return [path.read_bytes()[:LONGEST] for path in files if path.is_file()]


@cache
def pages() -> list[bytes]:
    """Web pages: one with an article, one without, one that is not free."""
    whole = PAGE.format(PARAGRAPH * 4)
    walled = PAGE.format(PARAGRAPH + '<script>{"isAccessibleForFree": false}</script>')
    return [whole.encode(), PAGE.format(PARAGRAPH).encode("utf-16"), walled.encode()]


@cache
def rows() -> list[dict[str, Any]]:
    """Items of the bundled archive, and one with every key of the contract."""
    with ARCHIVE.open(encoding="utf-8") as lines:
        found = [json.loads(next(lines)) for _ in range(20)]
    whole = {**found[0], "id": "a1", "text": "The whole\nstory.", "fetched": "2025-01-28T08:00:00Z"}
    return [whole, *found]


@cache
def item_lines() -> list[bytes]:
    """Item JSONL: a few rows, one alone, one with escapes."""
    few = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows()[:5])
    return [few.encode() + b"\n", json.dumps(rows()[1]).encode(), b'{"title": "\\u8bad"}\n']


@cache
def configs() -> list[str]:
    """The config.toml that ships, by its parts too, and one with what is commented out there."""
    text = configuration.default_text()
    head = text.partition("# Sources:")[0]
    tables = ["[" + part for part in head.split("\n[")[1:]]
    sources = "\n[[sources]]".join(["", *text.split("\n[[sources]]")[1:6]])
    return [CHANNELS, sources, *tables, head, text]


@cache
def thesis_files() -> list[str]:
    """A thesis file with one of everything, and the one that ships."""
    shipped = theses.BUNDLED / "nvda_short_case" / theses.THESIS_FILE
    small = SMALL.replace('id = "bolt"', 'id = "bolt"\ncik = "0001045810"') + MORE_OF_A_THESIS
    return [small, SMALL, shipped.read_text(encoding="utf-8")]


@cache
def exemplar_lines() -> list[bytes]:
    """Exemplars of the small thesis: enough to learn from, and a few."""
    rows = [
        {"title": f"{way} {n}", "labels": [f"{category} {stance} {n % 3 + 1}"]}
        for n in range(20)
        for category, stance, way in (("price", "supports", "Dear"), ("volume", "weakens", "More"))
    ]
    off_topic = [{"title": f"Rain {n}", "summary": "It rains.", "labels": []} for n in range(40)]
    whole = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [*rows, *off_topic])
    return [whole.encode(), "".join(json.dumps(row) + "\n" for row in rows[:3]).encode()]
