from pathlib import Path

import pytest

from agent import setup
from agent import thesis as theses
from agent.errors import ConfigError
from agent.workspace import read_settings


def test_what_init_writes_can_be_used_at_once(tmp_path: Path) -> None:
    path = setup.initialise(tmp_path / "a" / "mine")
    config, thesis = read_settings(path)
    assert thesis.path == path.parent / "thesis" / "thesis.toml"
    assert thesis.text == theses.load(theses.BUNDLED / "nvda_short_case" / "thesis.toml").text
    assert len(thesis.exemplars) == len(list(theses.BUNDLED.glob("nvda_short_case/exemplars/*")))
    assert config.data_folder == path.parent / "data"
    assert config.data_folder.is_dir()
    assert config.sources


def test_only_its_owner_may_look_into_the_data_folder(tmp_path: Path) -> None:
    config, _ = read_settings(setup.initialise(tmp_path / "mine"))
    assert config.data_folder.stat().st_mode & 0o077 == 0


def test_the_example_of_a_secret_holds_none(tmp_path: Path) -> None:
    setup.initialise(tmp_path)
    text = (tmp_path / ".env.example").read_text(encoding="utf-8")
    assert all(line.startswith("#") for line in text.splitlines())
    assert not (tmp_path / ".env").exists()


def test_an_edited_copy_is_the_thesis_that_is_watched(tmp_path: Path) -> None:
    path = setup.initialise(tmp_path)
    own = tmp_path / "thesis" / "thesis.toml"
    own.write_text(own.read_text(encoding="utf-8").replace("prior = 0.5", "prior = 0.25"))
    assert read_settings(path)[1].prior == 0.25


def test_a_second_init_refuses_and_changes_nothing(tmp_path: Path) -> None:
    path = setup.initialise(tmp_path)
    path.write_text("# mine\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"config\.toml exists already"):
        setup.initialise(tmp_path)
    assert path.read_text(encoding="utf-8") == "# mine\n"


def test_nothing_that_exists_is_touched(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("mine", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    setup.initialise(tmp_path)
    assert (tmp_path / ".env.example").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_thesis_folder_of_ones_own_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.toml").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be written"):
        setup.initialise(tmp_path)
    assert (tmp_path / "thesis" / "thesis.toml").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "config.toml").exists()


def test_a_place_that_cannot_be_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="file cannot be written"):
        setup.initialise(tmp_path / "file")
