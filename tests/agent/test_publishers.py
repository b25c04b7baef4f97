import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.publishers import TABLE, Publishers

PUBLISHERS = Publishers(0.6, {})


def owner(name: str, url: str | None = None) -> str:
    return PUBLISHERS.resolve(name, url).owner


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("MarketWatch", None), ("Barron's", None)),
        (("", "https://www.marketwatch.com/story/a"), ("", "https://www.barrons.com/b")),
        (("Reuters", None), ("", "https://www.reuters.com/technology/a")),
        (("路透社", None), ("Reuters", "https://another.example/copy")),
        (("bloomberg.com", None), ("Bloomberg News", None)),
        (("", "https://uk.finance.reuters.com/x"), ("reuters", None)),
    ],
)
def test_names_and_domains_of_one_owner_count_once(
    one: tuple[str, str | None], other: tuple[str, str | None]
) -> None:
    assert owner(*one) == owner(*other)


def test_a_name_wins_over_the_address_it_was_copied_to() -> None:
    assert owner("Reuters", "https://www.ft.com/content/1") == "Thomson Reuters"


@pytest.mark.parametrize("url", ["https://news.google.com/rss/articles/1", None, ""])
def test_the_publisher_of_an_aggregators_item_is_kept_and_resolved(url: str | None) -> None:
    assert owner("Reuters", url) == "Thomson Reuters"
    found = PUBLISHERS.resolve("The Tiny Gazette", url)
    assert (found.name, found.owner) == ("The Tiny Gazette", "The Tiny Gazette")


def test_the_aggregator_is_never_the_owner_of_what_it_links_to() -> None:
    found = PUBLISHERS.resolve("Hacker News", "https://www.reuters.com/technology/a")
    assert (found.name, found.owner) == ("Reuters", "Thomson Reuters")
    assert owner("Google News", "https://tiny-gazette.example/a") == "tiny-gazette.example"


def test_two_writers_on_one_platform_stay_two() -> None:
    first = PUBLISHERS.resolve("", "https://medium.com/@alice/a-post")
    assert first.aggregator
    assert first.owner == owner("", "https://medium.com/@alice/another-post")
    assert first.owner != owner("", "https://medium.com/@bob/a-post")
    assert owner("", "https://alice.substack.com/p/1") != owner("", "https://bob.substack.com/p/1")


def test_an_unknown_publisher_is_its_registrable_domain_and_gets_the_default() -> None:
    found = PUBLISHERS.resolve("", "https://news.tiny-gazette.co.uk/a")
    assert (found.name, found.owner) == ("tiny-gazette.co.uk", "tiny-gazette.co.uk")
    assert found.reliability == 0.6
    assert Publishers(0.4, {}).resolve("", "https://tiny.example/a").reliability == 0.4
    assert owner("rss.tiny-gazette.co.uk") == "tiny-gazette.co.uk"


def test_an_unknown_name_is_its_own_owner_wherever_it_appears() -> None:
    assert owner("The Tiny Gazette", "https://a.example/1") == "The Tiny Gazette"
    assert owner("The Tiny Gazette", "https://b.example/1") == "The Tiny Gazette"


def test_neither_name_nor_address_is_still_an_owner() -> None:
    assert owner("", None) == "unknown"
    assert owner("", "http://[broken") == "unknown"


def test_the_users_rating_wins_whatever_its_case() -> None:
    rated = Publishers(0.6, {"the motley fool": 0.3, "Tiny Gazette": 0.9, "odd.example": 1.0})
    assert rated.resolve("The Motley Fool", None).reliability == 0.3
    assert rated.resolve("", "https://www.fool.com/a").reliability == 0.3
    assert rated.resolve("Tiny Gazette", None).reliability == 0.9
    assert rated.resolve("", "https://odd.example/a").reliability == 1.0
    assert rated.resolve("Reuters", None).reliability == 0.9


def test_filings_outrank_wires_and_wires_outrank_stock_pickers() -> None:
    urls = ("https://www.sec.gov/a", "https://apnews.com/a", "https://www.fool.com/a")
    worth = [PUBLISHERS.resolve("", url).reliability for url in urls]
    assert worth == sorted(worth, reverse=True)
    assert len(set(worth)) == 3
    assert PUBLISHERS.resolve("", "https://www.fool.com/a").opinion


def test_a_domain_that_only_ends_alike_is_another_publisher() -> None:
    assert owner("", "https://notreuters.com/a") == "notreuters.com"
    assert owner("", "https://reuters.com.evil.org/a") == "evil.org"


@given(st.text(), st.one_of(st.none(), st.text(), st.text().map(lambda end: f"https://{end}")))
def test_anything_resolves_to_a_named_owner_within_bounds(name: str, url: str | None) -> None:
    found = PUBLISHERS.resolve(name, url)
    assert found.owner
    assert found.name
    assert 0.3 <= found.reliability <= 1


def test_the_table_gives_no_name_or_domain_to_two_publishers() -> None:
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["publishers"]
    names = [name.casefold() for row in rows for name in {row["name"], *row.get("aliases", ())}]
    domains = [domain for row in rows for domain in row["domains"]]
    assert {name for name in names if names.count(name) > 1} == set()
    assert {domain for domain in domains if domains.count(domain) > 1} == set()
    assert [row["name"] for row in rows if not 0.3 <= row["reliability"] <= 1] == []
    assert len(rows) >= 150
