"""What a language model is told: a prefix that never changes, then one item.

The prefix is the same to the byte for every item of a thesis version, so that endpoints which
cache prefixes charge for it once.
"""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import prompts
from agent.judge.answer import schema
from agent.thesis import Category, Claim, Thesis

Message = dict[str, str]
FILES = ("judge", "judge_item", "judge_repair")
NewCode = Callable[[], str]


def _random_code() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """The rules for one thesis; `version` is the hash of their whole `text`."""

    prefix: str
    version: str
    text: str
    shape: dict[str, Any]
    item: prompts.Prompt
    again: prompts.Prompt

    def messages(self, text: str, new_code: NewCode = _random_code) -> list[Message]:
        """The rules, then the item between marks that its text cannot know."""
        code = new_code()
        while code in text:
            code = new_code()
        item = self.item.render(code=code, text=text)
        return [{"role": "system", "content": self.prefix}, {"role": "user", "content": item}]

    def repair(self, fault: str) -> Message:
        """What follows an answer that could not be read."""
        return {"role": "user", "content": self.again.render(fault=fault)}


def about_tokens(text: str) -> int:
    """How many tokens a text is likely to be: four letters each, Chinese one character each."""
    plain = sum(letter.isascii() for letter in text)
    return plain // 4 + len(text) - plain


def make(thesis: Thesis, folder: Path = prompts.FOLDER) -> JudgePrompt:
    """The prompt of a thesis, by the prompt files in `folder`."""
    shape = schema(thesis)
    template, item, again = (prompts.load(name, folder) for name in FILES)
    prefix = template.render(
        title=thesis.title,
        author=thesis.author,
        date=thesis.date.isoformat(),
        summary=thesis.summary.strip(),
        claims="\n".join(_claim(one) for one in thesis.claims) or "None are written down.",
        categories="\n\n".join(_category(one) for one in thesis.categories),
        shape=json.dumps(shape, indent=1),
    )
    text = "\n".join([prefix, item.text, again.text])
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    return JudgePrompt(prefix, version, text, shape, item, again)


def _claim(claim: Claim) -> str:
    return f"- {claim.id} ({claim.category}): {claim.text} [{claim.figure}]"


def _category(category: Category) -> str:
    sides = (("supports", category.supports), ("weakens", category.weakens))
    examples = "\n".join(f"- {side}: {'; '.join(lines)}" for side, lines in sides)
    return f"## {category.id}: {category.name}\n{category.description}\n{examples}"
