"""What the chat says by itself, in the language it is asked in."""

import re
import tomllib
from functools import cache
from importlib import resources

_CJK = re.compile(r"[\u3400-\u9fff]")


class Phrases:
    """The phrases of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = _every()[language]

    def say(self, key: str, **given: object) -> str:
        """A phrase with its places filled."""
        return self._words[key].format(**given)

    def name(self, key: str) -> str:
        """A cause of change in this language, or as it is called."""
        return self._words.get(key, key)


def languages() -> list[str]:
    """The languages there are."""
    return list(_every())


def of(question: str) -> Phrases:
    """The phrases for who asks so."""
    return Phrases("zh" if _CJK.search(question) else "en")


@cache
def _every() -> dict[str, dict[str, str]]:
    text = resources.files("agent.chat").joinpath("phrases.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
