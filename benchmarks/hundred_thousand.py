"""A data folder with over 100,000 items, for what must stay fast in one that has grown.

The real headlines three times over, each time 486 days earlier, so that each is a stretch of its
own; the demo's archive, so often, where they are not.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from agent import replay
from agent.sources import files
from agent.workspace import Workspace, writing
from benchmarks import archive

COPIES = 3
APART = timedelta(days=486)


@contextmanager
def workspace() -> Iterator[Workspace]:
    """The folder's workspace, replayed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = folder / "items.jsonl"
        with lines.open("w", encoding="utf-8") as out:
            for copy in range(COPIES):
                out.writelines(json.dumps(_moved(row, copy)) + "\n" for row in archive.rows())
        (folder / "config.toml").write_text("", encoding="utf-8")
        with writing(folder / "config.toml") as opened:
            replay.replay(opened, files.fetch(str(lines), "bench"), "bench")
            yield opened


def _moved(row: dict[str, Any], copy: int) -> dict[str, Any]:
    """A row as it would have come so much earlier."""
    moved = {**row, "id": f"{row.get('id', row['title'])}-{copy}"}
    if row.get("url"):
        moved["url"] = f"{row['url']}?stretch={copy}"
    for name in ("published", "fetched"):
        if row.get(name):
            at = datetime.fromisoformat(row[name].replace("Z", "+00:00")) - copy * APART
            moved[name] = at.isoformat()
    return moved
