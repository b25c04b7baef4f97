"""Takes secrets out of what other programs say, in every spelling they may come back in. Pure."""

import base64
import re
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "***"
SHORTEST = 4
"""Shorter parts of a secret address are words that hide nothing."""
LONGEST = 300
_RAW = "surrogateescape"
"""An environment may hold bytes that are no text; this is how they come into a string."""
_MARKS = re.compile(r"[/@?&=#,;:]+")


def redact(text: str, secret: str, *beside: str) -> str:
    """`text` on one line without `secret`, its parts, or their encodings."""
    text = _one_line(text)
    for one in sorted(_spellings(secret, beside), key=len, reverse=True):
        text = text.replace(one, HIDDEN)
    return text[:LONGEST]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _spellings(secret: str, beside: tuple[str, ...]) -> set[str]:
    parts = {secret, *_parts(secret)}
    together = ["\0".join(("", *beside, secret))] if beside else []
    coded = {
        base64.b64encode(one.encode(errors=_RAW)).decode().rstrip("=")
        for one in [*parts, *together]
        if one
    }
    plain = {unquote(one) for one in parts}
    quoted = {quote(one, safe=safe, errors=_RAW) for one in parts | plain for safe in ("", "/")}
    lines = map(_one_line, parts | coded | plain | quoted)
    return {one for one in lines if len(one) >= SHORTEST}


def _parts(secret: str) -> set[str]:
    """What in an address may be a token: all but its scheme and a host that has a dot."""
    if "://" not in secret:
        return set()
    after = secret.split("://", 1)[1]
    try:
        host = urlsplit(secret).hostname or ""
    except ValueError:
        host = ""
    seen = host if "." in host else " "
    return {piece for piece in _MARKS.split(after) if not piece.lower().startswith(seen)}
