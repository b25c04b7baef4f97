"""A company's XBRL facts, as SEC publishes them: one JSON document a company, all of its filings.

SEC asks every program to name a contact in its User-Agent, and lets nobody in without.
"""

import json
from typing import Any

from agent.errors import SourceError
from agent.sources.http import Client

BASE = "https://data.sec.gov"
LARGEST = 100_000_000
"""Bytes that a document may have: those of old companies pass what is enough for a feed."""


def fetch(cik: str, client: Client, base: str = BASE) -> dict[str, Any]:
    """The companyfacts document of `cik` (ten digits). Raises SourceError when there is none."""
    name = name_of(cik)
    answer = client.get(name, f"{base.rstrip('/')}/api/xbrl/companyfacts/CIK{cik}.json")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            name, f"{answer.url} is not JSON: {error}", "It is tried again later"
        ) from error
    if not (isinstance(document, dict) and isinstance(document.get("facts"), dict)):
        raise SourceError(
            name, f"{answer.url} holds no facts", "Check the cik in the thesis file against SEC's"
        )
    if str(document.get("cik", "")).lstrip("0") != cik.lstrip("0"):
        raise SourceError(
            name,
            f"{answer.url} is about cik {str(document.get('cik'))[:20]!r}",
            "It is tried again later",
        )
    return document


def name_of(cik: str) -> str:
    """What the facts of a company go by in the source states."""
    return f"facts of cik {cik}"


def check_contact(user_agent: str, source: str = "company facts") -> None:
    """Raise SourceError unless a User-Agent names somebody SEC can write to."""
    if "@" not in user_agent or "@example." in user_agent:
        raise SourceError(
            source,
            f"SEC lets in only who names a contact, and the User-Agent is {user_agent!r}",
            "Put your address into [http] user_agent in config.toml",
        )
