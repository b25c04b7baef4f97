"""What `thesis kpis` answers: figures with their filings, and what they say of the falsifiers.

Everything comes from stored rows; nothing here fetches or writes.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from agent import falsifiers
from agent.falsifiers import Ruling
from agent.kpis import Figure
from agent.sources import facts
from agent.thesis import Falsifier, Kpi, Thesis
from agent.workspace import Workspace
from store import kpis, sources

Answer = dict[str, Any]
BEHIND = timedelta(days=45)
"""A figure that ends so long before the company's newest period was not tagged since."""


def table(workspace: Workspace, now: datetime, known_by: datetime | None = None) -> Answer:
    """Every KPI with its figures, originals first, and every falsifier's ruling at `now`.

    With `known_by` only by figures that we had by then.
    """
    thesis = workspace.thesis
    with workspace.database.reading() as connection:
        stored = kpis.of_thesis(
            connection, thesis.id, {kpi.id: kpi.definition for kpi in thesis.kpis}
        )
        states = sources.states(connection)
    figures = {
        id_: as_figures([row for row in rows if known_by is None or row.recorded_at <= known_by])
        for id_, rows in stored.items()
    }
    ciks = {entity.id: entity.cik or "" for entity in thesis.entities}
    newest = _newest(thesis, figures)
    return {
        "as_of": _iso(now),
        "kpis": [
            _kpi(kpi, figures[kpi.id], ciks[kpi.entity], states, newest.get(kpi.entity))
            for kpi in thesis.kpis
        ],
        "falsifiers": [_falsifier(thesis, one, figures, ciks, now) for one in thesis.falsifiers],
    }


def as_figures(rows: Sequence[Any]) -> list[Figure]:
    """Stored rows as values; the first filed of a period is its original."""
    first: dict[date, str] = {}
    found: list[Figure] = []
    for row in rows:
        original = first.setdefault(row.period_end, row.accession)
        is_first = not found or found[-1].end != row.period_end
        found.append(
            Figure(
                row.period_start,
                row.period_end,
                row.value,
                tuple(row.tags),
                row.accession,
                row.form,
                row.filed_at,
                row.derivation,
                "" if is_first else original,
            )
        )
    return found


def _newest(thesis: Thesis, figures: Mapping[str, Sequence[Figure]]) -> dict[str, date]:
    """The end of the last period that each entity is known to have reported."""
    ends: dict[str, date] = {}
    for kpi in thesis.kpis:
        for one in figures[kpi.id]:
            ends[kpi.entity] = max(one.end, ends.get(kpi.entity, one.end))
    return ends


def _kpi(
    kpi: Kpi, figures: Sequence[Figure], cik: str, states: Mapping[str, Any], newest: date | None
) -> Answer:
    state = states.get(facts.name_of(cik))
    return {
        "id": kpi.id,
        "name": kpi.name,
        "entity": kpi.entity,
        "unit": kpi.unit,
        "description": kpi.description,
        "status": _status(kpi, figures, state, newest),
        "fetched": _iso(state.last_success_at) if state else None,
        "values": [{**_value(one, cik), "unit": kpi.unit} for one in figures],
    }


def _status(kpi: Kpi, figures: Sequence[Figure], state: Any, newest: date | None) -> str:
    """What keeps the figures from being whole and fresh; "ok" when nothing does."""
    if not kpi.is_tagged:
        return "not tagged: the thesis file names no tag that gives it"
    if state is None:
        return "not looked at yet: `thesis run` fetches it"
    if state.failures:
        return f"failing: {state.error}"
    if not figures:
        return "not tagged in any filing"
    if newest and newest - figures[-1].end > BEHIND:
        return f"not tagged after {figures[-1].end}; the company reported up to {newest}"
    return "ok"


def _value(one: Figure, cik: str) -> Answer:
    return {
        "period_start": one.start.isoformat() if one.start != one.end else None,
        "period_end": one.end.isoformat(),
        "value": one.value,
        "tags": list(one.tags),
        "accession": one.accession,
        "url": filing_url(cik, one.accession),
        "form": one.form,
        "filed": one.filed.isoformat(),
        "derivation": one.derivation,
        "restates": one.restates or None,
    }


def _falsifier(
    thesis: Thesis,
    falsifier: Falsifier,
    figures: Mapping[str, Sequence[Figure]],
    ciks: Mapping[str, str],
    now: datetime,
) -> Answer:
    kpi = next((one for one in thesis.kpis if one.id == falsifier.kpi), None)
    known = figures[kpi.id] if kpi else []
    found = falsifiers.rule(thesis, falsifier, known, now.date())
    decided = _value(found.figure, ciks[kpi.entity]) if kpi and found.figure else {}
    names = ("period_end", "value", "accession", "url", "filed")
    return {
        "id": falsifier.id,
        "text": falsifier.text,
        "category": falsifier.category,
        "kind": falsifier.kind,
        "kpi": falsifier.kpi,
        "effect": falsifier.effect,
        "after": falsifier.after.isoformat() if falsifier.after else None,
        "by": falsifier.by.isoformat(),
        "status": found.status.value,
        "on": found.on.isoformat(),
        "final": found.final,
        "reason": _reason(found, kpi),
        **{name: decided.get(name) for name in names},
    }


def _reason(found: Ruling, kpi: Kpi | None) -> str:
    if kpi and not kpi.is_tagged:
        return f"{found.reason}; {kpi.id} has no tag: judge it by hand"
    return found.reason


def filing_url(cik: str, accession: str) -> str:
    """The index page of a filing."""
    folder = accession.replace("-", "")
    return f"https://www.sec.gov/Archives/edgar/data/{int(cik)}/{folder}/{accession}-index.html"


def _iso(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
