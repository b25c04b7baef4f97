"""The items the benchmarks run on: the real headlines where they are, else the demo's, repeated."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

from agent.demo.show import ARCHIVE

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("THESISWATCH_DATA", ROOT.parent / "shared" / "data"))
HEADLINES = DATA / "news" / "headlines_2024-01_2025-04.jsonl.gz"
COPIES = 12


def rows() -> list[dict[str, Any]]:
    """Items as the contract has them."""
    if HEADLINES.is_file():
        with gzip.open(HEADLINES, "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    items = [json.loads(line) for line in ARCHIVE.read_text(encoding="utf-8").splitlines()]
    print(f"(no real headlines at {HEADLINES}: the demo's {len(items)} items, {COPIES} times)")
    return [
        {**item, "url": f"{item['url']}?copy={copy}", "title": f"{item['title']} {copy}"}
        for copy in range(COPIES)
        for item in items
    ]
