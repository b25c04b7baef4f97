"""Which items hold given words: SQLite's FTS5 ranks them by BM25.

`item_text` follows the items by triggers and splits by spaces. Chinese has none, so an item's
Chinese is kept as pairs of neighbouring characters in `item_cjk` too.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, column, select, text

from store.bulk import WANTED, wanted
from store.models import Item, Verdict, to_text

_ITEM = Item.__table__  # type: ignore[attr-defined]
_VERDICT = Verdict.__table__  # type: ignore[attr-defined]
_CJK_RUN = re.compile(r"[\u3400-\u9fff]+")
_READ = ("title", "summary", "text")
LONGEST = 4000
"""Characters of an item's text whose Chinese is indexed."""
BEGINNING = 300
"""Characters of an item's summary, or text, that come with a candidate."""
TITLE, SUMMARY, TEXT = 3.0, 2.0, 1.0
"""What a word counts for by where it stands."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which items may be found: known by `until`, published in [since, before), of these `kinds`
    (all when empty), with `category` in the newest verdict of then."""

    until: datetime
    since: datetime | None = None
    before: datetime | None = None
    kinds: tuple[str, ...] = ()
    category: str | None = None

    @property
    def is_wide(self) -> bool:
        """Whether nothing but the knowledge of the time narrows it."""
        return self == Scope(self.until)


def pairs(words: str) -> list[str]:
    """Neighbouring Chinese characters; a lone one by itself."""
    found: list[str] = []
    for run in _CJK_RUN.findall(words):
        found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
    return found


def learn(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Index the Chinese of new items, given as column values."""
    said = {
        row["id"]: pairs(" ".join(row.get(name) or "" for name in _READ)[:LONGEST]) for row in rows
    }
    said = {id_: found for id_, found in said.items() if found}
    if said:
        query = select(_ITEM.c.number, _ITEM.c.id).where(_ITEM.c.id.in_(WANTED))
        numbers = connection.execute(query, wanted(said)).all()
        connection.exec_driver_sql(
            "INSERT INTO item_cjk(rowid, pairs) VALUES (?1, ?2)",
            [(number, " ".join(said[id_])) for number, id_ in numbers],
        )


def forget_texts(connection: Connection, titles: Mapping[int, str]) -> None:
    """Index no more than the titles of items whose texts are gone, by number."""
    rows = [(number, " ".join(pairs(title))) for number, title in titles.items()]
    connection.exec_driver_sql("DELETE FROM item_cjk WHERE rowid = ?", [row[:1] for row in rows])
    kept = [row for row in rows if row[1]]
    if kept:
        connection.exec_driver_sql("INSERT INTO item_cjk(rowid, pairs) VALUES (?1, ?2)", kept)


def lexical(
    connection: Connection, words: Sequence[str], chinese: Sequence[str], scope: Scope, limit: int
) -> list[int]:
    """Numbers of the items that hold any of `words` (phrases too) or `chinese` pairs, best first.

    The two are searched apart, because their ranks cannot be compared, and woven together.
    """
    found = []
    if words:
        weights = f"{TITLE}, {SUMMARY}, {TEXT}"
        found.append(
            _match(connection, "item_text", f"bm25(item_text, {weights})", words, scope, limit)
        )
    if chinese:
        found.append(_match(connection, "item_cjk", "bm25(item_cjk)", chinese, scope, limit))
    woven = [number for row in _abreast(found) for number in row]
    return list(dict.fromkeys(woven))[:limit]


def _match(
    connection: Connection, table: str, rank: str, words: Sequence[str], scope: Scope, limit: int
) -> list[int]:
    match = " OR ".join('"' + word.replace('"', '""') + '"' for word in words)
    where, given = _within(scope)
    query = text(
        f"SELECT {table}.rowid FROM {table} JOIN item ON item.number = {table}.rowid "
        f"WHERE {table} MATCH :match AND {where} ORDER BY {rank}, {table}.rowid LIMIT :limit"
    )
    rows = connection.execute(query, {**given, "match": match, "limit": limit})
    return [int(number) for number in rows.scalars()]


def _abreast(lists: Sequence[Sequence[int]]) -> list[list[int]]:
    longest = max(map(len, lists), default=0)
    return [[one[i] for one in lists if i < len(one)] for i in range(longest)]


def _within(scope: Scope) -> tuple[str, dict[str, Any]]:
    """The scope as a condition on `item`, and its parameters; an undated item is of no period."""
    parts: list[str] = ["item.first_seen_at <= :until"]
    given: dict[str, Any] = {"until": to_text(scope.until)}
    if scope.since is not None:
        parts.append("item.published_at >= :since")
        given["since"] = to_text(scope.since)
    if scope.before is not None:
        parts.append("item.published_at < :before")
        given["before"] = to_text(scope.before)
    if scope.kinds:
        names = {f"kind{n}": kind for n, kind in enumerate(scope.kinds)}
        parts.append(f"item.kind IN ({', '.join(f':{name}' for name in names)})")
        given |= names
    if scope.category is not None:
        parts.append(
            "EXISTS (SELECT 1 FROM verdict v, json_each(v.labels) AS label"
            f" WHERE v.id = ({_NEWEST}) AND label.value ->> 'category' = :category)"
        )
        given["category"] = scope.category
    return " AND ".join(parts), given


def within(connection: Connection, scope: Scope, limit: int) -> list[int]:
    """Numbers of the items with a vector in a scope, the newest first."""
    where, given = _within(scope)
    query = text(
        "SELECT item.number FROM item JOIN embedding ON embedding.item_number = item.number "
        f"WHERE {where} ORDER BY item.first_seen_at DESC LIMIT :limit"
    )
    rows = connection.execute(query, {**given, "limit": limit})
    return [int(number) for number in rows.scalars()]


def frequency(connection: Connection, word: str, until: datetime) -> int:
    """How many of the items known by `until` hold a word or phrase."""
    table, said = ("item_cjk", " ".join(pairs(word))) if pairs(word) else ("item_text", word)
    given: dict[str, Any] = {"match": '"' + said.replace('"', '""') + '"'}
    query = f"SELECT count(*) FROM {table} WHERE {table} MATCH :match"
    if _came_later(connection, until):
        query = (
            f"SELECT count(*) FROM {table} JOIN item ON item.number = {table}.rowid "
            f"WHERE {table} MATCH :match AND item.first_seen_at <= :until"
        )
        given["until"] = to_text(until)
    return int(connection.execute(text(query), given).scalar_one())


def count(connection: Connection, until: datetime) -> int:
    """How many items were known by `until`."""
    given, query = {}, "SELECT count(*) FROM item"
    if _came_later(connection, until):  # which costs several times more
        query, given = f"{query} WHERE first_seen_at <= :until", {"until": to_text(until)}
    return int(connection.execute(text(query), given).scalar_one())


def _came_later(connection: Connection, until: datetime) -> bool:
    newest = connection.execute(text("SELECT max(first_seen_at) FROM item")).scalar()
    return str(newest or "") > str(to_text(until))


def candidates(connection: Connection, numbers: Sequence[int], scope: Scope) -> list[Any]:
    """Items of these numbers within the scope, each with its newest verdict known by then, or none.

    `beginning` is how the summary or text starts. Not in order.
    """
    where, given = _within(scope)
    query = text(
        f"SELECT {', '.join(f'item.{name}' for name in _NAMES)},"
        f" substr(iif(item.summary = '', item.text, item.summary), 1, {BEGINNING}) AS beginning,"
        " verdict.p_relevant, verdict.labels, verdict.abstained"
        f" FROM item LEFT JOIN verdict ON verdict.id = ({_NEWEST})"
        f" WHERE item.number IN (SELECT value FROM json_each(:wanted)) AND {where}"
    ).columns(*_COLUMNS)
    return list(connection.execute(query, {**given, "wanted": json.dumps(list(numbers))}))


_NEWEST = (
    "SELECT max(w.id) FROM verdict w WHERE w.item_number = item.number AND w.recorded_at <= :until"
)
"""The id of an item's newest verdict that was known by then."""
_NAMES = "number id title url publisher owner kind published_at first_seen_at event_id".split()
_COLUMNS = [
    *(_ITEM.c[name] for name in _NAMES),
    column("beginning", String),
    _VERDICT.c.p_relevant,
    _VERDICT.c.labels,
    _VERDICT.c.abstained,
]
