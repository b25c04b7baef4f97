"""config.toml, as every command reads it."""

import tomllib
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

from hypothesis import strategies as st

from agent import config as configuration
from agent import thesis as theses
from agent.channels import email
from agent.config import ChannelSection, Config
from agent.errors import ConfigError, ThesisFileError
from agent.notices import Parcel
from tests.fuzz import seeds, toml
from tests.fuzz.mutation import spoiled
from tests.fuzz.running import fuzz

PARCEL = Parcel("Subject", "text", "<p>text</p>", {}, datetime(2025, 1, 27, tzinfo=UTC))
WORDS = (
    "a@b", "A <a@b.example>", '"\\"@', "a@[b", "=?utf-8?q?x?=@d", "a:b@c;", "(@)", "<@a:b@c>",
    "é@b", "22:00-07:00", "99:99-00:00", "24:00", "Europe/Berlin", "../UTC", "Etc", "posixrules",
    "", "email", "push", "auto", "feed", "mail", "file:///etc/passwd", "x" * 5_000, "\0",
    "(" * 5_000,
)  # fmt: skip
TREES = [tomllib.loads(text) for text in seeds.configs()]
ODD = st.sampled_from(TREES).flatmap(lambda tree: toml.misfits(tree, WORDS))
TEXTS = spoiled(seeds.configs(), toml.PIECES) | ODD


def load(text: str, path: Path) -> None:
    """A file that loads is the same each time, and all that it names can be looked for."""
    path.write_text(text, encoding="utf-8", newline="")
    try:
        found = configuration.load(path)
    except ConfigError as error:
        assert str(error).encode()
        return
    assert configuration.load(path) == found
    assert configuration.parse(_written(found), path) == found
    assert found.data_folder.is_absolute()
    assert found.openai_api_key is None
    for source in found.sources:
        assert source.path is None or found.resolve(source.path).is_absolute()
    for channel in found.channels:
        assert channel.ca_file is None or found.resolve(channel.ca_file).is_absolute()
        if channel.kind == "email":
            _can_be_written_to(channel)
    try:
        assert theses.find(found.thesis.file, found.folder).is_file()
    except ThesisFileError as error:
        assert str(error).encode()


def _can_be_written_to(channel: ChannelSection) -> None:
    """A mail to it can be put into bytes, and goes to as many as were named."""
    message = email.compose(PARCEL, "1", channel.sender, channel.to)
    found = message_from_bytes(bytes(message), policy=policy.default)
    assert len(found["to"].addresses) == len(channel.to)
    assert len(found["from"].addresses) == 1
    assert set(found.keys()) == set(message.keys())


def _written(config: Config) -> dict[str, object]:
    """The tree as a file would spell it."""
    return config.model_dump(mode="json", exclude_none=True)


def test_any_text_is_a_configuration_or_is_refused(tmp_path: Path) -> None:
    fuzz(TEXTS, lambda text: load(text, tmp_path / configuration.FILE_NAME))
