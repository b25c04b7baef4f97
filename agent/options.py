"""What commands have in common: options, the clock, and how a day is spelled."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[Path, typer.Option("--config", help="The config.toml to use.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Since = Annotated[str | None, typer.Option("--since", help="From this day or instant on (UTC).")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Answer as of the end of this day, or this instant.")
]
CategoryOption = Annotated[str | None, typer.Option("--category", help="Only this category.")]
Lines = Annotated[str, typer.Argument(metavar="FILE|-", help="Items as JSON Lines, plain or gzip.")]
MOST_ROWS = 1_000_000
Limit = Annotated[int, typer.Option("--limit", min=1, max=MOST_ROWS, help="Rows to show.")]
DEFAULT_CONFIG = Path("config.toml")


def now() -> datetime:
    """The one clock: every function below the commands is given it."""
    return datetime.now(UTC)  # noqa: TID251


def start_of(text: str | None) -> datetime | None:
    """A day's first instant, or the instant itself."""
    return _instant(text, time.min)


def end_of(text: str | None) -> datetime | None:
    """A day's last instant, or the instant itself."""
    return _instant(text, time.max)


def a_day(text: str) -> date:
    """A day, where the user lives."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day such as 2025-01-27") from error


def _instant(text: str | None, of_day: time) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if len(text) <= 10:
            found = datetime.combine(found.date(), of_day)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r} is no date such as 2025-01-27 or 2025-01-27T15:00Z"
        ) from error
