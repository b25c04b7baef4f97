"""What makes two items more or less alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import likeness
from agent.likeness import Fingerprint, Usage

MONDAY = datetime(2025, 1, 27, 8, tzinfo=UTC)
EAST = np.array([1, 0], dtype=np.float32)
NORTH = np.array([0, 1], dtype=np.float32)


def told(
    title: str, *names: str, text: str = "", at: datetime = MONDAY, vector: np.ndarray = EAST
) -> Fingerprint:
    named = frozenset(names or ("nvidia",))
    return Fingerprint(title, at, None, title, title, f"{title}. {text}", vector, named)


def alike(one: Fingerprint, other: Fingerprint, *window: Fingerprint) -> float:
    usage = Usage()
    for member in (*window, other):
        usage.add(member)
    return usage.likeness(one, other)


def test_the_same_words_entities_and_vector_are_fully_alike() -> None:
    rare = alike(told("Groq raises $640m", "groq"), told("Groq raises $640m", "groq"))
    assert rare == pytest.approx(1, abs=0.02)


def test_nothing_in_common_is_not_alike_at_all() -> None:
    one, other = told("Groq raises money", "groq"), told("TSMC builds", "tsmc", vector=NORTH)
    assert alike(one, other) == 0.0


def test_opposite_vectors_are_no_worse_than_unrelated_ones() -> None:
    one, other = told("Groq", "groq"), told("TSMC", "tsmc")
    assert alike(one, replace(other, vector=-EAST)) == alike(one, replace(other, vector=NORTH))


def test_a_word_that_everybody_uses_tells_less_than_a_rare_one() -> None:
    common = [told(f"stock pick number{n}") for n in range(300)]
    by_common = alike(told("stock alpha"), told("stock beta"), *common)
    by_rare = alike(told("ziggurat alpha"), told("ziggurat beta"), *common)
    assert by_rare > by_common + 0.1


def test_an_entity_that_everybody_names_tells_less_than_a_rare_one() -> None:
    crowd = [told(f"headline{n}", "nvidia") for n in range(300)]
    by_subject = alike(told("alpha", "nvidia"), told("beta", "nvidia"), *crowd)
    by_rare = alike(told("alpha", "cerebras"), told("beta", "cerebras"), *crowd)
    assert by_rare > by_subject + 0.1


def test_what_is_no_longer_in_the_window_is_forgotten() -> None:
    crowd = [told(f"Somebody files case{n}") for n in range(50)]
    usage = Usage()
    one, other = told("Cerebras files", "cerebras"), told("Cerebras to list", "cerebras")
    before = usage.likeness(one, other)
    for member in crowd:
        usage.add(member)
    assert usage.likeness(one, other) != before
    for member in crowd:
        usage.add(member, -1)
    assert usage.likeness(one, other) == before


def test_headlines_tell_more_than_what_follows() -> None:
    in_both_titles = alike(told("Falcon Shores alpha"), told("Falcon Shores beta"))
    in_both_texts = alike(told("alpha", text="Falcon Shores"), told("beta", text="Falcon Shores"))
    assert in_both_titles > in_both_texts > alike(told("alpha"), told("beta"))


def test_the_same_facts_in_the_text_count_without_a_shared_headline_word() -> None:
    facts = "The 28 billion dollar plant in Ohio is delayed to 2030, Intel said on Friday."
    same = alike(told("Fab late", "intel", text=facts), told("A setback", "intel", text=facts))
    assert same > alike(told("Fab late", "intel"), told("A setback", "intel")) + 0.2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("OpenAI unveils a robot", "OpenAI launched its robot"),
        ("Researchers replicate R1", "A reproduction of R1"),
        ("Tech selloff", "Tech sell-off"),
        ("Qwen surpasses it", "Qwen beats it"),
        ("Microsoft cancels leases", "Microsoft cancelled one"),
        ("库克谈代工", "库克说代工"),
    ],
)
def test_words_of_one_sense_or_stem_count_as_one(one: str, other: str) -> None:
    first, second = told(one).headline, told(other).headline
    assert len(first & second) >= 2, (first, second)


def test_numbers_tell_two_products_apart() -> None:
    assert "5090" in told("RTX 5090 benchmarks").headline - told("RTX 5080 benchmarks").headline


def test_reports_further_apart_are_less_surely_of_one_happening() -> None:
    other = told("Groq raises $640m", "groq")
    same = alike(replace(other), other)
    week = alike(replace(other, at=MONDAY + likeness.FADE), other)
    assert week == pytest.approx(same / 2)


def test_launches_that_share_only_the_firm_are_less_alike_than_other_news_of_it() -> None:
    launches = alike(told("AMD launches Ryzen", "amd"), told("AMD unveils MI325X", "amd"))
    others = alike(told("AMD ships Ryzen", "amd"), told("AMD ships MI325X", "amd"))
    same = alike(told("AMD launches MI325X", "amd"), told("AMD unveils MI325X", "amd"))
    assert launches < 0.7 * others < others < same


@pytest.mark.parametrize(
    ("title", "move"),
    [
        ("Nvidia sheds $600B", -1),
        ("Shares plummet", -1),
        ("Nvidia rallies", 1),
        ("Stocks fall, then rebound", 0),
        ("Nvidia opens a lab", 0),
    ],
)
def test_headline_tells_of_a_rise_or_a_fall(title: str, move: int) -> None:
    assert told(title).move == move


def test_falls_of_one_day_are_one_fall_and_those_of_two_days_are_two() -> None:
    fall, again = told("Chip stocks tumble"), told("Nvidia sheds billions", vector=NORTH)
    rise = told("Nvidia gains billions", vector=NORTH)
    late = replace(again, at=MONDAY + timedelta(hours=24))
    evening = replace(again, at=MONDAY + timedelta(hours=23))
    assert alike(evening, fall) > alike(replace(rise, at=evening.at), fall) + 0.1
    assert alike(evening, fall) > alike(late, fall) + 0.05


texts = st.lists(
    st.sampled_from("nvidia chips fall rally deepseek r1 5090 launch 英 伟 达 the of".split()),
    max_size=12,
).map(" ".join)
items = st.builds(
    lambda title, text, names, angle: told(
        title, *names, text=text, vector=np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
    ),
    texts,
    texts,
    st.sets(st.sampled_from(["nvidia", "deepseek", "amd"]), min_size=1),
    st.floats(0, 6),
)


@given(items, items, st.lists(items, max_size=6))
def test_likeness_is_the_same_both_ways_and_stays_in_its_range(
    one: Fingerprint, other: Fingerprint, window: list[Fingerprint]
) -> None:
    usage = Usage()
    for member in window:
        usage.add(member)
    found = usage.likeness(one, other)
    assert found == usage.likeness(other, one)
    assert 0 <= found <= 1 + likeness.SAME_MOVE + 1e-6


@given(st.lists(items, min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_likeness_does_not_hang_on_the_order_of_the_window(
    window: list[Fingerprint], random
) -> None:
    shuffled = list(window)
    random.shuffle(shuffled)
    first, second = Usage(), Usage()
    for member, another in zip(window, shuffled, strict=True):
        first.add(member)
        second.add(another)
    assert first.likeness(window[0], window[1]) == second.likeness(window[0], window[1])
