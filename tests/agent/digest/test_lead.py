"""A model's sentence stays only when every figure, name and "not" in it stands in what it cites."""

import pytest

from agent.alerts import Evidence
from agent.digest import lead
from agent.digest.lead import Lead, Written
from agent.entities import Mentions
from agent.thesis import Thesis


def event(
    title: str, quote: str = "", happening: str = "", publisher: str = "VentureBeat"
) -> Evidence:
    return Evidence("i", title, publisher, "https://v.example/a", quote=quote, happening=happening)


EVENTS = [
    event(
        "DeepSeek R1 matches OpenAI's o1",
        quote="DeepSeek trained it for 3% of the cost, about $5.6 million",
        happening="DeepSeek released R1, an open reasoning model",
    ),
    event("Nvidia says Blackwell is not delayed", publisher="Reuters"),
    event("英伟达市值超过苹果", publisher="Solidot"),
]


def fault(text: str, *cited: int) -> str:
    return lead.fault(Written(text=text, events=list(cited)), EVENTS)


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("DeepSeek released R1, an open reasoning model.", [1]),
        ("DeepSeek's R1 matches OpenAI's o1 and was trained for 3% of the cost.", [1]),
        ("It took about $5.6 million, DeepSeek said.", [1]),
        ("Nvidia says that Blackwell is not delayed.", [2]),
        ("DeepSeek：“released R1, an open reasoning model”。", [1]),
        ("英伟达市值超过苹果。", [3]),
    ],
)
def test_sentence_that_stands_in_its_event_holds(text: str, cited: list[int]) -> None:
    assert fault(text, *cited) == ""


@pytest.mark.parametrize(
    ("text", "cited", "why"),
    [
        ("DeepSeek trained R1 for 5% of the cost.", [1], "figure 5%"),
        ("DeepSeek trained R1 for 1% of the cost.", [1], "figure 1%"),
        ("DeepSeek 发布了开放的推理模型 R1。", [1], "must quote"),
        ("DeepSeek trained R1 for 3 times the cost.", [1], "figure 3"),
        ("DeepSeek trained R1 for $56 million.", [1], "figure $56"),
        ("DeepSeek R1 matches Google's model.", [1], "name Google"),
        ("Huawei released R1, an open reasoning model.", [1], "name Huawei"),
        ("The model matches GPT-4o in reasoning.", [1], "name GPT-4o"),
        ("DeepSeek did not release R1, an open reasoning model.", [1], "says no"),
        ("Nvidia says that Blackwell is delayed.", [2], "says no"),
        (
            "DeepSeek R1 threatens margins across semiconductor suppliers worldwide.",
            [1],
            "too little",
        ),
        ("DeepSeek released R1.", [], "cites none"),
        ("DeepSeek released R1.", [9], "cites none"),
        ("DeepSeek released R1.", [0], "cites none"),
        ("DeepSeek released R1.", [1, 2, 3], "too many"),
        ("See https://evil.example for DeepSeek R1.", [1], "no plain"),
        ("<b>DeepSeek</b> released R1.", [1], "no plain"),
        ("DeepSeek\nreleased R1.", [1], "no plain"),
        ("", [1], "no plain"),
        ("DeepSeek R1 " * 60, [1], "no plain"),
    ],
)
def test_sentence_that_brings_in_anything_is_dropped(text: str, cited: list[int], why: str) -> None:
    assert why in fault(text, *cited)


def test_sentence_that_turns_around_who_did_what_is_dropped(thesis: Thesis) -> None:
    entities = Mentions(thesis.entities)
    for text, why in (
        ("DeepSeek R1 matches OpenAI's o1.", ""),
        ("OpenAI's o1 matches DeepSeek R1.", "turns around"),
    ):
        assert why in lead.fault(Written(text=text, events=[1]), EVENTS, entities)
        kept = lead.holding(Lead(sentences=[Written(text=text, events=[1])]), EVENTS, entities)
        assert bool(kept) is not bool(why)


def test_only_what_holds_is_kept_and_no_more_than_three() -> None:
    good = Written(text="DeepSeek released R1, an open reasoning model.", events=[1])
    bad = Written(text="DeepSeek trained R1 for 1% of the cost.", events=[1])
    kept = lead.holding(Lead(sentences=[bad, good, good, bad, good, good]), EVENTS)
    assert len(kept) == 3
    assert {one.text for one in kept} == {good.text}
    assert kept[0].events == (0,)


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"sentences": [{"text": 1}]}', "[]"])
def test_answer_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        lead.read(text)
