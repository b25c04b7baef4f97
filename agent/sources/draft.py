"""An item as a source delivered it, checked (DESIGN section 4), before it is stored."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

EARLIEST, LATEST = 1900, 2200
"""Years outside are slips of a publisher's clock and not dates."""
LONGEST_TITLE = 1_000
LONGEST_TEXT = 200_000
KINDS = ("news", "paper", "filing", "release")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_LINE_END = re.compile(r"\r\n?|\x85")
_SPACE = re.compile(r"\s+")
_NO_DAY = re.compile(r"\d{4}(-?\d{2}|-?W\d{2})?|(?!\d{8}$)\d+")


@dataclass(frozen=True, slots=True)
class Draft:
    """One item. `published` is None when the source gave no date that can be read.

    `amends` is the id of the item that this one corrects, as a filing's amendment does; `note` says
    what is missing of it.
    """

    id: str
    url: str | None
    title: str
    summary: str
    text: str
    published: datetime | None
    fetched: datetime | None
    publisher: str
    lang: str
    kind: str
    line: int = 0
    amends: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What could not be taken: where it stood, why, what it was, and what to do.

    `passing` when it could not be had this time, not when it is wrong as it stands.
    """

    line: int
    reason: str
    way_out: str
    raw: str
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one look at a source brought. Empty drafts mean: nothing new.

    `unchanged` when the server said so; the marks are for the next conditional request, which need
    not come before `fresh_for` seconds have passed.
    """

    drafts: tuple[Draft, ...] = ()
    faults: tuple[Fault, ...] = ()
    etag: str = ""
    last_modified: str = ""
    unchanged: bool = field(default=False)
    fresh_for: float = 0.0


class _Line(BaseModel):
    """The item JSONL contract; unknown keys are let pass, as feeds and archives carry many."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str | None = None
    url: str | None = None
    title: str
    summary: str | None = None
    text: str | None = None
    published: str | None = None
    fetched: str | None = None
    source: str | None = None
    publisher: str | None = None
    lang: str | None = None
    kind: str | None = None

    @field_validator("*")
    @classmethod
    def can_be_stored(cls, value: str | None) -> str | None:
        """Half of a surrogate pair (an emoji cut in two) becomes "?": no database takes it."""
        return value and value.encode("utf-8", "replace").decode("utf-8")


def from_mapping(raw: Any, *, source: str, line: int) -> Draft:
    """Check one parsed line. Raises ValueError saying what is wrong with it."""
    if not isinstance(raw, dict):
        raise ValueError("is not a JSON object")
    try:
        row = _Line.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the line"
        raise ValueError(f"{where}: {first['msg'].lower()}") from error
    title = clean(row.title)
    if not title:
        raise ValueError("title: is empty")
    if len(title) > LONGEST_TITLE:
        raise ValueError(
            f"title: {len(title):,} characters, the longest allowed is {LONGEST_TITLE:,}"
        )
    if row.kind and row.kind not in KINDS:
        raise ValueError(f"kind: {row.kind!r} is none of {', '.join(KINDS)}")
    url = clean(row.url or "") or None
    return Draft(
        id=clean(row.id or "") or identify(url, title, row.source or source),
        url=url,
        title=title,
        summary=clean(row.summary or "")[:LONGEST_TEXT],
        text=_CONTROL.sub("", _LINE_END.sub("\n", row.text or ""))[:LONGEST_TEXT],
        published=read_time(row.published),
        fetched=read_time(row.fetched),
        publisher=clean(row.publisher or row.source or ""),
        lang=clean(row.lang or ""),
        kind=row.kind or "news",
        line=line,
    )


def identify(url: str | None, title: str, source: str) -> str:
    """An id for an item that came without one: the same address is the same item."""
    from agent.events import canonical_url

    key = canonical_url(url) or f"{source}\0{title.casefold()}"
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def clean(text: str) -> str:
    """One line of printable text: control characters out, white space folded."""
    return _SPACE.sub(" ", _CONTROL.sub("", text)).strip()


def read_time(text: str | None) -> datetime | None:
    """ISO 8601 to aware UTC; a date alone is its first instant. None for anything else."""
    if not is_whole_date(text):
        return None
    try:
        found = datetime.fromisoformat(str(text).strip())
        return possible((found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def possible(at: datetime) -> datetime | None:
    """A time that a publisher can have meant, or None."""
    return at if EARLIEST <= at.year <= LATEST else None


def is_whole_date(text: str | None) -> bool:
    """Whether it can name a day: not a year, month or week alone, nor a count of seconds."""
    return bool(text) and not _NO_DAY.fullmatch(str(text).strip())
