"""Lists of feeds as other readers write and read them (OPML 2.0)."""

import re
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

from agent.config import SourceSection
from agent.errors import ThesiswatchError
from agent.terminal import STEERING

_DECLARATION = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
DEEPEST = 50
"""Outlines within outlines that are followed: readers nest folders two or three deep."""


def read(body: bytes, name: str) -> list[SourceSection]:
    """The feeds of an OPML file called `name`, each address once and under a name of its own.

    Raises ThesiswatchError when it is none.
    """
    if _DECLARATION.search(body.replace(b"\0", b"")):
        raise ThesiswatchError(
            f"{name} declares XML entities or a document type",
            "It is refused: OPML has no need of them. Export it again from your reader",
        )
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  # what makes it unsafe was refused above
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ThesiswatchError(f"{name} is not OPML: {error}", "Export it again") from error
    found: dict[str, SourceSection] = {}
    names: set[str] = set()
    for outline in _outlines(root, DEEPEST):
        url = outline.get("xmlUrl", "").strip()
        if url and url not in found:
            label = _unique(outline.get("text") or outline.get("title") or url, names)
            found[url] = SourceSection(name=label, kind="feed", url=url)
    if not found:
        raise ThesiswatchError(f"{name} lists no feeds", "It needs outlines with an xmlUrl")
    return list(found.values())


def write(sources: Iterable[SourceSection]) -> bytes:
    """The feeds among `sources` as an OPML file."""
    root = ElementTree.Element("opml", version="2.0")
    ElementTree.SubElement(ElementTree.SubElement(root, "head"), "title").text = "Thesiswatch"
    body = ElementTree.SubElement(root, "body")
    for one in sources:
        if one.kind == "feed":
            ElementTree.SubElement(body, "outline", type="rss", text=one.name, xmlUrl=one.url)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f"<?xml version='1.0' encoding='utf-8'?>\n{STEERING.sub(_spelled, text)}\n".encode()


def _spelled(match: re.Match[str]) -> str:
    """What hides or turns other characters, by its number; what XML cannot hold, not at all."""
    code = ord(match[0])
    return "" if code < ord(" ") else f"&#{code};"


def _outlines(element: ElementTree.Element, depth: int) -> Iterator[ElementTree.Element]:
    for child in element if depth else ():
        if child.tag == "outline":
            yield child
        yield from _outlines(child, depth - 1)


def _unique(text: str, taken: set[str]) -> str:
    """A short name for config.toml that none has yet."""
    plain = re.sub(r"\W+", "-", text.casefold()).strip("-")[:60] or "feed"
    name, count = plain, 2
    while name in taken:
        name, count = f"{plain}-{count}", count + 1
    taken.add(name)
    return name
