"""Items as JSON Lines, from a file, a gzipped file or standard input."""

import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from agent.errors import SourceError
from agent.sources.draft import Draft, Fault, Fetched, from_mapping

T = TypeVar("T")

GZIP = b"\x1f\x8b"
LONGEST_LINE = 4_000_000
_WAY_OUT = (
    "Correct that line: it is taken when the file is next read, and the others are not touched "
    "by it"
)


def fetch(path: Path | str, source: str) -> Fetched:
    """Read every line of `path` ("-" is standard input), good ones and bad ones apart.

    Raises SourceError when the file itself cannot be read.
    """

    def make(raw: Any, line: int) -> Draft:
        return from_mapping(raw, source=source, line=line)

    drafts, faults = read(path, source, make)
    return Fetched(tuple(drafts), tuple(faults))


def read(
    path: Path | str, source: str, make: Callable[[Any, int], T]
) -> tuple[list[T], list[Fault]]:
    """What `make` makes of every parsed line and its number; a ValueError of it is a fault."""
    made: list[T] = []
    faults: list[Fault] = []
    try:
        with _open(path) as lines:
            for number, line in enumerate(_lines(lines), start=1):
                if line.strip():
                    _take(line, number, make, made, faults)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(
            source,
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
            "Check the path and the file",
        ) from error
    return made, faults


def _take(
    line: bytes,
    number: int,
    make: Callable[[Any, int], T],
    made: list[T],
    faults: list[Fault],
) -> None:
    text = line.decode("utf-8", errors="replace").strip().removeprefix("\ufeff")
    if len(line) > LONGEST_LINE:
        faults.append(Fault(number, f"longer than {LONGEST_LINE:,} bytes", _WAY_OUT, text[:200]))
        return
    try:
        made.append(make(json.loads(text), number))
    except json.JSONDecodeError as error:
        faults.append(Fault(number, f"not JSON: {error.msg.lower()}", _WAY_OUT, text))
    except (ValueError, RecursionError) as error:
        faults.append(Fault(number, str(error), _WAY_OUT, text))


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines, cut so that one without an end cannot fill memory."""
    while line := stream.readline(LONGEST_LINE + 1):
        while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
            if not rest or rest.endswith(b"\n"):
                break
        yield line


def _open(path: Path | str) -> IO[bytes]:
    if str(path) == "-":
        return sys.stdin.buffer
    with Path(path).open("rb") as stream:
        zipped = stream.read(2) == GZIP
    return gzip.open(path, "rb") if zipped else Path(path).open("rb")  # type: ignore[return-value]
