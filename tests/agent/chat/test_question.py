"""Clear questions are told apart by their words; everything else is looked for in the items."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.chat.question import Intent, understand
from agent.thesis import Thesis

TODAY = date(2025, 4, 30)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("What is the score?", Intent.SCORE),
        ("Where does the thesis stand?", Intent.SCORE),
        ("How strong is the bear case?", Intent.SCORE),
        ("What is the score of The Short Case for Nvidia Stock?", Intent.SCORE),
        ("Score yesterday?", Intent.SCORE),
        ("论点得分是多少？", Intent.SCORE),
        ("Why did the score fall last week?", Intent.CHANGE),
        ("Why did it move?", Intent.CHANGE),
        ("How did the score change between 24 and 28 January?", Intent.CHANGE),
        ("What changed yesterday?", Intent.CHANGE),
        ("为什么上周得分下降？", Intent.CHANGE),
        ("Which fronts pull most?", Intent.FRONTS),
        ("Which front is weakest?", Intent.FRONTS),
        ("How is custom silicon doing?", Intent.FRONTS),
        ("哪条战线最强？", Intent.FRONTS),
        ("What is the strongest evidence for the thesis?", Intent.STANDING),
        ("What weakens the thesis?", Intent.STANDING),
        ("最有力的证据是什么？", Intent.STANDING),
        ("What is Nvidia's gross margin?", Intent.KPIS),
        ("英伟达的毛利率是多少？", Intent.KPIS),
        ("Any alerts last week?", Intent.ALERTS),
        ("Did anything spike?", Intent.ALERTS),
        ("有警报吗？", Intent.ALERTS),
        ("Which sources are failing?", Intent.HEALTH),
        ("Is any feed silent?", Intent.HEALTH),
        ("来源状态如何？", Intent.HEALTH),
    ],
)
def test_clear_question_is_recognised(text: str, intent: Intent, thesis: Thesis) -> None:
    assert understand(text, thesis, TODAY).intent == intent


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "Who invested in Tenstorrent?",
        "Why did Nvidia shares fall 17% on 27 January 2025?",
        "Did Nvidia rise last week?",
        "What is TSMC's revenue in Q1 2025?",
        "Which source says that AMD gained share?",
        "昇腾 910C 的推理性能如何？",
    ],
)
def test_everything_else_is_a_question_for_the_items(text: str, thesis: Thesis) -> None:
    assert understand(text, thesis, TODAY).intent == Intent.EVIDENCE


@pytest.mark.parametrize(
    ("text", "stance"),
    [
        ("What is the strongest evidence for the thesis?", "supports"),
        ("What supports the thesis?", "supports"),
        ("Which items are in favour of it?", "supports"),
        ("What is the strongest evidence against the thesis?", "weakens"),
        ("What contradicts it?", "weakens"),
        ("有什么反对它的证据？", "weakens"),
        ("What speaks for the thesis and what against?", None),
        ("What is the score?", None),
    ],
)
def test_side_is_taken_only_when_one_is_asked_for(
    text: str, stance: str | None, thesis: Thesis
) -> None:
    assert understand(text, thesis, TODAY).stance == stance


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("What did filings say about inventory?", ("filing",)),
        ("What does the 10-K say?", ("filing",)),
        ("财报里怎么说？", ("filing",)),
        ("Any papers on inference?", ("paper",)),
        ("Do filings or arXiv preprints speak of it?", ("filing", "paper")),
        ("Do the newspapers speak of it?", ()),
    ],
)
def test_kind_of_item_is_told_from_its_name(
    text: str, kinds: tuple[str, ...], thesis: Thesis
) -> None:
    assert understand(text, thesis, TODAY).kinds == kinds


@pytest.mark.parametrize(
    ("text", "kpis"),
    [
        ("What is Nvidia's gross margin?", ("nvda_gross_margin",)),
        ("What is the gross margin?", ("nvda_gross_margin",)),
        ("英伟达的毛利率是多少？", ("nvda_gross_margin",)),
        ("capex of Microsoft", ("msft_capex",)),
        ("How large is Nvidia's data center revenue?", ("nvda_data_center_revenue",)),
        ("How large is Nvidia's revenue?", ("nvda_revenue",)),
        ("What about Broadcom's gross margin?", ()),
        ("Did revenue come up?", ()),
    ],
)
def test_kpi_is_that_of_the_company_that_is_named(
    text: str, kpis: tuple[str, ...], thesis: Thesis
) -> None:
    assert understand(text, thesis, TODAY).kpis == kpis


def test_every_front_is_known_by_its_id_and_its_name(thesis: Thesis) -> None:
    for front in thesis.categories:
        words = front.id.replace("_", " ")
        if len(words.split()) > 1:
            assert understand(f"How is {words} doing?", thesis, TODAY).category == front.id
        if len(front.name.split()) > 1:
            assert understand(f"What of {front.name}?", thesis, TODAY).category == front.id


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Why did the score fall last week?", "Why did the score fall ?"),
        ("What happened in January 2025?", "What happened ?"),
        ("What did AMD say on 27 January?", "What did AMD say ?"),
        ("What is the score?", "What is the score?"),
        ("为什么上周得分下降？", "为什么 得分下降？"),
    ],
)
def test_period_is_taken_out_of_the_words(text: str, bare: str, thesis: Thesis) -> None:
    assert understand(text, thesis, TODAY).bare == bare


def test_words_between_two_periods_are_kept(thesis: Thesis) -> None:
    asked = understand("Did the January launch of B200 hurt AMD in March 2025?", thesis, TODAY)
    assert "B200" in asked.bare
    assert "AMD" in asked.bare


def test_change_in_a_period_is_counted_from_the_end_of_the_day_before(thesis: Thesis) -> None:
    asked = understand("Why did the score fall last week?", thesis, TODAY)
    assert not asked.between
    assert asked.since == date(2025, 4, 20)


def test_change_between_two_days_is_counted_from_the_end_of_the_first(thesis: Thesis) -> None:
    asked = understand("How did the score move between 24 and 28 January?", thesis, TODAY)
    assert asked.between
    assert asked.since == date(2025, 1, 24)


def test_question_without_a_period_is_counted_from_no_day(thesis: Thesis) -> None:
    asked = understand("What is the score?", thesis, TODAY)
    assert asked.span is None
    assert asked.since is None


@given(text=st.text(max_size=60))
def test_any_text_is_understood_and_kept(text: str, thesis: Thesis) -> None:
    asked = understand(text, thesis, TODAY)
    assert asked.text == text
    assert asked.bare == " ".join(asked.bare.split())


@given(
    text=st.sampled_from(
        [
            *("What is the score?", "Why did the score fall last week?", "Any alerts yesterday?"),
            *("How is custom silicon doing?", "What is Nvidia's gross margin?", "Any papers?"),
            "What is the strongest evidence against the thesis?",
        ]
    ),
    upper=st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_capital_letters_change_nothing(text: str, upper: list[bool], thesis: Thesis) -> None:
    written = "".join(
        one.upper() if high else one.lower() for one, high in zip(text, upper, strict=False)
    )
    expected, found = (understand(one, thesis, TODAY) for one in (text, written))
    assert (found.intent, found.span, found.category) == (
        expected.intent,
        expected.span,
        expected.category,
    )
    assert (found.kpis, found.stance, found.kinds) == (
        expected.kpis,
        expected.stance,
        expected.kinds,
    )
