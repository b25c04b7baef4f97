"""Company facts fetched and turned into the thesis' figures: each company at most once a day.

A company that cannot be looked at is state on its row, not a dead run.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from agent import kpis
from agent.clock import credible
from agent.errors import SourceError
from agent.kpis import Figure
from agent.progress import Progress, silent
from agent.sources import facts
from agent.sources.http import Client
from agent.thesis import Kpi
from agent.workspace import Workspace
from store import kpis as figures
from store import settings, sources

BASE_VARIABLE = "EDGAR_DATA_URL"
"""Another place for data.sec.gov, by the name that edgartools knows too."""
FRESH = timedelta(hours=23)
"""A daily run must not wait a second day because it started a minute early."""
RETRY = timedelta(hours=1)


def update(
    workspace: Workspace,
    now: datetime,
    progress: Progress = silent,
    *,
    base: str | None = None,
    client: Client | None = None,
) -> tuple[SourceError, ...]:
    """Refresh the figures of every company whose facts are due; returns who could not be read.

    Facts are due a day after they were last read, an hour after a failure, and when the thesis
    file defines its figures anew. `base` stands in for data.sec.gov. Without a contact in the
    User-Agent nothing is asked; that is noted, and no failure of the run.
    """
    due = _due(workspace, now)
    if not due:
        return ()
    base = base or os.environ.get(BASE_VARIABLE) or facts.BASE
    try:
        facts.check_contact(workspace.config.http.user_agent)
    except SourceError as error:
        for cik in due:
            _note_failure(workspace, cik, error)
        return ()
    own = client or Client(_settings(workspace))
    failures = []
    try:
        for cik, wanted in due.items():
            try:
                _read(workspace, cik, wanted, own, base, now)
            except SourceError as error:
                _note_failure(workspace, cik, error, wanted, now)
                failures.append(error)
            progress("facts", 1)
    finally:
        if client is None:
            own.close()
    return tuple(failures)


def _due(workspace: Workspace, now: datetime) -> dict[str, list[Kpi]]:
    """KPIs by the cik of their company, where facts are due."""
    ciks = {entity.id: entity.cik for entity in workspace.thesis.entities}
    wanted: defaultdict[str, list[Kpi]] = defaultdict(list)
    for kpi in workspace.thesis.kpis:
        cik = ciks.get(kpi.entity)
        if cik and kpi.is_tagged:
            wanted[cik].append(kpi)
    with workspace.database.reading() as connection:
        states = sources.states(connection)
        read_as = {cik: settings.read(connection, _key(workspace, cik)) for cik in wanted}
    return {
        cik: chosen
        for cik, chosen in wanted.items()
        if _is_due(states.get(facts.name_of(cik)), now) or read_as[cik] != _said(chosen)
    }


def _is_due(state: Any, now: datetime) -> bool:
    last = credible(state.last_attempt_at, now) if state else None
    return last is None or now - last >= (RETRY if state.failures else FRESH)


def _read(
    workspace: Workspace, cik: str, wanted: Sequence[Kpi], client: Client, base: str, now: datetime
) -> None:
    document = facts.fetch(cik, client, base)
    try:
        rows = [
            _row(workspace, kpi, one, now) for kpi in wanted for one in kpis.compute(document, kpi)
        ]
    except ValueError as error:
        raise SourceError(facts.name_of(cik), str(error), "It is tried again later") from error
    with workspace.database.writing() as connection:
        new = figures.keep(connection, rows)
        settings.keep(connection, _key(workspace, cik), _said(wanted))
        state = {"last_attempt_at": now, "last_success_at": now, "failures": 0, "error": ""}
        if new:
            state["last_item_at"] = now
        sources.keep_state(connection, facts.name_of(cik), items=len(rows), **state)


def _row(workspace: Workspace, kpi: Kpi, one: Figure, now: datetime) -> dict[str, Any]:
    return {
        "thesis_id": workspace.thesis.id,
        "kpi": kpi.id,
        "definition": kpi.definition,
        "period_start": one.start,
        "period_end": one.end,
        "value": one.value,
        "unit": kpi.unit,
        "tags": list(one.tags),
        "accession": one.accession,
        "form": one.form,
        "filed_at": one.filed,
        "derivation": one.derivation,
        "restates": one.restates,
        "recorded_at": now,
    }


def _note_failure(
    workspace: Workspace,
    cik: str,
    error: SourceError,
    wanted: Sequence[Kpi] = (),
    attempt: datetime | None = None,
) -> None:
    """Remember a failure; one without an attempt, so that a corrected file is tried at once."""
    name = facts.name_of(cik)
    with workspace.database.writing() as connection:
        before = sources.states(connection).get(name)
        state: dict[str, Any] = {"failures": (before.failures if before else 0) + 1}
        if attempt:
            state["last_attempt_at"] = attempt
            settings.keep(connection, _key(workspace, cik), _said(wanted))
        sources.keep_state(connection, name, error=str(error), **state)


def _key(workspace: Workspace, cik: str) -> str:
    return f"facts {workspace.thesis.id} {cik}"


def _said(wanted: Sequence[Kpi]) -> str:
    """What the figures were read by."""
    return " ".join(f"{kpi.id}:{kpi.definition}" for kpi in wanted)


def _settings(workspace: Workspace) -> Any:
    http = workspace.config.http
    return http.model_copy(update={"max_bytes": max(http.max_bytes, facts.LARGEST)})
