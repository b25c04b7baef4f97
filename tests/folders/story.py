"""What a program meets while it fills a folder: items, labels by hand, a model and companies.

The words are our own; the archive is the demo's.
"""

import json
import re
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.chat_server import Behaviour, judgement, label, says

ROOT = Path(__file__).parent.parent.parent
FIRST, LAST = "2025-01-24", "2025-01-31"
"""The days of the demo's archive that are replayed."""
QUOTE = "a tenth of what its rivals spend"
PAST: list[dict[str, Any]] = [
    {"id": "c1", "title": "County bakery wins the bread prize again", "published": "2025-01-28"},
    {"id": "c2", "title": "Nvidia Blackwell racks are sold out", "published": "some time ago"},
    {"id": "c3", "title": "", "published": "2025-01-28"},
]
"""What is replayed besides: off topic, undated and refused."""
WIRE: list[dict[str, Any]] = [
    {
        "id": "w1",
        "title": "Cerebras signs another cloud provider for its wafer-scale AI processors",
        "published": "2025-06-01",
        "publisher": "Reuters",
    },
    {
        "id": "w2",
        "title": "Google rents its TPU pods to a second large laboratory in place of Nvidia GPUs",
        "published": "2025-06-01",
        "publisher": "The Information",
    },
    {
        "id": "w3",
        "title": "Nvidia says Blackwell is sold out as GPU demand soars",
        "published": "2025-06-01",
        "publisher": "NVIDIA",
        "kind": "release",
    },
    {"id": "w4", "title": "The village library gets a new roof", "published": "2025-06-01"},
    {
        "id": "w5",
        "title": "开源编译器让同一份代码在英伟达与AMD显卡上运行",
        "published": "2025-06-02",
        "publisher": "Solidot",
        "lang": "zh",
    },
]
"""What a source brings on 2025-06-02."""
LATER: list[dict[str, Any]] = [
    {
        "id": "m1",
        "title": f"DeepSeek publishes a frontier model trained for {QUOTE} on GPUs",
        "published": "2025-06-03",
        "publisher": "Reuters",
    },
    {
        "id": "m2",
        "title": f"Meta trains a large AI model for {QUOTE} on its own MTIA chips",
        "published": "2025-06-03",
        "publisher": "Bloomberg",
    },
]
"""And a day later, when a language model is asked."""
BATCHED: list[dict[str, Any]] = [
    {
        "id": "b1",
        "title": f"Qwen trains its next model on fewer GPUs, for {QUOTE}",
        "published": "2025-05-30",
        "publisher": "Ars Technica",
    }
]
"""Asked about in a batch that nobody has answered yet."""
EXEMPLARS = "prompts/theses/nvda_short_case/exemplars"
LABEL = ("category", "stance", "severity")
GOLD = 40
"""Lines of either side that the judge's word is measured by: the thesis' own exemplars."""
QUARTERS = (
    ("2024-01-29", "2024-04-28", "2024-05-29", 26_044e6, 20_406e6),
    ("2025-01-27", "2025-04-27", "2025-05-28", 44_062e6, 26_668e6),
)
"""Start, end and day of filing of two quarters, revenue and gross profit in dollars."""


def judged(asked: dict[str, Any]) -> tuple[int, Any]:
    """A model that finds one thing in what it is asked about."""
    found = QUOTE in json.dumps(asked["messages"][1:])
    behaviour: Behaviour = says(judgement(label(QUOTE)) if found else judgement())
    return behaviour(asked)


def archive() -> list[dict[str, Any]]:
    """Every second item of some days of the demo's archive, and a copy of the last by another."""
    lines = (ROOT / "agent/demo/archive.jsonl").read_text(encoding="utf-8").splitlines()
    days = [row for row in map(json.loads, lines) if FIRST <= row["published"][:10] <= LAST]
    rows = [{"id": f"a{number:02}", **row} for number, row in enumerate(days[::2], start=1)]
    return [*rows, {**rows[-1], "id": "copy", "url": None, "publisher": "Reuters"}]


def gold(tree: Path) -> list[dict[str, Any]]:
    """Lines of either side as a person would have labelled them."""
    sides: dict[str, list[dict[str, Any]]] = {"supports": [], "weakens": []}
    for path in sorted((tree / EXEMPLARS).glob("*.jsonl")):
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            labels = [dict(zip(LABEL, one.split(), strict=True)) for one in line["labels"]]
            if labels and labels[0]["stance"] in sides:
                row = {**line, "relevant": True, "labels": labels}
                sides[labels[0]["stance"]].append(row)
    return [row for side in sides.values() for row in side[:GOLD]]


def company_facts(handler: BaseHTTPRequestHandler) -> None:
    """The figures of any company as SEC publishes them."""
    concepts: dict[str, Any] = {}
    for start, end, filed, revenue, profit in QUARTERS:
        for tag, value in (("Revenues", revenue), ("GrossProfit", profit)):
            said = {"start": start, "end": end, "val": value, "form": "10-Q", "filed": filed}
            units = concepts.setdefault(tag, {"units": {"USD": []}})["units"]
            units["USD"].append({**said, "accn": f"a-{filed}", "fy": 2026, "fp": "Q1"})
    cik = int(re.sub(r"\D", "", handler.path))
    document = {"cik": cik, "entityName": "A company", "facts": {"us-gaap": concepts}}
    body = json.dumps(document).encode()
    handler.send_response(200)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
