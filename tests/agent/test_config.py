import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent import config as configuration
from agent.config import ChannelSection, Config, SourceSection
from agent.errors import ConfigError

KEY = "sk-test-4242-secret"
LISTED = {"sources": SourceSection, "channels": ChannelSection}


def parsed(text: str, folder: Path) -> Config:
    path = folder / configuration.FILE_NAME
    path.write_text(text, encoding="utf-8")
    return configuration.load(path)


def refused(text: str, folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        parsed(text, folder)
    return str(caught.value)


def tables() -> Iterator[tuple[str, Any]]:
    """Every table config.toml may hold, with the model that reads it."""
    for name, field in Config.model_fields.items():
        if not field.exclude:
            yield name, LISTED.get(name, field.annotation)


def test_every_field_stands_in_config_toml_with_its_default() -> None:
    raw = tomllib.loads(configuration.default_text())
    for name, model in tables():
        if name in LISTED:
            continue
        defaults = model().model_dump(mode="json")
        assert list(raw[name]) == list(model.model_fields), name
        assert raw[name] == defaults, name


def test_every_key_of_config_toml_is_a_field() -> None:
    known = dict(tables())
    raw = tomllib.loads(configuration.default_text())
    assert set(raw) == set(known) - {"channels"}
    for source in raw["sources"]:
        assert set(source) <= set(SourceSection.model_fields)


def test_every_key_of_config_toml_has_a_comment_above_it() -> None:
    text = configuration.default_text().split("[[sources]]")[0].splitlines()
    keys = [i for i, line in enumerate(text) if re.match(r"\w+ =", line)]
    assert len(keys) == sum(
        len(model.model_fields) for name, model in tables() if name not in LISTED
    )
    assert [text[i] for i in keys if not text[i - 1].startswith("# ")] == []


def test_every_field_of_a_source_is_explained_in_the_comment_above_them() -> None:
    head = configuration.default_text().split("# Sources:")[1].split("[[sources]]")[0]
    shown = configuration.default_text().split("[[sources]]", 1)[1]
    for field in SourceSection.model_fields:
        assert f"`{field}`" in head or f"{field} = " in head + shown, field


def test_channels_that_are_commented_out_can_be_used_as_they_stand(tmp_path: Path) -> None:
    text = configuration.default_text().split("# Sources:")[0]
    shown = text[text.index("# [[channels]]") :].split("\n# Slack")
    lines = [line[2:] for part in shown for line in part.splitlines() if line.startswith("# ")]
    toml = "\n".join(line for line in lines if "=" in line or line.startswith("[["))
    found = parsed(toml.replace("such as slack", ""), tmp_path)
    assert [(one.name, one.kind) for one in found.channels] == [("mail", "email"), ("chat", "push")]
    assert [one.secret_env for one in found.channels] == ["THESIS_SMTP_PASSWORD", "THESIS_CHAT_URL"]


def test_secrets_of_channels_come_from_the_environment_or_dotenv_and_show_in_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE_URL", "json://one-secret")
    (tmp_path / ".env").write_text("TWO_URL=json://two-secret\nOTHER=x", encoding="utf-8")
    names = "one", "two", "three"
    text = "".join(
        f'[[channels]]\nname = "{name}"\nkind = "push"\nurl_env = "{name.upper()}_URL"\n'
        for name in names
    )
    found = parsed(text, tmp_path)
    assert {name: one.get_secret_value() for name, one in found.secrets.items()} == {
        "ONE_URL": "json://one-secret",
        "TWO_URL": "json://two-secret",
    }
    assert "secret" not in f"{found!r} {found.model_dump_json()}".replace("secrets", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "email"\nhost = "h"\nsender = "a@b"', "needs 'to'"),
        ('kind = "email"\nhost = "h"\nto = ["a@b"]', "needs 'sender'"),
        ('kind = "email"\nsender = "a@b"\nto = ["a@b"]', "needs 'host'"),
        (
            'kind = "email"\nhost = "h"\nsender = "a@b"\nto = ["a@b"]\nusername = "u"',
            "password_env",
        ),
        ('kind = "push"', "needs 'url_env'"),
        ('kind = "pager"', "channels.0.kind"),
        ('kind = "email"\nhost = "h"\nsender = "a@b"\nto = ["no address"]', "is no email address"),
        ('kind = "email"\nhost = "h"\nsender = "a@b"\nto = ["a@b, c@d"]', "is no email address"),
        (f'kind = "email"\nhost = "h"\nsender = "{"(" * 9_999}"\nto = ["a@b"]', "no email address"),
        ('kind = "email"\nhost = "h"\nsender = "a@b\\nBcc: c@d"\nto = ["a@b"]', "no email address"),
        ('kind = "push"\nurl = "slack://a"', "unknown key 'channels.0.url'"),
    ],
)
def test_channel_that_cannot_be_reached_is_refused(text: str, said: str, tmp_path: Path) -> None:
    assert said in refused(f'[[channels]]\nname = "c"\n{text}', tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('timezone = "Mars/Olympus"', "no time zone 'Mars/Olympus'"),
        ('timezone = "../../etc/passwd"', "no time zone"),
        ('quiet = "22-7"', "alerts.quiet"),
        ('quiet = "25:00-07:00"', "alerts"),
        ("levels = [0.0]", "alerts.levels"),
        ("levels = [120.0]", "alerts.levels"),
        ("threshold = 0", "alerts.threshold"),
        ('through_quiet = "loud"', "alerts.through_quiet"),
    ],
)
def test_bad_alert_settings_are_refused_by_name(text: str, said: str, tmp_path: Path) -> None:
    assert said in refused(f"[alerts]\n{text}", tmp_path)


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert parsed("", tmp_path) == Config(folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("[http]\ntimout = 1", "http.timout", "timeout"),
        ("[htp]\ntimeout = 1", "htp", "http"),
        ("[judge]\ntreshold = 0.4", "judge.treshold", "threshold"),
        ('[[sources]]\nname = "a"\nkind = "feed"\nulr = "x"', "sources.0.ulr", "url"),
        ("[judge.prices.m]\nouput = 1", "judge.prices.m.ouput", "output"),
        ("[judge.prices.input]\nouput = 1", "judge.prices.input.ouput", "output"),
        ('[[sources]]\nnmae = "a"\nkind = "feed"\nurl = "x"', "sources.0.nmae", "name"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(
    text: str, key: str, nearest: str, tmp_path: Path
) -> None:
    said = refused(text, tmp_path)
    assert f"unknown key {key!r}" in said
    assert f"Did you mean {nearest!r}?" in said
    assert str(tmp_path / "config.toml") in said


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[judge]\nthreshold = 1.0", "judge.threshold"),
        ("[judge]\nmargin = nan", "judge.margin"),
        ("[http]\ntimeout = inf", "http.timeout"),
        ("[http]\nmax_bytes = 0", "http.max_bytes"),
        ("[events]\nwindow_days = 31", "events.window_days"),
        ("[reliability]\ndefault = 0.2", "reliability.default"),
        ('[reliability]\npublishers = { "The Motley Fool" = 1.5 }', "The Motley Fool"),
        ('[embedding]\nkind = "word2vec"', "embedding.kind"),
        ('[[sources]]\nname = ""\nkind = "feed"\nurl = "x"', "sources.0.name"),
        ("http = 1", "http"),
        ('[data]\nfolder = "a\\u0000b"', "data.folder: holds a zero character"),
        ('[[sources]]\nname = "a"\nkind = "file"\npath = "\\u0000"', "sources.0.path"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_key(text: str, key: str, tmp_path: Path) -> None:
    said = refused(text, tmp_path)
    assert key in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("kind", "wants"),
    [("feed", "'a' is of kind 'feed' and needs 'url'"), ("file", "'path'"), ("arxiv", "'query'")],
)
def test_a_source_without_an_address_is_refused(kind: str, wants: str, tmp_path: Path) -> None:
    assert wants in refused(f'[[sources]]\nname = "a"\nkind = "{kind}"', tmp_path)


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    one = '[[sources]]\nname = "wire"\nkind = "feed"\nurl = "https://x.example"\n'
    assert "two sources are called 'wire'" in refused(one + one, tmp_path)


@pytest.mark.parametrize("value", ["[" * 9_999, "{a=" * 9_999, "9" * 9_999])
def test_toml_too_big_to_read_is_an_error_of_ours(value: str, tmp_path: Path) -> None:
    assert "is not valid TOML" in refused(f"x = {value}", tmp_path)


def test_bad_toml_says_which_line(tmp_path: Path) -> None:
    said = refused("[http]\ntimeout = 1\nmax_bytes =\n", tmp_path)
    assert "not valid TOML" in said
    assert "line 3" in said


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"thesis init"):
        configuration.load(tmp_path / "none.toml")


def test_a_file_in_another_encoding_is_an_error_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes("# caf\u00e9".encode("latin-1"))
    with pytest.raises(ConfigError, match="cannot be read"):
        configuration.load(path)


def test_paths_start_at_the_files_folder_not_at_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    config = parsed('[data]\nfolder = "state"', tmp_path)
    assert config.data_folder == tmp_path / "state"
    assert config.resolve(Path("items.jsonl")) == tmp_path / "items.jsonl"


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    config = parsed("", tmp_path)
    with pytest.raises(ValidationError):
        config.http.timeout = 1.0


def test_the_key_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parsed("", tmp_path).openai_api_key is None
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    key = parsed("", tmp_path).openai_api_key
    assert key is not None
    assert key.get_secret_value() == KEY


def test_the_key_comes_from_a_dotenv_file_and_stays_with_its_configuration(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f'OPENAI_API_KEY="{KEY}"\n', encoding="utf-8")
    key = parsed("", tmp_path).openai_api_key
    assert key is not None
    assert key.get_secret_value() == KEY
    assert "OPENAI_API_KEY" not in os.environ
    other = tmp_path / "other"
    other.mkdir()
    assert parsed("", other).openai_api_key is None


def test_the_environment_wins_over_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / ".env").write_text("OPENAI_API_KEY=another\n", encoding="utf-8")
    key = parsed("", tmp_path).openai_api_key
    assert key is not None
    assert key.get_secret_value() == KEY


def test_a_broken_dotenv_file_is_an_error_that_does_not_quote_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(f"OPENAI_API_KEY={KEY}\u00e9".encode("latin-1"))
    said = refused("", tmp_path)
    assert ".env cannot be read" in said
    assert KEY not in said


def test_the_key_shows_in_no_repr_and_no_dump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    config = parsed("", tmp_path)
    shown: list[Any] = [
        repr(config),
        str(config),
        config.model_dump(),
        config.model_dump_json(),
        config.model_copy(),
    ]
    assert [one for one in shown if KEY in repr(one)] == []


@pytest.mark.parametrize(
    "text",
    [f'openai_api_key = "{KEY}"', f'[embedding]\napi_key = "{KEY}"', f'[http]\ntimeout = "{KEY}"'],
)
def test_a_key_written_into_the_file_is_refused_and_not_repeated(text: str, tmp_path: Path) -> None:
    assert KEY not in refused(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[alerts]\ntimezone = "Europe/Berlim"', "alerts: there is no time zone 'Europe/Berlim'"),
        ('[digest]\nchannels = ["Mail"]', "[digest] channels names 'Mail', which is no channel"),
        ('[judge]\nkind = "LLM"', "judge.kind: input should be 'auto', 'local' or 'llm'"),
        ('[digest]\nweekly = "Monday"', "digest.weekly: input should be '', 'monday', 'tuesday'"),
    ],
)
def test_value_that_cannot_be_used_is_shown_as_it_was_written(
    text: str, said: str, tmp_path: Path
) -> None:
    assert f"{configuration.FILE_NAME}: {said}" in refused(text, tmp_path)
