"""Items are found by their words, Chinese ones too, within a scope, and by nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from store import items, search, verdicts
from store.database import Database, open_database
from store.search import Scope
from tests.store.rows import row

NOW = datetime(2025, 2, 1, tzinfo=UTC)
SEEN = datetime(2025, 1, 27, 12, tzinfo=UTC)
TITLES = {
    1: "Nvidia sells more GPUs",
    2: "英伟达股价下跌",
    3: "AMD sells fewer GPUs than Nvidia, Nvidia says",
    4: "A cake recipe",
    5: "台积电与英伟达",
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    rows = [
        {
            **row(n, title),
            "published_at": SEEN - timedelta(days=n) if n != 4 else None,
            "first_seen_at": SEEN,
            "kind": "filing" if n == 3 else "news",
        }
        for n, title in TITLES.items()
    ]
    with opened.writing() as connection:
        items.add(connection, rows)
    yield opened
    opened.close()


def verdict(number: int, front: str, at: datetime) -> dict[str, Any]:
    return {
        "item_number": number,
        "judge": "j",
        "model": f"{at}",
        "prompt_hash": "p",
        "thesis_version": "t",
        "input_hash": "h",
        "relevant": True,
        "p_relevant": 0.9,
        "abstained": False,
        "labels": [{"category": front, "stance": "supports", "p": 0.9, "severity": "low"}],
        "recorded_at": at,
    }


def numbers(
    database: Database, words: list[str], chinese: str = "", scope: Scope | None = None
) -> list[int]:
    with database.reading() as connection:
        pairs = search.pairs(chinese)
        return search.lexical(connection, words, pairs, scope or Scope(NOW), 9)


def test_items_with_any_of_the_words_come_the_best_first(database: Database) -> None:
    assert numbers(database, ["nvidia", "amd"]) == [3, 1]
    assert numbers(database, ["sells fewer"]) == [3]
    assert numbers(database, ["zeppelin"]) == []
    assert numbers(database, []) == []


def test_chinese_is_found_by_pairs_of_characters(database: Database) -> None:
    assert set(numbers(database, [], "英伟达")) == {2, 5}
    assert numbers(database, [], "台积电") == [5]
    assert numbers(database, ["amd"], "台积电") == [3, 5]
    assert numbers(database, [], "谷歌") == []


@pytest.mark.parametrize("word", ['"', "a OR b", "title:x", "NEAR(", "*", "x' --", "("])
def test_query_syntax_is_only_words(database: Database, word: str) -> None:
    assert numbers(database, [word]) == []


def test_scope_narrows_by_time_and_kind(database: Database) -> None:
    every = ["nvidia", "cake"]
    assert set(numbers(database, every)) == {1, 3, 4}
    early = Scope(until=SEEN - timedelta(seconds=1))
    assert numbers(database, every, scope=early) == []
    since = Scope(NOW, since=SEEN - timedelta(days=2))
    assert numbers(database, every, scope=since) == [1]  # what has no date is of no period
    before = Scope(NOW, before=SEEN - timedelta(days=2))
    assert numbers(database, every, scope=before) == [3]
    assert numbers(database, every, scope=Scope(NOW, kinds=("filing",))) == [3]
    assert Scope(NOW).is_wide
    assert not before.is_wide


def test_frequency_counts_items(database: Database) -> None:
    with database.reading() as connection:
        counts = [
            search.frequency(connection, word, NOW) for word in ("nvidia", "英伟达", "sells more")
        ]
        assert counts == [2, 2, 1]
        assert search.count(connection, NOW) == len(TITLES)
        before = SEEN - timedelta(seconds=1)
        assert (
            search.frequency(connection, "nvidia", before) == search.count(connection, before) == 0
        )


def test_front_is_that_of_the_newest_verdict_of_then(database: Database) -> None:
    later = NOW + timedelta(days=1)
    said = [(1, "foundry", NOW), (1, "moat", later), (3, "foundry", later)]
    with database.writing() as connection:
        verdicts.add(connection, [verdict(n, front, at) for n, front, at in said])

    def on(front: str, until: datetime) -> set[int]:
        return set(numbers(database, ["nvidia", "amd"], scope=Scope(until, category=front)))

    assert on("foundry", NOW) == {1}
    assert on("foundry", later) == {3}
    assert on("moat", later) == {1}
    assert on("moat", NOW) == on("nothing", later) == set()
    assert not Scope(NOW, category="moat").is_wide


def test_candidates_come_with_what_was_known_then(database: Database) -> None:
    with database.reading() as connection:
        rows = search.candidates(connection, [1, 4, 99], Scope(NOW))
        assert {row.number for row in rows} == {1, 4}
        assert all(row.p_relevant is None and row.labels is None for row in rows)
        assert {row.published_at for row in rows} == {SEEN - timedelta(days=1), None}
        assert search.candidates(connection, [1], Scope(SEEN - timedelta(hours=1))) == []
