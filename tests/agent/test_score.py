"""The score is what DESIGN section 6 says, and keeps its promises for any ledger."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import draws, score
from agent.evidence import Witness, weigh
from agent.score import LedgerRow

AS_OF = datetime(2025, 2, 1, tzinfo=UTC)
OMEGA = {"amd_stack": 1.0, "capex_payback": 2.5, "training_efficiency": 0.5}
SEED = "thesis 2025-02-01"

ages = st.floats(0, 400)
weights = st.floats(-2.3, 2.3)
verdicts = st.fixed_dictionaries(
    {
        "stance": st.sampled_from(score.STANCES),
        "severity": st.integers(1, 3),
        "kind": st.sampled_from(sorted(score.CAP)),
        "self_report": st.booleans(),
        "reliability": st.floats(0, 1),
        "owners": st.integers(1, 60),
        "rank": st.integers(1, 40),
    }
)


def row(
    event: str, weight: float, age: float = 0.0, category: str = "amd_stack", life: float = 60.0
) -> LedgerRow:
    return LedgerRow(event, category, weight, life, AS_OF - timedelta(days=age), (f"by {event}",))


@st.composite
def ledgers(draw: st.DrawFn, min_size: int = 0, max_size: int = 12) -> list[LedgerRow]:
    """Rows of events, at most one per event and category, as the ledger keeps them."""
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(sorted(OMEGA))),
            min_size=min_size,
            max_size=max_size,
            unique=True,
        )
    )
    lives = st.sampled_from(sorted(set(score.HALF_LIFE_DAYS.values())))
    return [row(event, draw(weights), draw(ages), name, draw(lives)) for event, name in keys]


def compute(
    rows: Sequence[LedgerRow], prior: float = 0.5, as_of: datetime = AS_OF, **more: float
) -> score.Score:
    return score.compute(rows, as_of=as_of, weights=OMEGA, prior=prior, seed=SEED, **more)


def mirrored(rows: Sequence[LedgerRow]) -> list[LedgerRow]:
    return [replace(one, weight=-one.weight) for one in rows]


def weight_of(verdict: dict) -> float:
    """`score.weight` of a verdict, by the module's own functions."""
    kind = verdict["kind"]
    strength = score.strength(
        verdict["stance"], verdict["severity"], kind=kind, self_report=verdict["self_report"]
    )
    return score.weight(
        strength, verdict["reliability"], verdict["owners"], verdict["rank"], score.CAP[kind]
    )


def reference_weight(verdict: dict) -> float:
    """r g stale l by the words of DESIGN section 6, the numbers written out again."""
    sign = {"supports": 1, "weakens": -1, "neutral": 0}[verdict["stance"]]
    cap = {"news": 0.7, "release": 0.7, "paper": 1.4, "filing": 2.3}[verdict["kind"]]
    size = min({1: 0.10, 2: 0.25, 3: 0.50}[verdict["severity"]], cap)
    if verdict["self_report"]:
        size /= 2
    k = verdict["owners"]
    size *= verdict["reliability"] * (k / (1 + 0.8 * (k - 1))) * 0.75 ** (verdict["rank"] - 1)
    return sign * min(size, cap)


def reference(rows: Sequence[LedgerRow], prior: float) -> tuple[float, float, list[float]]:
    """Score, log-odds and contributions by the words of DESIGN section 6, without numpy."""
    total = math.fsum(OMEGA.values())
    terms = []
    for one in rows:
        age = (AS_OF - one.occurred_at).total_seconds() / 86_400
        terms.append(one.weight * 2 ** (-age / one.half_life_days))
    contributions = [0.0] * len(rows)
    log_odds = math.log(prior / (1 - prior))
    for category, omega in OMEGA.items():
        mine = [i for i, one in enumerate(rows) if one.category == category]
        plain = math.fsum(terms[i] for i in mine)
        saturated = 3 * math.tanh(plain / 3)
        log_odds += omega / total * saturated
        for i in mine:
            contributions[i] = omega / total * terms[i] * (saturated / plain if plain else 1)
    return 100 / (1 + math.exp(-log_odds)), log_odds, contributions


@given(verdicts)
def test_weight_is_what_the_design_says(verdict: dict) -> None:
    assert weight_of(verdict) == pytest.approx(reference_weight(verdict), abs=1e-9)


@given(ledgers(), st.floats(0.02, 0.98))
def test_score_is_what_the_design_says(rows: list[LedgerRow], prior: float) -> None:
    found = compute(rows, prior)
    expected, log_odds, contributions = reference(rows, prior)
    assert found.score == pytest.approx(expected, abs=1e-9)
    assert found.log_odds == pytest.approx(log_odds, abs=1e-9)
    assert found.contributions == pytest.approx(contributions, abs=1e-9)


def test_no_evidence_is_the_prior() -> None:
    found = compute([], prior=0.3)
    assert found.score == pytest.approx(30, abs=1e-12)
    assert (found.low, found.high) == (found.score, found.score)
    assert (found.events, found.publishers, found.largest_share) == (0, 0, 0)


@given(ledgers(), st.integers(2, 50), st.data())
def test_copies_by_one_owner_move_the_score_no_more_than_one(
    rows: list[LedgerRow], copies: int, data: st.DataObject
) -> None:
    stance = data.draw(st.sampled_from(["supports", "weakens"]))
    one = Witness(
        1, 1, "Reuters", 0.9, False, False, "news", AS_OF, (("amd_stack", stance, 0.8, 2),)
    )
    single, many = (
        weigh([replace(one, item_number=n, verdict_id=n) for n in range(k)], rank=1)
        for k in (1, copies)
    )
    assert compute([*rows, row("copied", many[0].weight)]).log_odds == (
        compute([*rows, row("copied", single[0].weight)]).log_odds
    )


@given(ledgers(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter_to_the_last_bit(rows: list[LedgerRow], random) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    given_, shuffled = compute(rows), compute([rows[i] for i in order])
    assert replace(shuffled, contributions=()) == replace(given_, contributions=())
    assert shuffled.contributions == tuple(given_.contributions[i] for i in order)


@given(ledgers(), st.sampled_from(sorted(OMEGA)), ages)
def test_neutral_evidence_adds_nothing_not_even_to_the_band(
    rows: list[LedgerRow], category: str, age: float
) -> None:
    without, with_ = compute(rows), compute([*rows, row("a neutral event", 0.0, age, category)])
    assert (with_.score, with_.low, with_.high) == (without.score, without.low, without.high)
    assert with_.contributions == (*without.contributions, 0.0)
    assert (with_.events, with_.largest_share) == (without.events, without.largest_share)


@given(ledgers(), st.floats(0.5, 0.98))
def test_mirrored_evidence_gives_the_mirrored_score(rows: list[LedgerRow], prior: float) -> None:
    one, other = compute(rows, prior), compute(mirrored(rows), 1 - prior)
    assert other.log_odds == -one.log_odds
    assert other.score == pytest.approx(100 - one.score, abs=1e-12)
    assert other.contributions == tuple(-value for value in one.contributions)
    assert (other.low, other.high) == pytest.approx((100 - one.high, 100 - one.low), abs=1e-9)


@given(ledgers(), weights.filter(bool), ages)
def test_evidence_and_its_retraction_leave_the_score_where_it_was(
    rows: list[LedgerRow], weight: float, age: float
) -> None:
    before = compute(rows)
    taken_back = compute([*rows, row("retracted", 0.0, age)])
    assert taken_back.log_odds == before.log_odds
    tiny = abs(weight) * 2 ** (-age / 60) < 1e-9
    assert tiny or compute([*rows, row("retracted", weight, age)]).log_odds != before.log_odds


@given(
    st.floats(-50, 50),
    st.floats(0, 1),
    st.integers(1, 1000),
    st.integers(1, 30),
    st.sampled_from(sorted(score.CAP.values())),
)
def test_no_event_goes_beyond_its_cap(
    strength: float, reliability: float, owners: int, rank: int, cap: float
) -> None:
    weight = score.weight(strength, reliability, owners, rank, cap)
    assert abs(weight) <= cap
    (contribution,) = compute([row("e", weight)]).contributions
    assert abs(contribution) <= cap * OMEGA["amd_stack"] / sum(OMEGA.values()) + 1e-15
    assert math.copysign(1, weight) == math.copysign(1, strength) or not weight


@given(
    st.lists(st.tuples(st.floats(0, 2.3), ages), min_size=1, max_size=8),
    st.sampled_from([1.0, -1.0]),
    st.lists(st.sampled_from([14.0, 60.0, 120.0, 180.0]), min_size=8, max_size=8),
    st.floats(0.1, 0.9),
)
def test_silence_drifts_to_the_prior_when_evidence_is_of_one_sign(
    evidence: list[tuple[float, float]], sign: float, lives: list[float], prior: float
) -> None:
    """Every day of silence brings the score nearer to the prior.

    This holds for rows of one sign, or (below) of one half-life. Opposing rows of different
    half-lives may leave the prior for a while: as the faster side fades, the sum can grow or
    cross zero before it fades itself.
    """
    rows = [row(f"e{i}", sign * size, age, life=lives[i]) for i, (size, age) in enumerate(evidence)]
    assert_drifts(rows, prior)


@given(ledgers(min_size=1), st.sampled_from([14.0, 60.0, 120.0, 180.0]))
def test_silence_drifts_to_the_prior_in_a_category_of_one_half_life(
    rows: list[LedgerRow], life: float
) -> None:
    """As above: with one half-life and category both sides fade alike, so no sum can cross zero."""
    one = [
        replace(any_, event_id=f"e{i}", category="amd_stack", half_life_days=life)
        for i, any_ in enumerate(rows)
    ]
    assert_drifts(one, 0.5)


def assert_drifts(rows: list[LedgerRow], prior: float) -> None:
    base = math.log(prior) - math.log(1 - prior)
    path = [
        compute(rows, prior, AS_OF + timedelta(days=days)).log_odds - base
        for days in (0, 1, 7, 30, 90, 365, 3650, 36500)
    ]
    assert all(abs(b) <= abs(a) + 1e-15 for a, b in zip(path, path[1:], strict=False)), path
    assert all(a * b >= 0 or max(abs(a), abs(b)) < 1e-12 for a in path for b in path)
    assert path[-1] == pytest.approx(0, abs=1e-9)


def test_opposing_rows_of_different_half_lives_may_cross_the_prior() -> None:
    rows = [row("opinion", 0.6, life=14.0), row("paper", -0.5, life=120.0)]
    later = AS_OF + timedelta(days=30)
    assert compute(rows).score > 50 > compute(rows, as_of=later).score


@given(ledgers(), st.floats(0.02, 0.98))
def test_contributions_and_prior_add_up_to_the_log_odds(
    rows: list[LedgerRow], prior: float
) -> None:
    found = compute(rows, prior)
    base = math.log(prior / (1 - prior))
    assert base + sum(found.contributions) == pytest.approx(found.log_odds, abs=1e-9)
    parts = sum(part.log_odds for part in found.categories.values())
    assert base + parts == pytest.approx(found.log_odds, abs=1e-9)


@given(ledgers(), st.floats(0, 1))
def test_band_holds_the_score_and_a_blind_eye_widens_it_without_moving_it(
    rows: list[LedgerRow], blind: float
) -> None:
    seeing, half_blind = compute(rows), compute(rows, blind=blind)
    assert 0 <= seeing.low <= seeing.score <= seeing.high <= 100
    assert half_blind.low <= seeing.low <= seeing.high <= half_blind.high
    assert half_blind.log_odds == seeing.log_odds
    assert half_blind.contributions == seeing.contributions
    for name, part in seeing.categories.items():
        assert part.low <= part.log_odds <= part.high
        assert half_blind.categories[name].log_odds == part.log_odds


def test_band_is_strictly_wider_when_half_the_sources_are_silent() -> None:
    rows = [row("a", 0.5), row("b", -0.3), row("c", 0.4)]
    seeing, blind = compute(rows), compute(rows, blind=0.5)
    assert blind.low < seeing.low < seeing.score < seeing.high < blind.high


def test_band_is_the_same_in_every_run_and_another_for_another_seed() -> None:
    rows = [row(f"e{i}", 0.1 * (i - 4)) for i in range(9)]
    again = compute(list(rows))
    other = score.compute(rows, as_of=AS_OF, weights=OMEGA, prior=0.5, seed="another day")
    assert again == compute(rows)
    assert other.score == again.score
    assert (other.low, other.high) != (again.low, again.high)


def test_band_is_wider_for_one_large_event_than_for_many_small_ones() -> None:
    one = compute([row("only", 0.6)])
    many = compute([row(f"e{i}", 0.06) for i in range(10)])
    assert one.log_odds == pytest.approx(many.log_odds)
    assert many.high - many.low < one.high - one.low


def test_band_takes_in_how_often_the_judge_errs() -> None:
    rows = [row(f"e{i}", 0.3) for i in range(12)]
    sure = compute(rows, confusion=[[500, 0, 0], [0, 500, 0], [0, 0, 500]])
    unsure = compute(rows, confusion=[[50, 40, 30], [40, 50, 30], [40, 40, 40]])
    assert unsure.score == sure.score
    assert unsure.low < sure.low


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_errors_of_the_judge_widen_the_band_to_both_sides(sign: float) -> None:
    rows = [row(f"e{i}", sign * 0.1) for i in range(40)]
    sure = compute(rows, confusion=[[500, 0, 0], [0, 500, 0], [0, 0, 500]])
    unsure = compute(rows, confusion=[[50, 40, 30], [40, 50, 30], [40, 40, 40]])
    assert unsure.low < sure.low < sure.score < sure.high < unsure.high


@given(ledgers(min_size=1))
def test_what_lies_in_the_future_counts_as_of_today(rows: list[LedgerRow]) -> None:
    later = [replace(one, occurred_at=AS_OF + timedelta(days=3)) for one in rows]
    today = [replace(one, occurred_at=AS_OF) for one in rows]
    assert compute(later) == compute(today)


@given(st.integers(1, 400), st.sampled_from([1.0, -1.0]))
def test_volume_in_one_category_saturates_at_three_nats(events: int, sign: float) -> None:
    found = compute([row(f"e{i}", sign * 0.7) for i in range(events)])
    most = 3 * OMEGA["amd_stack"] / sum(OMEGA.values())
    assert abs(found.log_odds) <= most
    assert abs(found.log_odds) == pytest.approx(most * math.tanh(0.7 * events / 3))


@given(ledgers(), st.floats(0.01, 100))
def test_category_weights_count_by_their_shares(rows: list[LedgerRow], factor: float) -> None:
    scaled = score.compute(
        rows,
        as_of=AS_OF,
        weights={name: factor * value for name, value in reversed(OMEGA.items())},
        prior=0.5,
        seed=SEED,
    )
    assert scaled.log_odds == pytest.approx(compute(rows).log_odds, abs=1e-9)


def test_row_of_a_category_without_a_weight_is_an_error() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        compute([row("e", 0.1, category="nonsense")])


def test_pillars_are_the_sums_of_their_categories() -> None:
    found = compute([row("a", 0.4), row("b", -0.2, category="capex_payback")])
    pillar_of = {"amd_stack": "one", "training_efficiency": "one", "capex_payback": "two"}
    sums = score.pillars(found, pillar_of)
    assert sums["one"] == pytest.approx(found.categories["amd_stack"].log_odds)
    assert sums["two"] == found.categories["capex_payback"].log_odds < 0
    assert sum(sums.values()) == pytest.approx(found.log_odds)


def test_counts_name_events_owners_and_the_largest_share() -> None:
    two_fronts = [row("a", 0.6), row("a", 0.4, category="capex_payback")]
    found = compute([*two_fronts, row("b", -0.2), row("silent", 0.0)])
    assert found.events == 2
    sizes = [abs(value) for value in found.contributions]
    assert found.largest_share == pytest.approx((sizes[0] + sizes[1]) / sum(sizes))
    assert compute([row("a", 0.1), replace(row("b", 0.1), owners=("by a",))]).publishers == 1


@pytest.mark.parametrize(("owners", "worth"), [(0, 0.0), (1, 1.0), (2, 2 / 1.8), (3, 3 / 2.6)])
def test_corroboration_by_independent_owners(owners: int, worth: float) -> None:
    assert score.corroboration(owners) == pytest.approx(worth)


@given(st.integers(1, 10_000))
def test_corroboration_grows_with_owners_but_never_beyond_a_quarter_more(owners: int) -> None:
    assert score.corroboration(owners) < score.corroboration(owners + 1) < 1.25


def test_a_repeated_storyline_grows_stale() -> None:
    assert [score.staleness(n) for n in (1, 2, 3)] == [1.0, 0.75, 0.5625]


counts = st.integers(0, 400)


@given(st.lists(counts, min_size=9, max_size=9))
def test_calibration_asks_the_same_proof_of_both_sides(flat: list[int]) -> None:
    table = np.array(flat).reshape(3, 3)
    swapped = table[[1, 0, 2]][:, [1, 0, 2]]
    assert score.calibrated_strength(table.tolist()) == pytest.approx(
        score.calibrated_strength(swapped.tolist()), abs=1e-12
    )
    assert score.calibrated_strength(table.tolist()) >= 0


@given(st.integers(1, 300), st.integers(0, 299))
def test_calibrated_strength_grows_with_accuracy(total: int, right: int) -> None:
    right %= total
    better, worse = (
        score.calibrated_strength([[n, total - n, 0], [total - n, n, 0], [0, 0, total]])
        for n in (right + 1, right)
    )
    assert better >= worse
    assert better > worse or 2 * (right + 1) <= total


@given(counts, counts, counts)
def test_a_judge_who_tosses_a_coin_proves_nothing(says_up: int, says_down: int, says_0: int):
    coin = [says_up, says_down, says_0]
    assert score.calibrated_strength([coin, coin, [0, 0, 9]]) == pytest.approx(0, abs=1e-12)


def test_calibration_replaces_the_guess_and_keeps_severities_apart_and_capped() -> None:
    good = [[90, 5, 5], [5, 90, 5], [5, 5, 90]]
    measured = score.calibrated_strength(good)
    assert measured == pytest.approx(math.log(91 / 6))
    says = {n: score.strength("weakens", n, kind="filing", confusion=good) for n in (1, 2, 3)}
    assert says[1] == pytest.approx(-0.4 * measured)
    assert says[2] == says[3] == -score.CAP["filing"]
    assert score.strength("supports", 2, kind="news", confusion=good) == score.CAP["news"]


def test_poisson_table_draws_with_mean_and_variance_one() -> None:
    table = draws._table().astype(float)
    assert table.mean() == pytest.approx(1, abs=1e-3)
    assert table.var() == pytest.approx(1, abs=1e-3)
    assert (np.diff(table) >= 0).all()
    assert (table == 0).mean() == pytest.approx(math.exp(-1), abs=1e-4)


@given(ledgers(), ledgers(min_size=1))
def test_more_events_give_the_band_of_the_whole_ledger(
    rows: list[LedgerRow], new: list[LedgerRow]
) -> None:
    later = [replace(row, event_id=f"new {row.event_id}") for row in new]
    given_ = {"as_of": AS_OF, "weights": OMEGA, "prior": 0.5, "seed": SEED}
    found = score.Tally.of(rows, **given_).more(later)
    whole = score.Tally.of([*rows, *later], **given_).band()
    assert found.log_odds == pytest.approx(whole.log_odds, abs=1e-9)
    for one, other in zip(found.bands, whole.bands, strict=True):
        assert one == pytest.approx(other, abs=1e-9)


@given(ledgers(min_size=1))
def test_an_events_draws_do_not_hang_on_the_other_events(rows: list[LedgerRow]) -> None:
    keys = np.array([draws.key(row.event_id) for row in rows], dtype=np.uint64)
    together = draws.poisson(keys, 5, 200)
    alone = [draws.poisson(keys[i : i + 1], 5, 200)[0] for i in range(len(keys))]
    assert np.array_equal(together, np.array(alone))


def test_draws_of_many_events_are_poisson_and_uncorrelated() -> None:
    keys = np.array([draws.key(f"e{n}") for n in range(20_000)], dtype=np.uint64)
    drawn = draws.poisson(keys, 1, 200).astype(float)
    assert drawn.mean() == pytest.approx(1, abs=0.01)
    assert drawn.var() == pytest.approx(1, abs=0.01)
    between = np.corrcoef(drawn, rowvar=False) - np.eye(200)
    assert np.abs(between).max() < 0.04


def test_ledger_of_other_categories_than_the_weights_is_an_error() -> None:
    ledger = score.Ledger.of([row("a", 0.5)], ("amd_stack",))
    with pytest.raises(KeyError, match="has no weights"):
        compute(ledger)
