"""The sources that ship: enough of them for every front of the thesis, each with a known owner."""

import tomllib
from collections import Counter

import pytest

from agent import config as configuration
from agent import thesis as theses
from agent.config import Config, SourceSection
from agent.publishers import TABLE

LEAST, LEAST_A_CATEGORY = 45, 4


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[SourceSection, ...]:
    path = tmp_path_factory.mktemp("shipped") / configuration.FILE_NAME
    path.write_text(configuration.default_text(), encoding="utf-8")
    return configuration.load(path).sources


def test_there_are_enough_and_none_twice(shipped: tuple[SourceSection, ...]) -> None:
    assert len(shipped) >= LEAST
    assert len({one.name for one in shipped}) == len(shipped)
    places = Counter(one.url or one.query or one.kind for one in shipped)
    assert [place for place, count in places.items() if count > 1] == []


def test_every_front_of_the_thesis_is_watched(shipped: tuple[SourceSection, ...]) -> None:
    thesis = theses.load(theses.find("nvda_short_case", Config().folder))
    watched = Counter(name for one in shipped for name in one.categories)
    assert set(watched) == {category.id for category in thesis.categories}
    assert min(watched.values()) >= LEAST_A_CATEGORY
    assert all(one.categories for one in shipped)


def test_every_publisher_that_is_named_has_a_known_owner(
    shipped: tuple[SourceSection, ...],
) -> None:
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["publishers"]
    known = {name for row in rows for name in (row["name"], *row.get("aliases", ()))}
    assert {one.publisher for one in shipped if one.publisher} - known == set()


def test_every_kind_of_item_and_language_is_there(shipped: tuple[SourceSection, ...]) -> None:
    assert {one.items for one in shipped} >= {"news", "paper", "release", "filing"}
    assert {one.kind for one in shipped} >= {"feed", "arxiv", "edgar"}
    assert sum(one.lang == "zh" for one in shipped) >= 5


def test_addresses_are_encrypted_ones(shipped: tuple[SourceSection, ...]) -> None:
    assert [one.name for one in shipped if one.url and not one.url.startswith("https://")] == []
