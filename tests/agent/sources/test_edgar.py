"""SEC's pages on the loopback: new filings, their sections, their true times, what they amend."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.config import HttpSection, SourceSection
from agent.errors import SourceError
from agent.sources import filings
from agent.sources.draft import Draft, Fetched
from agent.sources.edgar import Edgar
from agent.sources.http import Client
from agent.sources.worker import FILINGS, Worker
from agent.thesis import Entity
from tests.feed_server import FeedServer

NVIDIA = Entity(id="nvidia", name="Nvidia", cik="0001045810")
AMD = Entity(id="amd", name="AMD", cik="0000002488")
ME = "me/1 (+mailto:me@fund.invalid)"
LOOK = datetime(2025, 3, 1, tzinfo=UTC)
REASON = (
    "<p>The company said that customers who design their own chips bought fewer of its own.</p>"
)
REPORT = f"""<html><body><p>FORM 8-K</p>
<p>Item 2.02. Results of Operations and Financial Condition.</p>
{REASON}<p>Item 9.01. Financial Statements and Exhibits.</p><p>(d) Exhibits</p>
<p>SIGNATURE</p><p>Pursuant to the requirements of the Act, signed by an officer.</p>
</body></html>"""
MONTHS = "".join(
    f"<p>In month {n} data center revenue grew as clouds bought GPUs.</p>" * 2 for n in range(40)
)
RISKS = "".join(
    f"<p>Risk {n}: our customers may design their own chips and buy fewer.</p>" for n in range(9)
)
QUARTER = f"""<html><body><p>FORM 10-Q</p><p><b>Part I. Financial Information</b></p>
<p><b>Item 1. Financial Statements</b></p><p>A table.</p>
<p><b>Item 2. Management's Discussion and Analysis of Financial Condition and Results of Operations
</b></p>{MONTHS}
<p><b>Item 3. Quantitative and Qualitative Disclosures about Market Risk</b></p><p>None.</p>
<p><b>Part II. Other Information</b></p><p><b>Item 1A. Risk Factors</b></p>
{RISKS}
<p><b>Item 6. Exhibits</b></p><p>x</p></body></html>"""


def index(accepted: str, *documents: tuple[str, str]) -> str:
    rows = "".join(
        f'<tr><td scope="row">1</td><td scope="row">{kind}</td><td scope="row">'
        f'<a href="{path}">x</a></td><td scope="row">{kind}</td></tr>'
        for kind, path in documents
    )
    return (
        f'<div class="infoHead">Accepted</div>\n<div class="info">{accepted}</div><table>'
        f'<tr><th scope="col">Seq</th></tr>{rows}</table>'
    )


class Sec(FeedServer):
    """Plays data.sec.gov and www.sec.gov."""

    def company(self, cik: str, *rows: tuple[str, str, str, str]) -> None:
        """A submissions list: rows of accession, form, filing date, period."""
        names = ("accessionNumber", "form", "filingDate", "reportDate")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        self.put(f"/submissions/CIK{cik}.json", json.dumps({"filings": {"recent": columns}}))

    def filing(self, cik: int, accession: str, page: str, **documents: str) -> None:
        folder = f"/Archives/edgar/data/{cik}/{accession.replace('-', '')}/"
        self.put(f"{folder}{accession}-index.html", page)
        for name, body in documents.items():
            self.put(f"{folder}{name}.htm", body)


@pytest.fixture
def sec() -> Iterator[Sec]:
    with Sec() as running:
        yield running


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    made = Worker(FILINGS)
    yield made
    made.close()


@pytest.fixture
def fetch(sec: Sec, worker: Worker) -> Iterator[Callable[..., Fetched]]:
    client = Client(HttpSection(allow_private=("127.0.0.1",), interval=0.0, retries=0))

    def look(
        *companies: Entity, known: tuple[str, ...] = (), who: str = ME, **more: Any
    ) -> Fetched:
        source = SourceSection(name="sec", kind="edgar", url=sec.url(""))
        edgar = Edgar(client, worker.read_filing, lambda ids: set(ids) & set(known), who)
        return edgar.fetch(source, companies or (NVIDIA,), more.get("last_look", LOOK))

    yield look
    client.close()


def report(sec: Sec, accession: str = "0001-25-000001", form: str = "8-K") -> None:
    path = f"/ix?doc=/Archives/edgar/data/1045810/{accession.replace('-', '')}/main.htm"
    page = index("2025-02-26 16:21:07", (form, path), ("EX-101.SCH", "/Archives/x.xsd"))
    sec.filing(1045810, accession, page, main=REPORT)


def test_filing_becomes_pieces_by_item_with_the_time_it_was_accepted(
    sec: Sec, fetch: Callable[..., Fetched]
) -> None:
    sec.company("0001045810", ("0001-25-000001", "8-K", "2025-02-26", "2025-02-26"))
    report(sec)
    (draft,) = fetch().drafts
    assert draft.id == "edgar:0001-25-000001:1"
    assert draft.title.startswith("Nvidia 8-K: Item 2.02")
    assert "customers who design their own chips bought fewer" in draft.text
    assert "SIGNATURE" not in draft.text
    assert draft.published == datetime(2025, 2, 26, 21, 21, 7, tzinfo=UTC)  # New York's winter
    assert (draft.kind, draft.publisher, draft.amends) == ("filing", "SEC", "")
    assert draft.url == sec.url("/Archives/edgar/data/1045810/000125000001/main.htm")


def test_press_release_of_a_report_is_read_too(sec: Sec, fetch: Callable[..., Fetched]) -> None:
    sec.company("0001045810", ("0001-25-000001", "8-K", "2025-07-01", "2025-06-30"))
    folder = "/Archives/edgar/data/1045810/000125000001/"
    page = index(
        "2025-07-01 16:21:07", ("8-K", f"{folder}main.htm"), ("EX-99.1", f"{folder}ex.htm")
    )
    sec.filing(
        1045810, "0001-25-000001", page, main=REPORT, ex=f"<html><body>{REASON}</body></html>"
    )
    first, second = fetch().drafts
    assert second.title == "Nvidia 8-K: EX-99.1"
    assert (first.id, second.id) == ("edgar:0001-25-000001:1", "edgar:0001-25-000001:2")
    assert first.published == datetime(2025, 7, 1, 20, 21, 7, tzinfo=UTC)  # and its summer


def test_long_report_is_cut_into_pieces_of_the_sections_that_matter(
    sec: Sec, fetch: Callable[..., Fetched]
) -> None:
    sec.company("0001045810", ("0001-25-000009", "10-Q", "2025-05-28", "2025-04-27"))
    path = "/Archives/edgar/data/1045810/000125000009/main.htm"
    sec.filing(
        1045810, "0001-25-000009", index("2025-05-28 16:30:00", ("10-Q", path)), main=QUARTER
    )
    drafts = fetch().drafts
    assert {draft.title.split(": ")[1].split(" (")[0] for draft in drafts} == {
        "Part I - Item 2 - MD&A",
        "Part II - Item 1A - Risk Factors",
    }
    assert all(80 <= len(draft.text) <= filings.LONGEST_PIECE for draft in drafts)
    joined = "\n".join(draft.text for draft in drafts)
    assert all(f"In month {n} data center revenue" in joined for n in range(40))
    assert "A table." not in joined


def test_amendment_names_what_it_amends(sec: Sec, fetch: Callable[..., Fetched]) -> None:
    sec.company(
        "0001045810",
        ("0001-25-000003", "8-K/A", "2025-03-03", "2025-02-26"),
        ("0001-25-000002", "8-K", "2025-02-28", "2025-02-27"),
        ("0001-25-000001", "8-K", "2025-02-26", "2025-02-26"),
    )
    for n, form in ((1, "8-K"), (2, "8-K"), (3, "8-K/A")):
        report(sec, f"0001-25-00000{n}", form)
    amends = {draft.id: draft.amends for draft in fetch().drafts}
    assert amends == {
        "edgar:0001-25-000003:1": "edgar:0001-25-000001:1",
        "edgar:0001-25-000002:1": "",
        "edgar:0001-25-000001:1": "",
    }


def test_only_the_forms_that_matter_and_only_new_filings_are_fetched(
    sec: Sec, fetch: Callable[..., Fetched]
) -> None:
    sec.company(
        "0001045810",
        ("0001-25-000007", "4", "2025-03-02", ""),
        ("0001-25-000001", "8-K", "2025-02-26", "2025-02-26"),
        ("0001-25-000002", "8-K", "2025-02-25", "2025-02-25"),
        ("0001-24-000003", "10-K", "2024-02-21", "2024-01-28"),
    )
    report(sec)
    drafts = fetch(known=("edgar:0001-25-000002:1",)).drafts
    assert [draft.id for draft in drafts] == ["edgar:0001-25-000001:1"]
    assert len(sec.seen) == 3


def test_first_look_takes_the_newest_few(sec: Sec, fetch: Callable[..., Fetched]) -> None:
    rows = [(f"0001-25-00000{n}", "8-K", f"2025-02-0{n}", f"2025-02-0{n}") for n in range(9, 0, -1)]
    sec.company("0001045810", *rows)
    for accession, *_ in rows:
        report(sec, accession)
    drafts = fetch(last_look=None).drafts
    assert [draft.id[-3] for draft in drafts] == ["9", "8", "7"]


@pytest.mark.parametrize("who", ["thesiswatch/0.1", "thesiswatch/0.1 (+mailto:you@example.com)"])
def test_look_without_a_contact_is_refused_before_anything_is_asked(
    sec: Sec, fetch: Callable[..., Fetched], who: str
) -> None:
    with pytest.raises(SourceError, match="only who names a contact") as refused:
        fetch(who=who)
    assert "user_agent" in refused.value.way_out
    assert sec.seen == []


def test_company_that_cannot_be_read_is_a_fault_and_the_others_are_in(
    sec: Sec, fetch: Callable[..., Fetched]
) -> None:
    sec.company("0001045810", ("0001-25-000001", "8-K", "2025-02-26", "2025-02-26"))
    report(sec)
    sec.put("/submissions/CIK0000002488.json", '{"filings": {}}')
    found = fetch(NVIDIA, AMD, Entity(id="groq", name="Groq"))
    assert len(found.drafts) == 1
    (fault,) = found.faults
    assert (fault.raw, "list of filings" in fault.reason) == ("AMD", True)


def test_filing_that_cannot_be_read_whole_is_left_for_the_next_look(
    sec: Sec, fetch: Callable[..., Fetched]
) -> None:
    sec.company(
        "0001045810",
        ("0001-25-000002", "8-K", "2025-02-27", "2025-02-27"),
        ("0001-25-000001", "8-K", "2025-02-26", "2025-02-26"),
    )
    folder = "/Archives/edgar/data/1045810/000125000002/"
    documents = ("8-K", f"{folder}main.htm"), ("EX-99.1", f"{folder}gone.htm")
    sec.filing(1045810, "0001-25-000002", index("2025-02-27 16:21:07", *documents), main=REPORT)
    report(sec)
    found = fetch()
    assert [draft.id for draft in found.drafts] == ["edgar:0001-25-000001:1"]
    (fault,) = found.faults
    assert fault.raw == "Nvidia 0001-25-000002"
    assert "gone.htm answered 404" in fault.reason


def test_nothing_readable_at_all_is_a_failing_source(fetch: Callable[..., Fetched]) -> None:
    with pytest.raises(SourceError, match="answered 404"):
        fetch()


def test_recorded_filing_of_nvidia_is_read(
    sec: Sec, fetch: Callable[..., Fetched], shared: Path
) -> None:
    folder = shared / "sec/http_recordings"
    accession = "0001045810-26-000024"
    stem = "www.sec.gov_Archives_edgar_data_1045810_"
    place = "/Archives/edgar/data/1045810/000104581026000024/"
    sec.company("0001045810", (accession, "8-K", "2026-03-06", "2026-03-02"))
    sec.put(
        f"{place}{accession}-index.html", (folder / f"{stem}{accession}-index.html").read_bytes()
    )
    document = folder / f"{stem}000104581026000024_nvda-20260302.htm"
    sec.put(f"{place}nvda-20260302.htm", document.read_bytes())
    drafts: tuple[Draft, ...] = fetch().drafts
    assert drafts[0].published == datetime(2026, 3, 6, 21, 11, 25, tzinfo=UTC)
    assert drafts[0].title.startswith("Nvidia 8-K: Item 5.02")
    assert "Variable Compensation Plan" in drafts[0].text
    assert all(len(draft.text) <= filings.LONGEST_PIECE for draft in drafts)


def test_recorded_lists_of_filings_are_read(
    sec: Sec, fetch: Callable[..., Fetched], shared: Path
) -> None:
    name = "data.sec.gov_submissions_CIK0001045810.json"
    body = (shared / "sec/http_recordings" / name).read_bytes()
    sec.put("/submissions/CIK0001045810.json", body)
    with pytest.raises(SourceError, match=r"0001045810-26-000021-index.html answered 404"):
        fetch(last_look=None)
