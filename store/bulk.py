"""Many rows or keys at once, in the driver's own words.

SQLAlchemy's executemany spends more on each row's parameters than SQLite spends on the row; here
the statement is put together once and every value goes through its column's converter alone.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, text
from sqlalchemy.sql.schema import ScalarElementColumnDefault

Convert = Any  # what a column's type makes of a value; None when it takes it as it is


WANTED = text("SELECT value FROM json_each(:wanted)")
"""Keys to look up as one parameter, however many: `column.in_(WANTED)`, run with `wanted(keys)`."""


def wanted(keys: Iterable[int | str]) -> dict[str, str]:
    """The parameter that `WANTED` takes."""
    return {"wanted": json.dumps(list(keys))}


def insert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    skip_known: bool = False,
) -> None:
    """Insert `rows`, all with the same columns; left-out columns get their default, a plain value.

    With `skip_known` a row whose key is taken leaves what is there; else it is an error.
    """
    if rows:
        names = tuple(rows[0])
        if any(len(row) != len(names) for row in rows):
            raise KeyError(f"rows for {table.name} differ in their columns")
        statement, converters, rest = _prepared(table, names, skip_known, connection.dialect)
        values = [_column(rows, name, converters[i]) for i, name in enumerate(names)]
        connection.exec_driver_sql(statement, [(*row, *rest) for row in zip(*values, strict=True)])


def _column(rows: Sequence[Mapping[str, Any]], name: str, convert: Convert) -> list[Any]:
    values = map(itemgetter(name), rows)
    return list(map(convert, values) if convert else values)


@lru_cache(maxsize=64)
def _prepared(
    table: Table, names: tuple[str, ...], skip_known: bool, dialect: Dialect
) -> tuple[str, list[Convert], tuple[Any, ...]]:
    """The statement, a converter for each of `names`, and the defaults of the other columns."""
    left_out = [column for column in table.c if column.name not in names and column.default]
    defaults = {
        column.name: column.default.arg
        for column in left_out
        if isinstance(column.default, ScalarElementColumnDefault)
    }
    assert len(defaults) == len(left_out), f"{table.name} has a default that is no plain value"
    columns = [*names, *defaults]
    places = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places})"
    converters = [
        table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names
    ]
    return statement + " ON CONFLICT DO NOTHING" * skip_known, converters, tuple(defaults.values())
