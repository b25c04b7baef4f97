"""Messages arrive once: through an outage of an hour, a refusal, a silence, and a killed sender."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import delivery, hearing, notices
from agent.clock import HELD
from agent.workspace import Workspace
from store import messages
from tests.command import thesis as command
from tests.hook_server import CHANNEL, HookServer
from tests.mail_server import PASSWORD, MailServer
from tests.stored import select

NOW = datetime(2025, 1, 27, 21, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    with MailServer(tmp_path) as running:
        yield running


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[HookServer]:
    with HookServer() as running:
        monkeypatch.setenv("CHAT_URL", running.address)
        yield running


@pytest.fixture
def workspace(
    mail: MailServer, hook: HookServer, workspaces: Callable[..., Workspace]
) -> Workspace:
    """Two channels on the loopback and an empty outbox."""
    opened: Workspace = workspaces("sends", config=mail.channel() + CHANNEL)
    return opened


def queue(workspace: Workspace, count: int = 1, at: datetime = NOW) -> None:
    """Put as many messages to both channels."""
    for n in range(count):
        parcel = notices.sample(workspace.thesis, at)
        for channel in ("mail", "chat"):
            row = {
                "id": f"{channel}-{n}",
                "thesis_id": workspace.thesis.id,
                "channel": channel,
                "kind": "alert",
                "subject": f"Message {n}",
                "text": parcel.text,
                "html": parcel.html,
                "images": parcel.images,
                "alerts": [],
                "made_at": at,
                "due_at": at,
            }
            with workspace.database.writing() as connection:
                messages.queue(connection, row)


def rows(workspace: Workspace) -> dict[str, Any]:
    with workspace.database.reading() as connection:
        found = [messages.by_state(connection, state) for state in ("waiting", "sent", "dead")]
    return {row.id: row for state in found for row in state}


def ids(mail: MailServer) -> list[str]:
    return [str(one["message-id"]) for one in mail.taken]


def test_what_is_due_is_sent_in_order_and_once(
    workspace: Workspace, mail: MailServer, hook: HookServer
) -> None:
    queue(workspace, 3)
    assert delivery.deliver(workspace, NOW).sent == 6
    assert delivery.deliver(workspace, NOW + MINUTE).sent == 0
    assert ids(mail) == [f"<mail-{n}@example.com>" for n in range(3)]
    assert [one["title"] for one in hook.taken] == [f"Message {n}" for n in range(3)]
    assert {row.state for row in rows(workspace).values()} == {"sent"}


def test_nothing_is_sent_before_it_is_due(workspace: Workspace, mail: MailServer) -> None:
    queue(workspace, at=NOW + MINUTE)
    assert delivery.deliver(workspace, NOW).sent == 0
    assert mail.taken == []


def test_message_put_off_by_a_clock_that_was_ahead_is_sent_when_it_is_right(
    workspace: Workspace, mail: MailServer
) -> None:
    queue(workspace, at=NOW + timedelta(days=365))
    with workspace.database.reading() as connection:
        assert messages.next_due(connection, NOW, NOW + HELD) == NOW
    assert delivery.deliver(workspace, NOW).sent == 2
    assert len(mail.taken) == 1


def test_same_message_is_queued_once_whatever_became_of_it(
    workspace: Workspace, mail: MailServer
) -> None:
    for _ in range(2):
        queue(workspace)
        delivery.deliver(workspace, NOW)
    assert len(mail.taken) == 1


def test_outage_of_an_hour_delays_and_loses_nothing(
    workspace: Workspace, mail: MailServer, hook: HookServer
) -> None:
    queue(workspace, 3)
    mail.stop()
    hook.fail(503)
    tries = 0
    for minute in range(60):
        done = delivery.deliver(workspace, NOW + minute * MINUTE)
        assert done.sent == 0
        tries += len(done.failures)
    assert tries < 40  # it backs off
    mail.start()
    hook.fail(200)
    for minute in range(60, 125):
        delivery.deliver(workspace, NOW + minute * MINUTE)
    assert sorted(ids(mail)) == [f"<mail-{n}@example.com>" for n in range(3)]
    assert sorted(one["title"] for one in hook.taken) == [f"Message {n}" for n in range(3)]


def test_one_channel_that_is_out_does_not_hold_up_the_other(
    workspace: Workspace, mail: MailServer, hook: HookServer
) -> None:
    queue(workspace, 2)
    mail.stop()
    done = delivery.deliver(workspace, NOW)
    assert (done.sent, len(done.failures), done.waiting) == (2, 1, 2)
    assert len(hook.taken) == 2


def test_message_nobody_answered_is_sent_once_more_and_then_given_up(
    workspace: Workspace, hook: HookServer
) -> None:
    queue(workspace)
    hook.stall(1.6)
    for minute in (0, 5, 30, 120):
        delivery.deliver(workspace, NOW + minute * MINUTE)
    assert len(hook.taken) == 2
    lost = rows(workspace)["chat-0"]
    assert (lost.state, lost.unsure) == ("dead", 2)
    assert "may have arrived" in lost.error


def test_what_fails_for_two_days_is_given_up_shown_and_can_be_revived(
    workspace: Workspace, mail: MailServer, hook: HookServer
) -> None:
    queue(workspace)
    mail.refuse("550 unknown user")
    for hour in range(60):
        delivery.deliver(workspace, NOW + timedelta(hours=hour))
    (lost,) = [row for row in rows(workspace).values() if row.state == "dead"]
    assert lost.channel == "mail"
    shown = hearing.overview(workspace, NOW)
    assert shown["messages"] == {"dead": 1, "sent": 1}
    assert "550 unknown user" in shown["unsent"][0]["error"]
    mail.refuse("")
    assert delivery.revive(workspace, NOW + timedelta(days=4)) == 1
    assert delivery.deliver(workspace, NOW + timedelta(days=4)).sent == 1
    assert len(mail.taken) == 1


def test_weekend_asleep_gives_nothing_up_before_the_network_is_back(
    workspace: Workspace, mail: MailServer
) -> None:
    monday = NOW + timedelta(days=3)
    queue(workspace)
    mail.stop()
    for minute in (0, *range(3 * 1440, 3 * 1440 + 60)):  # on Friday evening, and on waking
        delivery.deliver(workspace, NOW + minute * MINUTE)
    assert rows(workspace)["mail-0"].state == "waiting"
    mail.start()
    assert delivery.deliver(workspace, monday + timedelta(hours=2)).sent == 1
    assert ids(mail) == ["<mail-0@example.com>"]


def test_revived_message_has_all_its_tries_again(workspace: Workspace, mail: MailServer) -> None:
    queue(workspace)
    mail.stop()
    for hour in range(60):
        delivery.deliver(workspace, NOW + timedelta(hours=hour))
    delivery.revive(workspace, NOW + timedelta(days=4))
    delivery.deliver(workspace, NOW + timedelta(days=7))
    assert rows(workspace)["mail-0"].state == "waiting"


def test_channel_that_left_the_configuration_is_named_and_given_up_in_the_end(
    workspace: Workspace, workspaces: Callable[..., Workspace], mail: MailServer
) -> None:
    queue(workspace)
    workspaces.close("sends")  # type: ignore[attr-defined]
    without = workspaces("sends", config=mail.channel())
    (failure,) = delivery.deliver(without, NOW).failures
    assert "no such channel" in str(failure)
    assert "'mail'" in str(failure)
    for hour in range(1, 60):
        delivery.deliver(without, NOW + timedelta(hours=hour))
    lost = rows(without)["chat-0"]
    assert (lost.state, lost.unsure) == ("dead", 0)


def test_missing_secret_is_a_failure_that_waits(
    workspace: Workspace,
    workspaces: Callable[..., Workspace],
    mail: MailServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue(workspace)
    monkeypatch.delenv("MAIL_PASSWORD")
    workspaces.close("sends")  # type: ignore[attr-defined]
    without = workspaces("sends", config=mail.channel() + CHANNEL)
    done = delivery.deliver(without, NOW)
    assert "MAIL_PASSWORD is not set" in str(done.failures[0])
    assert rows(without)["mail-0"].unsure == 0


def sender(config: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "agent", "alerts", "deliver", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )


@pytest.mark.parametrize("kills", [1, 2])
def test_sender_killed_between_sending_and_marking_sends_twice_at_most(
    workspace: Workspace,
    workspaces: Callable[..., Workspace],
    mail: MailServer,
    hook: HookServer,
    tmp_path: Path,
    kills: int,
) -> None:
    queue(workspace, 2, at=datetime(2025, 1, 1, tzinfo=UTC))
    folder = tmp_path / "copy"
    workspaces.close("sends")  # type: ignore[attr-defined]
    shutil.copytree(tmp_path / "sends", folder)
    config = folder / "config.toml"
    for _ in range(kills):
        running = sender(config)
        mail.kill(lambda running=running: running.pid)
        assert running.wait(60) == -signal.SIGKILL
        running.communicate()
    for _ in range(2):
        running = sender(config)
        hook.kill(lambda running=running: running.pid)
        running.communicate(timeout=60)
    sender(config).communicate(timeout=60)
    counts = {name: ids(mail).count(name) for name in set(ids(mail))}
    assert set(counts) == {"<mail-0@example.com>", "<mail-1@example.com>"}
    assert max(counts.values()) <= 2
    titles = [one["title"] for one in hook.taken]
    assert set(titles) == {"Message 0", "Message 1"}
    assert max(titles.count(one) for one in titles) <= 2
    states = select(folder / "data", "SELECT state, count(*) FROM message GROUP BY state")
    assert dict(states).get("waiting", 0) == 0
    given_up = select(folder / "data", "SELECT id, error FROM message WHERE state = 'dead'")
    assert len(given_up) == kills - 1
    assert all("may have arrived" in error for _, error in given_up)


def test_command_sends_a_marked_sample_and_says_what_is_wrong(
    workspace: Workspace, mail: MailServer, hook: HookServer, tmp_path: Path
) -> None:
    config = tmp_path / "sends" / "config.toml"
    assert command("alerts", "test", "mail", "--config", config).code == 0
    assert command("alerts", "test", "chat", "--config", config).code == 0
    assert "sample" in str(mail.taken[0]["subject"])
    assert "sample" in hook.taken[0]["title"]
    wrong = command("alerts", "test", "pager", "--config", config)
    assert wrong.code == 1
    assert "It has 'mail', 'chat'" in wrong.err
    hook.fail(500)
    failed = command("alerts", "test", "chat", "--config", config)
    assert failed.code == 1
    assert "s3cret" not in failed.err
