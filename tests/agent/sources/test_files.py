"""JSON Lines from files, gzip and standard input: good lines in, bad ones named."""

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SourceError
from agent.sources import Draft, Fault, files
from agent.sources.draft import LONGEST_TEXT, LONGEST_TITLE, from_mapping, read_time

Lines = Callable[..., Path]
GOOD = {"id": "a", "title": "A title", "published": "2025-01-27"}
LIFETIME = timedelta(36_500)


def one(path: Path) -> Draft:
    found = files.fetch(path, "s")
    assert found.faults == ()
    (draft,) = found.drafts
    return draft


def fault(path: Path) -> Fault:
    found = files.fetch(path, "s")
    assert found.drafts == ()
    (refused,) = found.faults
    return refused


def test_every_field_arrives(lines: Lines) -> None:
    row = {
        "id": "x",
        "url": " https://a.example/1 ",
        "title": "  T\tt ",
        "summary": "s\n s",
        "text": "line one\nline two",
        "published": "2025-01-27T16:00:00+01:00",
        "fetched": "2025-01-28T00:00:00Z",
        "source": "wire",
        "publisher": "Reuters",
        "lang": "en",
        "kind": "paper",
        "unknown": [1, 2],
    }
    draft = one(lines(row))
    assert draft == Draft(
        id="x",
        url="https://a.example/1",
        title="T t",
        summary="s s",
        text="line one\nline two",
        published=datetime(2025, 1, 27, 15, tzinfo=UTC),
        fetched=datetime(2025, 1, 28, tzinfo=UTC),
        publisher="Reuters",
        lang="en",
        kind="paper",
        line=1,
    )


def test_a_title_is_enough(lines: Lines) -> None:
    draft = one(lines({"title": "t"}))
    assert draft.id
    assert (draft.url, draft.published, draft.kind) == (None, None, "news")


def test_item_without_id_is_known_by_its_address(lines: Lines) -> None:
    first, again, other = files.fetch(
        lines(
            {"title": "a", "url": "https://a.example/1?utm_source=x"},
            {"title": "b", "url": "https://a.example/1"},
            {"title": "a", "url": "https://a.example/2"},
        ),
        "s",
    ).drafts
    assert first.id == again.id != other.id


def test_gzip_is_recognised_by_its_content(lines: Lines, tmp_path: Path) -> None:
    zipped = lines(GOOD, name="items.jsonl.gz")
    hidden = tmp_path / "no_suffix"
    hidden.write_bytes(zipped.read_bytes())
    assert one(zipped) == one(hidden) == one(lines(GOOD))


def test_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "bom.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n")
    assert one(path).id == "a"


def test_blank_lines_are_skipped_and_still_counted(tmp_path: Path) -> None:
    path = tmp_path / "gaps.jsonl"
    path.write_text(f"\n  \n{json.dumps(GOOD)}\n\n", encoding="utf-8")
    assert one(path).line == 3


def test_last_line_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "open.jsonl"
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    assert one(path).id == "a"


def test_empty_file_is_nothing_new(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.touch()
    assert files.fetch(path, "s") == files.Fetched()


def test_bad_line_is_named_and_the_others_are_in(lines: Lines) -> None:
    found = files.fetch(lines(GOOD, '{"title": "cut', {**GOOD, "id": "b"}), "s")
    assert [draft.id for draft in found.drafts] == ["a", "b"]
    (refused,) = found.faults
    assert (refused.line, refused.raw) == (2, '{"title": "cut')
    assert refused.reason.startswith("not JSON")
    assert refused.way_out


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("not json", "not JSON"),
        ("{'title': 'single quotes'}", "not JSON"),
        ("[]", "is not a JSON object"),
        ("null", "is not a JSON object"),
        ('"title"', "is not a JSON object"),
        ("{}", "title: field required"),
        ('{"title": null}', "title: input should be a valid string"),
        ('{"title": ["a"]}', "title: input should be a valid string"),
        ('{"title": "  "}', "title: is empty"),
        ('{"title": "\\u0000\\u0007"}', "title: is empty"),
        ('{"title": "t", "kind": "rumour"}', "kind: 'rumour' is none of news, paper,"),
        ('{"title": "t", "text": {"html": "x"}}', "text: input should be a valid string"),
        ('{"title": ' + "9" * 5_000 + "}", "digits"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_line_that_is_no_item_is_refused_with_its_reason(
    lines: Lines, line: str, reason: str
) -> None:
    assert reason in fault(lines(line)).reason


def test_title_of_two_megabytes_is_refused(lines: Lines) -> None:
    found = files.fetch(lines({"title": "x" * 2_000_000}, GOOD), "s")
    assert [draft.id for draft in found.drafts] == ["a"]
    assert found.faults[0].reason == (
        f"title: 2,000,000 characters, the longest allowed is {LONGEST_TITLE:,}"
    )


def test_overlong_line_is_refused_without_being_kept(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    long = json.dumps({"title": "t", "text": "x" * (files.LONGEST_LINE * 2)})
    path.write_text(f"{long}\n{json.dumps(GOOD)}\n{long}", encoding="utf-8")
    found = files.fetch(path, "s")
    assert [(draft.id, draft.line) for draft in found.drafts] == [("a", 2)]
    assert [refused.line for refused in found.faults] == [1, 3]
    for refused in found.faults:
        assert refused.reason == f"longer than {files.LONGEST_LINE:,} bytes"
        assert len(refused.raw) <= 200


def test_long_text_is_cut(lines: Lines) -> None:
    draft = one(lines({"title": "t", "text": "x" * 300_000, "summary": "y" * 300_000}))
    assert (len(draft.text), len(draft.summary)) == (LONGEST_TEXT, LONGEST_TEXT)


def test_half_of_an_emoji_can_still_be_stored(lines: Lines) -> None:
    draft = one(lines('{"id": "\\ud83d", "title": "cut \\ud83d", "summary": "\\ude00"}'))
    assert (draft.id, draft.title, draft.summary) == ("?", "cut ?", "?")


def test_control_characters_never_reach_an_item(lines: Lines) -> None:
    hidden = {key: f"a\x00\x1b\x9b{key}" for key in ("id", "title", "summary", "text", "publisher")}
    draft = one(lines({**hidden, "url": "https://a.example/\x1b\x9b1", "lang": "e\x84n"}))
    assert (draft.id, draft.title, draft.summary) == ("aid", "atitle", "asummary")
    assert (draft.text, draft.publisher, draft.lang) == ("atext", "apublisher", "en")
    assert draft.url == "https://a.example/1"


def test_line_ends_of_old_machines_end_a_line_of_the_text(lines: Lines) -> None:
    text = "a\x85b\r\nc\rd"
    assert one(lines({"title": "a\x85b", "text": text})).text == "a\nb\nc\nd"


def test_bytes_that_are_not_utf_8_do_not_stop_the_import(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes('{"title": "Künstlich"}\n'.encode("latin-1"))
    assert one(path).title == "K\ufffdnstlich"


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "soon",
        "2025",
        "2025-01",
        " 2025-01 ",
        "202501",
        "2025-W05",
        "2025W05",
        "1737936000",
        "1701110400000",
        "27.01.2025",
        "01/27/2025",
        "2025-13-01",
        "2025-02-30",
        "Mon, 27 Jan 2025 15:00:00 GMT",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_what_names_no_day_is_undated(date: str | None) -> None:
    assert read_time(date) is None


@pytest.mark.parametrize(
    ("date", "found"),
    [
        ("2025-01-27", datetime(2025, 1, 27, tzinfo=UTC)),
        ("20250127", datetime(2025, 1, 27, tzinfo=UTC)),
        ("2025-W05-1", datetime(2025, 1, 27, tzinfo=UTC)),
        ("2025-01-27T15:00", datetime(2025, 1, 27, 15, tzinfo=UTC)),
        ("2025-01-27 15:00:00", datetime(2025, 1, 27, 15, tzinfo=UTC)),
        ("2025-01-27T15:00:00Z", datetime(2025, 1, 27, 15, tzinfo=UTC)),
        ("2025-01-27T23:30:00-05:00", datetime(2025, 1, 28, 4, 30, tzinfo=UTC)),
        (" 2025-01-27T15:00:00.5+00:00\n", datetime(2025, 1, 27, 15, 0, 0, 500_000, UTC)),
    ],
)
def test_iso_date_is_read_as_utc(date: str, found: datetime) -> None:
    assert read_time(date) == found


@given(st.timedeltas(-LIFETIME, LIFETIME), st.timezones())
def test_any_aware_time_survives_the_journey(since: timedelta, zone: tzinfo) -> None:
    moment = (datetime(2000, 1, 1, tzinfo=UTC) + since).astimezone(zone)
    found = read_time(moment.isoformat())
    assert found == moment
    assert found.tzinfo is UTC


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    found = read_time(text)
    assert found is None or found.tzinfo is UTC


@given(
    st.dictionaries(
        st.sampled_from(["id", "url", "title", "summary", "published", "kind", "publisher"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    )
)
def test_any_mapping_is_a_draft_or_a_reason(row: dict[str, object]) -> None:
    try:
        draft = from_mapping(json.loads(json.dumps(row)), source="s", line=1)
    except ValueError as error:
        assert str(error)
    else:
        assert draft.title
        f"{draft.id}{draft.url}{draft.title}{draft.summary}{draft.publisher}".encode()


def test_standard_input_is_read_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO(json.dumps(GOOD).encode() + b"\nbad\n")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
    found = files.fetch("-", "s")
    assert [draft.id for draft in found.drafts] == ["a"]
    assert [refused.line for refused in found.faults] == [2]


def test_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.jsonl", tmp_path):
        with pytest.raises(SourceError, match="cannot be read") as refused:
            files.fetch(path, "s")
        assert refused.value.source == "s"


@pytest.mark.parametrize("damage", ["cut", "garbled", "headless"])
def test_damaged_gzip_is_an_error(tmp_path: Path, damage: str) -> None:
    rows = [json.dumps({"title": f"{n} {n**7}"}) for n in range(2_000)]
    data = gzip.compress("\n".join(rows).encode())
    middle = len(data) // 2
    path = tmp_path / "items.jsonl.gz"
    path.write_bytes(
        {
            "cut": data[:middle],
            "garbled": data[:middle] + b"\xff" * 500 + data[middle + 500 :],
            "headless": data[:2] + b"\xff" * 20,
        }[damage]
    )
    with pytest.raises(SourceError, match="cannot be read"):
        files.fetch(path, "s")


@pytest.mark.uncounted
def test_real_headlines_are_read_whole(shared: Path) -> None:
    found = files.fetch(shared / "news/headlines_2024-01_2025-04.jsonl.gz", "s")
    assert len(found.drafts) + len(found.faults) == 40_489
    assert len(found.faults) == 0
    assert all(draft.published for draft in found.drafts)
    assert len({draft.id for draft in found.drafts}) == 40_489
