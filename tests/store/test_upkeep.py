"""Old texts go and what rests on them does not; the room they took comes back."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import StoreBusy, StoreFull
from store import conversations, items, messages, search, sources, upkeep, verdicts
from store.database import FILE_NAME, Database, open_database
from store.models import ItemState
from store.search import Scope
from tests.store.rows import NOW, row
from tests.stored import select

TEACHERS = ("you", "llm")
LATER = NOW + timedelta(days=400)
YEAR_AGO = LATER - timedelta(days=365)
TEXT = "Shares of a shoemaker rose by 4% on Monday."


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path, busy_seconds=0.2)
    yield opened
    opened.close()


def old(database: Database, number: int, **more: Any) -> None:
    """An item that was seen 400 days ago and went all its way."""
    values = {"state": ItemState.SCORED, "summary": "A summary", "text": TEXT, **more}
    with database.writing() as connection:
        items.add(connection, [row(number, **values)])


def judged(database: Database, number: int, **more: Any) -> None:
    values = {
        "item_number": number,
        "judge": "local",
        "model": "m",
        "prompt_hash": "",
        "thesis_version": "v",
        "input_hash": "",
        "relevant": False,
        "p_relevant": 0.0,
        "abstained": False,
        "reason": "",
        "labels": [],
        "recorded_at": NOW,
        "happening": "",
        "known": False,
        "gate": "",
        "same_as": None,
        "hindsight": False,
        **more,
    }
    with database.writing() as connection:
        verdicts.add(connection, [values])


def cited(database: Database, *ids: str | None) -> None:
    citations = [{"n": n, "item_id": id_, "quote": "x"} for n, id_ in enumerate(ids, start=1)]
    with database.writing() as connection:
        number = conversations.begin(connection, "t", NOW)
        conversations.add(
            connection,
            {
                "conversation_id": number,
                "asked_at": NOW,
                "question": "Why?",
                "answer": "So.",
                "citations": citations,
                "refused": False,
                "mode": "plain",
                "notes": [],
            },
        )


def trimmed(database: Database, before: datetime = YEAR_AGO) -> list[int]:
    """The numbers of the items whose texts are let go of."""
    with database.writing() as connection:
        rows = upkeep.old_texts(connection, before, TEACHERS, 500)
        upkeep.trim(connection, rows) if rows else None
        return [one.number for one in rows]


def label(stance: str) -> dict[str, Any]:
    return {"category": "c", "stance": stance, "p": 0.9, "severity": 1}


# What goes, and what stays


def test_old_text_in_which_nobody_found_anything_goes_and_leaves_its_hash(
    database: Database,
) -> None:
    old(database, 1)
    judged(database, 1)
    assert trimmed(database) == [1]
    with database.reading() as connection:
        found = items.by_id(connection, "i1")
    assert found is not None
    assert (found.title, found.summary, found.text) == ("a title", "", "")
    assert found.text_hash == hashlib.sha256(f"A summary\0{TEXT}".encode()).hexdigest()
    assert upkeep.hash_of("A summary", TEXT) == found.text_hash
    assert upkeep.hash_of("A summary", TEXT.replace("4%", "5%")) != found.text_hash
    assert found.url is None
    assert found.content_hash == "h"
    assert trimmed(database) == []


def test_hash_tells_where_the_summary_ends() -> None:
    assert upkeep.hash_of("a", "b") != upkeep.hash_of("", "ab") != upkeep.hash_of("ab", "")


@pytest.mark.parametrize(
    "verdict",
    [
        {"relevant": True, "labels": [label("supports")]},
        {"relevant": True, "labels": [label("neutral")]},
        {"relevant": False, "labels": [label("weakens")]},  # a lead that was not sure enough
        {"judge": "you"},
        {"judge": "you", "same_as": 9},
        {"judge": "llm"},
    ],
    ids=["evidence", "neutral", "lead", "a person's", "a person's on a copy", "a model's"],
)
def test_text_that_a_verdict_rests_on_stays(database: Database, verdict: dict[str, Any]) -> None:
    old(database, 9)
    old(database, 1)
    judged(database, 1)
    judged(database, 1, **{"model": "second", "recorded_at": NOW, **verdict})
    judged(database, 1, model="third", recorded_at=LATER)
    assert trimmed(database) == [9]


def test_text_that_an_answer_cites_stays_and_others_still_go(database: Database) -> None:
    for number in (1, 2, 3):
        old(database, number)
    cited(database, "", "i2", None)
    assert trimmed(database) == [1, 3]


@pytest.mark.parametrize("state", [state for state in ItemState if state != ItemState.SCORED])
def test_text_that_is_still_needed_stays(database: Database, state: ItemState) -> None:
    old(database, 1, state=state)
    assert trimmed(database) == []


def test_undated_item_may_still_get_its_date_when_its_text_is_gone(database: Database) -> None:
    old(database, 1, published_at=None)
    judged(database, 1)
    assert trimmed(database) == [1]
    with database.writing() as connection:
        items.give_date(connection, 1, NOW, LATER)
    assert select(database.folder, "SELECT state FROM item") == [("judged",)]
    assert trimmed(database) == []


def test_item_without_a_text_is_not_said_to_have_lost_one(database: Database) -> None:
    old(database, 1, summary="", text="")
    assert trimmed(database) == []
    assert select(database.folder, "SELECT text_hash FROM item") == [("",)]


def test_age_counts_from_when_it_was_first_seen(database: Database) -> None:
    old(database, 1, first_seen_at=YEAR_AGO)
    old(database, 2, first_seen_at=YEAR_AGO - timedelta(microseconds=1))
    old(database, 3, first_seen_at=LATER, published_at=NOW - timedelta(days=3000))
    assert trimmed(database) == [2]


def test_oldest_go_first_and_no_more_at_a_time_than_asked_for(database: Database) -> None:
    for number in (1, 2, 3):
        old(database, number, first_seen_at=NOW - timedelta(days=number))
    with database.reading() as connection:
        found = upkeep.old_texts(connection, YEAR_AGO, TEACHERS, 2)
    assert [one.number for one in found] == [3, 2]


# Searching


def found(database: Database, *words: str, chinese: tuple[str, ...] = ()) -> list[int]:
    with database.reading() as connection:
        return search.lexical(connection, words, chinese, Scope(LATER), 10)


def test_search_finds_a_trimmed_item_by_its_title_alone(database: Database) -> None:
    old(database, 1, title="Shoemaker rises", summary="Sandals again", text="Boots and laces")
    old(database, 2, title="Other", summary="Sandals too", text="")
    cited(database, "i2")
    assert (found(database, "sandals"), found(database, "laces")) == ([2, 1], [1])
    assert trimmed(database) == [1]
    assert (found(database, "sandals"), found(database, "laces")) == ([2], [])
    assert found(database, "shoemaker") == [1]
    with database.bare() as connection:  # raises where index and texts disagree
        connection.execute("INSERT INTO item_text(item_text, rank) VALUES ('integrity-check', 1)")


def test_search_finds_a_trimmed_chinese_item_by_its_title_alone(database: Database) -> None:
    old(database, 1, title="英伟达股价大跌", summary="深度求索发布新模型", text="")
    old(database, 2, title="No Chinese here", summary="台积电扩产", text="")
    assert found(database, chinese=("深度", "求索")) == [1]
    assert found(database, chinese=("台积",)) == [2]
    assert trimmed(database) == [1, 2]
    assert found(database, chinese=("深度", "求索")) == []
    assert found(database, chinese=("台积",)) == []
    assert found(database, chinese=("英伟",)) == [1]


# Refused input, and mail


def test_refused_input_goes_by_its_age(database: Database) -> None:
    with database.writing() as connection:
        for n, days in enumerate((1, 100)):
            at = LATER - timedelta(days=days)
            sources.reject(connection, "feed", n, "no title", f"{{{n}}}", at)
        assert upkeep.forget_refused(connection, LATER - timedelta(days=90)) == 1
        assert upkeep.forget_refused(connection, LATER - timedelta(days=90)) == 0
    assert select(database.folder, "SELECT raw FROM rejected") == [("{0}",)]


def message(database: Database, id_: str, **more: Any) -> None:
    values = {
        "id": id_,
        "thesis_id": "t",
        "channel": "mail",
        "kind": "alert",
        "subject": "A threat is rising",
        "text": "All of it",
        "html": "<p>All of it</p>",
        "images": {"chart": "iVBORw0="},
        "alerts": ["A-1"],
        "made_at": NOW,
        "due_at": NOW,
        **more,
    }
    with database.writing() as connection:
        messages.queue(connection, values)


def test_what_sent_messages_said_goes_and_that_they_were_sent_stays(database: Database) -> None:
    message(database, "old")
    message(database, "plain", html="", images={})
    message(database, "new")
    with database.writing() as connection:
        for id_ in ("old", "plain"):
            messages.sent(connection, id_, NOW)
        messages.sent(connection, "new", LATER)
        assert upkeep.empty_mail(connection, YEAR_AGO) == 2
        assert upkeep.empty_mail(connection, YEAR_AGO) == 0
    rows = select(database.folder, "SELECT id, subject, text, html, images, state FROM message")
    subject = "A threat is rising"
    assert sorted(rows) == [
        ("new", subject, "All of it", "<p>All of it</p>", '{"chart": "iVBORw0="}', "sent"),
        ("old", subject, "", "", "{}", "sent"),
        ("plain", subject, "", "", "{}", "sent"),
    ]


def test_message_that_was_never_sent_keeps_what_it_says(database: Database) -> None:
    message(database, "dead")
    message(database, "waiting")
    with database.writing() as connection:
        messages.give_up(connection, "dead", "no such host")
        assert upkeep.empty_mail(connection, LATER) == 0
        messages.revive(connection, LATER)
        assert [one.text for one in messages.due(connection, LATER, LATER)] == ["All of it"] * 2


# Room


PLENTY = 10**12


@pytest.fixture
def roomy(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], int]:
    """Fills the database and deletes that share of it again; returns its size."""
    monkeypatch.setattr(upkeep, "LEAST", 100_000)

    def fill(share: float) -> int:
        many = 400
        with database.writing() as connection:
            rows = [row(n, text=f"lorem ipsum {n} " * 300) for n in range(many)]
            items.add(connection, rows)
        with database.writing() as connection:
            connection.exec_driver_sql(
                "UPDATE item SET text = '' WHERE number < ?", (round(share * many),)
            )
        with database.bare() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return upkeep.size_of(database.folder)

    return fill


@contextmanager
def another_program(folder: Path, *begins: str) -> Iterator[None]:
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as connection:
        for one in begins:
            connection.execute(one).fetchall()
        yield
        connection.execute("ROLLBACK")


def test_room_is_given_back_when_much_is_free(
    database: Database, roomy: Callable[[float], int]
) -> None:
    before = roomy(0.8)
    given = upkeep.tidy(database, PLENTY)
    assert given > 0.5 * before
    assert upkeep.size_of(database.folder) == before - given
    assert select(database.folder, "PRAGMA integrity_check") == [("ok",)]
    assert found(database, "lorem")
    assert upkeep.tidy(database, PLENTY) == 0


def test_database_is_not_written_anew_for_little(
    database: Database, roomy: Callable[[float], int]
) -> None:
    before = roomy(0.05)
    assert upkeep.tidy(database, PLENTY) == 0
    assert upkeep.size_of(database.folder) == before


def test_database_is_not_written_anew_where_the_disk_has_no_room_for_that(
    database: Database, roomy: Callable[[float], int]
) -> None:
    before = roomy(0.8)
    sizes = f"{2 * before / 1e6:,.0f} MB must be free on the disk for a while, and 1 MB are"
    with pytest.raises(StoreFull, match=f"could not be given back: for that {sizes}. Free some"):
        upkeep.tidy(database, 1_000_000)
    assert upkeep.size_of(database.folder) == before


def test_room_is_not_asked_for_where_little_is_free(
    database: Database, roomy: Callable[[float], int]
) -> None:
    roomy(0.05)
    assert upkeep.tidy(database, 0) == 0


@pytest.mark.parametrize(
    "begins",
    [("BEGIN", "SELECT count(*) FROM item"), ("BEGIN IMMEDIATE",)],
    ids=["a reader", "a writer"],
)
def test_room_is_given_back_another_day_while_another_program_is_there(
    database: Database, roomy: Callable[[float], int], begins: tuple[str, ...]
) -> None:
    before = roomy(0.8)
    with another_program(database.folder, *begins):
        if "IMMEDIATE" not in begins[0]:
            old(database, 1001)  # what the reader does not see may not be written back yet
        with pytest.raises(StoreBusy):
            upkeep.tidy(database, PLENTY)
        assert upkeep.size_of(database.folder) < before + 1_000_000
    assert upkeep.tidy(database, PLENTY) > 0.5 * before


def test_the_log_is_written_back_though_nothing_is_free(database: Database) -> None:
    old(database, 1)
    wal = database.folder / f"{FILE_NAME}-wal"
    assert wal.stat().st_size
    assert upkeep.tidy(database, PLENTY) == 0
    assert wal.stat().st_size == 0


def test_size_is_that_of_the_database_and_its_log(database: Database) -> None:
    old(database, 1)
    (database.folder / "other").write_bytes(b"x" * 9999)
    parts = [path.stat().st_size for path in database.folder.glob(f"{FILE_NAME}*")]
    assert len(parts) == 3
    assert upkeep.size_of(database.folder) == sum(parts)
