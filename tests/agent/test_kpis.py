"""Figures are chosen by period, unit and filing; a difference adds up; an original stays one."""

import csv
import json
import time
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.kpis import Figure, compute, originals
from agent.thesis import Kpi, Thesis

CAPEX = ("Paid", "PaidOtherwise")
ENDS = [date(2025, 4, 27), date(2025, 7, 27), date(2025, 10, 26), date(2026, 1, 25)]
"""A fiscal year of 52 weeks that starts on 2025-01-27."""
START = date(2025, 1, 27)
Fact = tuple[str, dict[str, Any]]


def kpi(measure: str = "flow", *tags: str, **more: Any) -> Kpi:
    unit = {"ratio": "percent", "days": "days"}.get(measure, "USD")
    given_ = {"measure": measure, "tags": tags, "unit": unit, "frequency": "quarter", **more}
    return Kpi(id="k", entity="e", name="n", description="d", **given_)


def fact(
    end: date,
    value: float,
    start: date | None = START,
    *,
    tag: str = "Paid",
    filing: str = "",
    filed: date | None = None,
    form: str = "10-Q",
) -> Fact:
    """A fact filed 30 days after its period unless told otherwise; a filing is named by its day."""
    filed = filed or end + timedelta(days=30)
    said = {"end": end.isoformat(), "val": value, "form": form, "filed": filed.isoformat()}
    if start:
        said["start"] = start.isoformat()
    return tag, {**said, "accn": filing or f"a-{filed}", "fy": 1999, "fp": "Q9"}


def document(*facts: Fact, unit: str = "USD") -> dict[str, Any]:
    spaces: dict[str, Any] = {}
    for tag, said in facts:
        space, _, name = tag.rpartition(":")
        concept = spaces.setdefault(space or "us-gaap", {}).setdefault(name, {"units": {}})
        concept["units"].setdefault(unit, []).append(said)
    return {"cik": 1, "entityName": "Acme", "facts": spaces}


def year_to_date(*quarters: float, **more: Any) -> list[Fact]:
    """The cash flows of a fiscal year as 10-Qs and the 10-K state them."""
    return [
        fact(end, total, **more) for end, total in zip(ENDS, accumulate(quarters), strict=False)
    ]


def values(figures: Sequence[Figure]) -> list[float]:
    return [one.value for one in figures]


# What a quarter is


def test_cash_flows_since_the_start_of_the_year_become_quarters() -> None:
    found = compute(document(*year_to_date(10, 20, 5, 40)), kpi("flow", "Paid"))
    assert values(found) == [10, 20, 5, 40]
    assert [one.end for one in found] == ENDS
    assert [one.start for one in found] == [START, *(end + timedelta(1) for end in ENDS[:-1])]
    assert [one.derivation for one in found] == [
        "as stated",
        "6 months less 3 months (a-2025-05-27)",
        "9 months less 6 months (a-2025-08-26)",
        "12 months less 9 months (a-2025-11-25)",
    ]
    assert [one.accession for one in found] == [f"a-{end + timedelta(30)}" for end in ENDS]


def test_a_year_of_53_weeks_has_a_quarter_of_14() -> None:
    ends = [date(2024, 4, 28), date(2024, 7, 28), date(2024, 10, 27), date(2025, 2, 2)]
    rows = [fact(end, 10.0 * i, date(2024, 1, 29)) for i, end in enumerate(ends, start=1)]
    found = compute(document(*rows), kpi("flow", "Paid"))
    assert values(found) == [10, 10, 10, 10]
    assert found[-1].days == 98


@pytest.mark.parametrize(
    ("start", "ends"),
    [
        (date(2024, 7, 1), ["2024-09-30", "2024-12-31", "2025-03-31", "2025-06-30"]),
        (date(2024, 6, 1), ["2024-08-31", "2024-11-30", "2025-02-28", "2025-05-31"]),
        (date(2024, 1, 1), ["2024-03-31", "2024-06-30", "2024-09-30", "2024-12-31"]),
    ],
)
def test_fiscal_years_may_end_in_any_month(start: date, ends: list[str]) -> None:
    rows = [fact(date.fromisoformat(end), 10.0 * i, start) for i, end in enumerate(ends, 1)]
    found = compute(document(*rows), kpi("flow", "Paid"))
    assert [str(one.end) for one in found] == ends
    assert values(found) == [10, 10, 10, 10]


def test_a_stated_quarter_is_preferred_to_a_difference() -> None:
    second = fact(ENDS[1], 21, ENDS[0] + timedelta(1))
    found = compute(document(*year_to_date(10, 20), second), kpi("flow", "Paid"))
    assert values(found) == [10, 21]
    assert found[1].derivation == "as stated"


def test_twelve_months_that_are_no_fiscal_year_are_no_quarter() -> None:
    trailing = fact(date(2025, 4, 27), 99, date(2024, 4, 29))
    found = compute(document(trailing, *year_to_date(10, 20)), kpi("flow", "Paid"))
    assert values(found) == [10, 20]
    yearly = compute(document(trailing), kpi("flow", "Paid", frequency="year"))
    assert yearly == ()


def test_years_are_what_annual_reports_state() -> None:
    rows = year_to_date(1, 2, 3)
    rows.append(fact(ENDS[3], 10, form="10-K"))
    assert values(compute(document(*rows), kpi("flow", "Paid", frequency="year"))) == [10]


def test_a_missing_report_leaves_a_gap_and_no_guess() -> None:
    first, _, third, _ = year_to_date(10, 20, 5, 40)
    assert values(compute(document(first, third), kpi("flow", "Paid"))) == [10]


@pytest.mark.parametrize("unit", ["EUR", "USD/shares", "shares"])
def test_other_units_are_not_taken(unit: str) -> None:
    assert compute(document(*year_to_date(10), unit=unit), kpi("flow", "Paid")) == ()


def test_proxy_statements_and_slips_of_the_date_are_not_taken() -> None:
    early = fact(ENDS[0], 11, filed=START)
    proxy = fact(ENDS[0], 12, form="DEF 14A")
    assert compute(document(early, proxy), kpi("flow", "Paid")) == ()


def test_a_filing_that_says_two_things_of_one_period_is_not_believed() -> None:
    part, whole = fact(ENDS[0], 4, filing="a"), fact(ENDS[0], 10, filing="a")
    assert compute(document(part, whole), kpi("flow", "Paid")) == ()
    later = fact(ENDS[0], 10, filing="b", filed=date(2026, 5, 1))
    assert values(compute(document(part, whole, later), kpi("flow", "Paid"))) == [10]


def test_stocks_are_instants_and_flows_are_not() -> None:
    rows = [fact(ENDS[0], 7, None), fact(ENDS[0], 10)]
    (stock,) = compute(document(*rows), kpi("stock", "Paid"))
    assert (stock.value, stock.start, stock.end) == (7, ENDS[0], ENDS[0])
    assert values(compute(document(*rows), kpi("flow", "Paid"))) == [10]


def test_periods_before_since_are_left_out() -> None:
    rows = [fact(end, i, None) for i, end in enumerate(ENDS)]
    assert values(compute(document(*rows), kpi("stock", "Paid", since=ENDS[2]))) == [2, 3]


# Tags


def test_a_line_that_changes_its_tag_goes_on() -> None:
    older = fact(ENDS[0], 10, tag="Paid")
    newer = fact(ENDS[1], 20, ENDS[0] + timedelta(1), tag="PaidOtherwise")
    found = compute(document(older, newer), kpi("flow", *CAPEX))
    assert [one.tags for one in found] == [("Paid",), ("PaidOtherwise",)]


def test_tags_are_mixed_in_a_difference_only_where_they_were_seen_to_agree() -> None:
    six = fact(ENDS[1], 30, tag="PaidOtherwise")
    three = fact(ENDS[0], 10, tag="Paid")
    assert values(compute(document(three, six), kpi("flow", *CAPEX))) == [10]
    same = fact(date(2024, 10, 27), 90, date(2024, 1, 29), tag="Paid")
    seen = fact(
        date(2024, 10, 27), 90, date(2024, 1, 29), tag="PaidOtherwise", filed=date(2025, 9, 1)
    )
    found = compute(document(three, six, same, seen), kpi("flow", *CAPEX))
    assert values(found) == [10, 20]
    assert found[1].tags == ("PaidOtherwise", "Paid")


def test_tags_of_two_scopes_in_one_filing_are_not_one_line() -> None:
    rows = [fact(ENDS[0], 10, tag="Paid"), fact(ENDS[0], 14, tag="PaidOtherwise")]
    for order in (rows, rows[::-1]):
        assert values(compute(document(*order), kpi("flow", *CAPEX))) == [10]
    later = fact(ENDS[0], 15, tag="PaidOtherwise", filed=date(2026, 5, 1))
    assert values(compute(document(*rows, later), kpi("flow", *CAPEX))) == [10]


def test_a_tag_may_be_of_another_taxonomy() -> None:
    row = fact(ENDS[0], 10, tag="ifrs-full:Revenue", form="6-K")
    assert values(compute(document(row), kpi("flow", "ifrs-full:Revenue"))) == [10]
    assert compute(document(row), kpi("flow", "Revenue")) == ()


def test_nothing_is_made_of_no_tags() -> None:
    assert compute(document(*year_to_date(10)), kpi("flow")) == ()


# Restatements


def test_a_restatement_stands_beside_its_original() -> None:
    again = fact(ENDS[0], 9, filed=date(2026, 5, 1))
    first, second = compute(document(*year_to_date(10), again), kpi("flow", "Paid"))
    assert (first.value, first.restates) == (10, "")
    assert (second.value, second.restates) == (9, first.accession)
    assert originals((first, second)) == (first,)


def test_the_same_value_again_adds_nothing_and_leaves_the_first_filing() -> None:
    again = fact(ENDS[0], 10, filed=date(2026, 5, 1))
    (only,) = compute(document(again, *year_to_date(10)), kpi("flow", "Paid"))
    assert only.accession == "a-2025-05-27"


def test_a_restated_year_is_set_against_what_was_restated_with_it() -> None:
    rows = year_to_date(10, 20, 5, 40)
    next_year = date(2026, 11, 20), date(2027, 2, 20)
    rows.append(fact(ENDS[2], 38, filed=next_year[0]))
    rows.append(fact(ENDS[3], 80, filed=next_year[1], form="10-K"))
    found = compute(document(*rows), kpi("flow", "Paid"))
    first, second = (one for one in found if one.end == ENDS[3])
    assert (first.value, second.value) == (40, 42)
    assert "bases" not in first.derivation + second.derivation


def test_a_difference_of_two_bases_says_so() -> None:
    rows = year_to_date(10, 20, 5, 40)
    rows.append(fact(ENDS[3], 80, filed=date(2027, 2, 20), form="10-K"))
    *_, original, restated = compute(document(*rows), kpi("flow", "Paid"))
    assert (original.value, restated.value) == (40, 45)
    assert restated.derivation.endswith("their bases may differ")
    assert "bases" not in original.derivation


# Ratios and days


def test_a_margin_is_of_two_flows_of_one_filing() -> None:
    rows = [*year_to_date(60, 70, tag="Profit"), *year_to_date(100, 140, tag="Sales")]
    rows.append(fact(ENDS[0], 120, tag="Sales", filed=date(2026, 5, 1)))
    rows.append(fact(ENDS[0], 60, tag="Profit", filed=date(2026, 5, 1)))
    margin = kpi("ratio", numerator=("Profit",), denominator=("Sales",))
    found = compute(document(*rows), margin)
    assert [(one.value, bool(one.restates)) for one in found] == [
        (60, False),
        (50, True),
        (50, False),
    ]
    assert found[0].tags == ("Profit", "Sales")
    assert found[2].derivation == (
        "Profit over Sales times 100; 6 months less 3 months (a-2025-05-27)"
    )


def test_days_are_a_stock_over_a_flow_times_the_days_of_the_quarter() -> None:
    rows = [fact(ENDS[0], 50, None, tag="Stock"), fact(ENDS[0], 100, tag="Cost")]
    days = kpi("days", numerator=("Stock",), denominator=("Cost",))
    (found,) = compute(document(*rows), days)
    assert found.value == 50 / 100 * 91
    assert (found.start, found.end) == (START, ENDS[0])


def test_nothing_is_divided_by_nothing() -> None:
    rows = [fact(ENDS[0], 50, tag="Profit"), fact(ENDS[0], 0, tag="Sales")]
    margin = kpi("ratio", numerator=("Profit",), denominator=("Sales",))
    assert compute(document(*rows), margin) == ()
    assert compute(document(rows[0]), margin) == ()


def test_a_figure_of_two_filings_is_known_when_the_later_is_filed() -> None:
    rows = [fact(ENDS[0], 50, tag="Profit"), fact(ENDS[0], 100, tag="Sales", filed=ENDS[1])]
    (found,) = compute(document(*rows), kpi("ratio", numerator=("Profit",), denominator=("Sales",)))
    assert (found.filed, found.accession) == (ENDS[1], f"a-{ENDS[1]}")


# What is not shaped as facts are


@pytest.mark.parametrize(
    "broken",
    [
        {"end": "soon"},
        {"val": None},
        {"val": "many"},
        {"val": float("nan")},
        {"val": 10**400},
        {"filed": None},
        {"start": 5},
    ],
)
def test_a_fact_that_cannot_be_read_is_an_error_that_shows_it(broken: dict[str, Any]) -> None:
    tag, said = fact(ENDS[0], 1)
    with pytest.raises(ValueError, match="a fact of Paid"):
        compute(document((tag, {**said, **broken})), kpi("flow", "Paid"))


@pytest.mark.parametrize("facts", [{"us-gaap": []}, {"us-gaap": {"Paid": {}}}, 5, None])
def test_a_document_of_another_shape_is_an_error(facts: Any) -> None:
    with pytest.raises(ValueError, match="not shaped as company facts are"):
        compute({"facts": facts}, kpi("flow", "Paid"))


# Properties

MONEY = st.integers(-(10**9), 10**9)
QUARTERS = st.lists(MONEY, min_size=4, max_size=4)


@given(QUARTERS)
def test_quarters_add_up_to_the_year(quarters: list[int]) -> None:
    rows = year_to_date(*quarters)
    found = compute(document(*rows), kpi("flow", "Paid"))
    assert sum(values(found)) == rows[-1][1]["val"]
    assert all(a.end + timedelta(1) == b.start for a, b in pairwise(found))


@given(QUARTERS, QUARTERS, st.randoms())
def test_the_order_of_facts_does_not_matter(
    quarters: list[int], restated: list[int], random: Any
) -> None:
    year_later = timedelta(days=364)
    rows = year_to_date(*quarters) + [
        fact(end, total, filed=end + year_later, tag=tag)
        for end, total in zip(ENDS, accumulate(restated), strict=True)
        for tag in CAPEX
    ]
    shuffled = list(rows)
    random.shuffle(shuffled)
    wanted = kpi("flow", *CAPEX)
    assert compute(document(*shuffled), wanted) == compute(document(*rows), wanted)


@given(QUARTERS, QUARTERS)
def test_restatements_never_change_an_original(quarters: list[int], restated: list[int]) -> None:
    rows = year_to_date(*quarters)
    before = compute(document(*rows), kpi("flow", "Paid"))
    rows += [
        fact(end, total, filed=end + timedelta(days=364))
        for end, total in zip(ENDS, accumulate(restated), strict=True)
    ]
    after = compute(document(*rows), kpi("flow", "Paid"))
    assert originals(after) == before
    kept = {(one.end, one.value) for one in after}
    assert kept == {
        (end, float(value))
        for pair in (quarters, restated)
        for end, value in zip(ENDS, pair, strict=True)
    }
    assert all(one.restates for one in after if one not in before)


@given(QUARTERS)
def test_a_later_document_only_adds(quarters: list[int]) -> None:
    rows = year_to_date(*quarters)
    held: tuple[Figure, ...] = ()
    for upto in range(1, 5):
        found = compute(document(*rows[:upto]), kpi("flow", "Paid"))
        assert found[: len(held)] == held
        held = found


# Real filings

TAGS = {
    "revenue": ("Revenues", "RevenueFromContractWithCustomerExcludingAssessedTax"),
    "cost_of_revenue": ("CostOfRevenue",),
    "gross_profit": ("GrossProfit",),
    "net_income": ("NetIncomeLoss",),
    "inventory": ("InventoryNet",),
    "capex": ("PaymentsToAcquireProductiveAssets", "PaymentsToAcquirePropertyPlantAndEquipment"),
    "depreciation": ("DepreciationDepletionAndAmortization", "Depreciation"),
}
RECORDED = "http_recordings/data.sec.gov_api_xbrl_companyfacts_CIK{}.json"
TRIMMED = "capex/capex-atlas/tests/fixtures/{}_companyfacts_trimmed.json"
DOCUMENTS = {
    "NVDA": RECORDED.format("0001045810"),
    "GOOGL": RECORDED.format("0001652044"),
    "MSFT": TRIMMED.format("msft"),
    "META": TRIMMED.format("meta"),
}
IN_THOUSANDS = "2014-04-27 2014-07-27 2014-10-26 2015-01-25"
RESTATED = {
    "NVDA": {
        "revenue": f"{IN_THOUSANDS} Y2014-01-26 Y2015-01-25",
        "cost_of_revenue": f"{IN_THOUSANDS} 2015-10-25 Y2014-01-26 Y2015-01-25",
        "gross_profit": f"{IN_THOUSANDS} 2015-10-25 Y2014-01-26 Y2015-01-25",
        "net_income": f"{IN_THOUSANDS} 2015-10-25 2016-05-01 2016-07-31 Y2014-01-26 Y2015-01-25",
        "inventory": "2013-01-27 2015-01-25",
        "capex": "2014-04-27 2014-07-27 2014-10-26",
        "depreciation": "Y2010-01-31 Y2012-01-29 Y2013-01-27 Y2015-01-25",
    },
    "GOOGL": {"capex": "2014-12-31 2015-12-31 2016-03-31 2016-06-30 Y2014-12-31 Y2015-12-31"},
    "META": {"capex": "2023-03-31 2023-06-30 2023-09-30 2023-12-31 Y2023-12-31"},
    "MSFT": {},
}
"""Where our original is not the table's value: in each the table has the last restatement."""


@pytest.fixture
def table(shared: Path) -> list[dict[str, str]]:
    """The quarters and years that somebody else computed."""
    with (shared / "sec/capex/quarterly_fundamentals.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def real(shared: Path, ticker: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "sec" / DOCUMENTS[ticker]).read_bytes())
    return found


@pytest.mark.parametrize("ticker", DOCUMENTS)
def test_real_quarters_are_those_of_an_independent_table(
    ticker: str, shared: Path, table: list[dict[str, str]]
) -> None:
    facts = real(shared, ticker)
    differing: dict[str, list[str]] = {}
    for metric, tags in TAGS.items():
        measure = "stock" if metric == "inventory" else "flow"
        found = {
            frequency: compute(facts, kpi(measure, *tags, frequency=frequency))
            for frequency in ("quarter", "year")
        }
        for row in table:
            if (row["ticker"], row["metric"]) != (ticker, metric):
                continue
            yearly = row["period_type"] == "year"
            ours = [
                one
                for one in found["year" if yearly else "quarter"]
                if str(one.end) == row["period_end"]
            ]
            assert ours, (metric, row)
            assert measure == "stock" or str(ours[0].start) == row["period_start"]
            wanted = float(row["value_usd"])
            assert wanted in (ours[0].value, ours[-1].value), (metric, row, ours)
            if ours[0].value != wanted:
                key = "Y" * yearly + row["period_end"]
                differing.setdefault(metric, []).append(key)
    expected = {metric: sorted(text.split()) for metric, text in RESTATED[ticker].items()}
    assert {metric: sorted(keys) for metric, keys in differing.items()} == expected


def test_real_quarters_add_up_to_the_years_they_belong_to(shared: Path) -> None:
    facts, checked = real(shared, "NVDA"), 0
    for tags in (TAGS["capex"], TAGS["revenue"]):
        quarters = originals(compute(facts, kpi("flow", *tags)))
        for year in originals(compute(facts, kpi("flow", *tags, frequency="year"))):
            inside = [q for q in quarters if year.start <= q.start and q.end <= year.end]
            if len(inside) == 4:
                assert sum(values(inside)) == pytest.approx(year.value, abs=1_000_000)
                checked += 1
    assert checked >= 15


def test_a_quarter_that_a_real_filing_dates_as_six_months_misleads_nobody(shared: Path) -> None:
    """The 10-K of February 2018 dates a quarter's revenue as that of two."""
    facts = real(shared, "NVDA")
    wanted = date(2017, 7, 30), date(2017, 10, 29)
    found = [one for one in compute(facts, kpi("flow", "Revenues")) if one.end in wanted]
    assert [(one.value, one.restates) for one in found] == [(2.23e9, ""), (2.636e9, "")]


def test_the_figures_of_the_default_thesis_come_out_of_real_filings(
    shared: Path, thesis: Thesis
) -> None:
    facts = real(shared, "NVDA")
    ours = {one.id: compute(facts, one) for one in thesis.kpis if one.entity == thesis.subject}
    last = {id_: found[-1] for id_, found in ours.items() if found}
    assert set(ours) - set(last) == {"nvda_data_center_revenue"}
    assert (last["nvda_revenue"].end, last["nvda_revenue"].value) == (date(2026, 4, 26), 81.615e9)
    assert last["nvda_gross_margin"].value == pytest.approx(74.93, abs=0.01)
    assert last["nvda_inventory_days"].value == pytest.approx(114.7, abs=0.1)
    assert last["nvda_purchase_commitments"].end == date(2025, 7, 27)
    assert all(one.value > 5e9 for one in ours["nvda_purchase_commitments"])


def test_a_real_document_is_read_in_no_time(shared: Path, thesis: Thesis) -> None:
    facts = real(shared, "NVDA")
    started = time.perf_counter()
    for one in thesis.kpis:
        compute(facts, one)
    assert time.perf_counter() - started < 2
