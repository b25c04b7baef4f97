"""New SEC filings of the thesis' companies, piece by piece.

Facts: SEC's fair-access rules ask for a User-Agent with a contact and at most 10 requests a second.
The times in its submissions lists claim to be UTC and often are not; a filing's own index page says
when it was accepted, in New York's time.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from agent.config import SourceSection
from agent.errors import SourceError
from agent.sources.draft import LONGEST_TITLE, Draft, Fault, Fetched
from agent.sources.facts import check_contact
from agent.sources.filings import Piece
from agent.sources.http import Client
from agent.thesis import Entity

SITE, DATA = "https://www.sec.gov", "https://data.sec.gov"
OVERLAP = timedelta(days=5)
"""How far before the last look the next one reaches; filings are listed within minutes."""
FIRST_LOOK, LATER_LOOK = 3, 20
"""Filings of one company that are taken at a look, the newest ones."""
NEW_YORK = ZoneInfo("America/New_York")
_ACCEPTED = re.compile(r"Accepted</div>\s*<div class=\"info\">([\d-]{10} [\d:]{8})<")
_LINK = re.compile(r"href=\"(?:/ix\?doc=)?(/Archives/[^\"]+\.html?)\"")
_TYPE = re.compile(r"<td scope=\"row\">([^<]+)</td>")
_PRESS_RELEASE = "EX-99"

ReadFiling = Callable[[bytes, str], Sequence[Piece]]
"""A document and its form -> pieces; raises ValueError. filings.read, or a worker's."""
Known = Callable[[Collection[str]], Collection[str]]
"""Ids of items -> those that are stored."""


@dataclass(frozen=True, slots=True)
class Filing:
    """One line of a company's list of filings."""

    accession: str
    form: str
    filed: str
    period: str

    @property
    def base(self) -> str:
        """The form without the mark of an amendment."""
        return self.form.removesuffix("/A")


@dataclass(frozen=True, slots=True)
class Edgar:
    """What a look needs: the client, a reader of documents, and which items are stored."""

    client: Client
    read: ReadFiling
    known: Known
    user_agent: str

    def fetch(
        self, source: SourceSection, companies: Sequence[Entity], last_look: datetime | None
    ) -> Fetched:
        """Pieces of the filings that are new since `last_look`; on a first look the newest few.

        A company or filing that cannot be read is a fault; SourceError when none can be.
        """
        check_contact(self.user_agent, source.name)
        drafts: list[Draft] = []
        faults: list[Fault] = []
        listed = [one for one in companies if one.cik]
        for number, company in enumerate(listed, start=1):
            try:
                new = self._new(source, company, last_look)
            except (SourceError, ValueError) as error:
                faults.append(_fault(error, number, company.name))
                continue
            for filing, amends in new:
                try:
                    drafts += list(self._filing(source, company, filing, amends))
                except (SourceError, ValueError) as error:
                    faults.append(_fault(error, number, f"{company.name} {filing.accession}"))
        if faults and not drafts and len(faults) >= len(listed):
            raise SourceError(source.name, faults[0].reason, faults[0].way_out)
        return Fetched(tuple(drafts), tuple(faults))

    def _new(
        self, source: SourceSection, company: Entity, last_look: datetime | None
    ) -> list[tuple[Filing, str]]:
        """Filings of a company that are not stored, newest first, and the item each amends."""
        url = f"{source.url or DATA}/submissions/CIK{int(company.cik or 0):010d}.json"
        every = list(_filings(json.loads(self.client.get(source.name, url).body)))
        since = f"{last_look - OVERLAP:%Y-%m-%d}" if last_look else ""
        new = [one for one in every if one.base in source.forms and one.filed >= since]
        known = self.known([_item_id(one, 1) for one in new])
        return [
            (filing, _amended(filing, every))
            for filing in islice(new, LATER_LOOK if last_look else FIRST_LOOK)
            if _item_id(filing, 1) not in known
        ]

    def _filing(
        self, source: SourceSection, company: Entity, filing: Filing, amends: str
    ) -> Iterator[Draft]:
        site, bare = source.url or SITE, filing.accession.replace("-", "")
        folder = f"{site}/Archives/edgar/data/{int(company.cik or 0)}/{bare}/"
        index = self.client.get(source.name, f"{folder}{filing.accession}-index.html")
        page = index.body.decode("utf-8", "replace")
        number = 0
        for kind, path in _documents(page, filing.form):
            url = urljoin(site, path)
            for piece in self.read(self.client.get(source.name, url).body, filing.base):
                number += 1
                about = piece.section or kind
                yield Draft(
                    id=_item_id(filing, number),
                    url=url,
                    title=_title(company, filing, about, piece),
                    summary="",
                    text=piece.text,
                    published=_accepted(page),
                    fetched=None,
                    publisher=source.publisher or "SEC",
                    lang="en",
                    kind="filing",
                    line=number,
                    amends=amends,
                )


def _fault(error: Exception, number: int, subject: str) -> Fault:
    reason = getattr(error, "message", str(error))
    return Fault(number, reason, "It is tried again next run", subject, passing=True)


def _filings(answer: Any) -> Iterator[Filing]:
    """The filings of a submissions answer, newest first. Raises ValueError when it is none."""
    try:
        recent = answer["filings"]["recent"]
        columns = [recent[name] for name in ("accessionNumber", "form", "filingDate", "reportDate")]
    except (KeyError, TypeError) as error:
        raise ValueError("the SEC's list of filings is not as it used to be") from error
    return (Filing(*map(str, row)) for row in zip(*columns, strict=True))


def _amended(filing: Filing, every: Sequence[Filing]) -> str:
    """The item that an amendment corrects: the same form for the same period, filed before it."""
    if filing.form == filing.base:
        return ""
    return next(
        (
            _item_id(one, 1)
            for one in every
            if (one.form, one.period) == (filing.base, filing.period) and one.filed <= filing.filed
        ),
        "",
    )


def _documents(page: str, form: str) -> Iterator[tuple[str, str]]:
    """(type, path) of the main document and the press releases on a filing's index page."""
    for row in page.split("<tr")[1:]:
        link, kinds = _LINK.search(row), _TYPE.findall(row)
        for kind in kinds if link else ():
            if kind.strip() == form or kind.strip().startswith(_PRESS_RELEASE):
                assert link is not None
                yield kind.strip(), link[1]
                break


def _accepted(page: str) -> datetime | None:
    found = _ACCEPTED.search(page)
    if not found:
        return None
    try:
        return datetime.fromisoformat(found[1]).replace(tzinfo=NEW_YORK).astimezone(UTC)
    except ValueError:
        return None


def _item_id(filing: Filing, number: int) -> str:
    return f"edgar:{filing.accession}:{number}"


def _title(company: Entity, filing: Filing, about: str, piece: Piece) -> str:
    part = f" ({piece.number}/{piece.of})" if piece.of > 1 else ""
    return f"{company.name} {filing.form}: {about}{part}"[:LONGEST_TITLE]
