"""What Apprise posts arrives whole; what it says of a failure holds no token."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent import channels, notices
from agent import config as configuration
from agent.errors import ChannelError
from agent.notices import Parcel
from agent.thesis import Thesis
from tests.hook_server import CHANNEL, HookServer

NOW = datetime(2025, 1, 27, 21, 5, tzinfo=UTC)
SECRETS = ("s3cret", "t0ken", "very-secret-path")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HookServer]:
    with HookServer() as running:
        monkeypatch.setenv("CHAT_URL", running.address)
        yield running


@pytest.fixture
def parcel(thesis: Thesis) -> Parcel:
    return notices.sample(thesis, NOW)


def channel(folder: Path) -> channels.Channel:
    path = folder / "config.toml"
    path.write_text(CHANNEL, encoding="utf-8")
    config = configuration.load(path)
    return channels.make(config, config.channels[0])


def test_message_arrives_as_text(server: HookServer, tmp_path: Path, parcel: Parcel) -> None:
    channel(tmp_path).send(parcel, "x")
    (got,) = server.taken
    assert got["title"] == parcel.subject
    assert got["message"] == parcel.text


@pytest.mark.parametrize("status", [403, 500, 503])
def test_refusal_is_sure_and_tells_no_secret(
    server: HookServer,
    tmp_path: Path,
    parcel: Parcel,
    status: int,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.fail(status)
    with pytest.raises(ChannelError, match=f"error={status}") as caught:
        channel(tmp_path).send(parcel, "x")
    assert caught.value.sure
    seen = f"{caught.value} {caplog.text} {capsys.readouterr()}"
    assert not [secret for secret in SECRETS if secret in seen]


def test_service_that_is_away_did_not_get_it(
    tmp_path: Path, parcel: Parcel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HookServer() as gone:
        monkeypatch.setenv("CHAT_URL", gone.address)
    with pytest.raises(ChannelError) as caught:
        channel(tmp_path).send(parcel, "x")
    assert caught.value.sure
    assert not [secret for secret in SECRETS if secret in str(caught.value)]


def test_service_that_falls_silent_may_have_taken_it(
    server: HookServer, tmp_path: Path, parcel: Parcel
) -> None:
    server.stall(1.6)
    began = time.monotonic()
    with pytest.raises(ChannelError) as caught:
        channel(tmp_path).send(parcel, "x")
    assert time.monotonic() - began < 1.5
    assert not caught.value.sure
    assert len(server.taken) == 1


@pytest.mark.parametrize("address", ["nonsense", "slack://", "xyz://s3cret", "mailto://"])
def test_address_nobody_knows_is_named_by_its_variable(
    address: str, tmp_path: Path, parcel: Parcel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_URL", address)
    with pytest.raises(ChannelError, match="CHAT_URL") as caught:
        channel(tmp_path).send(parcel, "x")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "tgram://123456789:abcdefg_hijklmnop/12315544",
        "ntfy://user:pass@ntfy.example/topic",  # pragma: allowlist secret
        "workflows://host/workflow/signature",
        "feishu://abcdefgh12345",
        "dingtalk://abcdefghijklmnopqrst",
        "wecombot://abcdefgh-1234-5678",
        "jsons://host/path",
    ],
)
def test_services_that_were_promised_are_known(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent.channels.push import Push

    monkeypatch.setenv("CHAT_URL", address)
    made = channel(tmp_path)
    assert isinstance(made, Push)
    (service,) = made._service()
    assert service.overflow_mode == "split"
    assert service.request_timeout == (1.0, 1.0)


def test_settings_in_the_address_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.channels.push import Push

    monkeypatch.setenv("CHAT_URL", "json://host/path?rto=7&overflow=truncate")
    made = channel(tmp_path)
    assert isinstance(made, Push)
    (service,) = made._service()
    assert service.overflow_mode == "truncate"
    assert service.request_timeout == (1.0, 7.0)
