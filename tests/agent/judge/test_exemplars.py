"""The lines the judge learns from: enough, checked, and never the ones it is measured on."""

import json
import re
import shutil
from pathlib import Path

import pytest

from agent.errors import ThesisFileError
from agent.judge import exemplars
from agent.judge.exemplars import STANCES, Exemplar, Mark
from agent.thesis import Thesis


@pytest.fixture
def copy(thesis: Thesis, tmp_path: Path) -> Thesis:
    """The thesis in a folder of the test's own, where its exemplars may be spoiled."""
    shutil.copytree(thesis.path.parent, tmp_path / "thesis")
    return thesis.model_copy(update={"path": tmp_path / "thesis" / thesis.path.name})


def titles(path: Path) -> list[str]:
    return [json.loads(line)["title"] for line in path.read_text(encoding="utf-8").splitlines()]


def plain(title: str) -> str:
    return " ".join(re.findall(r"\w+", title.casefold()))


def test_there_are_enough_exemplars_of_every_front_and_side(thesis: Thesis) -> None:
    lines = exemplars.load(thesis)
    assert len(lines) >= 1500
    marks = [mark for line in lines for mark in line.marks]
    for category in thesis.weights:
        for stance in ("supports", "weakens"):
            found = [mark for mark in marks if (mark.category, mark.stance) == (category, stance)]
            assert len(found) >= 20, (category, stance)
    assert {mark.stance for mark in marks} == set(STANCES)
    assert {mark.severity for mark in marks} == {1, 2, 3}
    assert sum(not line.marks for line in lines) >= 500


def test_no_exemplar_is_a_gold_line(thesis: Thesis, shared: Path) -> None:
    gold = {plain(title) for title in titles(shared / "gold" / "dev_gold.jsonl")}
    events = {plain(title) for title in titles(shared / "gold" / "dev_events.jsonl")}
    taught = {plain(title) for path in thesis.exemplars for title in titles(path)}
    assert len(gold) > 400
    assert taught & gold == set()
    assert taught & events == set()


def test_no_two_exemplars_of_one_text_disagree(thesis: Thesis) -> None:
    said: dict[str, set[tuple[Mark, ...]]] = {}
    for line in exemplars.load(thesis):
        said.setdefault(line.text, set()).add(line.marks)
    assert {text for text, marks in said.items() if len(marks) > 1} == set()


def test_example_lines_of_the_thesis_are_exemplars_too(thesis: Thesis) -> None:
    first = thesis.categories[0]
    taught = exemplars.load(thesis)
    assert Exemplar(first.supports[0], (Mark(first.id, "supports", 2),)) in taught
    assert Exemplar(first.weakens[0], (Mark(first.id, "weakens", 2),)) in taught


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{oops", "not an exemplar"),
        ('{"title": "T"}', "'labels'"),
        ('{"labels": []}', "'title'"),
        ('{"title": "T", "labels": ["nowhere supports 2"]}', "unknown category 'nowhere'"),
        ('{"title": "T", "labels": ["custom_silicon up 2"]}', "is not 'category stance severity'"),
        ('{"title": "T", "labels": ["custom_silicon supports 4"]}', "is not 'category stance"),
        ('{"title": "T", "labels": ["custom_silicon supports"]}', "not an exemplar"),
        ('{"title": "T", "labels": [7]}', "not an exemplar"),
        ("[]", "not an exemplar"),
        ("[" * 9_999, "not an exemplar"),
        ('{"title": null, "labels": []}', "None is no text"),
        ('{"title": "T", "summary": 5, "labels": []}', "5 is no text"),
        ('{"title": "cut \\ud83d", "labels": []}', "not an exemplar"),
    ],
)
def test_bad_line_is_named_with_its_file_and_number(copy: Thesis, line: str, reason: str) -> None:
    path = copy.exemplars[0]
    good = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*good[:4], line, *good[4:]]), encoding="utf-8")
    with pytest.raises(ThesisFileError, match=re.escape(reason)) as caught:
        exemplars.load(copy)
    assert (caught.value.path, caught.value.line) == (path, 5)


def test_file_that_cannot_be_read_is_named(copy: Thesis) -> None:
    path = copy.exemplars[0]
    path.write_bytes("Künstlich".encode("latin-1"))
    with pytest.raises(ThesisFileError, match="cannot be read") as caught:
        exemplars.load(copy)
    assert caught.value.path == path
    path.unlink()
    path.mkdir()
    with pytest.raises(ThesisFileError, match="cannot be read"):
        exemplars.load(copy)


def test_only_a_line_feed_ends_a_line(copy: Thesis) -> None:
    before = len(exemplars.load(copy))
    with copy.exemplars[0].open("a", encoding="utf-8", newline="") as file:
        file.write('\n{"title": "one\u2028two\x85three",\r"labels": []}\r\n\n')
    assert len(exemplars.load(copy)) == before + 1


def test_too_few_exemplars_are_refused_with_what_to_write(copy: Thesis) -> None:
    for path in copy.exemplars:
        path.unlink()
    with pytest.raises(ThesisFileError, match="0 off-topic exemplars are too few.*Write at least"):
        exemplars.load(copy)


def test_digest_changes_with_a_text_a_mark_or_the_order() -> None:
    mark = Mark("custom_silicon", "supports", 2)
    one, other = Exemplar("A", (mark,)), Exemplar("B", ())
    known = {
        exemplars.digest(lines)
        for lines in (
            [one, other],
            [other, one],
            [one],
            [Exemplar("A", (Mark("custom_silicon", "supports", 3),)), other],
            [Exemplar("A2", (mark,)), other],
        )
    }
    assert len(known) == 5
    assert exemplars.digest([one, other]) == exemplars.digest([one, other])
