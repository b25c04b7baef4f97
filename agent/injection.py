"""Passages of a text that talk to a machine instead of telling news. Pure.

A reader of pages and feeds meets words that are hidden from people or order a model about. They
are taken out before anything is made of a text and kept to be shown; what is stored stays whole.
This is a sieve, not a wall: what slips through meets closed answer shapes, checked quotes and one
item to a call.

Whoever wrote a text may want to hold up the reader of it. So no search here may look at a stretch
of text once for each place it begins at: what is searched to its end is passed over by the same
match, or ends where the next one begins.
"""

import re
from dataclasses import dataclass

_INVISIBLE = re.compile(
    r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]|[\U000e0000-\U000e007f]"
)
_UNSHOWN = r"(?:script|style|template|noscript)\b"
_IN_TAG = rf"(?:[^<>]|<(?!!--|{_UNSHOWN}))*+"
_HIDDEN = re.compile(
    r"<!--.*?(?:-->|$)"
    rf"|<(?=({_UNSHOWN})){_IN_TAG}>.*?(?:</\1\s*>|$)"
    rf"|<(\w+)\b(?={_IN_TAG}>)[^>]*(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0"
    r"|opacity\s*:\s*0(?![.\d])|\bhidden\b|aria-hidden)[^>]*>.*?(?:</\2\s*>|$)"
    rf"|(?P<shown><\w{_IN_TAG})",
    re.IGNORECASE | re.DOTALL,
)
"""A tag that hides nothing is `shown`: passed over whole, or each `<` in it would start anew."""
_ADDRESS = (
    r"\s*(?:note|message|instructions?|attention|memo|system)\b[^\])}>]{0,30}"
    r"\b(?:ai|llms?|assistants?|models?|chatbots?|agents?)\b"
)
_NOTE = re.compile(
    rf"\[\[{_ADDRESS}.*?(?:\]\]|$)|\{{\{{{_ADDRESS}.*?(?:\}}\}}|$)|\[{_ADDRESS}[^\]]*\]?"
    rf"|\({_ADDRESS}[^)]*\)?|<{_ADDRESS}[^>]*>?"
    r"|\{\s*[\"']role[\"']\s*:[^{}]*\}",
    re.IGNORECASE | re.DOTALL,
)
_MARKER = re.compile(
    r"<\|[^|>]{1,30}\|>|\[/?INST\]|<</?SYS>>|(?:^|[\s\"'])#{2,}\s*(?:system|instructions?|user)\b:?"
    r"|(?<!-)-{3,}\s*(?i:end|begin)\b[^\n-]*-{3,}"
    r"|(?:^|\s)(?:System|SYSTEM|Assistant|ASSISTANT|Human|User):(?=\s)",
)
_SENTENCE = re.compile(r".+?(?:[.!?。！？]{1,9}+[\"'”’)\]]*+(?=\s|$)|[。！？]|\n|$)", re.DOTALL)
_RULES = (
    r"(?:instructions?|prompts?|rules|guidelines|context|directives?|polic(?:y|ies)|above|told)"
)
_DROP = r"(?:ignore|disregard|forget|override|bypass)"
_OVERRIDE = re.compile(
    rf"^\W*(?:please |now |and )?{_DROP}\b.{{0,40}}\b{_RULES}\b"
    rf"|\b(?:please )?{_DROP}\b.{{0,12}}"
    r"\b(?:previous|prior|earlier|preceding|above|system|initial)\b"
    r"|^\W*(?:do not|don't|stop) follow(?:ing)?\b.{0,30}\binstructions\b"
    r"|\b(?:previous|earlier|prior) (?:instructions?|prompts?|directives)\b"
    r"|\byour (?:system|initial|hidden|original) (?:prompt|instructions)\b"
    r"|(?:忽略|无视).{0,12}(?:指令|指示|提示|规则)|系统提示词",
    re.IGNORECASE | re.DOTALL,
)
_ORDER = re.compile(
    r"\byour (?:\w+ )?(?:answers?|repl(?:y|ies)|responses?|output|messages?|instructions|prompt)\b"
    r"|^\W*(?:please )?(?:reply|respond|answer|act|pretend|behave)\b.{0,20}"
    r"\b(?:in|with|only|as|if|you)\b"
    r"|\byou are (?:now|an? (?:ai|assistant|language model|helpful))\b"
    r"|^\W*(?:can|could|would) you (?:please )?"
    r"(?:reply|respond|answer|write|translate|summari[sz]e)\b"
    r"|^\W*(?:as established in|continuing from) our previous\b"
    r"|\bsafety (?:restrictions|guidelines) (?:do|were|are)\b"
    r"|^\W*what would you (?:say|answer|do)\b"
    r"|(?:你的|您的)(?:回答|回复|输出)",
    re.IGNORECASE,
)
_TASK = re.compile(
    r"^\W*(?:please )?(?:write|translate|explain|summari[sz]e|encode|compose|generate|tell|give)\b"
    r" (?:me|a|an|the|this|all)\b(?!.*\b(?:in|for) (?:this|our)\b)",
    re.IGNORECASE,
)
"""A task for whoever reads; a headline may be one, a sentence after it hardly is."""
_ENCODED = re.compile(
    r"(?<![\w/.:-])(?<![\w/+]\+)"
    r"(?=[A-Z0-9+/]*[a-z])(?=[a-z0-9+/]*[A-Z])(?=[A-Za-z+/]*[0-9])"
    r"[A-Za-z0-9+/]{28,}={0,2}(?![\w/])"
)

_HINTS = (
    *("<", "[", "{", "|>", "--", "##", "(note", "(message", "(instruction", "(attention", "(memo"),
    *("(system", "ignore", "disregard", "forget", "override", "bypass", "follow", "previous"),
    *("earlier", "prior ", "your ", "you ", "system:", "assistant:", "human:", "user:"),
    *("reply", "respond", "answer", "act ", "pretend", "behave", "safety ", "忽略", "无视", "系统"),
    *(
        "write ",
        "translate",
        "explain",
        "summari",
        "encode",
        "compose",
        "generate",
        "tell ",
        "give ",
    ),
    *("what would", "role", "你的", "您的"),
)
"""A text with none of these, and no long word, holds nothing that the expressions above find."""
LEAD_IN = 4
"""Words before an order in its sentence that lead in to it and tell nothing themselves."""
_GAP = "\x00"
"""Where a passage was taken out of a sentence."""
_LONG_WORD = re.compile(r"\S{28}")


@dataclass(frozen=True, slots=True)
class Sifted:
    """A text without the passages that address a machine, and those passages."""

    text: str
    removed: tuple[str, ...]


def sift(text: str) -> Sifted:
    """Take out hidden and instruction-like passages; most texts come back as they are."""
    plain = text if text.isascii() else _INVISIBLE.sub("", text)
    lower = plain.casefold()
    if not (any(hint in lower for hint in _HINTS) or _LONG_WORD.search(plain)):
        return Sifted(plain, ())
    removed: list[str] = []

    def take(found: re.Match[str]) -> str:
        if found.groupdict().get("shown"):
            return found[0]
        removed.append(found[0].strip())
        return _GAP

    shown = _ENCODED.sub(take, _NOTE.sub(take, _HIDDEN.sub(take, plain)))
    kept = []
    follows = False
    for number, sentence in enumerate(_SENTENCE.findall(shown)):
        before, order = _at_order(sentence, is_first=number == 0)
        kept.append(" " if follows else before)
        if order or follows:
            removed.append((sentence if follows else order).strip())
        follows = not follows and _is_bare(order)
    if not removed:
        return Sifted(plain, ())
    return Sifted(_joined("".join(kept)), tuple(one for one in removed if one))


def _at_order(sentence: str, *, is_first: bool) -> tuple[str, str]:
    """A sentence in two: what stands before an order to a machine, and from it on."""
    found = [one.start() for one in (_MARKER.search(sentence), _OVERRIDE.search(sentence)) if one]
    if found:
        before = sentence[: min(found)]
        if not is_first and len(before.split()) <= LEAD_IN:
            return " ", sentence
        return before, sentence[min(found) :]
    is_order = _ORDER.search(sentence) or (not is_first and _TASK.search(sentence))
    return (" ", sentence) if is_order else (sentence, "")


def _is_bare(order: str) -> bool:
    """Whether it only says to drop the rules, or who speaks: the next sentence says the rest."""
    marker = _MARKER.match(order)
    said = order[marker.end() :].split() if marker else order.split()
    return bool(order) and (not said if marker else bool(_OVERRIDE.match(order)) and len(said) <= 6)


def _joined(text: str) -> str:
    closed = re.sub(rf"(?<!\s)\s*{_GAP}\s*(?=[.,;:!?](?:\s|$))|{_GAP}", "", text)
    return re.sub(r"[ \t]{2,}", " ", closed).strip()
