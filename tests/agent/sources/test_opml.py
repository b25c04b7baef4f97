"""OPML as readers write it, and as an enemy would."""

from xml.etree import ElementTree

import pytest

from agent.config import SourceSection
from agent.errors import ThesiswatchError
from agent.sources import opml

NESTED = b"""<?xml version="1.0"?><opml version="1.0"><head><title>mine</title></head><body>
<outline text="Chips"><outline text="The Register" type="rss" xmlUrl="https://a.example/1"/>
<outline text="more"><outline title="The Register" xmlUrl="https://a.example/2"/></outline></outline>
<outline text="again" xmlUrl=" https://a.example/1 "/><outline text="no feed"/>
<outline text="\xe4\xb8\xad\xe6\x96\x87" xmlUrl="https://a.example/3"/></body></opml>"""


def test_feeds_are_found_in_folders_once_each_under_names_of_their_own() -> None:
    found = opml.read(NESTED, "mine.opml")
    assert [(one.name, one.url) for one in found] == [
        ("the-register", "https://a.example/1"),
        ("the-register-2", "https://a.example/2"),
        ("中文", "https://a.example/3"),
    ]


def test_what_is_written_is_read_again() -> None:
    given = [
        SourceSection(name="a<b>", kind="feed", url="https://a.example/?x=1&y=2"),
        SourceSection(name="f", kind="file", path="x.jsonl"),
    ]
    (one,) = opml.read(opml.write(given), "x")
    assert one.url == given[0].url


def test_a_name_with_control_characters_is_written_as_xml_that_hides_nothing() -> None:
    name = "a\x1b[31m\u200d\u202eb\x9b\U000e0041"
    written = opml.write([SourceSection(name=name, kind="feed", url="https://a.example/1")])
    assert written.decode().replace("\n", "").isprintable()
    (outline,) = opml._outlines(ElementTree.XML(written), opml.DEEPEST)
    assert outline.get("text") == "a[31m\u200d\u202eb\x9b\U000e0041"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not OPML"),
        (b"<opml", "not OPML"),
        (b"\xff\xfe\x00", "not OPML"),
        (b"<opml/>", "lists no feeds"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><opml/>', "declares XML entities"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><opml/>'.encode("utf-16"), "declares XML entities"),
        (b"<outline>" * 200_000, "not OPML"),
    ],
)
def test_what_is_no_list_of_feeds_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(ThesiswatchError, match=why):
        opml.read(body, "x.opml")


def test_deep_nesting_is_not_followed_for_ever() -> None:
    deep = b"<outline>" * 5_000 + b'<outline xmlUrl="https://a.example/"/>' + b"</outline>" * 5_000
    with pytest.raises(ThesiswatchError):
        opml.read(b"<opml><body>" + deep + b"</body></opml>", "x")
