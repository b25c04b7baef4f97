"""Item JSONL -> drafts -> stored items, as `thesis import` takes them."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from agent.errors import SourceError
from agent.sources import files
from agent.sources.draft import EARLIEST, KINDS, LATEST, LONGEST_TEXT, LONGEST_TITLE, Draft
from agent.workspace import Workspace
from tests.fuzz import seeds
from tests.fuzz.mutation import NASTY, spoiled
from tests.fuzz.running import fuzz
from tests.fuzz.storing import Take, take_and_forget

KEYS = ("id", "url", "title", "summary", "text", "published", "fetched", "source", "publisher")
DATES = (
    "2025-01-27", "20250127", "2025-01", "2025", "2025-W05", "2025-W05-1", "1738000000",
    "25-01-27", "2025-01-27T15:00:00Z", "2025-01-27T15:00:00.123456789+05:30", "2025-01-27 15:00",
    "2025-02-30", "2025-01-27T24:00:00Z", "2025-01-27T15:00:00+24:00", "yesterday", "0001-01-01",
    "9999-12-31T23:59:59-23:59", "27 Jan 2025", "01/27/2025", "٢٠٢٥-٠١-٢٧",
    "2025-01-27T15:00:00\u202f", " 2025-01-27 ",
)  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*NASTY, *DATES, *KINDS, "\ud800", "x\udfff"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@st.composite
def odd_rows(draw: Any) -> bytes:
    """Rows of the archive with a few values replaced, as JSON Lines."""
    rows = draw(st.lists(st.sampled_from(seeds.rows()), max_size=3))
    changes = st.dictionaries(st.sampled_from([*KEYS, "lang", "kind", "more"]), VALUES, max_size=4)
    lines = [json.dumps({**row, **draw(changes)}, ensure_ascii=draw(st.booleans())) for row in rows]
    end = draw(st.sampled_from(["\n", "\r\n", "\n\n", "\n \t\n"]))
    return end.join(lines).encode("utf-8", "surrogatepass")


LINES = odd_rows() | spoiled(seeds.item_lines(), [b'"published": ', b'"title": ', b"}\n{"])
FILES = LINES | LINES.map(gzip.compress) | spoiled([gzip.compress(seeds.item_lines()[0])])


def follow(data: bytes, path: Path, take: Take) -> None:
    """A file's way into a database."""
    path.write_bytes(data)
    try:
        found = files.fetch(path, "s")
    except SourceError as error:
        assert data.startswith(files.GZIP), error
        return
    lines = _lines(data)
    taken = [draft.line for draft in found.drafts]
    assert sorted([*taken, *(fault.line for fault in found.faults)]) == sorted(lines)
    assert all(fault.reason and fault.way_out for fault in found.faults)
    for draft in found.drafts:
        _is_in_bounds(draft)
        _dates_itself(draft, lines[draft.line])
    take(found.drafts, found.faults)


def _lines(data: bytes) -> dict[int, bytes]:
    """The lines that hold something, by number."""
    body = gzip.decompress(data) if data.startswith(files.GZIP) else data
    return {n: line for n, line in enumerate(body.split(b"\n"), start=1) if line.strip()}


def _is_in_bounds(draft: Draft) -> None:
    assert 0 < len(draft.title) <= LONGEST_TITLE
    assert max(len(draft.summary), len(draft.text)) <= LONGEST_TEXT
    assert draft.kind in KINDS


def _dates_itself(draft: Draft, line: bytes) -> None:
    """A date is the line's own: its day or, in another zone, the one beside it stands there."""
    row = json.loads(line.decode("utf-8", "replace").strip().removeprefix("\ufeff"))
    for name, at in (("published", draft.published), ("fetched", draft.fetched)):
        said = str(row.get(name) or "")
        if at is None:
            assert not re.fullmatch(r"(19|20)\d\d-(0[1-9]|1[0-2])-([01][1-9]|2[0-8])", said)
            continue
        assert EARLIEST <= at.year <= LATEST
        digits = re.sub(r"\D", "", said)
        assert any(str(at.year + off) in digits for off in (-1, 0, 1)), (said, at)


def test_any_lines_become_items_or_faults(workspace: Workspace, tmp_path: Path) -> None:
    take = take_and_forget(workspace)
    path = tmp_path / "items.jsonl"
    fuzz(FILES, lambda data: follow(data, path, take), seconds=10.0)  # 60,000 lines, kept twice
