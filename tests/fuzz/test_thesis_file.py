"""A thesis file with its exemplars, as every command and the local judge read them."""

import hashlib
import tomllib
from pathlib import Path

from hypothesis import strategies as st

from agent import thesis as theses
from agent.entities import Mentions
from agent.errors import ThesisFileError
from agent.judge import answer, exemplars
from agent.thesis import Thesis
from tests.fuzz import seeds, toml
from tests.fuzz.mutation import spoiled
from tests.fuzz.running import fuzz

SMALL = seeds.thesis_files()[0]
WORDS = (
    "acme",
    "price",
    "one",
    "ACME",
    "acme_sales",
    "kpi",
    "ratio",
    "days",
    "USD",
    "<",
    "",
    "\0",
    "1e308",
)
TEXTS = spoiled(seeds.thesis_files(), toml.PIECES) | toml.misfits(tomllib.loads(SMALL), WORDS)
LABELS = (b'"labels": ["price supports 1"]', b'"price supports 4"', b"null", b'"\\ud800"', b"\xff")
LINES = spoiled(seeds.exemplar_lines(), LABELS)
FILES = st.tuples(TEXTS, st.just(b"")) | st.tuples(st.just(SMALL), LINES)


def load(example: tuple[str, bytes], path: Path) -> None:
    """What loads holds together; what does not names a line that is there."""
    text, lines = example
    path.write_text(text, encoding="utf-8", newline="")
    taught = path.parent / theses.EXEMPLARS / "a.jsonl"
    taught.parent.mkdir(exist_ok=True)
    taught.write_bytes(lines)
    try:
        found = theses.load(path)
    except ThesisFileError as error:
        _names_a_line(error, text)
        return
    assert theses.load(path) == found
    assert found.version == hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    _holds_together(found)
    if not lines:
        return
    try:
        for one in exemplars.load(found):
            assert one.text.encode()
            assert all(mark.category in found.weights for mark in one.marks)
    except ThesisFileError as error:
        _names_a_line(error, lines.decode("utf-8", "replace"))


def _names_a_line(error: ThesisFileError, text: str) -> None:
    assert error.line is None or 1 <= error.line <= text.count("\n") + 1
    assert str(error).encode()


def _holds_together(thesis: Thesis) -> None:
    assert abs(sum(thesis.weights.values()) - 1) < 1e-9
    assert min(thesis.weights.values()) > 0
    assert set(thesis.pillar_of.values()) <= {pillar.id for pillar in thesis.pillars}
    known = {entity.id for entity in thesis.entities}
    assert thesis.subject in known
    mentions = Mentions(thesis.entities)
    for entity in thesis.entities:
        assert mentions.find(entity.name) <= known
    assert answer.schema(thesis)
    assert all(kpi.definition for kpi in thesis.kpis)
    assert all((one.after or thesis.date) < one.by for one in thesis.falsifiers)


def test_any_text_is_a_thesis_or_is_refused(tmp_path: Path) -> None:
    fuzz(FILES, lambda example: load(example, tmp_path / theses.THESIS_FILE))
