"""Figures are stored once; another value of the same period is kept beside it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from store import kpis
from store.database import Database, open_database

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def row(value: float = 10.0, **more: Any) -> dict[str, Any]:
    return {
        "thesis_id": "t",
        "kpi": "sales",
        "definition": "d1",
        "period_start": date(2025, 10, 27),
        "period_end": date(2026, 1, 25),
        "value": value,
        "unit": "USD",
        "tags": ["Revenues"],
        "accession": "a1",
        "form": "10-K",
        "filed_at": date(2026, 2, 25),
        "derivation": "12 months less 9 months",
        "restates": "",
        "recorded_at": NOW,
        **more,
    }


def kept(database: Database, *rows: dict[str, Any]) -> int:
    with database.writing() as connection:
        return kpis.keep(connection, rows)


def held(database: Database, definition: str = "d1") -> list[Any]:
    with database.reading() as connection:
        return kpis.of_thesis(connection, "t", {"sales": definition})["sales"]


def test_the_same_value_again_adds_nothing(database: Database) -> None:
    assert kept(database, row()) == 1
    before = held(database)
    assert kept(database, row(recorded_at=datetime(2027, 1, 1, tzinfo=UTC))) == 0
    assert held(database) == before


def test_another_value_is_kept_beside_the_first(database: Database) -> None:
    kept(database, row())
    later = {"accession": "a2", "filed_at": date(2027, 2, 25), "restates": "a1"}
    assert kept(database, row(11.0, **later)) == 1
    assert [(one.value, one.accession, one.restates) for one in held(database)] == [
        (10.0, "a1", ""),
        (11.0, "a2", "a1"),
    ]


def test_an_earlier_filing_of_a_value_becomes_its_provenance(database: Database) -> None:
    kept(database, row(accession="a2", filed_at=date(2027, 2, 25)))
    assert kept(database, row()) == 0
    (only,) = held(database)
    assert (only.accession, only.filed_at, only.recorded_at) == ("a1", date(2026, 2, 25), NOW)


def test_figures_read_by_other_tags_are_another_series(database: Database) -> None:
    kept(database, row(), row(99.0, definition="d2"))
    assert [one.value for one in held(database)] == [10.0]
    assert [one.value for one in held(database, "d2")] == [99.0]
    assert held(database, "d3") == []


def test_another_thesis_is_not_mixed_in(database: Database) -> None:
    kept(database, row(thesis_id="other"))
    assert held(database) == []


def test_figures_come_by_period_and_filing(database: Database) -> None:
    later = {"period_end": date(2026, 4, 26), "filed_at": date(2026, 5, 20)}
    kept(database, row(3.0, **later), row(2.0, filed_at=date(2027, 2, 1)), row(1.0))
    assert [one.value for one in held(database)] == [1.0, 2.0, 3.0]


def test_nothing_to_keep_is_nothing_kept(database: Database) -> None:
    assert kept(database) == 0


def test_large_sums_keep_every_dollar(database: Database) -> None:
    kept(database, row(215_938_000_001.0))
    assert held(database)[0].value == 215_938_000_001.0
