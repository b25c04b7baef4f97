"""Takes secrets out of what other programs say, in every spelling they may come back in. Pure."""

import base64
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "***"
SHORTEST = 4
"""Shorter parts of a secret address are words that hide nothing."""
LONGEST = 300


def redact(text: str, secret: str, *beside: str) -> str:
    """`text` on one line without `secret`, its parts, or their encodings."""
    for one in sorted(_spellings(secret, beside), key=len, reverse=True):
        text = text.replace(one, HIDDEN)
    return " ".join(text.split())[:LONGEST]


def _spellings(secret: str, beside: tuple[str, ...]) -> set[str]:
    parts = {secret, *_parts(secret)}
    together = ["\0".join(("", *beside, secret))] if beside else []
    coded = {
        base64.b64encode(one.encode()).decode().rstrip("=") for one in [*parts, *together] if one
    }
    quoted = {quote(one, safe="") for one in parts} | {unquote(one) for one in parts}
    return {one for one in parts | coded | quoted if len(one) >= SHORTEST}


def _parts(secret: str) -> set[str]:
    """What in an address may be a token: all but its scheme, host and common words."""
    if "://" not in secret:
        return set()
    after = secret.split("://", 1)[1]
    try:
        host = urlsplit(secret).hostname or ""
    except ValueError:
        host = ""
    found = {piece for piece in _split(after) if piece}
    return {piece for piece in found if piece.lower() not in (host, "localhost", "127.0.0.1")}


def _split(text: str) -> list[str]:
    for mark in "/@?&=#,;":
        text = text.replace(mark, " ")
    pieces = text.split()
    return [*pieces, *(part for piece in pieces for part in piece.split(":"))]
