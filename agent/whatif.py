"""`thesis whatif`: the score without some of its evidence, and what would take it across 50.

Everything comes from stored rows and verdicts; nothing is written, and no judge is asked.
"""

from collections.abc import Sequence, Set
from dataclasses import replace
from typing import Any

from agent import attribution, calibration, evidence, score, standing
from agent.attribution import Frame
from agent.calibration import Calibrations
from agent.errors import ThesiswatchError
from agent.score import LedgerRow
from agent.standing import Standing
from agent.weighing import witnesses
from agent.workspace import Workspace
from store import events, items, ledger, regroupings, verdicts

Answer = dict[str, Any]
KINDS = ("category", "event", "publisher")
DECISIVE = score.STRENGTH[3]
"""Nats of the decisive report by one fully reliable owner that `across` counts in."""


def without(workspace: Workspace, found: Standing, names: Sequence[str]) -> Answer:
    """The score of `found` without events, categories or publishers (or owners) of these names.

    Raises ThesiswatchError for a name that none of the evidence has.
    """
    rows = _rows(workspace, found)
    meant = [_meaning(workspace, found, rows, name) for name in names]
    gone = {kind: {id_ for other, id_ in meant if other == kind} for kind in KINDS}
    kept = [
        row
        for row in _silenced(workspace, found, rows, gone["publisher"])
        if row.category not in gone["category"] and row.event_id not in gone["event"]
    ]
    new = standing.assess(kept, found.thesis, found.as_of, found.sight, found.confusion)
    return {
        "as_of": found.as_of.isoformat().replace("+00:00", "Z"),
        "score": found.score.score,
        "low": found.score.low,
        "high": found.score.high,
        "without": [
            {"name": name, "kind": kind} for name, (kind, _) in zip(names, meant, strict=True)
        ],
        "rows": _differing(rows, kept),
        "score_without": new.score.score,
        "low_without": new.score.low,
        "high_without": new.score.high,
        "change": new.score.log_odds - found.score.log_odds,
    }


def across(workspace: Workspace, found: Standing) -> Answer:
    """What would take the score to the other side of 50: fewest events gone, or how many new."""
    rows, thesis = _rows(workspace, found), found.thesis
    frame = Frame(found.as_of, thesis.weights, thesis.prior)
    tip = attribution.tipping(rows, frame)
    with workspace.database.reading() as connection:
        titles = {id_: row.title for id_, row in events.by_ids(connection, tip.events).items()}
    return {
        "as_of": found.as_of.isoformat().replace("+00:00", "Z"),
        "score": found.score.score,
        "without_events": [{"event_id": id_, "title": titles[id_]} for id_ in tip.events],
        "score_without": score.sigma(tip.log_odds),
        "crosses": tip.crosses,
        "decisive_nats": DECISIVE,
        "new_events": {
            category: attribution.needed(rows, frame, [category], DECISIVE)
            for category in thesis.weights
        },
        "new_events_on_each": attribution.needed(rows, frame, thesis.weights, DECISIVE),
    }


def _rows(workspace: Workspace, found: Standing) -> list[LedgerRow]:
    with workspace.database.reading() as connection:
        stored = ledger.standing(connection, found.thesis.id, found.as_of)
    rows = [standing.as_ledger_row(row._mapping) for row in stored]
    return [row for row in rows if row.category in found.thesis.weights]


def _meaning(
    workspace: Workspace, found: Standing, rows: Sequence[LedgerRow], name: str
) -> tuple[str, str]:
    """What sort of thing `name` is, and what it is called in the ledger."""
    if name in found.thesis.weights:
        return "category", name
    if any(row.event_id == name for row in rows):
        return "event", name
    owner = _owner(workspace, rows, name)
    if owner is None:
        raise ThesiswatchError(
            f"no evidence has an event, a category or a publisher called {name!r}",
            "See `thesis explain`",
        )
    return "publisher", owner


def _owner(workspace: Workspace, rows: Sequence[LedgerRow], name: str) -> str | None:
    """The owner meant by a publisher's or owner's name."""
    owners = {owner.casefold(): owner for row in rows for owner in row.owners}
    resolved = workspace.publishers.resolve(name, None).owner
    return owners.get(name.casefold()) or owners.get(resolved.casefold())


def _silenced(
    workspace: Workspace, found: Standing, rows: Sequence[LedgerRow], owners: Set[str]
) -> list[LedgerRow]:
    """The rows as they would be had these owners said nothing: their events are weighed again."""
    heard = sorted({row.event_id for row in rows if not owners.isdisjoint(row.owners)})
    with workspace.database.reading() as connection:
        then = regroupings.events_then(connection, found.as_of)
        now_in = items.events_of(connection, list(then)).values()
        members = verdicts.of_events(connection, sorted({*heard, *now_in}), found.as_of)
        opened = events.by_ids(connection, heard)
        ranks = ledger.ranks(connection, found.thesis.id, heard, found.as_of)
        known = calibration.read(connection) if found.confusion else Calibrations({})
    again = []
    for event_id in heard:
        mine = (one for one in members if then.get(one.number, one.event_id) == event_id)
        said = [one for one in mine if one.owner not in owners]
        voices = witnesses(workspace, known, opened[event_id], said, found.as_of)
        weighed = evidence.weigh(voices, rank=ranks[event_id])
        again += [_as_ledger_row(event_id, row) for row in weighed]
    kept = [row for row in rows if row.event_id not in heard]
    return kept + [row for row in again if row.category in found.thesis.weights]


def _as_ledger_row(event_id: str, row: evidence.Row) -> LedgerRow:
    return LedgerRow(
        event_id, row.category, row.weight, row.half_life_days, row.occurred_at, row.owners
    )


def _differing(before: Sequence[LedgerRow], after: Sequence[LedgerRow]) -> int:
    """Rows that are gone or weigh something else."""
    kept = {(row.event_id, row.category): replace(row, owners=()) for row in after}
    return sum(kept.get((row.event_id, row.category)) != replace(row, owners=()) for row in before)
