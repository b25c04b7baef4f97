"""Prompt files: one Markdown file per prompt, its {{variables}} filled in one pass.

A value is never read as a template, so what an item says cannot ask for another variable.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigError

FOLDER = Path(__file__).parent.parent / "prompts"
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file as it was read."""

    name: str
    text: str

    @property
    def variables(self) -> frozenset[str]:
        """The names it wants filled."""
        return frozenset(_VARIABLE.findall(self.text))

    @property
    def version(self) -> str:
        """Hash of the file: another wording is another version."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    def render(self, **values: str) -> str:
        """The text with every variable filled; ValueError for one too many or too few."""
        if values.keys() != self.variables:
            odd = ", ".join(sorted(values.keys() ^ self.variables))
            raise ValueError(f"prompt {self.name!r}: given and wanted variables differ by {odd}")
        return _VARIABLE.sub(lambda found: values[found[1]], self.text)


def load(name: str, folder: Path = FOLDER) -> Prompt:
    """The prompt in `folder`/NAME.md. Raises ConfigError when it cannot be read."""
    path = folder / f"{name}.md"
    try:
        return Prompt(name, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the prompt {path} cannot be read: {error}", "Put it back, or reinstall"
        ) from error
