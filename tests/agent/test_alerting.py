"""Alerts from stored rows: the day it matters, once, with sources, withdrawn when taken back."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import alerting, hearing, pipeline, regrouping, reviewing
from agent.alerts import Alert, Status, Telling
from agent.replay import replay
from agent.reviewing import Decision
from agent.signals import Direction, Rule
from agent.workspace import Workspace, writing
from store import messages, sources
from tests.conftest import fakes
from tests.fakes import fetched, item
from tests.live import arrive
from tests.stored import select

START = date(2025, 1, 1)
DAYS = 80
BURST = datetime(2025, 3, 22, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHANNEL = '[[channels]]\nname = "mail"\nkind = "push"\nurl_env = "NOWHERE"\n'


def weather(at: str, n: int) -> list[dict[str, Any]]:
    """A day's items of nothing that matters, always by the same nine."""
    return [
        item(f"off{n}-{k}", f"Weather w{n} in town t{n} of k{k}", at, source=f"town{k}.example")
        for k in range(9)
    ]


def calm(days: int = DAYS) -> list[dict[str, Any]]:
    """A happening every third day, and much off the subject each day."""
    rows = []
    for n in range(days):
        at = (START + timedelta(days=n)).isoformat()
        rows += weather(at, n)
        if n % 3 == 0:
            rows.append(item(f"on{n}", f"Happening h{n} by g{n} [capex_payback+1]", at))
    return rows


def burst(count: int = 8, at: datetime = BURST, **more: Any) -> list[dict[str, Any]]:
    """As many happenings, each told by a publisher of its own, and the day's weather."""
    told = [
        item(f"b{n}", f"Outcry w{n} by x{n} on y{n} [capex_payback+2]", at.isoformat(), **more)
        for n in range(count)
    ]
    return [*told, *weather(at.isoformat(), 1000 + at.day)]


@pytest.fixture(scope="module")
def calm_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that the calm days were replayed into."""
    path = tmp_path_factory.mktemp("calm") / "config.toml"
    path.write_text("", encoding="utf-8")
    with writing(path) as opened:
        opened.__dict__.update(fakes())
        replay(opened, fetched(*calm()), "calm")
        assert alerting.listing(opened) == []
    return path.parent / "data"


@pytest.fixture
def after_calm(
    calm_days: Path, tmp_path: Path, workspaces: Callable[..., Workspace]
) -> Callable[..., Workspace]:
    """Opens workspaces by name that know the calm days."""

    def open_(name: str, config: str = CHANNEL) -> Workspace:
        shutil.copytree(calm_days, tmp_path / name / "data")
        return workspaces(name, config=config)

    return open_


@pytest.fixture
def workspace(after_calm: Callable[..., Workspace]) -> Workspace:
    """Calm days, one channel, nothing told yet."""
    return after_calm("alerts")


def fired(workspace: Workspace) -> list[Alert]:
    return [one for one in alerting.listing(workspace) if one.fired_at]


def spikes_of(workspace: Workspace, category: str = "capex_payback") -> list[Alert]:
    return [one for one in fired(workspace) if one.key[:2] == (Rule.SPIKE, category)]


def outbox(workspace: Workspace) -> list[Any]:
    with workspace.database.reading() as connection:
        return messages.by_state(connection, messages.WAITING)


def test_burst_alerts_that_pass_with_its_sources(workspace: Workspace) -> None:
    told, _ = arrive(workspace, BURST, *burst())
    (alert,) = spikes_of(workspace)
    assert [one.alert.id for one in told if one.alert.rule is Rule.SPIKE] == [alert.id]
    assert (alert.direction, alert.fired_at, alert.state(BURST)) == (
        Direction.RISING,
        BURST,
        "firing",
    )
    assert len(alert.case.evidence) == 8
    assert {one.link for one in alert.case.evidence} == {
        f"https://b{n}.example/a" for n in range(8)
    }
    assert len(alert.case.owners) == 8
    assert alert.case.score_before is not None
    assert alert.case.score_after is not None
    assert alert.case.score_after > alert.case.score_before
    assert alert.case.series[-1][:2] == ("2025-03-22", 8)
    assert {claim["by"] for claim in alert.case.claims} == {"wording"}
    assert "8 new events from 8 publishers" in alert.case.headline


def test_quiet_day_and_a_single_publisher_are_silent(workspace: Workspace) -> None:
    assert arrive(workspace, BURST, *burst(1))[0] == []
    one = {"source": "one.example", "url": "https://one.example/a"}
    for n in range(1, 6):
        rows = burst(4, BURST + n * DAY, **one)
        rows = [{**row, "id": f"{row['id']}d{n}", "title": f"{row['title']} {n}"} for row in rows]
        assert arrive(workspace, BURST + n * DAY, *rows)[0] == []
    assert fired(workspace) == []


def test_whole_thesis_does_not_say_again_what_a_front_says(workspace: Workspace) -> None:
    arrive(workspace, BURST, *burst(14))
    (front,) = spikes_of(workspace)
    for whole in spikes_of(workspace, ""):
        assert whole.inhibited_by == front.id
        assert whole.told_at is None
    (message,) = outbox(workspace)
    assert message.alerts.count(front.id) == 1
    assert not set(message.alerts) & {one.id for one in spikes_of(workspace, "")}


def test_second_pass_a_restart_and_a_rewritten_date_tell_nothing_again(
    workspace: Workspace, workspaces: Callable[..., Workspace]
) -> None:
    arrive(workspace, BURST, *burst())
    before = [row.id for row in outbox(workspace)]
    assert arrive(workspace, BURST + HOUR)[0] == []
    assert arrive(workspace, BURST + 2 * HOUR, *burst(at=BURST + 2 * HOUR))[0] == []
    workspaces.close("alerts")  # type: ignore[attr-defined]
    again = workspaces("alerts", config=CHANNEL)
    rewritten = [{**row, "published": "2025-03-23T01:00:00Z"} for row in burst()]
    assert arrive(again, BURST + 16 * HOUR, *rewritten)[0] == []
    assert [row.id for row in outbox(again)] == before
    assert len(spikes_of(again)) == 1


@pytest.mark.uncounted
def test_alert_is_over_after_its_evidence_fell_and_three_days(workspace: Workspace) -> None:
    arrive(workspace, BURST, *burst())
    seen = []
    for n in range(1, 60):
        now = BURST + n * DAY
        arrive(workspace, now, *weather(now.isoformat(), n + 2000))
        seen.append(spikes_of(workspace)[0].status)
    over = seen.index(Status.RESOLVED)
    assert 3 <= over < 40
    assert set(seen[over:]) == {Status.RESOLVED}
    assert len(spikes_of(workspace)) == 1


@pytest.mark.uncounted
def test_day_without_a_look_ends_nothing(workspace: Workspace) -> None:
    arrive(workspace, BURST, *burst())
    for n in range(1, 20):
        arrive(workspace, BURST + n * DAY)
    assert spikes_of(workspace)[0].status is Status.FIRING


@pytest.mark.uncounted
def test_week_of_news_is_told_again_once_and_only_with_news(workspace: Workspace) -> None:
    arrive(workspace, BURST, *burst())
    told = []
    for n in range(1, 9):
        now = BURST + n * DAY
        more = item(f"m{n}", f"Further m{n} of z{n} [capex_payback+2]", now.isoformat())
        told += [
            (n, one.telling)
            for one in arrive(workspace, now, more)[0]
            if one.alert.rule is Rule.SPIKE
        ]
    assert told == [(7, Telling.REPEATED)]


def test_acknowledged_alert_is_not_told_again(workspace: Workspace) -> None:
    arrive(workspace, BURST, *burst())
    hearing.acknowledge(workspace, spikes_of(workspace)[0].id, BURST)
    for n in range(1, 9):
        now = BURST + n * DAY
        more = item(f"m{n}", f"Further m{n} of z{n} [capex_payback+2]", now.isoformat())
        told = arrive(workspace, now, more)[0]
        assert not [one for one in told if one.alert.subject == "capex_payback"]
    assert spikes_of(workspace)[0].state(BURST) == "acknowledged"


def test_silenced_category_is_kept_and_not_told(workspace: Workspace) -> None:
    hearing.snooze(workspace, "capex_payback", 3, BURST - HOUR)
    told, _ = arrive(workspace, BURST, *burst())
    assert not [one for one in told if one.alert.subject == "capex_payback"]
    assert len(spikes_of(workspace)) == 1
    told, _ = arrive(workspace, BURST + 3 * DAY, *burst(3, BURST + 3 * DAY, source="late.example"))
    assert spikes_of(workspace)[0].sent == len(
        [one for one in told if one.alert.subject == "capex_payback"]
    )


def test_corrected_evidence_withdraws_the_alert_and_says_so(workspace: Workspace) -> None:
    arrive(workspace, BURST, *burst(12))
    (alert,) = spikes_of(workspace)
    for n in range(2):
        reviewing.decide(workspace, Decision(f"b{n}"), BURST + HOUR)
    assert not [
        one for one in arrive(workspace, BURST + HOUR)[0] if one.telling is Telling.WITHDRAWN
    ]
    for n in range(2, 11):
        reviewing.decide(workspace, Decision(f"b{n}"), BURST + 2 * HOUR)
    told, _ = arrive(workspace, BURST + 3 * HOUR)
    assert (alert.id, Telling.WITHDRAWN) in [(one.alert.id, one.telling) for one in told]
    assert spikes_of(workspace)[0].status is Status.WITHDRAWN
    assert any(
        row.subject.startswith("[") and "Withdrawn:" in row.subject for row in outbox(workspace)
    )
    assert arrive(workspace, BURST + 4 * HOUR)[0] == []


def test_merged_events_are_not_a_retraction(workspace: Workspace) -> None:
    arrive(workspace, BURST, *burst())
    one, other = [row.event_id for row in spikes_of(workspace)[0].case.evidence][:2]
    regrouping.merge(workspace, one, other, BURST + HOUR)
    arrive(workspace, BURST + 2 * HOUR)
    assert spikes_of(workspace)[0].status is Status.FIRING


def test_archive_read_in_today_is_no_news(workspace: Workspace) -> None:
    old = [
        item(
            f"old{n}",
            f"Long ago l{n} by k{n} [capex_payback+2]",
            (BURST - (20 + n) * DAY).isoformat(),
        )
        for n in range(12)
    ]
    arrive(workspace, BURST, *old)
    assert spikes_of(workspace) == []


def test_events_against_the_thesis_are_a_collapsing_threat(workspace: Workspace) -> None:
    rows = [{**row, "title": row["title"].replace("+2", "-2")} for row in burst()]
    arrive(workspace, BURST, *rows)
    (alert,) = spikes_of(workspace)
    assert alert.direction is Direction.COLLAPSING
    assert {one.stance for one in alert.case.evidence} == {"weakens"}
    assert {one.stance for one in alert.case.against} == {"supports"}


def test_quiet_hours_keep_a_warning_until_the_morning(after_calm: Callable[..., Workspace]) -> None:
    config = '[alerts]\ntimezone = "Europe/Berlin"\nquiet = "22:00-07:00"\n' + CHANNEL
    night = after_calm("night", config=config)
    late = datetime(2025, 3, 22, 22, 30, tzinfo=UTC)
    arrive(night, late, *burst(8, late))
    (message,) = outbox(night)
    assert message.due_at == datetime(2025, 3, 23, 6, tzinfo=UTC)
    loud = after_calm("loud", config=config)
    arrive(loud, late, *burst(14, late))
    (message,) = outbox(loud)
    assert message.subject.startswith("[critical]")
    assert message.due_at - late < HOUR  # it was tried at once
    assert (message.attempts, message.unsure) == (1, 0)  # its address is not known


def test_channel_hears_only_what_is_grave_enough(after_calm: Callable[..., Workspace]) -> None:
    config = CHANNEL + 'at_least = "critical"\n'
    opened = after_calm("grave", config=config)
    told, _ = arrive(opened, BURST, *burst())
    assert told
    assert outbox(opened) == []


@pytest.mark.uncounted
def test_walk_finds_what_a_daemon_would_have_and_tells_nobody(
    workspace: Workspace, workspaces: Callable[..., Workspace]
) -> None:
    walked = workspaces("walked", config=CHANNEL)
    replay(walked, fetched(*calm(), *burst()), "all")
    arrive(workspace, BURST, *burst())
    (alert,), (live,) = spikes_of(walked), spikes_of(workspace)
    assert (alert.id, alert.case.headline) == (live.id, live.case.headline)
    assert alert.case.evidence == live.case.evidence
    assert alert.replayed
    assert outbox(walked) == []


def test_second_replay_keeps_alerts_and_what_a_person_said_of_them(workspace: Workspace) -> None:
    replay(workspace, fetched(*burst()), "burst")
    (alert,) = spikes_of(workspace)
    hearing.acknowledge(workspace, alert.id, BURST)
    before = select(workspace.database.folder, "SELECT * FROM alert ORDER BY id")
    replay(workspace, fetched(*calm(), *burst()), "again")
    assert select(workspace.database.folder, "SELECT * FROM alert ORDER BY id") == before
    assert spikes_of(workspace)[0].acknowledged_at == BURST


def test_replay_leaves_what_fired_live_alone(workspace: Workspace) -> None:
    arrive(workspace, BURST, *burst())
    (live,) = spikes_of(workspace)
    replay(workspace, fetched(*calm(), *burst()), "again")
    assert spikes_of(workspace) == [live]


@pytest.mark.uncounted
def test_no_day_of_a_walk_looks_ahead(workspaces: Callable[..., Workspace]) -> None:
    """What fired up to a day is the same whether or not anything came after it."""
    later = [
        item(f"l{n}", f"Later l{n} by m{n} [capex_payback-2]", (BURST + n // 3 * DAY).isoformat())
        for n in range(3, 30)
    ]
    short, long = workspaces("short"), workspaces("long")
    replay(short, fetched(*calm(), *burst()), "a")
    replay(long, fetched(*calm(), *burst(), *later), "b")
    until = datetime(2025, 3, 23, tzinfo=UTC)
    told = [
        [
            (one.id, one.fired_at, one.case.headline, one.case.evidence)
            for one in fired(which)
            if one.fired_at and one.fired_at < until
        ]
        for which in (short, long)
    ]
    assert told[0] == told[1]
    assert told[0]


def test_score_that_moves_is_told_with_the_events_that_moved_it(
    after_calm: Callable[..., Workspace],
) -> None:
    opened = after_calm("moves", config="[alerts]\nmove_points = 2.0\nthreshold = 1000.0\n")
    rows = [{**row, "title": row["title"].replace("+2", "+3")} for row in burst(12)]
    arrive(opened, BURST, *rows)
    (alert,) = fired(opened)
    assert (alert.rule, alert.direction) == (Rule.MOVE, Direction.RISING)
    assert {one.item_id for one in alert.case.evidence} <= {f"b{n}" for n in range(12)}
    assert alert.case.headline.startswith("The score went up ")


def blinded(workspace: Workspace, *names: str, at: datetime) -> None:
    with workspace.database.writing() as connection:
        for name in names:
            sources.keep_state(connection, name, last_attempt_at=at, failures=3, error="404")


def test_blind_group_is_told_after_six_hours_and_when_it_is_over(
    workspaces: Callable[..., Workspace],
) -> None:
    config = "".join(
        f'[[sources]]\nname = "s{n}"\nkind = "feed"\nurl = "https://s{n}.example/feed"\n'
        f'categories = ["{"amd_stack" if n < 2 else "interconnect"}"]\n'
        for n in range(6)
    )
    opened = workspaces("blind", config=config)
    blinded(opened, "s0", "s1", at=BURST)
    assert arrive(opened, BURST)[0] == []
    told, _ = arrive(opened, BURST + 6 * HOUR)
    assert [(one.alert.rule, one.alert.subject) for one in told] == [(Rule.BLIND, "amd_stack")]
    assert [one.link for one in told[0].alert.case.evidence] == [
        "https://s0.example/feed",
        "https://s1.example/feed",
    ]
    with opened.database.writing() as connection:
        for name in ("s0", "s1"):
            sources.keep_state(connection, name, failures=0, error="")
    assert arrive(opened, BURST + 7 * HOUR)[0] == []
    (over,) = arrive(opened, BURST + 4 * DAY)[0]
    assert over.telling is Telling.RESOLVED


def test_all_sources_gone_are_one_alert(workspaces: Callable[..., Workspace]) -> None:
    config = "".join(
        f'[[sources]]\nname = "s{n}"\nkind = "feed"\nurl = "https://s{n}.example/feed"\n'
        'categories = ["amd_stack"]\n'
        for n in range(3)
    )
    opened = workspaces("dark", config=config)
    blinded(opened, "s0", "s1", "s2", at=BURST)
    arrive(opened, BURST)
    told, _ = arrive(opened, BURST + 6 * HOUR)
    assert [(one.alert.rule, one.alert.subject) for one in told] == [(Rule.BLIND, "")]


def test_empty_store_has_no_alerts_and_no_errors(workspaces: Callable[..., Workspace]) -> None:
    opened = workspaces("empty")
    assert arrive(opened, BURST) == ([], pipeline.tell(opened, BURST)[1])
    assert alerting.walk(opened, START, START) == []


def test_alert_of_a_category_that_is_gone_can_still_be_read(workspace: Workspace) -> None:
    arrive(workspace, BURST, *burst())
    (alert,) = spikes_of(workspace)
    thesis = workspace.thesis
    fewer = thesis.model_copy(
        update={"categories": tuple(c for c in thesis.categories if c.id != "capex_payback")}
    )
    edited = Workspace(workspace.config, fewer, workspace.database)
    edited.__dict__.update(workspace.__dict__ | {"thesis": fewer})
    alerting.update(edited, BURST + HOUR)
    assert hearing.show(edited, alert.id, BURST)["headline"] == alert.case.headline


def test_source_without_a_page_is_shown_by_the_command_that_lists_them(
    workspaces: Callable[..., Workspace],
) -> None:
    config = "[[sources]]\nname = 's0'\nkind = 'file'\npath = 'x'\ncategories = ['amd_stack']\n"
    opened = workspaces("files", config=config)
    blinded(opened, "s0", at=BURST)
    arrive(opened, BURST)
    (told,) = arrive(opened, BURST + 6 * HOUR)[0]
    assert [one.link for one in told.alert.case.evidence] == ["thesis sources"]
