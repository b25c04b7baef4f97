"""The daemon's log: a JSON object a line in a file that rotates, and a plain line on a stream.

No secret reaches either, in whatever field or traceback and in whatever spelling it comes.
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

from agent.channels.redaction import HIDDEN, spellings
from agent.config import Config, MonitoringSection

FILE_NAME = "thesiswatch.jsonl"
LOGGER = "thesiswatch"
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
        self._known: tuple[str, ...] = ()

    def learn(self, config: Config) -> None:
        """The secrets of a configuration and of the environment."""
        held = [one.get_secret_value() for one in config.secrets.values()]
        if config.openai_api_key:
            held.append(config.openai_api_key.get_secret_value())
        held += [text for name, text in os.environ.items() if SECRET_NAMES.search(name)]
        found = {*self._known, *(one for secret in held if secret for one in spellings(secret))}
        self._known = tuple(sorted(found, key=len, reverse=True))

    def clean(self, value: Any) -> Any:
        """A value of a line without secrets: text, or whatever holds text."""
        if isinstance(value, Mapping):
            return {str(self.clean(str(key))): self.clean(one) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.clean(one) for one in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        for one in self._known:
            text = text.replace(one, HIDDEN)
        return SHAPES.sub(HIDDEN, text)[:LONGEST]


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
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.name != LOGGER:
            found["by"] = record.name
        if record.exc_info:
            found["trace"] = self.formatException(record.exc_info)
        cleaned: dict[str, Any] = self._redaction.clean(found)
        return cleaned


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


class _Private(RotatingFileHandler):
    """A file that only its owner reads."""

    def _open(self) -> Any:
        def opener(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=opener)

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk takes no line: the stream has it, and no traceback for each."""


def start(
    folder: Path, chosen: MonitoringSection, redaction: Redaction, stream: TextIO
) -> list[logging.Handler]:
    """Log into `folder` and onto `stream` from here on; returns what `stop` takes back."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = _Private(
        folder / FILE_NAME,
        maxBytes=round(chosen.log_megabytes * 1_000_000),
        backupCount=chosen.log_files,
        encoding="utf-8",
    )
    file.setFormatter(JsonLine(redaction))
    shown = logging.StreamHandler(stream)
    shown.setFormatter(PlainLine(redaction))
    handlers: list[logging.Handler] = [file, shown]
    root = logging.getLogger()
    for one in handlers:
        root.addHandler(one)
    logging.getLogger(LOGGER).setLevel(logging.INFO)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a queued job is no news
    return handlers


def stop(handlers: Iterable[logging.Handler]) -> None:
    """Log no more."""
    for one in handlers:
        logging.getLogger().removeHandler(one)
        one.close()


def info(event: str, **fields: Any) -> None:
    """Something went as it should."""
    logging.getLogger(LOGGER).info(event, extra={"fields": fields})


def warn(event: str, **fields: Any) -> None:
    """Something did not, and is looked after."""
    logging.getLogger(LOGGER).warning(event, extra={"fields": fields})


def error(event: str, *, trace: BaseException | None = None, **fields: Any) -> None:
    """Something failed; with `trace` where in the program."""
    logging.getLogger(LOGGER).error(event, exc_info=trace, extra={"fields": fields})
