"""Daily closes of what the thesis is about: from a CSV file, or from an address that gives one.

Any CSV with a column `date` (or one that begins so) and a column `close` will do, whatever else is
in it. Prices must be adjusted for splits.
"""

import csv
from collections.abc import Iterable
from contextlib import closing
from datetime import date
from io import StringIO
from pathlib import Path

from agent.config import Config
from agent.errors import ConfigError, SourceError
from agent.sources.http import Client

Close = tuple[date, float]
SOURCE = "prices"
CLOSES = ("close", "adj close", "adj_close")


def load(config: Config, file: Path | None = None) -> list[Close]:
    """Closes by day, oldest first: from `file`, or else from what config.toml names.

    Raises ConfigError when neither names any, SourceError when they cannot be read.
    """
    chosen = config.prices
    if file is not None:
        return parse(_read(file), str(file))
    if chosen.file:
        path = config.resolve(Path(chosen.file))
        return parse(_read(path), str(path))
    if chosen.url:
        with closing(Client(config.http)) as client:
            body = client.get(SOURCE, chosen.url).body
        return parse(body.decode("utf-8", "replace"), chosen.url)
    raise ConfigError(
        "there are no prices to hold the score against",
        "Give --prices FILE, or name a CSV or an address in [prices]",
    )


def parse(text: str, name: str) -> list[Close]:
    """The closes of a CSV, by day. Raises SourceError with the line that is wrong."""
    lines = csv.DictReader(StringIO(text.lstrip("\ufeff")))
    day, close = _columns(lines.fieldnames or (), name)
    found = []
    for row in lines:
        if not (row[close] or "").strip():
            continue  # a day without trade
        try:
            found.append((date.fromisoformat(row[day][:10]), float(row[close])))
        except (TypeError, ValueError) as error:
            raise SourceError(
                SOURCE,
                f"{name}, line {lines.line_num}: {error}",
                "Write days as 2025-01-27 and closes as numbers",
            ) from error
    return sorted(found)


def _columns(names: Iterable[str], name: str) -> tuple[str, str]:
    by_name = {one.strip().casefold(): one for one in reversed(list(names))}
    day = next((by_name[one] for one in by_name if one.startswith("date")), None)
    close = next((by_name[one] for one in CLOSES if one in by_name), None)
    if day is None or close is None:
        raise SourceError(
            SOURCE,
            f"{name} has no column {'date' if day is None else 'close'}",
            "Its first line must name the columns date and close",
        )
    return day, close


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(SOURCE, f"{path} cannot be read: {reason}", "Check the file") from error
