"""A world on the loopback: feeds of every kind, papers, filings, releases and pages, in one run."""

import json
import re
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from agent.config import FILE_NAME
from agent.judge.local import LocalJudge
from agent.workspace import CACHE
from tests.agent.sources.test_edgar import Sec, report
from tests.agent.test_kpis import ENDS, document, fact
from tests.command import thesis
from tests.feed_server import FeedServer, atom, rss
from tests.stored import select

ARTICLE = "".join(
    f"<p>Point {n}: DeepSeek says that training R1 cost a small part of what rivals spend.</p>"
    for n in range(12)
)
PAGE = (
    f"<html><body><article><h1>DeepSeek trains R1 at a small part of the cost</h1>{ARTICLE}"
    "</article></body></html>"
)
PAPERS = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns="http://www.w3.org/2005/Atom">
<opensearch:totalResults>1</opensearch:totalResults><entry>
<id>http://arxiv.org/abs/2412.19437v2</id><title>A mixture-of-experts model trained in FP8</title>
<summary>We cut the training cost of a large mixture-of-experts language model with FP8 mixed
precision and report 2.788M GPU hours for the whole run.</summary>
<published>2024-12-27T04:03:16Z</published></entry></feed>"""
CONFIG = """
[http]
allow_private = ["127.0.0.1"]
user_agent = "desk/1 (+mailto:desk@fund.invalid)"
interval = 0
retries = 0

[[sources]]
name = "wire"
kind = "feed"
url = "{url}/wire"
publisher = "Reuters"
full_text = true

[[sources]]
name = "json"
kind = "feed"
url = "{url}/json"
publisher = "The Register"

[[sources]]
name = "releases"
kind = "feed"
url = "{url}/releases"
publisher = "vLLM"
items = "release"

[[sources]]
name = "papers"
kind = "arxiv"
url = "{url}/api"
query = "cat:cs.LG"

[[sources]]
name = "filings"
kind = "edgar"
url = "{url}"
forms = ["8-K"]
"""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    with Sec() as server:
        monkeypatch.setenv("EDGAR_DATA_URL", server.url(""))
        server.company("0001045810", ("0001-25-000001", "8-K", "2025-02-26", "2025-02-26"))
        report(server)
        facts = document(fact(ENDS[0], 44e9, tag="Revenues", filing="0001-25-000001"))
        body = json.dumps({**facts, "cik": 1045810})
        server.put("/api/xbrl/companyfacts/CIK0001045810.json", body)
        news = {
            "title": "DeepSeek trains R1 at a small part of the cost",
            "guid": "1",
            "link": server.url("/a"),
            "pubDate": "Mon, 27 Jan 2025 08:00:00 GMT",
            "description": "The Chinese laboratory needed far fewer GPUs than its rivals.",
        }
        item = {
            "id": "7",
            "url": "https://register.example/7",
            "title": "Cerebras serves Llama twenty times faster than Nvidia GPUs",
            "date_published": "2025-01-26T10:00:00Z",
        }
        feed = {"version": "https://jsonfeed.org/version/1.1", "title": "T", "items": [item]}
        release = {
            "title": "v0.7.0",
            "id": "tag:github.com,2008:Repository/1/v0.7.0",
            "updated": "2025-01-25T10:00:00Z",
            "summary": "Inference throughput on AMD MI300X GPUs with ROCm is doubled.",
        }
        server.put("/wire", rss(news), etag='"w1"')
        server.put("/a", PAGE)
        server.put("/json", json.dumps(feed), etag='"j1"')
        releases = atom(release).replace(
            "<title>f</title>", "<title>Release notes from vllm</title>"
        )
        server.put("/releases", releases, last_modified="Sat, 25 Jan 2025 10:00:00 GMT")
        server.otherwise(_others)
        yield server


def _others(handler: BaseHTTPRequestHandler) -> None:
    """Papers, and of every other company that it filed nothing yet."""
    nothing = dict.fromkeys(("accessionNumber", "form", "filingDate", "reportDate"), ())
    if handler.path.startswith("/api?"):
        body = PAPERS
    elif handler.path.startswith("/submissions/"):
        body = json.dumps({"filings": {"recent": nothing}})
    elif cik := re.search(r"companyfacts/CIK(\d+)", handler.path):
        body = json.dumps({"cik": int(cik[1]), "facts": {}})
    else:
        body = ""
    handler.send_response(200 if body else 404)
    handler.send_header("content-length", str(len(body.encode())))
    handler.end_headers()
    handler.wfile.write(body.encode())


@pytest.fixture
def config(world: FeedServer, tmp_path: Path, judge_cache: Path, local_judge: LocalJudge) -> Path:
    shutil.copytree(judge_cache, tmp_path / "data" / CACHE)
    path = tmp_path / FILE_NAME
    path.write_text(CONFIG.format(url=world.url("")), encoding="utf-8")
    return path


def test_one_run_brings_every_kind_of_item_into_the_score(config: Path, world: FeedServer) -> None:
    done = thesis("run", "--config", config)
    assert done.code == 0, done.err
    assert "5 new items" in done.out
    data = config.parent / "data"
    rows = select(data, "SELECT kind, title, publisher, state FROM item ORDER BY kind, id")
    assert rows == [
        (
            "filing",
            "Nvidia 8-K: Item 2.02 - Results of Operations",
            "SEC",
            "scored",
        ),
        (
            "news",
            "Cerebras serves Llama twenty times faster than Nvidia GPUs",
            "The Register",
            "scored",
        ),
        ("news", "DeepSeek trains R1 at a small part of the cost", "Reuters", "scored"),
        ("paper", "A mixture-of-experts model trained in FP8", "arXiv", "scored"),
        ("release", "vllm v0.7.0", "vLLM", "scored"),
    ]
    ((text,),) = select(data, "SELECT text FROM item WHERE url LIKE '%/a'")
    assert text.count("\n") == 12
    kinds = {row["item_id"].split(":")[0] for row in thesis_rows(config)}
    assert {"wire", "json", "arxiv"} <= kinds
    assert thesis("score", "--json", "--config", config).json["score"] > 50.0
    (revenue,) = figures_of(config)["nvda_revenue"]
    assert (revenue["value"], revenue["accession"]) == (44e9, "0001-25-000001")


def thesis_rows(config: Path) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = thesis("explain", "--json", "--config", config).json["rows"]
    return rows


def figures_of(config: Path) -> dict[str, list[dict[str, Any]]]:
    answer = thesis("kpis", "--json", "--config", config).json
    return {one["id"]: one["values"] for one in answer["kpis"]}


def test_second_run_of_an_unchanged_world_asks_only_whether_it_changed(
    config: Path, world: FeedServer
) -> None:
    thesis("run", "--config", config)
    verdicts = select(config.parent / "data", "SELECT count(*) FROM verdict")
    before = len(world.seen)
    done = thesis("run", "--config", config)
    assert "0 new items" in done.out
    assert select(config.parent / "data", "SELECT count(*) FROM verdict") == verdicts == [(5,)]
    asked = {path.partition("?")[0]: headers for path, headers in world.seen[before:]}
    lists = {path for path in asked if path.startswith("/submissions/")}  # SEC marks none of them
    assert set(asked) - lists == {"/wire", "/json", "/releases", "/api"}
    assert asked["/wire"]["if-none-match"] == '"w1"'
    assert asked["/releases"]["if-modified-since"] == "Sat, 25 Jan 2025 10:00:00 GMT"


def test_sources_are_shown_well_and_a_dead_one_with_what_to_do(
    config: Path, world: FeedServer
) -> None:
    world.put("/json", "", status=404)
    done = thesis("sources", "--check", "--json", "--config", config)
    assert done.code == 1
    found = {one["name"]: one for one in done.json}
    assert [found[name]["entries"] for name in ("wire", "releases", "papers")] == [1, 1, 1]
    assert "answered 404" in found["json"]["error"]
    assert "correct the url" in found["json"]["error"]
    thesis("run", "--config", config)
    shown = thesis("sources", "--config", config)
    assert "failing" in shown.out
    assert "ok" in shown.out


RECORDED = """
[http]
user_agent = "desk/1 (+mailto:desk@fund.invalid)"
allow_private = ["127.0.0.1"]
interval = 0

[[sources]]
name = "daily"
kind = "feed"
url = "{url}/daily"

[[sources]]
name = "papers"
kind = "arxiv"
url = "{url}/arxiv"
query = "all:testing"

[[sources]]
name = "filings"
kind = "edgar"
url = "{url}"
forms = ["8-K"]
"""


def test_recorded_answers_of_real_servers_come_through_one_run(
    world: Sec, config: Path, shared: Path
) -> None:
    config.write_text(RECORDED.format(url=world.url("")), encoding="utf-8")
    snapshots = sorted((shared / "feeds/hn_daily_rss_snapshots").iterdir())
    world.put("/daily", snapshots[-1].read_bytes())
    page = next((shared / "arxiv/api_atom").glob("q_testing_s0_m10_*")).read_bytes()
    nothing_more = re.sub(rb"<entry>.*</entry>", b"", page, flags=re.DOTALL)
    answers = iter([page])

    def papers(handler: BaseHTTPRequestHandler) -> None:
        if not handler.path.startswith("/arxiv"):
            _others(handler)
            return
        body = next(answers, nothing_more)
        handler.send_response(200)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    world.otherwise(papers)
    sec, accession = shared / "sec/http_recordings", "0001045810-26-000024"
    folder = "/Archives/edgar/data/1045810/000104581026000024/"
    stem = "www.sec.gov_Archives_edgar_data_1045810_"
    world.company("0001045810", (accession, "8-K", "2026-03-06", "2026-03-02"))
    for path, file in (
        (f"{folder}{accession}-index.html", f"{stem}{accession}-index.html"),
        (f"{folder}nvda-20260302.htm", f"{stem}000104581026000024_nvda-20260302.htm"),
        (
            "/api/xbrl/companyfacts/CIK0001045810.json",
            "data.sec.gov_api_xbrl_companyfacts_CIK0001045810.json",
        ),
    ):
        world.put(path, (sec / file).read_bytes())
    done = thesis("run", "--config", config)
    assert done.code == 0, done.err
    found = dict(
        select(config.parent / "data", "SELECT source, count(*) FROM item GROUP BY source")
    )
    assert found["papers"] == 10
    assert found["daily"] >= 10
    assert found["filings"] >= 1
    assert select(config.parent / "data", "SELECT DISTINCT state FROM item") == [("scored",)]
    assert all(figures_of(config)[kpi] for kpi in ("nvda_revenue", "nvda_gross_margin"))
