"""The daemon's log: a JSON object a line in a file that rotates, and a plain line on a stream.

No secret reaches either, in whatever field or traceback and in whatever spelling it comes.
"""

import json
import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from math import isfinite
from pathlib import Path
from typing import Any, TextIO

from agent.channels.redaction import HIDDEN, finder
from agent.config import Config, MonitoringSection
from store import private
from store.database import translated

FILE_NAME = "thesiswatch.jsonl"
LOGGER = "thesiswatch"
LEVELS = {LOGGER: logging.INFO, "apscheduler": logging.ERROR}
"""From which level on; others as Python has it. A queued job is no news."""
SECRET_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
"""Environment variables that hold secrets by their names."""
SHAPES = re.compile(
    r"\bsk-[\w-]{8,}"  # keys of OpenAI and those who followed
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # of Amazon
    r"|\bxox[a-z]-[\w-]{8,}"  # of Slack
    r"|\bgh[a-z]_\w{20,}"  # of GitHub
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # name:password@ in an address
    r"|(?<=\bBearer )\S+|(?<=\bBasic )\S+",
    re.IGNORECASE,
)
LONGEST = 8000
"""Characters of one value."""


class Redaction:
    """What no line may hold; `learn` adds to it."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._found = finder(())

    def learn(self, config: Config) -> None:
        """The secrets of a configuration and of the environment."""
        held = [one.get_secret_value() for one in config.secrets.values()]
        if config.openai_api_key:
            held.append(config.openai_api_key.get_secret_value())
        held += [text for name, text in os.environ.items() if SECRET_NAMES.search(name)]
        self._known = self._known.union(held)
        self._found = finder(self._known)

    def clean(self, value: Any) -> Any:
        """A value of a line without secrets: text, or whatever holds text."""
        if isinstance(value, Mapping):
            return {str(self.clean(str(key))): self.clean(one) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.clean(one) for one in value]
        if value is None or isinstance(value, bool):
            return value
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        shown = SHAPES.sub(HIDDEN, self._found.sub(HIDDEN, text))
        if isinstance(value, int | float) and shown == text and isfinite(value):
            return value  # neither a secret that is a number nor one that JSON cannot spell
        return shown[:LONGEST]


class _Fields(logging.Formatter):
    """A record as a mapping, cleaned."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """What happened, and what it happened to; of another library's record, its text."""
        found: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": _message(record),
            **getattr(record, "fields", {}),
        }
        if record.name != LOGGER:
            found["by"] = record.name
        if record.exc_info:
            found["trace"] = self.formatException(record.exc_info)
        cleaned: dict[str, Any] = self._redaction.clean(found)
        return cleaned


def _message(record: logging.LogRecord) -> str:
    """What was said; of a library that formats it wrongly, what it meant to."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"


class JsonLine(_Fields):
    """An object a line, for machines; JSON spells whatever could steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        return json.dumps(self.fields(record), ensure_ascii=True)


class PlainLine(_Fields):
    """A line for people, without a traceback: the file has it."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        found = self.fields(record)
        rest = {name: one for name, one in found.items() if name not in _SPOKEN and one != ""}
        parts = [found["at"][:19] + "Z", found["level"].ljust(7), found["event"]]
        line = " ".join([*parts, *(f"{name}={one}" for name, one in rest.items())])
        return "".join(one if one.isprintable() else " " for one in line)


_SPOKEN = {"at", "level", "event", "trace"}


class _Quiet(logging.Handler):
    """Loses a line that cannot be written, such as to a full disk: the other handler has it.

    Python would print the record as it came instead, with its secrets.
    """

    def handleError(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""


class _Shown(_Quiet, logging.StreamHandler[TextIO]):
    """A stream."""


class _Private(_Quiet, RotatingFileHandler):
    """A file that only its owner reads."""

    def _open(self) -> Any:
        _end_last_line(Path(self.baseFilename))
        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=private.opener)


def _end_last_line(path: Path) -> None:
    """Let a line that was cut off, as on a full disk, spoil none after it."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


@dataclass(frozen=True, slots=True)
class Started:
    """What `stop` takes back."""

    handlers: tuple[logging.Handler, ...]
    levels: Mapping[str, int]


def start(folder: Path, chosen: MonitoringSection, redaction: Redaction, stream: TextIO) -> Started:
    """Log into `folder` and onto `stream` from here on. Raises StoreError where it cannot."""
    with translated(folder):
        private.make_folder(folder)
        file = _Private(
            folder / FILE_NAME,
            maxBytes=round(chosen.log_megabytes * 1_000_000),
            backupCount=chosen.log_files,
            encoding="utf-8",
        )
    file.setFormatter(JsonLine(redaction))
    shown = _Shown(stream)
    shown.setFormatter(PlainLine(redaction))
    for one in (file, shown):
        logging.getLogger().addHandler(one)
    before = {name: logging.getLogger(name).level for name in LEVELS}
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    return Started((file, shown), before)


def stop(started: Started) -> None:
    """Log no more."""
    for one in started.handlers:
        logging.getLogger().removeHandler(one)
        with suppress(OSError):  # what a full disk did not take is on the stream
            one.close()
    for name, level in started.levels.items():
        logging.getLogger(name).setLevel(level)


def info(event: str, **fields: Any) -> None:
    """Something went as it should."""
    logging.getLogger(LOGGER).info(event, extra={"fields": fields})


def warn(event: str, **fields: Any) -> None:
    """Something did not, and is looked after."""
    logging.getLogger(LOGGER).warning(event, extra={"fields": fields})


def error(event: str, *, trace: BaseException | None = None, **fields: Any) -> None:
    """Something failed; with `trace` where in the program."""
    logging.getLogger(LOGGER).error(event, exc_info=trace, extra={"fields": fields})
