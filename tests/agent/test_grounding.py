"""A sentence holds against what it cites, or it goes: figures, names, quotes, "not", direction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.entities import Mentions
from agent.excerpts import sentences
from agent.grounding import fault
from agent.thesis import Thesis

FALL = "Nvidia shares fell 17% on Monday as investors worried about DeepSeek's cheaper model."
LOSS = "Nvidia shares fall 17% and lose $589 million in value. Analysts had not expected it."
AMD = "AMD gains 5% after it said that MI300X orders rose."
LONG = (
    "The company reported revenue of 35,082,000,000 dollars. Gross margin was 74.6%. It does not "
    "expect supply to be tight next year. Demand from two customers fell, it said."
)
CHINESE = "英伟达股价下跌17%，市值蒸发5890亿美元。分析师说这并非需求下降。"
MOVED = "It moved +1.10 points: new evidence +1.30, evidence growing old -0.20."
BESIDE = "Reuters 2025-01-27 27 January 2025 Monday"


@pytest.fixture(scope="module")
def entities(thesis: Thesis) -> Mentions:
    return Mentions(thesis.entities)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("Nvidia shares fell 17%.", FALL),
        ("Investors worried about DeepSeek's cheaper model.", FALL),
        ("On 27 January 2025 Nvidia shares fell 17%, Reuters says.", FALL),
        ("Nvidia shares fell on Jan 27.", FALL),
        ("Nvidia lost $589 million in value.", LOSS),
        ("Analysts had not expected it.", LOSS),
        ("Gross margin was 74.6%.", LONG),
        ("The company reported revenue of 35082000000 dollars.", LONG),
        ("It does not expect supply to be tight.", LONG),
        ("It said: “Demand from two customers fell, it said.”", LONG),
        ("It moved by 1.1 points.", MOVED.replace("1.10", "1.1")),
        ("英伟达股价下跌17%。", CHINESE),
        ("英伟达股价“下跌17%，市值蒸发5890亿美元”。", CHINESE),
        ("Nvidia 股价下跌17%。", CHINESE),
        ("路透说：“Nvidia shares fell 17% on Monday”。", FALL),
        ("Nvidia was sued by AMD over patents.", "AMD sued Nvidia over patents."),
    ],
)
def test_sentence_that_stands_there_holds(text: str, source: str, entities: Mentions) -> None:
    assert fault(text, source, BESIDE, entities) == ""


@pytest.mark.parametrize(
    ("text", "source", "why"),
    [
        ("Nvidia shares fell 18%.", FALL, "figure 18%"),
        ("Nvidia shares fell $27 on Monday.", FALL, "figure $27"),
        ("OpenAI's o1 beats DeepSeek R1.", "DeepSeek R1 beats OpenAI's o1.", "turns around"),
        ("Nvidia shares fell to $17.", FALL, "figure $17"),
        ("Nvidia shares fell -17% to .9%.", FALL, "figure"),
        ("Nvidia shares fell sixteen percent.", FALL, "figure sixteen"),
        ("Nvidia shares lose $589 billion in value.", LOSS, "figure $589b"),
        ("Nvidia shares lose a hundred billion in value.", LOSS, "figure hundred"),
        ("Microsoft will spend $80.", "Microsoft will spend $80 billion.", "figure $80"),
        ("It used 5.6 million GPUs.", "It used $5.6 million of GPUs.", "figure 5.6m"),
        ("It moved by -1.10 points.", MOVED, "figure -1.10"),
        ("New evidence was -9.75.", MOVED, "figure -9.75"),
        ("Nvidia shares fell by sub-5%.", FALL, "figure 5"),
        ("Nvidia shares fell 5-70 points.", "Nvidia shares fell 5 points.", "figure 70"),
        ("Nvidia shares fell approx.5%.", FALL, "figure 5"),
        ("Nvidia shares fell A٣.", FALL, "no plain sentence"),
        ("Ten start-ups fell.", "Start-ups often fell.", "figure Ten"),
        ("Demand doubled.", "Demand redoubled.", "figure doubled"),
        ("On 28 January 2025 Nvidia shares fell 17%.", FALL, "day 28/1"),
        ("Nvidia shares rise 17%.", FALL, "rise into a fall"),
        ("Analysts had expected it of Nvidia shares.", LOSS, "says no"),
        ("It expects supply to be tight next year.", LONG, "says no"),
        (
            "Microsoft scrapped its plan to build there.",
            "Microsoft plans to build there.",
            "says no",
        ),
        ("Nvidia lost its lead.", "Nvidia could lose its lead.", "certain"),
        ("Google rents servers.", "Google in talks to rent servers.", "certain"),
        ("Gross margin was 74.7%.", LONG, "figure 74.7"),
        ("It said: “Demand from two customers rose.”", LONG, "quote"),
        ("It said ‘demand from two customers rose’.", LONG, "quote"),
        ("It said 'demand from two customers rose'.", LONG, "quote"),
        ("It said «demand from two customers rose».", LONG, "quote"),
        ('Demand from two customers fell," it said.', LONG, "half a quote"),
        ("Intel shares fell 17%.", FALL, "name"),
        ("huawei shares fell 17%.", FALL, "name huawei"),
        ("Meta fell 17%.", "A metal company fell 17%.", "name"),
        ("Nvidia sued AMD over patents.", "AMD sued Nvidia over patents.", "who did what"),
        (
            "AMD reported revenue of $35 billion.",
            "AMD reported results. Nvidia reported revenue of $35 billion.",
            "somebody else",
        ),
        ("Nvidia shares fell on fears over semiconductor export licences.", FALL, "too little"),
        ("Nvidia shares fell 17% on fraud, arrests and bankruptcy.", FALL, "too little"),
        ("英伟达股价下跌90%。", CHINESE, "figure 90"),
        ("英伟达股价下跌九成。", CHINESE, "figure 九成"),
        ("英伟达股价下跌百分之九十。", CHINESE, "figure 百分之九十"),
        ("英伟达市值蒸发9000亿美元。", CHINESE, "figure"),
        ("台积电收购其工厂。", CHINESE, "name"),
        ("它宣布破产并关闭所有工厂。", FALL, "must quote"),
        ("See https://evil.example for Nvidia shares.", FALL, "no plain"),
        ("Nvidia shares fell.\u202e", FALL, "no plain"),
    ],
)
def test_sentence_that_brings_in_anything_goes(
    text: str, source: str, why: str, entities: Mentions
) -> None:
    assert why in fault(text, source, BESIDE, entities)


def test_day_and_publisher_may_be_named_only_where_they_are_known() -> None:
    text = "On 27 January 2025 Nvidia shares fell 17%, Reuters says."
    assert "day" in fault(text, FALL)
    assert fault(text, FALL, BESIDE) == ""


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_is_too_odd_to_be_held_against_another(text: str, source: str) -> None:
    assert isinstance(fault(text, source), str)


@given(st.sampled_from([FALL, LOSS, AMD, LONG, CHINESE]))
def test_sentence_holds_against_itself(source: str) -> None:
    for start, end in sentences(source):
        assert fault(source[start:end], source) == ""
