"""Email through a real server: encrypted, logged in, whole; and no word of the password."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from agent import channels, notices
from agent import config as configuration
from agent.channels import email as mail
from agent.errors import ChannelError
from agent.notices import Parcel
from agent.thesis import Thesis
from tests.mail_server import PASSWORD, MailServer

NOW = datetime(2025, 1, 27, 21, 5, tzinfo=UTC)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    with MailServer(tmp_path) as running:
        yield running


def channel(server: MailServer, folder: Path, **changed: str) -> channels.Channel:
    path = folder / "config.toml"
    path.write_text(server.channel(**changed), encoding="utf-8")
    config = configuration.load(path)
    return channels.make(config, config.channels[0])


@pytest.fixture
def parcel(thesis: Thesis) -> Parcel:
    return notices.sample(thesis, NOW)


def test_message_arrives_encrypted_and_whole(
    server: MailServer, tmp_path: Path, parcel: Parcel
) -> None:
    channel(server, tmp_path).send(parcel, "abc123")
    (got,) = server.taken
    assert server.encrypted == [True]
    assert got["subject"] == parcel.subject
    assert got["message-id"] == "<abc123@example.com>"
    assert got["from"] == "Thesis <thesis@example.com>"
    assert got["to"] == "you@example.com"
    assert got["auto-submitted"] == "auto-generated"
    assert got["date"] == "Mon, 27 Jan 2025 21:05:00 +0000"
    text, html = got.get_body(("plain",)), got.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().split() == parcel.text.split()
    assert html.get_content().split() == parcel.html.split()


def test_same_parcel_is_the_same_message_each_time(
    server: MailServer, tmp_path: Path, parcel: Parcel
) -> None:
    for _ in range(2):
        channel(server, tmp_path).send(parcel, "abc123")
    one, two = server.taken
    assert one["message-id"] == two["message-id"]
    assert one.items()[:6] == two.items()[:6]


def test_pictures_are_beside_the_page_that_shows_them() -> None:
    picture = {"chart-A-1": "iVBORw0KGgo="}
    parcel = Parcel("s", "t", '<p><img src="cid:chart-A-1"></p>', picture, NOW)
    made = mail.compose(parcel, "id", "t@example.com", ("a@example.com", "b@example.com"))
    got = message_from_bytes(bytes(made), policy=policy.default)
    assert [part.get_content_type() for part in got.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    (image,) = [part for part in got.walk() if part.get_content_type() == "image/png"]
    assert image["content-id"] == "<chart-A-1.id@example.com>"
    assert image.get_content_disposition() == "inline"
    html = got.get_body(("html",))
    assert html is not None
    assert 'src="cid:chart-A-1.id@example.com"' in html.get_content()
    assert got["to"] == "a@example.com, b@example.com"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"security": '"tls"'}, "ssl|wrong version|record layer"),
        ({"ca_file": '"nowhere.pem"'}, "No such file"),
        ({"host": '"nowhere.invalid"'}, "name|address"),
        ({"host": f'"{"x" * 80}.invalid"'}, "cannot be sent to any server"),
    ],
)
def test_wrong_settings_are_named_with_a_way_out(
    server: MailServer, tmp_path: Path, parcel: Parcel, changed: dict[str, str], said: str
) -> None:
    with pytest.raises(ChannelError, match=f"(?i){said}") as caught:
        channel(server, tmp_path, **changed).send(parcel, "x")
    assert caught.value.sure
    assert "channel 'mail'" in str(caught.value)
    assert server.taken == []


def test_certificate_nobody_vouches_for_is_refused(
    server: MailServer, tmp_path: Path, parcel: Parcel
) -> None:
    text = server.channel()
    path = tmp_path / "config.toml"
    path.write_text("".join(line for line in text.splitlines(True) if "ca_file" not in line))
    config = configuration.load(path)
    with pytest.raises(ChannelError, match="certificate") as caught:
        channels.make(config, config.channels[0]).send(parcel, "x")
    assert caught.value.sure
    assert "ca_file" in caught.value.way_out


def test_wrong_password_is_told_without_the_password(
    server: MailServer,
    tmp_path: Path,
    parcel: Parcel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "wrong-battery-staple")
    with pytest.raises(ChannelError, match="535") as caught:
        channel(server, tmp_path).send(parcel, "x")
    assert caught.value.sure
    assert caught.value.__cause__ is None
    seen = f"{caught.value} {caplog.text} {capsys.readouterr()}"
    assert "staple" not in seen


@pytest.mark.parametrize("password", ["ein-schlüssel", "half-\udcff"])
def test_password_that_smtplib_cannot_send_is_an_error_of_ours(
    server: MailServer,
    tmp_path: Path,
    parcel: Parcel,
    monkeypatch: pytest.MonkeyPatch,
    password: str,
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", password)
    with pytest.raises(ChannelError, match="the password in ASCII") as caught:
        channel(server, tmp_path).send(parcel, "x")
    assert caught.value.sure
    assert password not in str(caught.value)


def test_server_that_is_away_did_not_get_it(
    server: MailServer, tmp_path: Path, parcel: Parcel
) -> None:
    chosen = channel(server, tmp_path)
    server.stop()
    with pytest.raises(ChannelError) as caught:
        chosen.send(parcel, "x")
    assert caught.value.sure


@pytest.mark.parametrize("line", ["451 later, please", "550 not you"])
def test_server_that_says_no_did_not_take_it(
    server: MailServer, tmp_path: Path, parcel: Parcel, line: str
) -> None:
    server.refuse(line)
    with pytest.raises(ChannelError, match=line[:3]) as caught:
        channel(server, tmp_path).send(parcel, "x")
    assert caught.value.sure


def test_server_that_falls_silent_may_have_taken_it(
    server: MailServer, tmp_path: Path, parcel: Parcel
) -> None:
    server.then(lambda: time.sleep(1.5))
    with pytest.raises(ChannelError, match="timed out") as caught:
        channel(server, tmp_path, timeout="0.5").send(parcel, "x")
    assert not caught.value.sure
    assert len(server.taken) == 1


def test_missing_secret_names_the_variable(
    server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAIL_PASSWORD")
    with pytest.raises(ChannelError, match="MAIL_PASSWORD is not set"):
        channel(server, tmp_path)


def test_password_never_travels_in_the_clear(
    server: MailServer, tmp_path: Path, parcel: Parcel
) -> None:
    with pytest.raises(ChannelError, match="unencrypted"):
        channel(server, tmp_path, security='"none"', host='"mail.example.com"')
    with pytest.raises(ChannelError, match="AUTH"):  # this server will not hear it either
        channel(server, tmp_path, security='"none"').send(parcel, "x")


def test_line_breaks_in_a_subject_reach_no_header(
    server: MailServer, tmp_path: Path, parcel: Parcel
) -> None:
    evil = Parcel("Hello\r\nBcc: all@example.com", parcel.text, parcel.html, {}, NOW)
    with pytest.raises(ValueError, match="linefeed"):
        mail.compose(evil, "x", "t@example.com", ("a@example.com",))
