"""`thesis audit verify`: a pack's bytes, quotes and figures checked, its score computed again.

From the pack alone: no data folder, no configuration, no clock. What is wrong is named.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from math import isclose
from types import SimpleNamespace
from typing import Any

from agent import pack, score
from agent import thesis as theses
from agent.errors import ThesiswatchError
from agent.events import content_hash
from agent.intake import text_of
from agent.judge import Judgeable, quotes
from agent.score import LedgerRow, Score

Row = Mapping[str, Any]
WAY_OUT = "Ask for the pack again, or export it anew"
NEEDED = (
    "hashes.json",
    "score.json",
    "thesis.toml",
    "ledger.jsonl",
    "verdicts.jsonl",
    "items.jsonl",
)
EXACT = 1e-9


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and every fault found; `seal` to be held against the exporter's."""

    seal: str
    score: float | None = None
    as_of: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Pack:
    claimed: Row
    thesis: theses.Thesis
    thesis_text: str
    ledger: Sequence[Row]
    verdicts: Mapping[int, Row]
    items: Mapping[int, Row]
    prompts: Mapping[str, str]


def verify(data: bytes, wanted: str | None = None) -> Verification:
    """Check a pack. Raises ThesiswatchError when it is none.

    `wanted` is the seal it was exported with: without it, a forger who seals anew what adds up is
    not found out.
    """
    seal = pack.seal_of(data)
    broken = pack.damage(data)
    found = [f"changed since it was sealed: {broken.said}"] if broken else []
    if broken and broken.offset is not None:
        return Verification(seal, faults=tuple(found))
    if wanted is not None and wanted != seal:
        found.append(f"sealed as {seal or 'nothing'}, not as {wanted}: another pack")
    try:
        files = pack.read(data)
        found += _files(files)
        one = _opened(files)
        again = _computed(one)
        found += chain(_thesis(one), _evidence(one), _items(one), _score(one, again))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ThesiswatchError(
            f"the pack is not as this version writes it: {error!r}", WAY_OUT
        ) from error
    counts = {"ledger": len(one.ledger), "verdicts": len(one.verdicts), "items": len(one.items)}
    return Verification(seal, again.score, str(one.claimed["as_of"]), counts, tuple(found))


def _files(files: Mapping[str, bytes]) -> Iterator[str]:
    """Which files are not those that were packed."""
    packed = json.loads(files.get("hashes.json", b"{}"))
    for name, digest in packed.items():
        if name not in files:
            yield f"{name} is gone"
        elif hashlib.sha256(files[name]).hexdigest() != digest:
            yield f"{name} is not the file that was packed"
    for name in files.keys() - packed.keys() - {"hashes.json"}:
        yield f"{name} was put in"


def _opened(files: Mapping[str, bytes]) -> _Pack:
    if missing := [name for name in NEEDED if name not in files]:
        raise ThesiswatchError(f"the pack has no {', '.join(missing)}", WAY_OUT)
    text = files["thesis.toml"].decode()
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    prompts = {
        name.removeprefix("prompts/").removesuffix(".md"): content.decode()
        for name, content in files.items()
        if name.startswith("prompts/")
    }
    return _Pack(
        claimed=json.loads(files["score.json"]),
        thesis=theses.parse(text, version=version),
        thesis_text=text,
        ledger=_rows(files["ledger.jsonl"]),
        verdicts={row["id"]: row for row in _rows(files["verdicts.jsonl"])},
        items={row["number"]: row for row in _rows(files["items.jsonl"])},
        prompts=prompts,
    )


def _rows(content: bytes) -> list[Row]:
    return [json.loads(line) for line in content.decode().split("\n") if line]


def _thesis(one: _Pack) -> Iterator[str]:
    """Whether thesis and prompts are the ones they are called."""
    if one.thesis.version != one.claimed["thesis_version"]:
        yield f"thesis.toml is not version {one.claimed['thesis_version']}"
    for version, text in one.prompts.items():
        if hashlib.sha256(text.encode()).hexdigest()[:12] != version:
            yield f"prompts/{version}.md is not the prompt of that version"


def _evidence(one: _Pack) -> Iterator[str]:
    """Whether every ledger row follows from its own parts and leads back to a verdict."""
    for row in one.ledger:
        name = f"ledger row {row['id']}"
        said = one.verdicts.get(row["verdict_id"])
        if said is None or row["item_number"] not in one.items:
            yield f"{name} has no verdict or no item in the pack"
            continue
        if row["weight"] and not _follows(row):
            yield f"{name}: its weight is not what strength, reliability and the rest make"
        if row["weight"] and not any(
            label["category"] == row["category"] and label["stance"] == row["stance"]
            for label in said["labels"]
        ):
            yield f"{name}: verdict {said['id']} says nothing of the kind"


def _follows(row: Row) -> bool:
    """Whether a row's weight is min(cap, r g stale |l|) with the sign of its stance."""
    expected = score.weight(
        row["strength"], row["reliability"], len(row["owners"]), row["storyline_rank"], row["cap"]
    )
    side = score.SIGN[row["stance"]] * row["strength"] >= 0
    return side and isclose(expected, row["weight"], abs_tol=EXACT)


def _items(one: _Pack) -> Iterator[str]:
    """Whether items are what was judged, and quotes stand in them word for word."""
    for row in one.items.values():
        if row["content_hash"] != content_hash(row["title"], row["summary"] or row["text"]):
            yield f"item {row['id']!r}: its words are not those it was stored with"
    for said in one.verdicts.values():
        item = one.items.get(said["item_number"])
        if item is None:
            yield f"verdict {said['id']} has no item in the pack"
            continue
        text = text_of(SimpleNamespace(**item))
        if Judgeable(item["id"], text).input_hash != said["input_hash"]:
            yield f"verdict {said['id']}: item {item['id']!r} is not what was judged"
        for label in said["labels"]:
            quote, at = label.get("quote"), label.get("quote_at")
            is_proof = quote and at and not label.get("fault")
            if is_proof and quotes.plain(text[slice(*at)]) != quotes.plain(quote):
                yield f"verdict {said['id']}: its quote does not stand in item {item['id']!r}"


def _computed(one: _Pack) -> Score:
    """The score of the rows that stand: the latest of each event and category."""
    standing = {(row["event_id"], row["category"]): row for row in one.ledger}
    weights, claimed = one.thesis.weights, one.claimed
    as_of = datetime.fromisoformat(claimed["as_of"])
    return score.compute(
        [_ledger_row(row) for row in standing.values() if row["category"] in weights],
        as_of=as_of,
        weights=weights,
        prior=claimed["prior"],
        seed=f"{claimed['thesis']} {as_of.date()}",
        blind=claimed["hidden"],
        confusion=claimed["confusion"],
    )


def _ledger_row(row: Row) -> LedgerRow:
    return LedgerRow(
        row["event_id"],
        row["category"],
        row["weight"],
        row["half_life_days"],
        datetime.fromisoformat(row["occurred_at"]),
        tuple(row["owners"]),
    )


def _score(one: _Pack, again: Score) -> Iterator[str]:
    """Whether the ledger makes the score that is claimed."""
    if one.claimed["prior"] != one.thesis.prior:
        yield "score.json: the prior is not the thesis file's"
    for name in ("score", "low", "high", "log_odds"):
        claimed, found = one.claimed[name], getattr(again, name)
        if not isclose(claimed, found, abs_tol=EXACT):
            yield f"score.json says {name} {claimed:.6f}, its ledger makes {found:.6f}"
