"""What a model says counts only as far as its names exist and its quotes stand in the text."""

import json
from typing import Any

import pytest

from agent.judge import Judgeable, Verdict, answer
from agent.thesis import Thesis
from tests.chat_server import judgement, label

TEXT = (
    "DeepSeek says that training V3 cost $5.6 million. Rivals did not believe the claim at first."
)
QUOTE = "training V3 cost $5.6 million"


def judged(thesis: Thesis, *labels: dict[str, Any], **more: Any) -> Verdict:
    said = answer.read(json.dumps(judgement(*labels, **more)))
    return answer.verdict(said, Judgeable("a", TEXT), thesis)


def test_good_answer_becomes_a_verdict(thesis: Thesis) -> None:
    claim = thesis.claims[0].id
    found = judged(thesis, label(QUOTE, claim=claim, severity=3))
    (one,) = found.labels
    assert (found.relevant, found.abstained, found.event) == (
        True,
        False,
        "A laboratory published a model",
    )
    assert (one.category, one.stance, one.severity, one.claim) == (
        "training_efficiency",
        "supports",
        3,
        claim,
    )
    assert one.quote_at is not None
    assert TEXT[slice(*one.quote_at)] == QUOTE
    assert one.fault == ""


def test_quote_is_kept_as_the_text_spells_it(thesis: Thesis) -> None:
    item = Judgeable("a", "The “sea change” – as they call it – is here.")
    said = answer.read(json.dumps(judgement(label('"sea change" - as they call'))))
    (one,) = answer.verdict(said, item, thesis).labels
    assert one.quote == "sea change” – as they call"
    assert one.quote_at is not None
    assert item.text[slice(*one.quote_at)] == one.quote


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"quote": "training V3 cost nothing at all"}, "not in the text"),
        ({"quote": "believe the claim at first"}, "negation"),
        ({"category": "quantum"}, "no front 'quantum'"),
        ({"stance": "bullish"}, "no stance 'bullish'"),
        ({"severity": 7}, "no severity 7"),
        ({"claim": "made-up"}, "no claim 'made-up'"),
    ],
)
def test_label_that_does_not_hold_is_listed_with_its_fault(
    thesis: Thesis, changed: dict[str, Any], fault: str
) -> None:
    found = judged(thesis, {**label(QUOTE), **changed}, label(QUOTE, "compute_scaling"))
    assert fault in found.labels[0].fault
    assert fault in found.reason
    assert found.labels[1].fault == ""


def test_front_labelled_twice_counts_once_and_a_fourth_label_never(thesis: Thesis) -> None:
    twice = judged(thesis, label(QUOTE), label(QUOTE, stance="weakens"))
    assert [bool(one.fault) for one in twice.labels] == [False, True]
    names = ["training_efficiency", "compute_scaling", "capex_payback", "amd_stack"]
    assert len(judged(thesis, *(label(QUOTE, name) for name in names)).labels) == 3


def test_labels_of_an_irrelevant_item_are_dropped_and_none_of_a_relevant_one_is_an_abstention(
    thesis: Thesis,
) -> None:
    assert judged(thesis, label(QUOTE), relevant=False).labels == ()
    assert judged(thesis, relevant=True).abstained


def test_prose_around_the_object_is_passed_over() -> None:
    said = answer.read(f"Sure!\n```json\n{json.dumps(judgement())}\n```\nAnything else?")
    assert said.relevant is False


@pytest.mark.parametrize(
    "text",
    ["", "I cannot say.", '{"relevant": tr', '{"relevant": true}', "[1]", '{"a": ' * 9999]
    + [json.dumps(judgement(relevant="yes")), json.dumps(judgement(extra=1))],
)
def test_what_is_not_the_answer_asked_for_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        answer.read(text)


def test_schema_is_closed_and_names_what_the_thesis_names(thesis: Thesis) -> None:
    shape = answer.schema(thesis)
    label_shape = shape["properties"]["labels"]["items"]
    for one in (shape, label_shape):
        assert one["additionalProperties"] is False
        assert set(one["required"]) == set(one["properties"])
    assert label_shape["properties"]["category"]["enum"] == list(thesis.weights)
    assert list(label_shape["properties"])[:2] == ["reason", "quote"]
