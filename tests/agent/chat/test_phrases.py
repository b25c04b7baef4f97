"""Whoever asks is answered in their language, and every language says the same things."""

import tomllib
from importlib import resources
from string import Formatter

import pytest

from agent.chat.phrases import Phrases, languages, of


def every() -> dict[str, dict[str, str]]:
    text = resources.files("agent.chat").joinpath("phrases.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def places(phrase: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(phrase) if name is not None}


KEYS = sorted(every()["en"])


def test_languages_are_english_and_chinese() -> None:
    assert languages() == ["en", "zh"]


@pytest.mark.parametrize("language", languages())
def test_every_language_has_the_same_keys(language: str) -> None:
    assert sorted(every()[language]) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_every_language_has_the_same_places(key: str) -> None:
    held = {language: places(said[key]) for language, said in every().items()}
    assert all(one == held["en"] for one in held.values()), held


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("language", languages())
def test_phrase_says_all_that_it_is_given(language: str, key: str) -> None:
    names = places(every()[language][key])
    said = Phrases(language).say(key, **{name: f"<{name}>" for name in names})
    assert said.strip()
    assert all(f"<{name}>" in said for name in names)


@pytest.mark.parametrize("key", [key for key in KEYS if places(every()["en"][key])])
def test_place_that_is_not_filled_is_an_error(key: str) -> None:
    with pytest.raises(KeyError):
        Phrases("en").say(key)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("What is the score?", "en"),
        ("得分是多少？", "zh"),
        ("What is 英伟达?", "zh"),
        ("", "en"),
        ("¿Qué pasó?", "en"),
    ],
)
def test_answer_is_in_the_language_of_the_question(question: str, language: str) -> None:
    assert of(question).language == language


def test_unknown_cause_is_called_as_it_is() -> None:
    assert Phrases("zh").name("decay") == "证据变旧"
    assert Phrases("en").name("decay") == "evidence growing old"
    assert Phrases("zh").name("Custom silicon") == "Custom silicon"


def test_what_is_filled_in_is_not_filled_again() -> None:
    said = Phrases("en").say("no_model", reason="{reason} {0}")
    assert "{reason} {0}" in said
