"""Prices come from any CSV with days and closes; what cannot be read is named by its line."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from agent import config as configuration
from agent import prices
from agent.errors import ConfigError, SourceError
from tests.feed_server import FeedServer

PLAIN = "date,close\n2025-01-24,142.62\n2025-01-27,118.42\n"
FOUND = [(date(2025, 1, 24), 142.62), (date(2025, 1, 27), 118.42)]


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        "Date,Open,High,Low,Close,Volume\n2025-01-27,1,1,1,118.42,9\n2025-01-24,1,1,1,142.62,9\n",
        "Date,Close\n2025-01-24 00:00:00-05:00,142.62\n2025-01-27 00:00:00-05:00,118.42\n",
        "\ufeffDATE,Adj Close\n2025-01-24,142.62\n2025-01-25,\n2025-01-27,118.42\n",
    ],
)
def test_closes_are_found_whatever_else_is_in_the_file(text: str) -> None:
    assert prices.parse(text, "p.csv") == FOUND


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column date"),
        ("day,close\n", "no column date"),
        ("date,price\n", "no column close"),
        ("date,close\n2025-01-24,1\n24/01/25,1\n", "line 3"),
        ("date,close\n2025-01-24,dear\n", "line 2"),
    ],
)
def test_file_that_cannot_be_read_says_where(text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        prices.parse(text, "p.csv")


def loaded(path: Path, section: str) -> configuration.Config:
    path.write_text(section, encoding="utf-8")
    return configuration.load(path)


def test_file_is_taken_from_the_folder_of_the_configuration(config_path: Path) -> None:
    (config_path.parent / "p.csv").write_text(PLAIN, encoding="utf-8")
    config = loaded(config_path, '[prices]\nfile = "p.csv"\n')
    assert prices.load(config) == FOUND


def test_address_is_asked_through_the_guarded_client(config_path: Path) -> None:
    with FeedServer() as server:
        server.put("/p.csv", PLAIN)
        address = f'[prices]\nurl = "{server.url("/p.csv")}"\n'
        config = loaded(config_path, address + '[http]\nallow_private = ["127.0.0.1"]\n')
        assert prices.load(config) == FOUND
        with pytest.raises(SourceError):
            prices.load(loaded(config_path, address))


def test_without_prices_it_says_how_to_give_some(config_path: Path) -> None:
    with pytest.raises(ConfigError, match="no prices"):
        prices.load(loaded(config_path, ""))


def test_file_that_is_not_there_is_named(config_path: Path, lines: Callable[..., Path]) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv"):
        prices.load(loaded(config_path, ""), Path("nowhere.csv"))
