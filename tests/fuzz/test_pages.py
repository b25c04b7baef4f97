"""A web page's bytes: the feeds that it names, and its article."""

import unicodedata

from agent.sources import article, parsing
from agent.sources.draft import LONGEST_TEXT
from agent.sources.worker import PAGES
from tests.fuzz import seeds
from tests.fuzz.mutation import spoiled
from tests.fuzz.running import fuzz

PIECES = [
    b"<p>", b"</p>", b"<article>", b"<div hidden>", b"<script>", b"</script>", b"<![CDATA[",
    b"<![x[", b"<!--", b"-->", b"<!DOCTYPE x [", b"<?php",
    b"<link rel=alternate type=application/atom+xml href=", b"<table><tr><td>", b"<svg><title>",
    b"&#xD800;", b"&#0;", b"&#x9b;", b"&nbsp;", b"<base href='//['>", b"<meta charset=utf-7>",
    b"<meta charset=nonsense>", b"\xff\xfe", b"<html lang='\xc2\x9b'>", b"<br>",
]  # fmt: skip
PAGES_ = spoiled(seeds.pages(), PIECES)


def read(page: bytes) -> None:
    """Links and text of a page, or a ValueError that says why not."""
    for link in parsing.feed_links(page):
        assert link.encode()
    try:
        text = article.extract(page)
    except ValueError as error:
        assert str(error)
        return
    assert article.SHORTEST <= len(text) <= LONGEST_TEXT
    assert {one for one in text if unicodedata.category(one) in ("Cc", "Cs")} <= {"\n"}


def test_any_page_gives_text_or_a_reason() -> None:
    fuzz(PAGES_, read, seconds=PAGES.seconds + PAGES.seconds_per_mb)
