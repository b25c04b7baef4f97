"""The digest by mail: once, through a real server, kept as it was sent."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from agent import delivery
from agent.digest import making, sending
from agent.digest.schedule import Kind
from agent.errors import ConfigError, ThesiswatchError
from agent.replay import replay
from agent.workspace import Workspace
from tests.agent.test_notices import Page
from tests.command import thesis as command
from tests.fakes import fetched, item
from tests.live import arrive
from tests.mail_server import PASSWORD, MailServer
from tests.story import STORY

MORNING = datetime(2025, 1, 25, 7, 5, tzinfo=UTC)
DAY = date(2025, 1, 24)


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    with MailServer(tmp_path) as running:
        yield running


@pytest.fixture
def opened(mail: MailServer, workspaces: Callable[..., Workspace]) -> Callable[..., Workspace]:
    """Opens a workspace with the story's first days and a digest by mail."""

    def open_(settings: str = "", name: str = "sent") -> Workspace:
        config = f'[digest]\nchannels = ["mail"]\n{settings}' + mail.channel(
            to='["one@example.com", "two@example.com"]'
        )
        found: Workspace = workspaces(name, config=config)
        replay(
            found,
            fetched(*(row for row in STORY if (row.get("published") or "9") < "2025-01-25")),
            "s",
        )
        return found

    return open_


def subjects(mail: MailServer) -> list[str]:
    return [str(one["subject"]) for one in mail.taken]


def test_first_run_of_the_morning_sends_it_and_no_other_does(
    opened: Callable[..., Workspace], mail: MailServer
) -> None:
    workspace = opened()
    for minutes in (-10, 0, 10, 300):
        arrive(workspace, MORNING + timedelta(minutes=minutes))
    (subject,) = subjects(mail)
    assert subject.endswith(", 2025-01-24")
    arrive(workspace, MORNING + timedelta(days=1))
    assert len(mail.taken) == 2


def test_mail_is_whole_and_threads_with_the_others(
    opened: Callable[..., Workspace], mail: MailServer
) -> None:
    workspace = opened()
    arrive(workspace, MORNING)
    arrive(workspace, MORNING + timedelta(days=1))
    one, two = mail.taken
    assert mail.encrypted == [True, True]
    assert one["to"] == "one@example.com, two@example.com"
    assert (
        one["list-unsubscribe"].strip().startswith("<mailto:thesis@example.com?subject=unsubscribe")
    )
    assert one["references"] == two["references"] == one["in-reply-to"]
    assert one["message-id"] != two["message-id"]
    kinds = [part.get_content_type() for part in one.walk()]
    assert kinds[:4] == ["multipart/alternative", "text/plain", "multipart/related", "text/html"]
    html = one.get_body(("html",))
    assert html is not None
    page = Page(html.get_content())
    cids = {str(part["content-id"]).strip("<>") for part in one.walk() if part["content-id"]}
    assert {picture.removeprefix("cid:") for picture in page.pictures} == cids
    assert all(link.startswith("https://") for link in page.links)


def test_digest_made_again_equals_the_one_that_was_sent(
    opened: Callable[..., Workspace], mail: MailServer
) -> None:
    workspace = opened()
    arrive(workspace, MORNING)
    late = item(
        "late", "Intel cancels its accelerator [novel_accelerators-2]", "2025-01-24T10:00:00Z"
    )
    arrive(workspace, MORNING + timedelta(hours=3), late)
    again = making.make(workspace, DAY, MORNING + timedelta(days=9))
    text = mail.taken[0].get_body(("plain",))
    assert text is not None
    assert text.get_content().split() == again.parcel.text.split()
    assert subjects(mail) == [again.parcel.subject]


def test_outage_delays_it(opened: Callable[..., Workspace], mail: MailServer) -> None:
    workspace = opened()
    mail.stop()
    arrive(workspace, MORNING)
    mail.start()
    assert delivery.deliver(workspace, MORNING + timedelta(hours=1)).sent == 1
    assert len(mail.taken) == 1


def test_missed_mornings_are_made_good_by_the_next(
    opened: Callable[..., Workspace], mail: MailServer
) -> None:
    workspace = opened()
    arrive(workspace, MORNING)
    arrive(workspace, MORNING + timedelta(days=4))
    assert subjects(mail)[1].endswith("2025-01-25 - 2025-01-28")


@pytest.mark.uncounted
def test_quiet_day_can_be_skipped(opened: Callable[..., Workspace], mail: MailServer) -> None:
    workspace = opened("quiet_days = false\n")
    quiet = datetime(2027, 1, 1, 8, tzinfo=UTC)
    arrive(workspace, MORNING)
    assert len(mail.taken) == 1
    arrive(workspace, quiet)
    before = len(mail.taken)
    for n in range(1, 6):
        arrive(workspace, quiet + timedelta(days=n))
    assert len(mail.taken) == before  # it was looked, and nothing came


def test_day_on_which_nothing_ran_is_no_quiet_day(
    opened: Callable[..., Workspace], mail: MailServer
) -> None:
    workspace = opened("quiet_days = false\n")
    arrive(workspace, MORNING)
    sending.send_due(workspace, MORNING + timedelta(days=200))
    delivery.deliver(workspace, MORNING + timedelta(days=200))
    text = mail.taken[-1].get_body(("plain",))
    assert text is not None
    assert "No pass ran in that time" in text.get_content()


def test_first_day_of_a_new_folder_waits_for_its_digest(
    workspaces: Callable[..., Workspace], mail: MailServer
) -> None:
    new = workspaces("new", config='[digest]\nchannels = ["mail"]\n' + mail.channel())
    told, delivered = arrive(new, MORNING, item("n1", "TPU pods for rent [custom_silicon+2]"))
    assert (told, delivered.failures, mail.taken) == ([], (), [])
    arrive(new, MORNING + timedelta(days=1))
    assert subjects(mail) == [making.make(new, MORNING.date(), MORNING).parcel.subject]


def test_alerts_go_out_when_the_digest_cannot_be_made(
    opened: Callable[..., Workspace], mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = opened()

    def broken(*_: object, **__: object) -> None:
        raise ThesiswatchError("it cannot be made", "Wait")

    monkeypatch.setattr(making, "make", broken)
    told, delivered = arrive(workspace, MORNING)
    assert [str(one) for one in delivered.failures] == ["it cannot be made. Wait"]


def test_day_that_is_not_over_is_not_sent(
    opened: Callable[..., Workspace], mail: MailServer
) -> None:
    workspace = opened()
    noon = MORNING + timedelta(hours=5)
    arrive(workspace, MORNING)
    with pytest.raises(ThesiswatchError, match="not over yet"):
        sending.send(workspace, making.make(workspace, noon.date(), noon), noon)


def test_runs_before_the_hour_send_the_digest_of_the_morning_before(
    opened: Callable[..., Workspace], mail: MailServer
) -> None:
    workspace = opened()
    for n in range(4):
        arrive(workspace, MORNING.replace(hour=6) + timedelta(days=n))
    assert [subject.split(", ")[-1] for subject in subjects(mail)] == [
        "2025-01-24",
        "2025-01-25",
        "2025-01-26",
    ]


def test_no_hour_is_lost_when_the_user_moves(
    opened: Callable[..., Workspace], mail: MailServer, workspaces: Callable[..., Workspace]
) -> None:
    workspace = opened()
    arrive(workspace, MORNING)
    night = item("n1", "TPU pods for rent again [custom_silicon+2]", "2025-01-25T02:00:00Z")
    arrive(workspace, datetime(2025, 1, 25, 14, tzinfo=UTC), night)
    moved = workspace.config.alerts.model_copy(update={"timezone": "America/New_York"})
    there = Workspace(
        workspace.config.model_copy(update={"alerts": moved}), workspace.thesis, workspace.database
    )
    there.__dict__.update({name: getattr(workspace, name) for name in ("embedder", "judge")})
    (made,) = sending.send_due(there, datetime(2025, 1, 26, 14, tzinfo=UTC))
    assert made.facts.since == "2025-01-24T23:59:59.999999Z"
    assert "n1" in {one.item_id for one in made.facts.supporting}


def test_what_one_recipient_refuses_is_not_sent_to_the_others_again(
    mail: MailServer, workspaces: Callable[..., Workspace]
) -> None:
    to = mail.channel(to='["refused@example.com", "two@example.com"]')
    workspace = workspaces("some", config='[digest]\nchannels = ["mail"]\n' + to)
    replay(workspace, fetched(*STORY), "s")
    made = making.make(workspace, DAY, MORNING)
    mail.shun("refused@example.com")
    first = sending.send_now(workspace, made, MORNING)
    again = sending.send_now(workspace, made, MORNING + timedelta(hours=1))
    assert first.is_sent
    assert again.is_sent
    assert len(mail.taken) == 1


def test_digest_that_was_given_up_is_sent_when_it_is_asked_for_again(
    opened: Callable[..., Workspace], mail: MailServer
) -> None:
    workspace = opened()
    made = making.make(workspace, DAY, MORNING)
    mail.stop()
    assert not sending.send_now(workspace, made, MORNING).is_sent
    for hour in range(1, 60):
        delivery.deliver(workspace, MORNING + timedelta(hours=hour))
    assert delivery.deliver(workspace, MORNING + timedelta(days=3)).dead == 1
    mail.start()
    told = sending.send_now(workspace, made, MORNING + timedelta(days=4))
    assert told.is_sent
    assert told.lines[0].startswith("mail: sent on 2025-01-29 at 07:05 UTC")


def test_weekly_digest_covers_seven_days(
    opened: Callable[..., Workspace], mail: MailServer
) -> None:
    workspace = opened('weekly = "saturday"\n')
    arrive(workspace, MORNING)
    assert [subject.split(", ")[-1] for subject in subjects(mail)] == [
        "2025-01-24",
        "2025-01-18 - 2025-01-24",
    ]
    made = making.make(workspace, DAY, MORNING, Kind.WEEKLY)
    assert made.facts.before is None  # the story begins within that week


def test_nobody_is_sent_anything_unless_asked(
    workspaces: Callable[..., Workspace], mail: MailServer
) -> None:
    quiet = workspaces("quiet", config=mail.channel())
    replay(quiet, fetched(*STORY), "s")
    assert sending.send_due(quiet, MORNING) == []
    with pytest.raises(ThesiswatchError, match="names nobody"):
        sending.send(quiet, making.make(quiet, DAY, MORNING), MORNING)


def test_channel_that_is_none_is_refused(workspaces: Callable[..., Workspace]) -> None:
    with pytest.raises(ConfigError, match="'pager', which is no channel"):
        workspaces("wrong", config='[digest]\nchannels = ["pager"]\n')


def test_before_the_first_score_nothing_is_due(
    workspaces: Callable[..., Workspace], mail: MailServer
) -> None:
    empty = workspaces("new", config='[digest]\nchannels = ["mail"]\n' + mail.channel())
    assert sending.send_due(empty, MORNING) == []


def test_command_sends_it_once(
    opened: Callable[..., Workspace], mail: MailServer, workspaces: Callable[..., Workspace]
) -> None:
    workspace = opened()
    config = workspace.config.folder / "config.toml"
    workspaces.close("sent")  # type: ignore[attr-defined]
    for _ in range(2):
        done = command("digest", "--date", DAY, "--send", "--config", config)
        assert done.code == 0, done.err
    assert len(mail.taken) == 1
    weekly = command("digest", "--date", DAY, "--weekly", "--config", config)
    assert "2025-01-18 - 2025-01-24" in weekly.out


def test_digest_goes_on_after_a_clock_that_was_ahead(
    opened: Callable[..., Workspace], mail: MailServer
) -> None:
    workspace = opened()
    for now in (MORNING, MORNING + timedelta(days=400), MORNING + timedelta(days=1)):
        assert len(sending.send_due(workspace, now)) == 1
    assert sending.send_due(workspace, MORNING + timedelta(days=1, hours=1)) == []
