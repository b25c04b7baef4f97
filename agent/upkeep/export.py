"""`thesis export`: the tables as Parquet or CSV, for whoever computes on their own.

All of them are of one moment, whoever writes meanwhile, and a thousand rows are in memory at a
time. Beside them lies `columns.json`: what each column means, and what the ledger's contributions
add up to.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from agent import standing
from agent.errors import ThesiswatchError
from agent.standing import Standing, as_ledger_row, assess
from agent.upkeep import cells, drafts
from agent.upkeep.drafts import new_file
from agent.upkeep.tables import TABLES, Cut, Kind, Row, Table
from agent.workspace import Workspace
from store import ledger

BATCH = 1000
"""Rows that are in memory at a time; a row group of Parquet."""
EVERYTHING = datetime.max.replace(tzinfo=UTC)
COLUMNS = "columns.json"
FORMAT = 1

Add = Callable[[Sequence[Row]], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: files, rows of each table, and the score its contributions add up to."""

    files: tuple[Path, ...]
    rows: Mapping[str, int]
    as_of: datetime
    score: float

    def as_row(self) -> dict[str, Any]:
        """As an answer."""
        return {
            "files": [str(path) for path in self.files],
            "rows": dict(self.rows),
            "as_of": cells.instant(self.as_of),
            "score": self.score,
        }


def export(
    workspace: Workspace,
    folder: Path,
    now: datetime,
    as_of: datetime | None,
    *,
    as_csv: bool,
    force: bool = False,
) -> Exported:
    """Write every table into `folder`; all of them are whole before the first is put there.

    With `as_of` they hold what was known then. Raises ThesiswatchError before the first pass, when
    the folder cannot be written, and when one of the files is there already and not `force`.
    """
    end, writer = ("csv", _csv) if as_csv else ("parquet", _parquet)
    files = {table.name: f"{table.name}.{end}" for table in TABLES}
    names = (*files.values(), COLUMNS)
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise ThesiswatchError(
            f"{folder / there[0]} exists already", "Name another folder, or add --force"
        )
    with (
        workspace.database.reading() as connection,
        drafts.beside(folder, now, make=True) as draft,
    ):
        found = standing.stood(connection, workspace.thesis, as_of)
        added = _contributions(connection, found)
        cut = Cut(found.thesis.id, as_of or EVERYTHING, as_of is not None, added)
        rows = {
            table.name: _write(table, table.rows(connection, cut), writer(draft / name, table))
            for table, name in zip(TABLES, files.values(), strict=True)
        }
        with new_file(draft / COLUMNS) as out:
            out.write(_columns(found, files, rows, now).encode())
        for name in names:
            drafts.put(draft / name, folder / name)
    return Exported(tuple(folder / name for name in names), rows, found.as_of, found.score.score)


def _contributions(connection: Any, found: Standing) -> dict[int, float]:
    """What each row that counts adds to the log-odds, by its number."""
    stored = ledger.standing(connection, found.thesis.id, found.as_of)
    stored = [row for row in stored if row.category in found.thesis.weights]
    given = [as_ledger_row(row._mapping) for row in stored]
    again = assess(given, found.thesis, found.as_of, found.sight, found.confusion)
    return {row.id: added for row, added in zip(stored, again.score.contributions, strict=True)}


def _write(table: Table, rows: Iterator[Row], writer: AbstractContextManager[Add]) -> int:
    """Write all rows; returns how many."""
    count = 0
    with writer as add:
        while batch := list(islice(rows, BATCH)):
            add(batch)
            count += len(batch)
    return count


@contextmanager
def _csv(path: Path, table: Table) -> Iterator[Add]:
    """UTF-8, commas, a header, empty cells for what is not there."""
    with new_file(path) as raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
        out = csv.writer(text, lineterminator="\r\n")  # or a lone \r would not be quoted
        out.writerow([column.name for column in table.columns])

        def add(rows: Sequence[Row]) -> None:
            for row in rows:
                out.writerow([cells.cell(one.kind, row[one.name]) for one in table.columns])

        yield add


@contextmanager
def _parquet(path: Path, table: Table) -> Iterator[Add]:
    """Instants are timestamps in UTC; each field's metadata says what it means."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    types = {
        Kind.TEXT: pyarrow.string(),
        Kind.TEXTS: pyarrow.list_(pyarrow.string()),
        Kind.NUMBER: pyarrow.float64(),
        Kind.COUNT: pyarrow.int64(),
        Kind.FLAG: pyarrow.bool_(),
        Kind.INSTANT: pyarrow.timestamp("us", tz="UTC"),
        Kind.DAY: pyarrow.date32(),
    }
    fields = [
        pyarrow.field(one.name, types[one.kind], metadata={"meaning": one.meaning})
        for one in table.columns
    ]
    schema = pyarrow.schema(fields, metadata={"meaning": table.meaning})
    with new_file(path) as raw, ParquetWriter(raw, schema, compression="zstd") as out:

        def add(rows: Sequence[Row]) -> None:
            columns = [[row[field.name] for row in rows] for field in schema]
            arrays = [
                pyarrow.array(values, field.type)
                for values, field in zip(columns, schema, strict=True)
            ]
            out.write_batch(pyarrow.record_batch(arrays, schema=schema))

        yield add


def _columns(
    found: Standing, files: Mapping[str, str], rows: Mapping[str, int], now: datetime
) -> str:
    """What is in the files, and what is needed to compute the score again from the ledger."""
    thesis, score = found.thesis, found.score
    said = {
        "format": FORMAT,
        "made_at": cells.instant(now),
        "thesis": thesis.id,
        "thesis_version": thesis.version,
        "as_of": cells.instant(found.as_of),
        "score": score.score,
        "low": score.low,
        "high": score.high,
        "status": found.status,
        "log_odds": score.log_odds,
        "prior": thesis.prior,
        "weights": thesis.weights,
        "csv": cells.NOTE,
        "tables": {
            table.name: {
                "file": files[table.name],
                "rows": rows[table.name],
                "meaning": table.meaning,
                "columns": {
                    one.name: {"kind": one.kind.value, "meaning": one.meaning}
                    for one in table.columns
                },
            }
            for table in TABLES
        },
    }
    return json.dumps(said, ensure_ascii=False, indent=1) + "\n"
