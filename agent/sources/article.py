"""An article's full text: fetched where robots.txt lets us, and taken only when it is the article.

What is stored here is what quotes are checked against, so a paywall's teaser or a cookie notice
must not pass for it. Reading a page is hostile work: `extract` runs where it can be killed.
"""

import re
import threading
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

from agent.errors import SourceError
from agent.sources.draft import LONGEST_TEXT, Draft
from agent.sources.http import Client

AGENT = "thesiswatch"
MOST_AT_A_LOOK = 20
"""Articles fetched for one source at one look, the newest first."""
SHORTEST = 300
"""Characters of a page's text below which it is a teaser or a notice."""
SHORT = 1_500
"""Characters of a text in which a wall's own words may stand alone."""
SHARED_WORDS = 0.25
"""Share of the headline's words that its article must have."""
_NOT_FREE = re.compile(rb'"isAccessibleForFree"\s*:\s*"?false', re.IGNORECASE)
_WALL = re.compile(
    r"subscribe to (continue|read|unlock)|(create|register for) (a|your) free account"
    r"|already a subscriber|to continue( reading)?,? please"
    r"|this (content|article) is (only |reserved )?for subscribers"
    r"|enable javascript|accept (all )?cookies|verify (that )?you are (a )?human"
    r"|unusual activity|access denied"
    r"|登录后(阅读|查看)|订阅后|付费阅读|开通会员|验证码",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z0-9]{3,}|[\u3400-\u9fff]")

Extract = Callable[[bytes], str]
"""A page's bytes -> its text; raises ValueError. `extract`, or a worker's that can be killed."""


def extract(page: bytes) -> str:
    """A page's text, paragraphs apart by a newline. Raises ValueError when it is no article."""
    import trafilatura

    if _NOT_FREE.search(page):
        raise ValueError("the page says that it is not free to read")
    found = trafilatura.extract(page, include_comments=False, include_tables=False) or ""
    lines = (" ".join(line.split()) for line in unicodedata.normalize("NFC", found).splitlines())
    text = "\n".join(line for line in lines if line)[:LONGEST_TEXT]
    if len(text) < SHORT and (wall := _WALL.search(text)):
        raise ValueError(f"the page is a wall: {wall[0]!r}")
    if len(text) < SHORTEST:
        raise ValueError(f"the page has {len(text)} characters of text")
    return text


class Articles:
    """Fetches articles for one run; robots.txt is read once a site."""

    def __init__(self, client: Client, extract: Extract = extract) -> None:
        self._client = client
        self._extract = extract
        self._rules: dict[str, RobotFileParser | str] = {}
        self._lock = threading.Lock()

    def complete(
        self, source: str, drafts: Sequence[Draft], known: Collection[str]
    ) -> tuple[Draft, ...]:
        """`drafts` with their full text, those not `known` yet; a note says why one has none.

        What cannot be had is not the source's failure: the item stays with its summary.
        """
        new = [one for one in drafts if one.url and one.id not in known][:MOST_AT_A_LOOK]
        done = {one.id: self._with_text(source, one) for one in new}
        return tuple(done.get(one.id, one) for one in drafts)

    def _with_text(self, source: str, draft: Draft) -> Draft:
        url = draft.url or ""
        try:
            if refusal := self._refusal(source, url):
                raise ValueError(refusal)
            text = self._extract(self._client.get(source, url).body)
            if not _is_about(draft.title, text):
                raise ValueError("the page is about something else than its headline")
        except SourceError as error:
            return replace(draft, note=f"no full text: {error.message}")
        except ValueError as error:
            return replace(draft, note=f"no full text: {error}")
        return replace(draft, text=text)

    def _refusal(self, source: str, url: str) -> str:
        """Why a page may not be fetched, by its site's robots.txt; "" when it may."""
        parts = urlsplit(url)
        site = urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))
        with self._lock:
            rules = self._rules.get(site)
            if rules is None:
                rules = self._rules[site] = self._read_rules(source, site)
        if isinstance(rules, str):
            return rules
        if not rules.can_fetch(AGENT, url):
            return "robots.txt does not allow it"
        if delay := rules.crawl_delay(AGENT):
            self._client.keep_apart(url, float(delay))
        return ""

    def _read_rules(self, source: str, site: str) -> RobotFileParser | str:
        """A site's rules (RFC 9309): none when it has no such page, all when it cannot be read."""
        try:
            answer = self._client.get(source, site, accept=range(400, 500))
        except SourceError as error:
            return f"robots.txt cannot be read now: {error.message}"
        rules = RobotFileParser()
        if answer.status in (401, 403):
            return f"robots.txt answered {answer.status}"
        found = answer.body.decode("utf-8", "replace") if answer.status < 400 else ""
        rules.parse(found.splitlines())
        return rules


def _is_about(title: str, text: str) -> bool:
    words = set(_WORD.findall(title.casefold()))
    shared = words & set(_WORD.findall(text.casefold()))
    return not words or len(shared) >= SHARED_WORDS * len(words)
