"""A sentence holds against what it cites, or it goes: figures, names, quotes, "not", direction."""

import pytest

from agent.grounding import fault

FALL = "Nvidia shares fall 17% and lose $589 million in value. Analysts had not expected it."
AMD = "AMD gains 5% after it said that MI300X orders rose."
LONG = (
    "The company reported revenue of 35,082,000,000 dollars. Gross margin was 74.6%. It does not "
    "expect supply to be tight next year. Demand from two customers fell, it said."
)
CHINESE = "英伟达股价下跌17%，市值蒸发5890亿美元。分析师说这并非需求下降。"


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("Nvidia shares fall 17%.", [FALL]),
        ("Nvidia lost $589 million in value.", [FALL]),
        ("Analysts had not expected it.", [FALL]),
        ("AMD gains after MI300X orders rose, while Nvidia shares fall.", [FALL, AMD]),
        ("Gross margin was 74.6%.", [LONG]),
        ("Revenue of 35082000000 dollars was reported.", [LONG]),
        ("It does not expect supply to be tight.", [LONG]),
        ("It said: “Demand from two customers fell, it said.”", [LONG]),
        ("英伟达股价下跌17%。", [CHINESE]),
        ("英伟达 shares fall 17%.", [FALL + " 英伟达"]),
        ("AMD 上涨 5%。", [AMD]),
    ],
)
def test_sentence_that_stands_there_holds(text: str, sources: list[str]) -> None:
    assert fault(text, sources) == ""


@pytest.mark.parametrize(
    ("text", "sources", "why"),
    [
        ("Nvidia shares fall 18%.", [FALL], "figure 18%"),
        ("Nvidia shares lose $589 billion in value.", [FALL], "figure 589b"),
        ("Nvidia shares lose a hundred billion in value.", [FALL], "figure hundred"),
        ("Nvidia shares rise 17%.", [FALL], "rise into a fall"),
        ("AMD shares fall 17%.", [FALL, AMD], "AMD"),
        ("Analysts had expected it of Nvidia shares.", [FALL], "says no"),
        ("It expects supply to be tight next year.", [LONG], "says no"),
        ("Gross margin was 74.7%.", [LONG], "figure 74.7"),
        ("It said: “Demand from two customers rose.”", [LONG], "quote"),
        ("Intel shares fall 17%.", [FALL], "name Intel"),
        ("Nvidia shares fall on fears over semiconductor export licences.", [FALL], "too little"),
        ("英伟达股价下跌90%。", [CHINESE], "figure 90"),
        ("英伟达市值蒸发9000亿美元。", [CHINESE], "figure 9000"),
        ("英特尔宣布破产，台积电收购其工厂。", [CHINESE], "no"),
        ("英特尔宣布破产。", [AMD], "too little"),
        ("See https://evil.example for Nvidia shares.", [FALL], "no plain"),
        ("Nvidia shares fall.\u202e", [FALL], "no plain"),
        ("Nvidia shares fall 17%.", [], "cites nothing"),
    ],
)
def test_sentence_that_brings_in_anything_goes(text: str, sources: list[str], why: str) -> None:
    assert why in fault(text, sources)


def test_day_and_publisher_may_be_named() -> None:
    assert "figure" in fault("On 27 January 2025 Nvidia shares fall.", [FALL])
    allowed = ["Reuters 2025-01-27 27 January 2025"]
    assert fault("On 27 January 2025 Reuters said that Nvidia shares fall.", [FALL], allowed) == ""
