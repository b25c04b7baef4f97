"""A replay beside a bare loop that upserts the same vectors into Chroma, day by day, in one run.

Promise: at least 60% of the bare loop's throughput, under 700 MB, and a second replay changes
nothing. Each side runs in a process of its own, the two in turn, and the ratio is that of the
median times: one run of either varies by a tenth on a shared machine.
"""

import hashlib
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from agent.indexing import BATCH
from benchmarks import archive
from store.database import FILE_NAME

LIMIT_MB = 700
SHARE = 0.60
ROUNDS = 3


def run() -> None:
    """Print both throughputs and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        lines = Path(name) / "items.jsonl"
        with lines.open("w", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in archive.rows())
        ours, bare, large = [], [], []
        for n in range(ROUNDS):
            folder = Path(name) / f"round-{n}"
            folder.mkdir()
            (folder / "config.toml").write_text("", encoding="utf-8")
            ours.append(_measured("replay", folder, lines))
            bare.append(_measured("bare", folder, lines))
            large.append(_measured("bare-large", folder, lines))
        again = _measured("replay", folder, lines)
    rate, peer, best = (
        median(one["items"] / one["seconds"] for one in side) for side in (ours, bare, large)
    )
    peak = max(one["mb"] for one in ours)
    unchanged = again["stored"] == ours[-1]["stored"]
    print(f"replay {rate:,.0f} items/s, bare Chroma loop {peer:,.0f} items/s ({ROUNDS} rounds)")
    print(f"the loop with our batches of {BATCH:,}: {best:,.0f} items/s (ratio {rate / best:.2f})")
    print(f"ratio {rate / peer:.2f} (promised {SHARE}), peak {peak:.0f} MB (under {LIMIT_MB})")
    print(f"second replay: {again['seconds']:.1f} s, nothing changed: {unchanged}")


def _measured(side: str, folder: Path, lines: Path) -> dict[str, Any]:
    """Run one side in a process of its own, watching the memory of it and its children."""
    command = [sys.executable, "-m", "benchmarks.replay", side, str(folder), str(lines)]
    peak = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=archive.ROOT) as process:
        while process.poll() is None:
            peak = max(peak, _family_mb(process.pid))
            time.sleep(0.25)
        assert process.stdout is not None
        found: dict[str, Any] = json.loads(process.stdout.read().splitlines()[-1])
    return {**found, "mb": peak}


def _family_mb(pid: int) -> float:
    """Proportional memory of a process and its children, MB (Linux; 0 elsewhere)."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    own = next(int(row.split()[1]) / 1024 for row in rows if row.startswith("Pss:"))
    return own + sum(_family_mb(int(child)) for child in children)


def _replay(folder: Path, lines: Path) -> dict[str, Any]:
    from agent.replay import replay
    from agent.sources import files
    from agent.workspace import writing

    with writing(folder / "config.toml") as workspace:
        _ = workspace.judge  # fitted once and cached: not part of a replay's throughput
        started = time.perf_counter()
        fetched = files.fetch(lines, "bench")
        done = replay(workspace, fetched, "bench")
        seconds = time.perf_counter() - started
    assert done.standing is not None
    return {
        "items": len(fetched.drafts),
        "seconds": seconds,
        "stored": _digest(folder / "data" / FILE_NAME),
    }


def _digest(path: Path) -> str:
    """A hash of everything a pass decides, row by row."""
    found = hashlib.sha256()
    with closing(sqlite3.connect(path)) as connection:
        for table in ("item", "event", "verdict", "evidence", "snapshot"):
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY rowid"):
                found.update(repr(row).encode())
    return found.hexdigest()


def _bare(folder: Path, lines: Path, batch: int = 0) -> dict[str, Any]:
    """The same vectors into an empty Chroma, day by day or `batch` at a time: nothing else."""
    import chromadb
    from chromadb.config import Settings

    from agent.replay import by_day
    from agent.sources import files
    from agent.workspace import reading
    from store import items

    with reading(folder / "config.toml") as workspace, workspace.database.reading() as connection:
        known = items.known(connection, [one.id for one in files.fetch(lines, "bench").drafts])
        batches = [
            [str(known[one.id].number) for one in day if one.id in known]
            for _, day in by_day(files.fetch(lines, "bench").drafts)
        ]
        if batch:
            every = [id_ for ids in batches for id_ in ids]
            batches = [every[i : i + batch] for i in range(0, len(every), batch)]
        vectors = [items.vectors_of(connection, [int(n) for n in ids]) for ids in batches]
    client = chromadb.PersistentClient(
        str(folder / f"bare-{batch}"), settings=Settings(anonymized_telemetry=False)
    )
    collection = client.create_collection(
        "items", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
    )
    started = time.perf_counter()
    for ids, rows in zip(batches, vectors, strict=True):
        collection.upsert(ids=ids, embeddings=rows)
    return {"items": sum(map(len, batches)), "seconds": time.perf_counter() - started}


SIDES: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "replay": _replay,
    "bare": _bare,
    "bare-large": partial(_bare, batch=BATCH),
}

if __name__ == "__main__":
    print(json.dumps(SIDES[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))))
