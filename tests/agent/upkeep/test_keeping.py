"""A year on: what is old has gone, and everything that is asked of the folder is still answered."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import auditing, delivery, pack, report, reviewing, verifying
from agent import config as configuration
from agent.config import Config, RetentionSection
from agent.digest import making, sending
from agent.digest.gathering import gather
from agent.digest.schedule import Kind
from agent.embed import StaticEmbedder
from agent.errors import ThesiswatchError
from agent.learning import TEACHERS
from agent.notices import Parcel
from agent.replay import replay
from agent.reviewing import Decision
from agent.thesis import Thesis
from agent.upkeep import disk, keeping
from agent.workspace import CACHE, Workspace, writing
from store import items, messages, sources, upkeep
from store.database import FILE_NAME, Database, open_database
from store.models import ItemState
from tests.command import Ran
from tests.command import thesis as command
from tests.conftest import fakes
from tests.disks import small_disk
from tests.fakes import FakeIndex, fetched, item
from tests.hook_server import CHANNEL, HookServer
from tests.store.rows import row
from tests.store.test_upkeep import judged
from tests.stored import select
from tests.story import STORY

AT = datetime(2026, 3, 1, 3, tzinfo=UTC)
DAY = date(2025, 1, 24)
OLD: list[dict[str, Any]] = [
    item("en", "A shoemaker rises", "2025-01-21", summary="Sandals sell well", text="Long words"),
    item("zh", "鞋匠股价上涨", "2025-01-21", summary="凉鞋畅销全国", lang="zh"),
    item("unsure", "Cerebras asks [abstain]", "2025-01-21", summary="Nobody knows"),
    item("cited", "A tailor falls", "2025-01-21", summary="Trousers are out of fashion"),
    item("new", "A bakery opens", "2026-02-01", summary="Rye bread"),
]
GONE = {"en", "zh", "unsure", "c3"}
"""The last is a copy in which the judge of these tests finds nothing."""


def ask(workspace: Workspace, *arguments: object) -> Ran:
    return command(*arguments, "--config", workspace.config.folder / configuration.FILE_NAME)


def trimmed(workspace: Workspace) -> set[str]:
    query = "SELECT id FROM item WHERE text_hash <> '' AND text = '' AND summary = ''"
    return {id_ for (id_,) in select(workspace.database.folder, query)}


def prove(workspace: Workspace, *days_ago: int) -> None:
    """Let upkeep have been done on those days before AT."""
    with workspace.database.writing() as connection:
        for days in days_ago or (3, 2, 1):
            disk.remember(connection, AT.date() - timedelta(days=days), 10**6)


Opened = Callable[..., Workspace]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, thesis: Thesis) -> Iterator[Opened]:
    """Empty folders, one after the other, with so much of a [retention], on days in a row."""
    empty = tmp_path_factory.mktemp("empty")
    open_database(empty).close()
    opened: list[Database] = []

    def another(**retention: int) -> Workspace:
        folder = tmp_path_factory.mktemp("fresh")
        shutil.copytree(empty, folder, dirs_exist_ok=True)
        opened.append(open_database(folder, busy_seconds=0.1))
        chosen = Config(retention=RetentionSection(**retention), folder=folder)
        workspace = Workspace(chosen, thesis, opened[-1])
        workspace.__dict__["index"] = FakeIndex()
        prove(workspace)
        return workspace

    yield another
    for database in opened:
        database.close()


# What is asked before and after


def everything(workspace: Workspace) -> dict[str, Any]:
    """What must read the same."""
    instant = datetime(2025, 1, 24, tzinfo=UTC)
    questions = ("Who trains R1 for six million?", "Who falls, a tailor?")
    return {
        "score": report.score(workspace, None),
        "then": report.score(workspace, instant),
        "history": report.history(workspace, None, None),
        "explain": report.explain(workspace, since=instant),
        "items": ask(workspace, "items", "--json").json,
        "show": [ask(workspace, "show", id_, "--json").json for id_ in ("c1", "cited", "new")],
        "digest": gather(workspace, DAY, *making.span(workspace, DAY, AT)),
        "answers": [ask(workspace, "ask", one, "--json").json for one in questions],
        "pack": auditing.export(workspace, report.standing_at(workspace, None)),
    }


class Year:
    """STORY with a few items that are nothing to the thesis, before and after the upkeep."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.before = everything(workspace)
        self.found_before = self.found("sandals")
        self.queued = self.queue
        prove(workspace)
        self.kept = keeping.keep(workspace, AT)
        self.after = everything(workspace)

    def found(self, words: str) -> list[str]:
        return [one["id"] for one in ask(self.workspace, "items", "--match", words, "--json").json]

    @property
    def queue(self) -> set[str]:
        return {case.item_id for case in reviewing.queue(self.workspace, 50)}


@pytest.fixture(scope="module")
def year(
    tmp_path_factory: pytest.TempPathFactory, static_embedder: StaticEmbedder
) -> Iterator[Year]:
    path = tmp_path_factory.mktemp("year") / configuration.FILE_NAME
    path.write_text("", encoding="utf-8")
    with writing(path) as opened:
        opened.__dict__.update({**fakes(), "embedder": static_embedder})
        replay(opened, fetched(*STORY, *OLD), "story")
        yield Year(opened)


def test_texts_of_a_year_ago_go_but_for_what_something_rests_on(year: Year) -> None:
    assert trimmed(year.workspace) == GONE
    assert year.kept == keeping.Kept(texts=len(GONE), refused=0, mail=0, given_back=0)
    assert year.kept.summary == "4 texts trimmed"


@pytest.mark.parametrize(
    "what",
    ["score", "then", "history", "explain", "items", "show", "digest", "answers", "pack"],
)
def test_what_is_asked_afterwards_reads_as_before(year: Year, what: str) -> None:
    assert year.after[what] == year.before[what]


def test_audit_of_before_and_of_after_hold(year: Year) -> None:
    data = year.before["pack"]
    held = verifying.verify(data, pack.seal_of(data))
    assert (held.faults, held.score) == ((), year.before["score"]["score"])


def test_trimmed_item_is_shown_with_the_hash_of_its_text(year: Year) -> None:
    digest = upkeep.hash_of("Sandals sell well", "Long words")
    assert ask(year.workspace, "show", "en", "--json").json["item"]["text_hash"] == digest
    shown = ask(year.workspace, "show", "en").out
    assert "A shoemaker rises" in shown
    assert digest in " ".join(shown.split())
    assert "trimmed" not in ask(year.workspace, "show", "c1").out


def test_trimmed_item_is_found_by_its_title_and_no_more_by_its_text(year: Year) -> None:
    assert year.found_before == ["en"]
    assert year.found("sandals") == []
    assert set(year.found("shoemaker")) == {"en", "a2"}


def test_answer_does_without_a_text_that_is_gone(year: Year) -> None:
    answer = ask(year.workspace, "ask", "What do you know of the shoemaker?", "--json").json
    assert "A shoemaker rises" in answer["answer"]
    assert "Sandals" not in answer["answer"]


def test_text_that_an_answer_cites_stays(year: Year) -> None:
    cited = {one["item_id"] for answer in year.before["answers"] for one in answer["citations"]}
    assert "cited" in cited
    assert not cited & trimmed(year.workspace)


def test_nobody_is_asked_to_judge_what_is_left_of_a_text(year: Year) -> None:
    assert year.queued - year.queue == {"unsure"}
    with pytest.raises(ThesiswatchError, match="text of item 'unsure' was trimmed") as told:
        reviewing.decide(year.workspace, Decision("unsure"), AT)
    assert told.value.way_out


def test_backfill_takes_up_no_item_whose_text_is_gone(year: Year) -> None:
    class Enough(Exception):
        """Taken back, for the other tests."""

    with pytest.raises(Enough), year.workspace.database.writing() as connection:
        assert items.reopen(connection, AT - timedelta(days=500), AT, TEACHERS)
        left = connection.exec_driver_sql("SELECT id FROM item WHERE state = 'scored'")
        assert set(left.scalars()) == GONE
        raise Enough


# The configuration


AGES = {"i1": 404, "i2": 28, "i3": 13}
"""Days ago at which items came that are nothing to the thesis."""


@pytest.mark.parametrize(
    ("retention", "texts", "refused", "mail"),
    [
        ({}, {"i1"}, 1, 1),
        ({"text_days": 0, "refused_days": 0, "mail_days": 0}, set(), 0, 0),
        ({"text_days": 20}, {"i1", "i2"}, 1, 1),
        ({"text_days": 1}, {"i1", "i2"}, 1, 1),  # what is grouped with the new ones stays
        ({"text_days": 500, "refused_days": 500, "mail_days": 500}, set(), 0, 0),
    ],
    ids=["by default", "never", "twenty days", "one day", "long"],
)
def test_days_decide_and_nothing_goes_for_a_zero(
    fresh: Opened, retention: dict[str, int], texts: set[str], refused: int, mail: int
) -> None:
    workspace = fresh(**retention)
    one = {"state": ItemState.SCORED, "summary": "words", "text": "", "said": []}
    put(workspace.database, [{**one, "days": days} for days in AGES.values()])
    long_ago = AT - timedelta(days=300)
    with workspace.database.writing() as connection:
        sources.reject(connection, "feed", 1, "no title", "{}", long_ago)
        messages.queue(connection, letter("m1"))
        messages.sent(connection, "m1", long_ago)
    kept = keeping.keep(workspace, AT)
    assert trimmed(workspace) == texts
    assert (kept.texts, kept.refused, kept.mail) == (len(texts), refused, mail)


def letter(id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "thesis_id": "t",
        "channel": "chat",
        "kind": "alert",
        "subject": "A threat is rising",
        "text": "All of it",
        "html": "<p>All of it</p>",
        "images": {},
        "alerts": [],
        "made_at": AT - timedelta(days=400),
        "due_at": AT - timedelta(days=400),
    }


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[HookServer]:
    with HookServer() as running:
        monkeypatch.setenv("CHAT_URL", running.address)
        yield running


def test_message_that_was_given_up_a_year_ago_is_delivered_whole(
    workspaces: Callable[..., Workspace], hook: HookServer
) -> None:
    opened = workspaces("mail", config=CHANNEL)
    with opened.database.writing() as connection:
        messages.queue(connection, letter("m1"))
        messages.give_up(connection, "m1", "no such host")
    prove(opened)
    assert keeping.keep(opened, AT).mail == 0
    workspaces.close("mail")  # type: ignore[attr-defined]
    done = ask(opened, "alerts", "deliver", "--dead")
    assert (done.code, done.err) == (0, "")
    assert "All of it" in hook.taken[0]["message"]


def test_digest_is_kept_as_it_was_sent_when_its_mail_is_emptied(
    workspaces: Callable[..., Workspace], hook: HookServer
) -> None:
    opened = workspaces("digest", config=CHANNEL + '[digest]\nchannels = ["chat"]\n')
    replay(opened, fetched(*STORY), "story")
    facts = gather(opened, DAY, *making.span(opened, DAY, AT))
    parcel = Parcel("Stronger", "All of it", "<p>All of it</p>", {"path": "iVBORw0="}, AT)
    made = making.Digest(Kind.DAILY, DAY.isoformat(), facts, parcel)
    assert sending.send_now(opened, made, AT - timedelta(days=200)).is_sent
    prove(opened)
    assert keeping.keep(opened, AT).mail == 1
    again = making.make(opened, DAY, AT).parcel
    assert (again.text, again.html, again.images) == (parcel.text, parcel.html, parcel.images)
    assert delivery.deliver(opened, AT).sent == 0


# The clock


@pytest.mark.parametrize(
    ("days_ago", "goes", "complains"),
    [
        ((), False, False),  # nobody knows anything of the clock yet
        ((2, 1), False, False),
        ((3, 2, 1), True, False),
        ((21, 14, 7), True, False),
        ((503, 502, 501), False, True),
        ((503, 502, 501, 1), False, True),
        ((503, 502, 501, 2, 1), False, True),
        ((503, 502, 501, 3, 2, 1), True, False),
        ((22, 14, 7), False, True),
        ((3, 2, 1, -500), True, False),  # it was ahead before and is right again
    ],
)
def test_nothing_goes_by_a_clock_that_leapt_ahead(
    tmp_path: Path, thesis: Thesis, days_ago: tuple[int, ...], goes: bool, complains: bool
) -> None:
    database = open_database(tmp_path)
    workspace = Workspace(Config(folder=tmp_path), thesis, database)
    old = {"days": 404, "state": ItemState.SCORED, "summary": "words", "text": "", "said": []}
    put(database, [old])
    with database.writing() as connection:
        sources.reject(connection, "feed", 1, "no title", "{}", AT - timedelta(days=300))
        messages.queue(connection, letter("m1"))
        messages.sent(connection, "m1", AT - timedelta(days=300))
    if days_ago:
        prove(workspace, *days_ago)
    kept = keeping.keep(workspace, AT)
    assert (kept.texts, kept.refused, kept.mail) == ((1, 1, 1) if goes else (0, 0, 0))
    assert len(kept.complaints) == complains
    if complains:
        assert "the clock is ahead. Set it if it is wrong" in kept.complaints[0]
    database.close()


def test_clock_that_leapt_is_believed_from_the_fourth_day_on(fresh: Opened) -> None:
    workspace = fresh()
    old = {"days": 10, "state": ItemState.SCORED, "summary": "words", "text": "", "said": []}
    put(workspace.database, [old])
    later = [AT + timedelta(days=500 + n) for n in range(4)]
    assert [keeping.keep(workspace, now).texts for now in later] == [0, 0, 0, 1]


# Room, and other files


def test_room_that_cannot_be_given_back_now_is_a_complaint_and_no_failure(
    fresh: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = fresh()
    one = {"state": ItemState.SCORED, "summary": "words", "text": "", "said": []}
    put(workspace.database, [{**one, "days": 404}])
    monkeypatch.setattr(upkeep, "LEAST", 0)
    monkeypatch.setattr(upkeep, "SLACK", 0.0)
    path = workspace.database.folder / FILE_NAME
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM item").fetchall()
        kept = keeping.keep(workspace, AT)
    assert (kept.texts, len(kept.complaints)) == (1, 1)
    assert "another program uses it" in kept.complaints[0]
    assert keeping.keep(workspace, AT).complaints == ()


def test_room_that_the_disk_is_too_full_to_give_back_is_a_complaint_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LEAST", 0)
    monkeypatch.setattr(upkeep, "SLACK", 0.0)
    with small_disk(tmp_path / "small", megabytes=2) as small:
        path = small.place / configuration.FILE_NAME
        path.touch()
        with writing(path) as workspace:
            small.fill(100_000)
            for _ in range(5):
                small.free_some()
            (complaint,) = keeping.keep(workspace, AT).complaints
            small.free_all()
            assert keeping.keep(workspace, AT).complaints == ()
    assert "MB must be free on the disk for a while, and 0 MB are" in complaint


def test_fits_of_the_judge_that_were_not_made_of_late_go(fresh: Opened) -> None:
    workspace = fresh()
    cache = workspace.database.folder / CACHE
    cache.mkdir(exist_ok=True)
    for n in range(8):
        path = cache / f"judge-{n}.npz"
        path.write_bytes(b"x")
        os.utime(path, (1_700_000_000 + n, 1_700_000_000 + n))
    (cache / "facts.json").write_text("{}", encoding="utf-8")
    keeping.keep(workspace, AT)
    left = [f"judge-{n}.npz" for n in range(3, 8)]
    assert sorted(path.name for path in cache.iterdir()) == ["facts.json", *left]


def test_size_of_the_day_is_remembered(fresh: Opened) -> None:
    workspace = fresh()
    for hours in (0, 9, 24):
        keeping.keep(workspace, AT + timedelta(hours=hours))
    with workspace.database.reading() as connection:
        known = disk.sizes(connection)
    assert [day for day, _ in known[3:]] == [AT.date(), AT.date() + timedelta(days=1)]
    assert all(size > 100_000 for _, size in known[3:])


# Any folder


judges = st.sampled_from(["local", "you", "llm"])
old_items = st.fixed_dictionaries(
    {
        "days": st.integers(0, 800),
        "state": st.sampled_from([ItemState.SCORED] * 8 + list(ItemState)),
        "summary": st.sampled_from(["", "words", "凉鞋"]),
        "text": st.sampled_from(["", "more words"]),
        "said": st.lists(
            st.tuples(judges, st.booleans(), st.booleans()),
            max_size=2,
            unique_by=lambda one: one[0],
        ),
    }
)


def is_needed(one: dict[str, Any]) -> bool:
    """Whether something rests on an item's text: said again, in other words than the query's."""
    heard = any(judge != "local" or relevant or labels for judge, relevant, labels in one["said"])
    return bool(heard or one["state"] != ItemState.SCORED)


@settings(max_examples=12, deadline=None)
@given(st.lists(old_items, min_size=1, max_size=40), st.integers(0, 700))
def test_only_what_nothing_needs_goes_and_a_second_look_changes_nothing(
    fresh: Opened, found: list[dict[str, Any]], text_days: int
) -> None:
    workspace = fresh(text_days=text_days)
    put(workspace.database, found)
    gone = {
        f"i{number}"
        for number, one in enumerate(found, start=1)
        if text_days and one["days"] > max(text_days, 14) and not is_needed(one)
        if one["summary"] or one["text"]
    }
    kept = keeping.keep(workspace, AT)
    assert trimmed(workspace) == gone
    assert kept.texts == len(gone)
    once = dump(workspace)
    assert keeping.keep(workspace, AT) == keeping.Kept(0, 0, 0, 0)
    assert dump(workspace) == once


def put(database: Database, found: list[dict[str, Any]]) -> None:
    names = ("state", "summary", "text")
    rows = [
        row(
            n, first_seen_at=AT - timedelta(days=one["days"]), **{name: one[name] for name in names}
        )
        for n, one in enumerate(found, start=1)
    ]
    with database.writing() as connection:
        items.add(connection, rows)
    label = {"category": "c", "stance": "neutral", "p": 0.9, "severity": 1}
    for n, one in enumerate(found, start=1):
        for judge, relevant, labelled in one["said"]:
            labels = [label] if labelled else []
            judged(database, n, judge=judge, relevant=relevant, labels=labels)


def dump(workspace: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the sizes of the days."""
    folder = workspace.database.folder
    tables = select(folder, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    names = [name for (name,) in tables if not name.startswith("sqlite_stat")]
    found = {name: select(folder, f"SELECT * FROM {name}") for name in names}
    found["setting"] = [one for one in found["setting"] if one[0] != disk.SIZES_KEY]
    return found
