"""Takes secrets out of what programs say, in every spelling they may come back in. Pure.

Not found is a secret that was cut off, cut in two, or coded in any other way than those below.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

HIDDEN = "***"
SHORTEST = 4
"""Shorter parts of a secret address are words that hide nothing."""
LONGEST = 300
_MARKS = re.compile(r"[/@?&=#,;:]+")
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]")
"""Characters that nobody has a reason to spell otherwise."""
_ESCAPE, _PERCENT, _AND = r"(?:\\{1,7})", "%(?:25){0,3}", "&(?:amp;){0,3}"
"""What begins an escape, itself escaped up to three times over."""
_NAMES = {'"': "quot", "'": "apos", "&": "amp", "<": "lt", ">": "gt"}
_LETTERS = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_CODED = {"+": r"(?:[+-]|(?i:%2B))", "/": r"(?:\\{0,7}/|_|(?i:%2F))"}
"""The characters of base64 that are spelled in more ways than one."""


def redact(text: str, secret: str) -> str:
    """`text` on one line without `secret`, its parts, or their encodings."""
    return " ".join(finder([secret]).sub(HIDDEN, text).split())[:LONGEST]


def finder(secrets: Iterable[str]) -> re.Pattern[str]:
    """What matches secrets, and the parts of those that are addresses, however they are spelled.

    As they are, quoted for an address, escaped in a string of JSON, Python or HTML, be it three
    times over, and in base64 together with whatever stands before and behind.
    """
    words = {word for secret in secrets for word in _parts(secret) if len(word) >= SHORTEST}
    spelled = [_spelled(word) for word in sorted(words, key=len, reverse=True)]
    coded = [one for word in sorted(words, key=len, reverse=True) for one in _in_base64(word)]
    return re.compile("|".join([*spelled, *coded]) or r"(?!)")


def _parts(secret: str) -> set[str]:
    """A secret, and what in an address may be a token: all but its scheme and a host with a dot."""
    if "://" not in secret:
        return {secret}
    after = secret.split("://", 1)[1]
    try:
        host = urlsplit(secret).hostname or ""
    except ValueError:
        host = ""
    seen = host if "." in host else " "
    pieces = {piece for piece in _MARKS.split(after) if not piece.lower().startswith(seen)}
    return {secret, *pieces, *map(unquote, pieces)}


def _spelled(word: str) -> str:
    """A pattern of every spelling of a word: of its characters, of runs of backslashes or space."""
    return "".join(_run(found[0]) for found in re.finditer(r"(?s)\\+|\s+|.", word))


def _run(same: str) -> str:
    if _PLAIN.match(same):
        return re.escape(same)
    if same.isspace():  # who repeats it may break the line there
        return rf"(?:\s+|{''.join(map(_once, same))})"
    once, size = _once(same[0]), len(same)
    return once if same[0] != "\\" else rf"(?:\\{{{size},{8 * size}}}|{once}{{{size}}})"


def _once(one: str) -> str:
    return f"(?:{'|'.join(_spellings(one))})"


def _spellings(one: str) -> Iterator[str]:
    """How a character is written in text, addresses, JSON, Python and HTML."""
    yield f"{_ESCAPE}?{re.escape(one)}" if one in "\"'/" else re.escape(one)
    data = _bytes(one)
    yield "(?i:" + "".join(f"{_PERCENT}{byte:02x}" for byte in data) + ")"
    yield "(?i:" + "".join(f"{_ESCAPE}x{byte:02x}" for byte in data) + ")"
    units = one.encode("utf-16-be", errors="surrogatepass").hex()
    yield "(?i:" + "".join(f"{_ESCAPE}u{units[n : n + 4]}" for n in range(0, len(units), 4)) + ")"
    yield f"(?i:{_ESCAPE}(?:x{ord(one):02x}|u{ord(one):08x}))"
    yield f"(?i:{_AND}#(?:0*{ord(one)}|x0*{ord(one):x});)"
    if one in _NAMES:
        yield f"{_AND}{_NAMES[one]};"
    if one in _LETTERS:
        yield f"{_ESCAPE}{_LETTERS[one]}"
    if one == " ":
        yield r"\+"


def _in_base64(word: str) -> Iterator[str]:
    """What base64 makes of a word wherever it begins: three places, but for its ends.

    Those depend on what stands beside it, and are taken out with it.
    """
    data = _bytes(word)
    for before, start in ((0, 0), (1, 2), (2, 3)):
        end = 8 * (before + len(data)) // 6
        core = base64.b64encode(bytes(before) + data).decode()[start:end]
        if len(core) >= SHORTEST:
            found = "".join(_CODED.get(one, one) for one in core)
            yield rf"[\w+/-]?{found}[\w+/-]?=*"


def _bytes(text: str) -> bytes:
    """A text in UTF-8; an environment may hold bytes that are none, and those are its own."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
