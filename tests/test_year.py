"""A daemon left alone: sleeps, outages, a full disk, a clock set back, both switches of the clock.

The gate lives through some days; THESISWATCH_YEAR=365 pytest tests/test_year.py -s is the year.
"""

import gc
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from agent import doctor, report
from agent.daemon.jobs import Job
from agent.daemon.runner import Runner
from agent.days import end_of
from agent.embed import StaticEmbedder
from agent.judge.local import LocalJudge
from agent.upkeep import disk
from agent.workspace import CACHE, reading
from tests.chat_server import ChatServer
from tests.disks import Disk, small_disk
from tests.feed_server import FeedServer
from tests.mail_server import PASSWORD, MailServer
from tests.stored import embedded, indexed, select
from tests.year_world import Clock, Troubles, World, is_down, judges, ticks

DAYS = int(os.environ.get("THESISWATCH_YEAR", "6"))
IS_LONG = DAYS > 60
TICKS = 6 if IS_LONG else 4
"""Times a day that the timer goes off."""
AFTER = 39
"""Hours that it lives on without anything new."""
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 1, 1, 4, tzinfo=UTC) if IS_LONG else datetime(2026, 3, 27, 4, tzinfo=UTC)
"""Summer begins in Berlin on 2026-03-29 and ends on 2026-10-25."""
SHORT = Troubles(
    asleep=((0.7, 1.2), (3.6, 4.9)),
    no_network=(1.5, 2.2),
    no_judge=((1.9, 2.4),),
    no_mail=(2.2, 2.6),
    full_disk=(2.7, 3.1),
    set_back=5.2,
)
LONG = Troubles(
    asleep=(
        *((n + 0.9, n + 1.25) for n in range(20, 50)),
        (100.3, 101.9),
        (200, 204.5),
        (300, 312),
    ),
    no_network=(150, 157),
    no_judge=((60, 61.5), (153, 154), (250, 252)),
    no_mail=(120, 121),
    full_disk=(180, 181),
    set_back=270.4,
)


@dataclass
class Life:
    """What it leaves to look at: bytes of memory by day; bytes on disk, and as foreseen for a year
    later, by day; seconds by job; ids of mails."""

    memory: list[tuple[float, int]] = field(default_factory=list)
    sizes: list[tuple[float, int, int | None]] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)
    mails: list[str] = field(default_factory=list)


def live(world: World, config: Path, troubles: Troubles, room: Disk) -> Life:
    """Let a daemon live through it, its jobs asked at every tick as the scheduler would."""
    clock, left = Clock(world.start), Life()
    runner = Runner(config, clock)
    for at in ticks(world.start, DAYS, TICKS):
        day = (at - world.start) / timedelta(days=1)
        clock.at = at
        world.advance(at)
        if not troubles.is_asleep(day):
            _happen(world, troubles, day, clock, room)
            _ask_all(runner, left)
            room.free_all()
            _let_go(world, runner.folder, left)
        if day % 1 < 1 / TICKS:
            _measure(config, day, left)
    for hour in range(1, AFTER + 1):  # whatever waited has its time
        clock.at = world.start + timedelta(days=DAYS, hours=hour)
        _ask_all(runner, left)
    _let_go(world, runner.folder, left)
    assert runner.stop(1.0)
    return left


def _ask_all(runner: Runner, left: Life) -> None:
    for job in Job:
        started = time.perf_counter()
        runner.run(job)
        left.seconds[job.value] += time.perf_counter() - started


def _happen(world: World, troubles: Troubles, day: float, clock: Clock, room: Disk) -> None:
    """Bring the troubles of a day about, and end those of the days before."""
    world.connect(not troubles.no_network[0] <= day < troubles.no_network[1])
    out = any(begin <= day < end for begin, end in troubles.no_judge)
    world.judge.always(is_down if out else judges)
    world.mail.refuse("451 later" if troubles.no_mail[0] <= day < troubles.no_mail[1] else "")
    if 0 <= troubles.set_back <= day:
        clock.behind = timedelta(hours=1)
    if troubles.full_disk[0] <= day < troubles.full_disk[1]:
        room.fill(1_000_000)
        room.fill(4096)


def _let_go(world: World, data: Path, left: Life) -> None:
    """Take note of what came, and forget it: the memory that is measured is the daemon's."""
    left.mails += [str(mail["message-id"]) for mail in world.mail.taken]
    for heard in (
        world.mail.taken,
        world.mail.encrypted,
        world.judge.asked,
        world.judge.keys,
        world.feeds.seen,
    ):
        heard.clear()
    newest = "SELECT url FROM item ORDER BY number DESC LIMIT 20000"
    world.forget({url for (url,) in select(data, newest)})


def _measure(config: Path, day: float, left: Life) -> None:
    gc.collect()
    with reading(config) as workspace, workspace.database.reading() as connection:
        total = disk.measure(workspace.database.folder).total
        left.sizes.append((day, total, disk.in_a_year(disk.sizes(connection), total)))
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (resident,) = (line for line in status if line.startswith("VmRSS"))
    left.memory.append((day, int(resident.split()[1]) * 1024))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    with ExitStack() as stack:
        feeds, judge = stack.enter_context(FeedServer()), stack.enter_context(ChatServer())
        mail = stack.enter_context(MailServer(tmp_path))
        yield World(tmp_path, START, 200 if IS_LONG else 60, feeds, judge, mail)


def test_nothing_is_lost_or_done_twice_however_long_it_is_left_alone(
    world: World, tmp_path: Path, judge_cache: Path, local_judge: LocalJudge
) -> None:
    with small_disk(tmp_path / "disk", megabytes=40 + DAYS * 8) as room:
        data = room.place / "data"
        shutil.copytree(judge_cache, data / CACHE)
        config = tmp_path / "config.toml"
        config.write_text(world.config(data, feeds="360", files="60"), encoding="utf-8")
        left = live(world, config, LONG if IS_LONG else SHORT, room)
        _all_is_there_once(world, data)
        _every_digest_came_once(data, left)
        _nothing_went_back(data)
        _ledger_adds_up(config)
        _index_is_whole(config, data)
        if IS_LONG:
            _memory_is_flat(left)
            _disk_is_as_foreseen(left)
        print("seconds by job:", {name: round(took) for name, took in left.seconds.items()})


def _all_is_there_once(world: World, data: Path) -> None:
    urls = Counter(url for (url,) in select(data, "SELECT url FROM item"))
    assert set(urls.values()) == {1}
    missing = {f"https://news.example/{id_[1:]}" for id_ in world.made} - set(urls)
    assert not missing, sorted(missing)[:5]
    assert select(data, "SELECT DISTINCT state FROM item") == [("scored",)]
    assert select(data, "PRAGMA integrity_check") == [("ok",)]
    print(f"{len(urls):,} items, {select(data, 'SELECT count(*) FROM evidence')[0][0]:,} rows")


def _every_digest_came_once(data: Path, left: Life) -> None:
    rows = select(data, "SELECT kind, day, since, until FROM digest ORDER BY kind, day")
    daily = [row for row in rows if row[0] == "daily"]
    assert len(daily) >= DAYS * 0.6
    for before, after in pairwise(daily):
        assert after[2] == before[3], "no hour is in two digests, or in none"
    for _, day, _, until in daily:
        over = end_of(date.fromisoformat(day), BERLIN)
        assert datetime.fromisoformat(until).replace(tzinfo=UTC) == over
    assert select(data, "SELECT count(*) FROM message WHERE state <> 'sent'") == [(0,)]
    ids = Counter(left.mails)
    assert set(ids.values()) == {1}
    told = sum(id_.startswith("<digest-") for id_ in ids)
    assert told == len(rows)
    print(f"{told} digests, {len(ids) - told} alerts")


def _nothing_went_back(data: Path) -> None:
    for column, table, order in (
        ("first_seen_at", "item", "number"),
        ("recorded_at", "evidence", "id"),
        ("as_of", "snapshot", "id"),
    ):
        times = [at for (at,) in select(data, f"SELECT {column} FROM {table} ORDER BY {order}")]
        assert times == sorted(times), table


def _ledger_adds_up(config: Path) -> None:
    with reading(config) as workspace:
        found = report.explain(workspace)
    total = found["prior_log_odds"] + sum(row["contribution"] for row in found["rows"])
    assert total == pytest.approx(found["log_odds"], abs=1e-9)
    pairs = Counter((row["event_id"], row["category"]) for row in found["rows"])
    assert set(pairs.values()) == {1}
    assert len(pairs) > DAYS


def _index_is_whole(config: Path, data: Path) -> None:
    assert select(data, "SELECT count(*) FROM index_outbox") == [(0,)]
    assert indexed(data, StaticEmbedder.name) == embedded(data)
    at_the_end = START + timedelta(days=DAYS, hours=AFTER - 1)  # it was set back by one
    findings = doctor.examine(config, at_the_end)
    assert [one for one in findings if not one.well and one.check != "disk"] == []


def _memory_is_flat(left: Life) -> None:
    late = [(day, size / 1e6) for day, size in left.memory if day > DAYS * 0.3]
    slope = np.polyfit(*zip(*late, strict=True), 1)[0] * 30
    print(f"memory: {late[0][1]:.0f} MB to {late[-1][1]:.0f} MB, {slope:+.1f} MB a month")
    assert slope < 5


def _disk_is_as_foreseen(left: Life) -> None:
    """The size at the end against the first forecast after a third of the time."""
    start, size, foreseen = next(one for one in left.sizes if one[0] > DAYS / 3 and one[2])
    end, last, _ = left.sizes[-1]
    assert foreseen is not None
    expected = size + (foreseen - size) * (end - start) / 365
    print(f"disk: {last / 1e6:.0f} MB, foreseen on day {start:.0f}: {expected / 1e6:.0f} MB")
    assert last == pytest.approx(expected, rel=0.25)
