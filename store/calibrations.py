"""How judges' stances fell out against labels by hand."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from store import bulk
from store.models import Calibration

_CALIBRATION = Calibration.__table__  # type: ignore[attr-defined]


def add(connection: Connection, row: Mapping[str, Any]) -> None:
    """Record a measurement, given as column values."""
    bulk.insert(connection, _CALIBRATION, [row])


def newest(connection: Connection) -> dict[tuple[str, str], Any]:
    """The newest measurement of every judge and model."""
    rows = connection.execute(select(_CALIBRATION).order_by(_CALIBRATION.c.id))
    return {(row.judge, row.model): row for row in rows}
