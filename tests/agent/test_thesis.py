import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import thesis as theses
from agent.entities import Mentions
from agent.errors import ThesisFileError
from agent.thesis import Thesis

CATEGORIES = {
    "hardware": ["novel_accelerators", "custom_silicon", "interconnect"],
    "software": ["amd_stack", "portable_software", "code_translation"],
    "efficiency": ["training_efficiency", "inference_efficiency"],
    "manufacturing": ["foundry_access"],
    "valuation": ["capex_payback", "growth_and_margins", "compute_scaling"],
}
FIGURES = ["46,225 mm2", "1,320", "400,000", "12,000", "671", "37", "45x", "75%", "90%", "1,500"]

SMALL = """\
id = "small"
title = "A small thesis"
author = "A. Author"
date = 2025-01-25
url = "https://essay.example"
summary = "Short."
subject = "acme"

[[pillars]]
id = "one"
name = "One"
description = "The only one."

[[categories]]
id = "price"
pillar = "one"
name = "Price"
description = "What it costs."
weight = 1.0
supports = ["It falls"]
weakens = ["It rises"]

[[categories]]
id = "volume"
pillar = "one"
name = "Volume"
description = "How much of it."
weight = 3.0
supports = ["Less"]
weakens = ["More"]

[[entities]]
id = "acme"
name = "Acme"
aliases = ["ACM", "Acme Corp"]
aliases_zh = ["艾克米"]
categories = ["price"]

[[entities]]
id = "bolt"
name = "Bolt"
aliases = [
    "BLT",
]
aliases_zh = []

[[claims]]
id = "C-1"
category = "price"
text = "It is dear."
figure = "90%"

[[kpis]]
id = "acme_sales"
entity = "acme"
name = "Sales"
unit = "USD"
frequency = "quarter"
description = "All of them."

[[falsifiers]]
id = "F-1"
category = "volume"
text = "Sales fall."
kind = "kpi"
effect = "supports"
by = 2027-12-31
kpi = "acme_sales"
comparison = "<"
threshold = 10.0
"""


def changed(before: str, after: str) -> tuple[str, int]:
    """SMALL with one change, and the line it is on."""
    assert SMALL.count(before) == 1, before
    return SMALL.replace(before, after), SMALL[: SMALL.index(before)].count("\n") + 1


def refused(text: str) -> ThesisFileError:
    with pytest.raises(ThesisFileError) as caught:
        theses.parse(text, path=Path("my.toml"))
    return caught.value


def test_a_small_thesis_is_valid() -> None:
    thesis = theses.parse(SMALL)
    assert thesis.prior == 0.5
    assert thesis.pillar_of == {"price": "one", "volume": "one"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('subject = "acme"', 'subject = "acne"', "there is no entity 'acne'; known: acme, bolt"),
        (
            'pillar = "one"\nname = "Price"',
            'pillar = "two"\nname = "Price"',
            "no pillar 'two'; known: one",
        ),
        ('categories = ["price"]', 'categories = ["prize"]', "there is no category 'prize'"),
        ('category = "price"', 'category = "prize"', "known: price, volume"),
        ('entity = "acme"', 'entity = "acne"', "there is no entity 'acne'"),
        ('category = "volume"', 'category = "none"', "there is no category 'none'"),
        ('kpi = "acme_sales"', 'kpi = "sales"', "no kpi 'sales'; known: acme_sales"),
        ('id = "volume"', 'id = "price"', "the id 'price' is used twice in categories"),
        ('id = "bolt"', 'id = "acme"', "the id 'acme' is used twice in entities"),
        ("weight = 3.0", "weight = 0", "greater than 0"),
        ("weight = 3.0", "weight = -1.5", "greater than 0"),
        ("weight = 3.0", "weight = inf", "finite"),
        ("weight = 3.0", "weight = nan", "finite"),
        ("weight = 3.0", 'weight = "heavy"', "valid number"),
        ("threshold = 10.0", "threshold = nan", "finite"),
        ('supports = ["Less"]', "supports = []", "at least 1"),
        ("by = 2027-12-31", 'by = "soon"', "valid date"),
        ('effect = "supports"', 'effect = "hurts"', "'supports' or 'weakens'"),
        ('id = "C-1"', 'id = "C 1"', "should match pattern"),
        ('figure = "90%"', 'figur = "90%"', "no thesis file has this key"),
        ('title = "A small thesis"', 'titel = "A small thesis"', "no thesis file has this key"),
        ("[[claims]]", "[[claim]]", "no thesis file has this key"),
        ("date = 2025-01-25", "date =", "not valid TOML"),
        ('aliases = ["ACM", "Acme Corp"]', 'aliases = ["ACM", "acm"]', "the alias 'ACM'"),
        ('aliases_zh = ["艾克米"]', 'aliases_zh = ["艾克米", "艾克米"]', "the alias '艾克米'"),
        ('name = "Bolt"', 'name = "ACME"', "'ACME' of 'bolt' already belongs to 'acme'"),
        ("aliases_zh = []", 'aliases_zh = ["艾克米"]', "'艾克米' of 'bolt' already belongs"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(before: str, after: str, said: str) -> None:
    text, line = changed(before, after)
    error = refused(text)
    assert error.line == line
    assert str(error).startswith(f"my.toml:{line}: ")
    assert said in str(error)
    assert "\n" not in str(error)


def test_an_alias_in_a_list_over_many_lines_is_put_on_the_lists_first_line() -> None:
    text, line = changed('    "BLT",', '    "BLT", "Acme Corp",')
    error = refused(text)
    assert error.line == line - 1
    assert "'Acme Corp' of 'bolt' already belongs to 'acme'" in str(error)


def test_a_missing_key_is_put_on_its_table() -> None:
    text, line = changed('text = "It is dear."\n', "")
    assert refused(text).line == line - 3
    assert "claims.0.text: field required" in str(refused(text))


def test_a_missing_key_of_the_file_is_not_put_on_some_other_line() -> None:
    text, _ = changed('title = "A small thesis"\n', "")
    assert refused(text).line is None
    text, _ = changed('id = "small"\n', "")
    assert refused(text).line is None


def test_a_kpi_falsifier_without_a_threshold_is_put_on_its_table() -> None:
    text, line = changed("threshold = 10.0\n", "")
    error = refused(text)
    assert error.line == line - 9
    assert "needs a comparison and a threshold" in str(error)


KPI = 'description = "All of them."'
ACME_CIK = 'aliases_zh = ["艾克米"]\ncik = "0000000001"'


def with_kpi(lines: str, *, cik: bool = True, unit: str = "USD") -> str:
    """SMALL with a definition of its figure."""
    text = changed(KPI, f"{KPI}\n{lines}")[0].replace('unit = "USD"', f'unit = "{unit}"')
    return text.replace('aliases_zh = ["艾克米"]', ACME_CIK) if cik else text


@pytest.mark.parametrize(
    ("lines", "unit"),
    [
        ('measure = "flow"\ntags = ["Revenues", "ifrs-full:Revenue"]', "USD"),
        ('measure = "stock"\ntags = []\nsince = 2021-10-31', "USD"),
        ('measure = "ratio"\nnumerator = ["GrossProfit"]\ndenominator = ["Revenues"]', "percent"),
        ('measure = "days"\nnumerator = ["InventoryNet"]\ndenominator = ["Cost"]', "days"),
    ],
)
def test_a_figure_may_be_defined_by_its_tags(lines: str, unit: str) -> None:
    (kpi,) = theses.parse(with_kpi(lines, unit=unit)).kpis
    assert kpi.is_tagged is ("[]" not in lines)


@pytest.mark.parametrize(
    ("lines", "unit", "key", "said"),
    [
        ('measure = "level"', "USD", "measure", "'flow', 'stock', 'ratio' or 'days'"),
        ('measure = "flow"\ntags = ["No tag"]', "USD", "tags", "should match pattern"),
        ('measure = "flow"\ntags = ["Paid"]', "days", "unit", "the unit of a flow is 'usd'"),
        ('measure = "ratio"', "percent", "measure", "needs a numerator and a denominator"),
        ('measure = "days"\nnumerator = ["A"]', "days", "measure", "needs a numerator and a"),
        ('measure = "ratio"\ntags = ["A"]', "percent", "tags", "a ratio has no tags"),
        ('measure = "flow"\nnumerator = ["A"]', "USD", "numerator", "a flow has no numerator"),
        ('measure = "stock"\ndenominator = ["A"]', "USD", "denominator", "has no denominator"),
        ('tags = ["A"]', "USD", "tags", "a kpi without a measure has no tags"),
        ('numerator = ["A"]', "USD", "numerator", "a kpi without a measure has no numerator"),
    ],
)
def test_a_figure_that_could_not_be_made_is_refused_with_its_line(
    lines: str, unit: str, key: str, said: str
) -> None:
    text = with_kpi(lines, unit=unit)
    error = refused(text)
    assert said in str(error).lower()
    assert error.line
    assert text.split("\n")[error.line - 1].startswith(f"{key} =")


def test_a_figure_read_from_filings_needs_a_cik() -> None:
    text = with_kpi('measure = "flow"\ntags = ["Paid"]', cik=False)
    assert "'acme' has no cik to find its filings by" in str(refused(text))
    assert theses.parse(with_kpi('measure = "flow"\ntags = []', cik=False))


@pytest.mark.parametrize("cik", ["1045810", "00010458100", "NVDA", "../../etc"])
def test_a_cik_has_ten_digits(cik: str) -> None:
    text = SMALL.replace("aliases_zh = []", f'aliases_zh = []\ncik = "{cik}"')
    assert "should match pattern" in str(refused(text))


def test_only_what_decides_the_figures_is_in_their_definition() -> None:
    first = with_kpi('measure = "flow"\ntags = ["Paid"]')
    definition = theses.parse(first).kpis[0].definition
    renamed = first.replace('name = "Sales"', 'name = "Turnover"')
    assert theses.parse(renamed).kpis[0].definition == definition
    other = first.replace('["Paid"]', '["Paid", "Spent"]')
    assert theses.parse(other).kpis[0].definition != definition


@pytest.mark.parametrize(("one", "other"), [("1e308", "1e308"), ("1e-300", "1e300")])
def test_weight_that_is_no_share_of_all_is_refused(one: str, other: str) -> None:
    text = SMALL.replace("weight = 1.0", f"weight = {one}").replace("3.0", other)
    assert f"of all weights {float(one):g} is a share of 0" in str(refused(text))


@pytest.mark.parametrize("value", ["[" * 9_999, "{a=" * 9_999, "9" * 9_999])
def test_toml_too_big_to_read_is_an_error_of_ours(value: str) -> None:
    assert "not valid TOML" in str(refused(f"x = {value}"))


@pytest.mark.parametrize("after", ["2027-12-31", "2028-01-01"])
def test_a_falsifier_must_leave_time_to_come_true(after: str) -> None:
    text, at = changed("by = 2027-12-31", f"by = 2027-12-31\nafter = {after}")
    error = refused(text)
    assert f"there is nothing after {after}" in str(error)
    assert error.line == at
    text, _ = changed("by = 2027-12-31", "by = 2025-01-25")
    assert "there is nothing after 2025-01-25" in str(refused(text))


@given(st.lists(st.sampled_from(["", "# [[claims]]", "# id = 3", "# a\u2028b\u0085c"]), max_size=9))
def test_comments_and_odd_line_ends_do_not_move_the_line(noise: list[str]) -> None:
    head = "\n".join([*noise, ""])
    text, line = changed('category = "price"', 'category = "prize"')
    assert refused(head + text).line == line + len(noise)


def test_versions_are_hashes_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "thesis.toml"
    path.write_text(SMALL, encoding="utf-8")
    first = theses.load(path).version
    assert re.fullmatch(r"[0-9a-f]{12}", first)
    assert theses.load(path).version == first
    path.write_text(SMALL + "# edited\n", encoding="utf-8")
    assert theses.load(path).version != first


def test_weights_are_normalised() -> None:
    assert theses.parse(SMALL).weights == {"price": 0.25, "volume": 0.75}


def test_a_bundled_thesis_is_found_by_name_and_ones_own_by_path(tmp_path: Path) -> None:
    assert theses.find("nvda_short_case", tmp_path).parent.name == "nvda_short_case"
    own = tmp_path / "nvda_short_case"
    own.write_text(SMALL, encoding="utf-8")
    assert theses.find("nvda_short_case", tmp_path) == own


@pytest.mark.parametrize("name", ["gold", "../nvda_short_case", "", "no/such.toml", "x" * 9_999])
def test_a_thesis_that_is_not_there_names_those_that_are(name: str, tmp_path: Path) -> None:
    with pytest.raises(ThesisFileError, match="Bundled ones: nvda_short_case"):
        theses.find(name, tmp_path)


def test_a_file_that_is_not_text_is_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "thesis.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ThesisFileError, match="cannot be read"):
        theses.load(path)


def test_the_default_thesis_has_five_pillars_and_twelve_categories(thesis: Thesis) -> None:
    assert [pillar.id for pillar in thesis.pillars] == list(CATEGORIES)
    for pillar, expected in CATEGORIES.items():
        held = [one.id for one in thesis.categories if one.pillar == pillar]
        assert held == expected
    assert sum(thesis.weights.values()) == pytest.approx(1.0)


def test_every_category_of_the_default_thesis_is_two_sided_claimed_and_named(
    thesis: Thesis,
) -> None:
    claimed = {claim.category for claim in thesis.claims}
    named = {category for entity in thesis.entities for category in entity.categories}
    for category in thesis.categories:
        assert len(category.supports) >= 3, category.id
        assert len(category.weakens) >= 3, category.id
        assert not set(category.supports) & set(category.weakens), category.id
        assert category.id in claimed
        assert category.id in named


def test_the_default_thesis_is_the_essays(thesis: Thesis) -> None:
    assert thesis.title == "The Short Case for Nvidia Stock"
    assert (thesis.date.year, thesis.date.month) == (2025, 1)
    assert thesis.url.startswith("https://")
    assert thesis.subject == "nvidia"
    assert len(thesis.claims) >= 30


@pytest.mark.parametrize("figure", FIGURES)
def test_the_figures_of_the_essay_stand_in_the_claims(figure: str, thesis: Thesis) -> None:
    held = " | ".join(claim.figure for claim in thesis.claims)
    assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d,]\d)", held), figure


def test_falsifiers_are_dated_after_the_essay_and_cut_both_ways(thesis: Thesis) -> None:
    assert len(thesis.falsifiers) >= 8
    assert {one.effect for one in thesis.falsifiers} == {"supports", "weakens"}
    assert {one.kind for one in thesis.falsifiers} == {"kpi", "event"}
    assert all(one.by > thesis.date for one in thesis.falsifiers)


def test_the_kpis_are_those_the_thesis_turns_on(thesis: Thesis) -> None:
    names = {kpi.id for kpi in thesis.kpis}
    assert {"nvda_gross_margin", "nvda_data_center_revenue", "nvda_inventory_days"} <= names
    assert {name for name in names if name.endswith("_capex")} >= {"msft_capex", "meta_capex"}
    ciks = {entity.id: entity.cik for entity in thesis.entities}
    assert [
        kpi.id for kpi in thesis.kpis if not re.fullmatch(r"\d{10}", ciks[kpi.entity] or "")
    ] == []


def test_every_kpi_of_the_default_thesis_is_defined_and_what_has_no_tag_is_known(
    thesis: Thesis,
) -> None:
    assert all(kpi.measure for kpi in thesis.kpis)
    assert [kpi.id for kpi in thesis.kpis if not kpi.is_tagged] == ["nvda_data_center_revenue"]
    kpis = {one.id: one for one in thesis.kpis}
    for one in thesis.falsifiers:
        if one.kind == "kpi":
            assert str(one.after) in one.text
            assert kpis[str(one.kpi)].measure


def test_entities_of_the_default_thesis_go_by_chinese_names_too(thesis: Thesis) -> None:
    mentions = Mentions(thesis.entities)
    assert mentions.find("英伟达与台积电") == {"nvidia", "tsmc"}
    with_chinese = [one.id for one in thesis.entities if one.aliases_zh]
    assert len(with_chinese) >= 30


def test_nothing_about_the_default_thesis_is_written_in_python(thesis: Thesis) -> None:
    """Another essay is another file: no category, entity or claim id in the code."""
    root = Path(theses.__file__).parent.parent
    words = [one.id for one in thesis.categories] + ["nvidia", "英伟达"]
    code = [path for name in ("agent", "store") for path in (root / name).rglob("*.py")]
    spoken = re.compile(r'''""".*?"""''', re.DOTALL)
    found = [
        (path.name, word)
        for path in code
        for word in words
        if re.search(
            rf"\b{word}\b", spoken.sub("", path.read_text(encoding="utf-8")), re.IGNORECASE
        )
    ]
    assert found == []
