"""`thesis backup`, `restore` and `export`: parse, call one function, print."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.options import DEFAULT_CONFIG, AsOf, ConfigPath, Json, end_of, now

if TYPE_CHECKING:
    from agent.upkeep.archive import Manifest
    from store.copies import Contents


class Format(StrEnum):
    """What tables are written as."""

    PARQUET = "parquet"
    CSV = "csv"


Zip = Annotated[Path, typer.Argument(metavar="FILE.zip", help="The backup.")]


def backup(
    file: Zip,
    force: Annotated[bool, typer.Option("--force", help="Write over a file of that name.")] = False,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Write what cannot be had again into one file, while runs go on: data, config, thesis."""
    from agent import screen
    from agent.upkeep import backup as backups

    made = backups.make(config, file, now(), force=force)
    if as_json:
        print(screen.as_json(made.as_row(), indent=2))
        return
    said = made.manifest
    print(f"Wrote {made.file}: {made.size / 1e6:,.1f} MB, read back and checked.")
    print(f"It holds {said.items:,} items, {said.ledger_rows:,} ledger rows; {_score(said)}.")


def restore(
    file: Zip,
    force: Annotated[
        bool, typer.Option("--force", help="Even where there is a database; it is kept beside.")
    ] = False,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Check a backup and put it in place; config and thesis only where there are none."""
    from agent import screen
    from agent.upkeep import restore as restores

    done = restores.restore(file, config, now(), force=force)
    if as_json:
        print(screen.as_json(done.as_row(), indent=2))
        return
    print(f"Restored {file}, made {done.made_at:%Y-%m-%d %H:%M} UTC, into {done.folder}.")
    if done.kept:
        print(f"What was there is kept as {done.kept}: delete it when you miss nothing.")
    for path in done.written:
        print(f"Wrote {path}.")
    for path, differs in done.left:
        how = "which differs from" if differs else "the same as"
        print(f"Left alone: {path}, {how} the backup's.")
    for note in done.notes:
        print(f"{note}.")
    held = done.contents
    print(f"There are {held.items:,} items, {held.ledger_rows:,} ledger rows; {_score(held)}.")


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write the tables.")],
    format_: Annotated[Format, typer.Option("--format", help="As what.")] = Format.PARQUET,
    as_of: AsOf = None,
    force: Annotated[bool, typer.Option("--force", help="Write over tables of before.")] = False,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Items, events, verdicts, ledger, scores, alerts and KPIs as Parquet or CSV tables."""
    from agent import screen
    from agent.upkeep import export as exports
    from agent.workspace import reading

    with reading(config) as workspace:
        at, as_csv = end_of(as_of), format_ is Format.CSV
        done = exports.export(workspace, folder, now(), at, as_csv=as_csv, force=force)
    if as_json:
        print(screen.as_json(done.as_row(), indent=2))
        return
    for path, rows in zip(done.files, done.rows.values(), strict=False):
        print(f"Wrote {path}: {rows:,} rows.")
    print(f"Wrote {done.files[-1]}: what the columns mean.")
    print(f"The ledger adds up to {done.score:.1f} as of {done.as_of:%Y-%m-%d %H:%M} UTC.")


def _score(held: "Manifest | Contents") -> str:
    if held.score is None:
        return "no score yet"
    return f"score {held.score:.1f} as of {held.as_of:%Y-%m-%d %H:%M} UTC"


def register(app: typer.Typer) -> None:
    """Put the commands where the others are."""
    for command in (backup, restore, export):
        app.command()(command)
