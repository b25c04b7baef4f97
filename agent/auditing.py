"""`thesis audit export`: everything a score rests on, in one sealed file.

What is in the pack is what had been recorded by the instant asked for: nothing of later.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from agent import pack
from agent.standing import Standing
from agent.workspace import Workspace
from store import events, items, ledger, regroupings, verdicts

FORMAT = 1
_README = """\
What a thesis' score rests on, as it was known at the instant in score.json.

score.json          the score, its band, and what it was computed with
thesis.toml         the thesis file of that time; its version is the start of its SHA-256
ledger.jsonl        every evidence row in the order it was recorded, restated ones included
events.jsonl        the events of those rows          regroupings.jsonl  merges and splits
verdicts.jsonl      what judges said of the items     prompts/           what models were told
items.jsonl         the items as they were stored        hashes.json        SHA-256 of every file

`thesis audit verify FILE` checks every byte, every quote and every figure of it, and computes the
score again from these files alone.
"""
_ITEM = (
    "number",
    "id",
    "url",
    "title",
    "summary",
    "text",
    "published_at",
    "first_seen_at",
    "dated_at",
    "source",
    "publisher",
    "owner",
    "lang",
    "kind",
    "content_hash",
    "amends",
)
"""What is fixed of an item once it was first seen."""


def export(workspace: Workspace, found: Standing) -> bytes:
    """The pack behind a score."""
    at, thesis = found.as_of, found.thesis
    with workspace.database.reading() as connection:
        rows = [row for row in ledger.every(connection, thesis.id) if row.recorded_at <= at]
        said = verdicts.on_evidence(connection, [row.verdict_id for row in rows], at)
        numbers = sorted({row.item_number for row in (*rows, *said)})
        stored = items.by_numbers(connection, numbers)
        then = regroupings.events_then(connection, at)
        opened = events.by_ids(connection, sorted({row.event_id for row in rows}))
        moved = regroupings.until(connection, at)
        told = verdicts.prompts(connection, sorted({row.prompt_hash for row in said}))
    files = {
        "README.txt": _README.encode(),
        "score.json": _json(_score(found), indent=1).encode() + b"\n",
        "thesis.toml": thesis.text.encode(),
        "ledger.jsonl": _lines(dict(row._mapping) for row in rows),
        "events.jsonl": _lines(_event(opened[id_]) for id_ in sorted(opened)),
        "regroupings.jsonl": _lines(dict(row._mapping) for row in moved),
        "verdicts.jsonl": _lines(dict(row._mapping) for row in said),
        "items.jsonl": _lines(_item(row, then, at) for row in stored),
    }
    files |= {f"prompts/{version}.md": text.encode() for version, text in told.items()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return pack.write({**files, "hashes.json": _json(hashes, indent=1).encode() + b"\n"})


def _score(found: Standing) -> dict[str, Any]:
    """The score, and whatever else it was computed with."""
    return {
        "format": FORMAT,
        "thesis": found.thesis.id,
        "thesis_version": found.thesis.version,
        "as_of": found.as_of,
        "score": found.score.score,
        "low": found.score.low,
        "high": found.score.high,
        "log_odds": found.score.log_odds,
        "prior": found.thesis.prior,
        "hidden": found.sight.hidden,
        "confusion": found.confusion,
        "status": found.status,
    }


def _event(row: Any) -> dict[str, Any]:
    names = ("id", "title", "storyline", "opened_at")
    return {name: getattr(row, name) for name in names}


def _item(row: Any, then: Mapping[int, str], at: datetime) -> dict[str, Any]:
    """An item as it stood: in the event of that time, undated if its date came later."""
    item = {name: getattr(row, name) for name in _ITEM}
    if row.dated_at is not None and row.dated_at > at:
        item |= {"published_at": None, "dated_at": None}
    return {**item, "event_id": then.get(row.number, row.event_id)}


def _lines(rows: Iterable[Mapping[str, Any]] | Sequence[Any]) -> bytes:
    return "".join(_json(row) + "\n" for row in rows).encode()


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=indent, default=_iso)


def _iso(value: Any) -> str:
    return str(value.isoformat())
