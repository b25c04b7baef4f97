"""Whether a stored item bears on a question closely enough to be shown as an answer. Pure.

Without a model nobody reads the passages, so an item counts only when it speaks of whom and what
was asked for. The limits were set on questions over the demo and on real headlines, answerable ones
beside others that no stored item answers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.chat import wording

ENOUGH = 0.42
"""Share of a question's words, each by how rare it is, that an item must hold."""
NEAR = 0.6
"""Share of what the best item holds that others shown beside it must hold."""
_NAME = re.compile(r"(?<![\w-])(?:[A-Z][\w&-]*|[A-Za-z]*\d[\w-]*)(?:['’]s)?")
_COUNTED = re.compile(r"\bhow many((?: [\w-]+)+)", re.IGNORECASE)
_AMOUNT = re.compile(
    r"\bhow (?:many|much)\b|\bat what\b|\bwhat(?:['’]s)? (?:[\w'’-]+ ){0,4}(?:price|share|fee|cost"
    r"|charge|valuation|margin|rate|percentage|number|amount|sum|profit|loss|backlog|discount)\b"
    r"|多少|几成|多大|几个|多高|比例|价格",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"\d|[一二三四五六七八九十百千万亿]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven"
    r"|twelve|dozen|hundred|thousand|million|billion|trillion|half|third|quarter|twice|double|triple)"
    r"(?:s|d)?\b",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(r"\b(?:such as|like|e\.g|including|or)\b|例如|比如|或", re.IGNORECASE)
_MODEL = re.compile(r"\b[A-Za-z][\w-]*\d[\w-]*")
"""A name with a figure in it, which is no amount: H100, R1."""
STEM = 5
PAIR = 2
"""Entities of which one is enough; of more than so many it must be more than half."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What an item must speak of: `entities` of the thesis (ids), `names` it does not know, and
    `counted`, that of which a number is asked; `amount` when any figure will do, `any_of_them` when
    the entities are examples."""

    entities: frozenset[str]
    names: tuple[str, ...]
    counted: str
    amount: bool
    any_of_them: bool


def needs(question: str, entities: frozenset[str], known: frozenset[str]) -> Needs:
    """What a question needs; `known` are the names, lower case, under which entities go."""
    rest = question
    for name in sorted(known, key=len, reverse=True):
        rest = re.sub(
            rf"(?<!\w){re.escape(name)}(?:['’]s)?(?!\w)", " \u00b7 ", rest, flags=re.IGNORECASE
        )
    return Needs(
        entities=entities,
        names=tuple(_names(rest)),
        counted=_counted(question),
        amount=bool(_AMOUNT.search(question)),
        any_of_them=bool(_EXAMPLES.search(question)),
    )


def misses(needed: Needs, text: str, entities: frozenset[str]) -> bool:
    """Whether an item, which names these entities, leaves out what it must speak of."""
    low = text.casefold()
    found, wanted = len(needed.entities & entities), len(needed.entities)
    enough = 2 * found >= wanted if wanted <= PAIR else 2 * found > wanted
    if not (enough or (needed.any_of_them and found)):
        return True
    if any(not _holds(low, name) for name in needed.names):
        return True
    if needed.amount and not _FIGURE.search(_MODEL.sub(" ", text)):
        return True
    return bool(needed.counted) and not _holds(low, needed.counted)


def share(words: Sequence[str], weights: Sequence[float], text: str) -> float:
    """The share in [0, 1] of the words, by weight, that stand in a text or begin a word of it."""
    low = text.casefold()
    held = sum(weight for word, weight in zip(words, weights, strict=True) if _holds(low, word))
    total = sum(weights)
    return held / total if total > 0 else 0.0


def _counted(question: str) -> str:
    """That of which a number is asked: the last word before the verb."""
    match = _COUNTED.search(question)
    found = ""
    for word in match[1].split() if match else ():
        if word.casefold() in wording.EMPTY:
            break
        found = word
    return found


def _holds(low: str, word: str) -> bool:
    """Whether a lower-case text has a word, with another ending too; a number to the letter."""
    word = word.casefold()
    if not word.isascii():
        return word in low
    if re.search(r"\d", word):
        return bool(
            re.search(rf"(?<![a-z0-9]){re.escape(word.removesuffix('s'))}s?(?![a-z0-9])", low)
        )
    stem = word[:STEM] if len(word) > STEM else word.rstrip("s") or word
    return bool(re.search(rf"(?<![a-z0-9]){re.escape(stem)}", low))


def _names(question: str) -> list[str]:
    """Capitalised words and words with figures in them; a sentence's first one only with those."""
    found = []
    for match in _NAME.finditer(question):
        name = re.sub(r"['’]s$", "", match[0])
        opens = (
            not question[: match.start()].strip() or question[: match.start()].rstrip()[-1] in ".?!"
        )
        if name.casefold() in wording.EMPTY or (
            opens and not re.search(r"\d", name) and name.istitle()
        ):
            continue
        found.append(name)
    return list(dict.fromkeys(found))
