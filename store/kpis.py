"""Figures from filings, and what later filings put in their place."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import insert

from store.models import KpiValue

_VALUE = KpiValue.__table__  # type: ignore[attr-defined]
KEY = ("thesis_id", "kpi", "definition", "period_end", "value")
PROVENANCE = (
    "period_start",
    "tags",
    "accession",
    "form",
    "filed_at",
    "derivation",
    "restates",
)


def keep(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store figures, given as column values; returns how many were new.

    The same value of a period again only corrects where it is from; another one is kept beside it.
    """
    before = _count(connection)
    if rows:
        query = insert(_VALUE)
        query = query.on_conflict_do_update(
            index_elements=KEY, set_={name: query.excluded[name] for name in PROVENANCE}
        )
        connection.execute(query, [dict(row) for row in rows])
    return _count(connection) - before


def of_thesis(
    connection: Connection, thesis_id: str, definitions: Mapping[str, str]
) -> dict[str, list[Any]]:
    """Figures by KPI, as `definitions` (KPI to definition) have them: by period, first filed first.

    A KPI without any is there, with none.
    """
    query = (
        select(_VALUE)
        .where(_VALUE.c.thesis_id == thesis_id)
        .order_by(_VALUE.c.period_end, _VALUE.c.filed_at, _VALUE.c.accession, _VALUE.c.id)
    )
    found: dict[str, list[Any]] = {kpi: [] for kpi in definitions}
    for row in connection.execute(query):
        if definitions.get(row.kpi) == row.definition:
            found[row.kpi].append(row)
    return found


def _count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(_VALUE)).scalar_one())
