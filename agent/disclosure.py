"""What companies reported becomes evidence: a figure's report is an item, an event and a verdict.

The verdict is by the thesis file's rules: no judge and no model is asked. Storage around the pure
agent.rules.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from typing import Any

from agent import events as grouping
from agent import rules
from agent.embed import as_text
from agent.judge import Judgeable
from agent.kpi_report import as_figures, filing_url
from agent.rules import Report
from agent.sources import facts
from agent.weighing import Weigher
from agent.workspace import Workspace
from store import events, items, kpis, verdicts
from store.models import ItemKind, ItemState

JUDGE = "rule"
"""The judge of reported figures."""
AMENDED, EDITED = "amendment", "thesis edit"
PUBLISHER = "SEC"


def take(workspace: Workspace, now: datetime) -> int:
    """Bring what was reported to the ledger; returns how many reports are new.

    A report of which no rule says anything is kept as a figure alone, unless it puts right one that
    said something. An edited rule restates what it said before.
    """
    thesis = workspace.thesis
    with workspace.database.reading() as connection:
        wanted = {kpi.id: kpi.definition for kpi in thesis.kpis}
        stored = kpis.of_thesis(connection, thesis.id, wanted)
        said_before = verdicts.by_judge(connection, JUDGE)
    figures = {id_: as_figures(rows) for id_, rows in stored.items()}
    found = rules.reports(thesis, figures, now.date())
    known = {row.id: row for row in said_before}
    new = _worth_keeping(found, known)
    changed = [one for one in found if _id(one) in known and _said(one) != known[_id(one)].labels]
    if new or changed:
        _keep(workspace, new, changed, known, now)
    return len(new)


def _worth_keeping(found: Sequence[Report], known: Iterable[str]) -> list[Report]:
    """Reports that are not stored yet and say something, or put right one that does."""
    speaking = {*known, *(_id(one) for one in found if one.said)}
    return [
        one
        for one in found
        if _id(one) not in set(known) and (one.said or _amended_id(one) in speaking)
    ]


def _keep(
    workspace: Workspace,
    new: Sequence[Report],
    changed: Sequence[Report],
    known: dict[str, Any],
    now: datetime,
) -> None:
    weigher = Weigher(workspace)
    rows = [_item(workspace, one, now) for one in new]
    vectors = workspace.embedder.embed([as_text(row["title"], row["summary"]) for row in rows])
    with workspace.database.writing() as connection:
        items.add(connection, rows)
        numbers = {
            id_: one.number for id_, one in items.known(connection, [r["id"] for r in rows]).items()
        }
        numbers |= {id_: row.number for id_, row in known.items()}
        opening = [one for one in new if not one.amends or _amended_id(one) not in numbers]
        events.add(connection, [_event(one, now) for one in opening])
        placed = [(numbers[_id(one)], _event_id(one, opening), _why(one)) for one in new]
        items.set_events(connection, placed)
        items.add_vectors(connection, [number for number, _, _ in placed], vectors)
        judged = [_verdict(workspace, one, numbers[_id(one)], now) for one in (*new, *changed)]
        verdicts.add(connection, judged)
        items.advance(connection, [number for number, _, _ in placed], ItemState.SCORED)
        for some, cause in _by_cause(new, changed):
            told = [numbers[_id(one)] for one in some]
            weigher.weigh(connection, items.event_ids(connection, told), now, cause)


def _by_cause(new: Sequence[Report], changed: Sequence[Report]) -> list[tuple[list[Report], str]]:
    first = [one for one in new if not one.amends]
    later = [one for one in new if one.amends]
    return [(first, ""), (later, AMENDED), (list(changed), EDITED)]


def _id(one: Report) -> str:
    return f"figure {one.key}"


def _amended_id(one: Report) -> str:
    """The item that a report puts right."""
    return f"figure {rules.key_of(one.kpi.id, one.figure.end, one.amends)}"


def _event_id(one: Report, opening: Sequence[Report]) -> str:
    return grouping.event_id_of(_id(one) if one in opening else _amended_id(one))


def _event(one: Report, now: datetime) -> dict[str, Any]:
    id_ = grouping.event_id_of(_id(one))
    row = {"id": id_, "title": _title(one), "storyline": id_}
    return {**row, "opened_at": now, "last_at": now}


def _why(one: Report) -> str:
    return f"restates {one.amends}" if one.amends else "a figure of its own"


def _item(workspace: Workspace, one: Report, now: datetime) -> dict[str, Any]:
    ciks = {entity.id: entity.cik for entity in workspace.thesis.entities}
    cik = ciks[one.kpi.entity] or ""
    url = filing_url(cik, one.figure.accession)
    publisher = workspace.publishers.resolve(PUBLISHER, url)
    title, text = _title(one), _text(one)
    return {
        "id": _id(one),
        "url": url,
        "canonical_url": grouping.canonical_url(url),
        "title": title,
        "summary": text,
        "text": "",
        "published_at": datetime.combine(one.figure.filed, time(), UTC),
        "first_seen_at": now,
        "source": facts.name_of(cik),
        "publisher": publisher.name,
        "owner": publisher.owner,
        "lang": "en",
        "kind": ItemKind.FILING,
        "amends": _amended_id(one) if one.amends else "",
        "note": "",
        "content_hash": grouping.content_hash(title, text),
        "state": ItemState.FETCHED,
    }


def _title(one: Report) -> str:
    figure = one.figure
    change = "" if one.change is None else f", {one.change:+.1f}% on the year"
    return f"{one.kpi.name}: {_amount(one)} in the period to {figure.end}{change}"


def _amount(one: Report) -> str:
    if one.kpi.unit == "USD":
        return f"${one.figure.value / 1e6:,.0f} million"
    return f"{one.figure.value:.2f} {one.kpi.unit}"


def _text(one: Report) -> str:
    """Where a figure is from, in the words of `thesis kpis`."""
    figure = one.figure
    parts = [f"Form {figure.form}, accession {figure.accession}, filed {figure.filed}"]
    parts.append(f"{', '.join(figure.tags)}: {figure.derivation}")
    if one.amends:
        parts.append(f"it puts right what {one.amends} reported")
    return ". ".join(parts) + "."


def _said(one: Report) -> list[dict[str, Any]]:
    """The labels of a report's verdict; what it quotes is the figure itself."""
    title = _title(one)
    return [
        {
            "category": said.category,
            "stance": said.effect,
            "p": 1.0,
            "severity": 3,
            "strength": said.strength,
            "quote": title,
            "quote_at": [0, len(title)],
            "rules": list(said.rules),
        }
        for said in one.said
    ]


def _verdict(workspace: Workspace, one: Report, number: int, now: datetime) -> dict[str, Any]:
    labels = _said(one)
    named = ", ".join(rule for said in one.said for rule in said.rules)
    return {
        "judge": JUDGE,
        "model": "",
        "prompt_hash": now.isoformat(),
        "thesis_version": workspace.thesis.version,
        "recorded_at": now,
        "item_number": number,
        "input_hash": Judgeable(_id(one), as_text(_title(one), _text(one))).input_hash,
        "relevant": bool(labels),
        "p_relevant": float(bool(labels)),
        "abstained": False,
        "reason": f"by the thesis file: {named}" if named else "no rule says anything of it",
        "labels": labels,
    }
