"""Members of an event make one row per category: one voice per owner, both sides alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import score
from agent.evidence import Row, Witness, weigh

DAY = datetime(2025, 1, 27, tzinfo=UTC)
OTHER_SIDE = {"supports": "weakens", "weakens": "supports", "neutral": "neutral"}

labels = st.tuples(
    st.sampled_from(["amd_stack", "custom_silicon"]),
    st.sampled_from(score.STANCES),
    st.sampled_from([0.4, 0.55, 0.7, 0.7001, 0.95]),
    st.integers(1, 3),
)
voices = st.tuples(
    st.sampled_from(["Reuters", "Apollo", "a blog", "AMD"]),
    st.sampled_from([0.0, 0.3, 0.6, 0.9]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(sorted(score.CAP)),
    st.integers(0, 3),
    st.lists(labels, max_size=3),
)
events = st.lists(voices, min_size=1, max_size=8).map(
    lambda drawn: [
        Witness(n, n, *voice[:5], DAY + timedelta(hours=voice[5]), tuple(voice[6]))
        for n, voice in enumerate(drawn)
    ]
)


def says(
    number: int,
    owner: str = "Reuters",
    stance: str = "supports",
    *,
    p: float = 0.8,
    severity: int = 2,
    category: str = "amd_stack",
    reliability: float = 0.6,
    opinion: bool = False,
    self_report: bool = False,
    kind: str = "news",
    hours: float = 0,
) -> Witness:
    at = DAY + timedelta(hours=hours)
    label = (category, stance, p, severity)
    return Witness(number, number, owner, reliability, opinion, self_report, kind, at, (label,))


def only(*witnesses: Witness, rank: int = 1) -> Row:
    (row,) = weigh(witnesses, rank=rank)
    return row


def mirrored(witness: Witness) -> Witness:
    flipped = tuple((name, OTHER_SIDE[stance], p, n) for name, stance, p, n in witness.labels)
    return replace(witness, labels=flipped)


def test_one_press_report_weighs_its_strength_times_reliability() -> None:
    row = only(says(1, reliability=0.9, severity=3))
    assert row.weight == pytest.approx(0.9 * 0.50)
    assert (row.stance, row.severity, row.owners) == ("supports", 3, ("Reuters",))
    assert (row.item_number, row.verdict_id, row.cap, row.half_life_days) == (1, 1, 0.7, 60.0)


@pytest.mark.parametrize("copies", [2, 50])
def test_copies_by_one_owner_weigh_as_much_as_one(copies: int) -> None:
    assert only(*(says(n, hours=n) for n in range(copies))) == only(says(0))


def test_independent_owners_corroborate_by_a_quarter_at_most() -> None:
    alone, two = only(says(1)), only(says(1), says(2, "Bloomberg"))
    crowd = only(*(says(n, f"owner {n}") for n in range(40)))
    assert two.weight == pytest.approx(alone.weight * 2 / 1.8)
    assert two.owners == ("Bloomberg", "Reuters")
    assert alone.weight < two.weight < crowd.weight < 1.25 * alone.weight


def test_an_owner_speaks_with_its_surest_verdict() -> None:
    row = only(says(1, stance="supports", p=0.6), says(2, stance="weakens", p=0.9))
    assert (row.stance, row.item_number, row.owners) == ("weakens", 2, ("Reuters",))


def test_the_earliest_of_two_equally_sure_verdicts_of_an_owner_counts() -> None:
    early, late = says(7, stance="supports"), says(3, stance="weakens", hours=1)
    assert only(late, early) == only(early, late)
    assert only(late, early).stance == "supports"


def test_an_event_that_witnesses_contest_is_neutral_and_weighs_nothing() -> None:
    row = only(says(1, "Reuters", "supports"), says(2, "Bloomberg", "weakens"))
    assert (row.stance, row.weight, row.strength) == ("neutral", 0.0, 0.0)


@pytest.mark.parametrize(("against", "stance"), [(0.41, "neutral"), (0.39, "supports")])
def test_the_louder_side_must_be_louder_by_a_fifth_of_both(against: float, stance: str) -> None:
    row = only(
        says(1, "Reuters", p=0.6, reliability=1.0),
        says(2, "Bloomberg", "weakens", p=against, reliability=1.0),
    )
    assert row.stance == stance


def test_those_on_the_other_side_do_not_corroborate() -> None:
    row = only(
        says(1, "Reuters", reliability=0.9),
        says(2, "Bloomberg", reliability=0.9),
        says(3, "a blog", "weakens", reliability=0.3),
        says(4, "another", "neutral"),
    )
    assert row.owners == ("Bloomberg", "Reuters")


def test_a_reliable_witness_outweighs_a_doubtful_one() -> None:
    row = only(says(1, "a blog", reliability=0.3), says(2, "Reuters", "weakens", reliability=0.9))
    assert (row.stance, row.item_number, row.reliability) == ("weakens", 2, 0.9)


def test_a_witness_without_reliability_is_listed_but_never_scored() -> None:
    row = only(says(1, reliability=0.0, severity=3))
    assert (row.owners, row.weight) == (("Reuters",), 0.0)


def test_severity_is_the_middle_of_what_is_said() -> None:
    row = only(*(says(n, f"owner {n}", severity=s) for n, s in enumerate([3, 1, 2])))
    assert row.severity == 2
    assert only(says(1, severity=1), says(2, "Bloomberg", severity=3)).severity == 1


def test_opinion_fades_in_14_days_unless_a_reporter_says_it_too() -> None:
    assert only(says(1, opinion=True)).half_life_days == 14.0
    assert only(says(1, opinion=True), says(2, "Bloomberg")).half_life_days == 60.0
    assert only(says(1, opinion=True, kind="paper")).half_life_days == 120.0


def test_a_filing_carries_the_event_with_its_own_cap_and_half_life() -> None:
    press = says(1, "Reuters", p=0.99, reliability=0.9)
    filing = says(2, "AMD", kind="filing", p=0.6, hours=5)
    row = only(press, filing)
    assert (row.item_number, row.cap, row.half_life_days) == (2, 2.3, 180.0)
    assert row.occurred_at == press.occurred_at


def test_a_company_on_its_own_product_counts_half_until_others_say_so() -> None:
    boast = only(says(1, "AMD", self_report=True))
    assert boast.weight == pytest.approx(only(says(1, "AMD")).weight / 2)
    assert boast.self_report
    confirmed = only(says(1, "AMD", self_report=True), says(2, "Reuters"))
    assert not confirmed.self_report
    assert confirmed.weight > 2 * boast.weight


def test_a_storyline_repeated_for_the_third_time_is_stale() -> None:
    row = only(says(1), rank=3)
    assert (row.storyline_rank, row.staleness) == (3, 0.5625)
    assert row.weight == pytest.approx(0.5625 * only(says(1)).weight)


def test_each_category_has_a_row_of_its_own() -> None:
    rows = weigh([says(1), says(2, category="custom_silicon", stance="weakens")], rank=1)
    assert [(row.category, row.stance) for row in rows] == [
        ("amd_stack", "supports"),
        ("custom_silicon", "weakens"),
    ]


def test_witnesses_who_say_nothing_leave_no_row() -> None:
    assert weigh([replace(says(1), labels=())], rank=1) == []


@given(events, st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_of_witnesses_does_not_matter(event: list[Witness], random, rank: int) -> None:
    shuffled = list(event)
    random.shuffle(shuffled)
    assert weigh(shuffled, rank=rank) == weigh(event, rank=rank)


@given(events, st.integers(1, 5))
def test_mirrored_verdicts_give_mirrored_rows(event: list[Witness], rank: int) -> None:
    rows, flipped = weigh(event, rank=rank), weigh([mirrored(one) for one in event], rank=rank)
    expected = [
        replace(row, stance=OTHER_SIDE[row.stance], strength=-row.strength, weight=-row.weight)
        for row in rows
    ]
    assert flipped == expected


@given(events, st.integers(1, 50))
def test_repeating_every_witness_changes_no_weight(event: list[Witness], times: int) -> None:
    copies = [
        replace(one, item_number=one.item_number + n * 1000, verdict_id=one.verdict_id + n * 1000)
        for n in range(times)
        for one in event
    ]
    assert weigh(copies, rank=1) == weigh(event, rank=1)


@given(events, st.integers(1, 5))
def test_no_row_goes_beyond_its_cap_and_its_sign_is_its_stance(
    event: list[Witness], rank: int
) -> None:
    for row in weigh(event, rank=rank):
        assert abs(row.weight) <= row.cap == score.CAP[_lead(event, row).kind]
        assert row.weight * score.SIGN[row.stance] >= 0
        assert row.stance != "neutral" or row.weight == 0


def _lead(event: list[Witness], row: Row) -> Witness:
    return next(one for one in event if one.item_number == row.item_number)
