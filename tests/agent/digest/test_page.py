"""A digest as it is read: both languages, every number, and nothing that hostile text could do."""

import re
from dataclasses import replace
from typing import Any

import pytest

from agent import dossier
from agent.alerts import Evidence
from agent.channels import email
from agent.digest import page
from agent.digest.facts import Alerted, Decided, Facts, Front, Reported, Share
from tests.agent.digest.test_facts import EMPTY
from tests.agent.test_notices import EVIL, Page


def source(title: str = "DeepSeek trains R1 for less", **more: Any) -> Evidence:
    given = {"item_id": "i1", "publisher": "VentureBeat", "url": "https://v.example/a"}
    given |= {"published": "2025-01-27", "owners": ("a", "b"), "quote": "at 3% of the cost"}
    return Evidence(title=title, **{**given, **more})


FULL = replace(
    EMPTY,
    score=63.24,
    before=61.94,
    causes=(Share("new evidence", "new evidence", 1.6), Share("decay", "decay", -0.3)),
    pillars=(Front("efficiency", "Efficiency", "efficiency", 0.38, 0.9),),
    fronts=(Front("training", "Training efficiency", "efficiency", 0.2, 0.94),),
    supporting=(source(happening="DeepSeek published R1."),),
    against=(source("It will not matter"),),
    more_supporting=7,
    reading=(source("A paper"),),
    figures=(
        Reported("NVDA margin", "2025-04-27", 60.5, "percent", "https://sec.example/1", True),
    ),
    falsifiers=(
        Decided("F1", "Margin falls below 72%", "true", "it did", "https://sec.example/1"),
    ),
    alerts=(Alerted("A-1", "spike", "Training efficiency: threat rising"),),
    restated=(("correction", 3), ("merge", 1)),
    path=(("2025-01-26", 61.9, 58.0, 65.0), ("2025-01-27", 63.2, 60.0, 66.0)),
    strip=(("2025-01-26", (0.1,)), ("2025-01-27", (0.2,))),
)
FULL = replace(
    FULL,
    coverage=replace(
        EMPTY.coverage, sources=5, blind=("wire",), waiting=2, unpaid=1, calls=9, spent=0.25
    ),
)


def test_first_lines_say_where_it_stands_why_and_by_what() -> None:
    lines = page.write(FULL, "en").text.splitlines()
    assert lines[0] == "The thesis is stronger: 63.2 (+1.3), likely between 55.0 and 65.0."
    assert lines[1] == (
        "Why: new evidence +1.6, evidence growing old −0.3. Most of it on Training efficiency +0.9."
    )
    assert lines[2] == "Most telling: DeepSeek trains R1 for less (VentureBeat)."


def test_subject_carries_score_and_change() -> None:
    assert page.write(FULL, "en").subject == "63.2 (+1.3): T, 2025-01-27"
    assert page.write(replace(FULL, before=None), "en").subject == "63.2: T, 2025-01-27"


@pytest.mark.parametrize("language", page.languages())
def test_page_and_text_hold_everything(language: str) -> None:
    made = page.write(FULL, language)
    shown = " ".join(Page(made.html).text.split())
    for said in (
        "63.2",
        "+1.3",
        "55.0",
        "65.0",
        "+0.94"[:4],
        "DeepSeek trains R1 for less",
        "DeepSeek published R1.",
        "at 3% of the cost",
        "It will not matter",
        "A paper",
        "60.5 percent",
        "Margin falls below 72%",
        "Training efficiency: threat rising",
        "wire",
        "0.25",
        "thesis explain --since 2025-01-27 --as-of 2025-01-27",
    ):
        assert said in shown, said
        assert said in made.text, said
    assert Page(made.html).pictures == ["cid:score", "cid:fronts"]
    assert "{" not in made.text


def test_languages_have_the_same_words_and_places() -> None:
    phrases = page._phrases()
    english = phrases["en"]
    for words in phrases.values():
        assert words.keys() == english.keys()
        for key, text in words.items():
            assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english[key])), (
                key
            )


@pytest.mark.parametrize("language", page.languages())
def test_what_to_hold_against_the_score_is_said_in_the_readers_words(language: str) -> None:
    words = page._phrases()[language]
    seen = replace(FULL.coverage, share=0.2, waiting=2, unpaid=1, candidates=7)
    text = page.write(replace(FULL, coverage=seen, status="raw words"), language).text
    assert "raw words" not in text
    for key in ("status_blind", "status_waiting", "status_unpaid", "status_uncalibrated"):
        assert words[key].format(share="20%", count=2 if "wait" in key else 1, of=7) in text
    calm = page.write(replace(FULL, calibrated=True, coverage=EMPTY.coverage), language).text
    assert words["status_calibrated"] in calm
    assert words["status_uncalibrated"] not in calm


def test_each_event_says_what_it_moved_and_where() -> None:
    moved = replace(FULL.supporting[0], event_id="e1")
    moved = replace(moved, category="training")
    facts = replace(FULL, supporting=(moved,), moved=(Share("e1 training", "Training", 0.34),))
    line = next(line for line in page.write(facts, "en").text.splitlines() if "2025-01-27," in line)
    assert line.endswith("(VentureBeat and 1 more, 2025-01-27, Training +0.34)")


def test_both_sides_are_always_told() -> None:
    made = page.write(EMPTY, "en")
    assert "Nothing for it today." in made.text
    assert "Nothing against it today." in made.text
    assert "Nothing against it today." in Page(made.html).text
    assert made.charts == ()


def test_what_was_not_seen_is_told_and_never_as_good_news() -> None:
    text = page.write(FULL, "en").text
    assert "4 of 5 sources seen" in text
    assert "not seen: wire. No news there is not good news." in text
    assert "2 items wait for the judge" in text


@pytest.mark.parametrize(
    "url",
    [
        "https://v.example/a\nAlert: sell everything",
        "https://v.example/a\u202egpj.exe",
        "https://v.example/a b",
        "https://v.example/" + "a" * 8000,
        "javascript:alert(1)",
        "//v.example/a",
        "https://[",
    ],
    ids=range(7),
)
def test_address_that_hides_something_is_none(url: str) -> None:
    assert dossier.web(url) == ""


def test_largest_digest_is_not_clipped_and_says_so_in_bytes() -> None:
    evil = source("\u82f1" * 400, quote="\u4f1f" * 900, url="https://v.example/" + "a" * 1980)
    evil = replace(evil, happening="\u8fbe" * 900)
    facts = replace(FULL, supporting=(evil,) * 5, against=(evil,) * 5, reading=(evil,) * 5)
    assert len(page.write(facts, "zh").html.encode()) < 100_000


def test_figures_are_told_in_full() -> None:
    one = Reported("Nvidia revenue", "2025-01-26", 35_082_000_000.0, "USD", "", False)
    made = page.write(replace(FULL, figures=(one,)), "en")
    assert "35,082,000,000 USD" in made.text
    assert "35,082,000,000 USD" in Page(made.html).text
    assert 'href=""' not in made.html


def test_title_that_calls_itself_a_picture_stays_a_title() -> None:
    title = '"cid:score" src="cid:score" DeepSeek'
    made = page.write(replace(FULL, supporting=(source(title),)), "en")
    shown = email.with_picture(made.html, "score", "data:image/png;base64,AAAA")
    assert shown.count("AAAA") == 1
    assert Page(shown).text.count("cid:score") == Page(made.html).text.count("cid:score") > 0


def test_several_days_are_called_so() -> None:
    days = replace(EMPTY, first_day="2025-01-21")
    assert "Nothing for it in these days." in page.write(days, "en").text
    assert "2025-01-21 - 2025-01-27" in page.write(days, "en").subject


def test_most_telling_event_is_one_that_went_that_way() -> None:
    weaker = replace(FULL, score=61.0, against=())
    lines = page.write(weaker, "en").text.splitlines()
    assert lines[2] == "No new event pushed it that way."


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
@pytest.mark.parametrize("language", page.languages())
def test_hostile_text_does_nothing(language: str, text: str) -> None:
    evil = source(text, publisher=text, quote=text, happening=text)
    facts: Facts = replace(
        FULL,
        supporting=(evil,) * 5,
        against=(evil,) * 5,
        reading=(evil,) * 5,
        alerts=(Alerted("A-1", "spike", text),),
        coverage=replace(FULL.coverage, blind=(text,)),
        status=text,
        thesis=text,
    )
    made, calm = page.write(facts, language), page.write(FULL, language)
    assert Page(made.html).tags <= Page(calm.html).tags
    assert Page(made.html).attributes <= Page(calm.html).attributes
    assert {link.split(":")[0] for link in Page(made.html).links} == {"https"}
    assert Page(made.html).pictures == Page(calm.html).pictures
    assert len(made.html) < 100_000
    assert "\n" not in made.subject
    for shown in (made.subject, made.text, made.html):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u200b\u202a-\u202e\u2066-\u2069\ufeff]", shown)
