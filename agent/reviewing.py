"""`thesis review`: which verdicts are worth a person's look, and what comes of what they say.

A person's verdict holds for the whole event, those of its members included that are yet to come.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, zip_longest
from typing import Any

from agent import report
from agent.calibration import PERSON
from agent.errors import ThesiswatchError
from agent.intake import text_of
from agent.judge import Judgeable, Label
from agent.weighing import Weigher
from agent.workspace import Workspace
from store import items, ledger, verdicts

CAUSE = "correction"


@dataclass(frozen=True, slots=True)
class Case:
    """An item to look at, as `thesis show` has it, why, and what it adds to the log-odds."""

    item_id: str
    why: str
    contribution: float
    shown: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person says of an item; without labels it is not relevant."""

    item_id: str
    labels: tuple[Label, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many ledger rows were restated, and the score before and after, both of now."""

    rows: int
    before: float
    after: float


def queue(workspace: Workspace, limit: int) -> list[Case]:
    """What nobody has looked at yet: what moves the score most and what no judge would say, in
    turn."""
    with workspace.database.reading() as connection:
        seen = verdicts.events_judged_by(connection, PERSON)
        abstained = verdicts.abstentions(connection, limit)
        scored = ledger.snapshot_before(connection, workspace.thesis.id, None)
    rows = _influential(workspace) if scored else []
    moved: dict[str, float] = {}
    for row in rows:
        moved[row["item_id"]] = moved.get(row["item_id"], 0.0) + row["contribution"]
    weightiest = sorted(moved, key=lambda name: -abs(moved[name]))
    names = chain.from_iterable(zip_longest(weightiest, abstained))
    cases = []
    for name in dict.fromkeys(name for name in names if name):
        shown = report.show(workspace, name)
        if shown["item"]["event_id"] not in seen:
            cases.append(_case(name, moved.get(name, 0.0), shown))
        if len(cases) == limit:
            break
    return cases


def decide(workspace: Workspace, decision: Decision, now: datetime) -> Outcome:
    """Record a person's verdict on an event and restate the ledger by it.

    Raises ThesiswatchError for an item or a category that is not there, and for an item whose text
    was trimmed.
    """
    for label in decision.labels:
        if label.category not in workspace.thesis.weights:
            raise ThesiswatchError(
                f"the thesis has no category {label.category!r}",
                f"It has {', '.join(workspace.thesis.weights)}",
            )
    weigher = Weigher(workspace)
    with workspace.database.writing() as connection:
        item = items.by_id(connection, decision.item_id)
        if item is None or item.event_id is None:
            raise ThesiswatchError(
                f"there is no judged item {decision.item_id!r}", "List them with `thesis items`"
            )
        if item.text_hash:
            raise ThesiswatchError(
                f"the text of item {decision.item_id!r} was trimmed for its age",
                "Nobody can judge it any more: look at another item of its event",
            )
        before = weigher.keep_score(connection, now).score.score
        known = ledger.count(connection, workspace.thesis.id)
        members = items.of_event(connection, item.event_id)
        rows = [
            _row(member, item, decision, workspace.thesis.version, now)
            for member in sorted(members, key=lambda member: member.number != item.number)
            if member.kind == item.kind
        ]
        verdicts.add(connection, rows)
        weigher.weigh(connection, [item.event_id], now, CAUSE)
        after = weigher.keep_score(connection, now).score.score
        return Outcome(ledger.count(connection, workspace.thesis.id) - known, before, after)


def as_judged(shown: dict[str, Any]) -> tuple[Label, ...]:
    """The labels of the last verdict that count: what accepting it says."""
    last = shown["verdicts"][-1]
    if not last["relevant"] and not last["abstained"]:
        return ()
    names = ("category", "stance", "severity", "claim", "quote")
    return tuple(
        Label(p=1.0, **{name: label.get(name) for name in names})
        for label in last["labels"]
        if not label.get("fault")
    )


def _influential(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """Ledger rows that take a side."""
    found = report.explain(workspace, since=None, as_of=None, category=None, item_id=None)
    return (row for row in found["rows"] if row["contribution"])


def _case(item_id: str, contribution: float, shown: dict[str, Any]) -> Case:
    last = shown["verdicts"][-1]
    why = f"its event adds {contribution:+.4f} to the log-odds"
    if last["abstained"]:
        why = f"{last['judge']} abstained: {last['reason']}"
    return Case(item_id, why, contribution, shown)


def _row(member: Any, item: Any, decision: Decision, version: str, now: datetime) -> dict[str, Any]:
    own = member.number == item.number
    labels = [label.as_row() for label in decision.labels]
    return {
        "judge": PERSON,
        "model": "",
        "prompt_hash": now.isoformat(),
        "thesis_version": version,
        "recorded_at": now,
        "item_number": member.number,
        "input_hash": Judgeable(member.id, text_of(member)).input_hash,
        "relevant": bool(decision.labels),
        "p_relevant": float(bool(decision.labels)),
        "abstained": False,
        "reason": decision.note if own else f"reports the same event as {item.id!r}",
        "labels": labels if own else [{**label, "quote": None} for label in labels],
        "same_as": None if own else item.number,
    }
