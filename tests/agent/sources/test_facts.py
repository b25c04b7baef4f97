"""Company facts come as SEC has them, or not at all."""

import json
from collections.abc import Iterator

import pytest

from agent.config import HttpSection
from agent.errors import SourceError
from agent.sources import facts
from agent.sources.http import Client
from tests.feed_server import FeedServer

CIK = "0000012345"
PATH = f"/api/xbrl/companyfacts/CIK{CIK}.json"
WHOLE = {"cik": 12345, "entityName": "Acme", "facts": {"us-gaap": {}}}


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client(
        HttpSection(
            allow_private=("127.0.0.1",), timeout=5.0, user_agent="acme research desk@acme.test"
        )
    )
    yield made
    made.close()


def test_facts_are_asked_for_by_cik_with_a_contact(server: FeedServer, client: Client) -> None:
    server.put(PATH, json.dumps(WHOLE))
    assert facts.fetch(CIK, client, server.url("/")) == WHOLE
    ((path, headers),) = server.seen
    assert path == PATH
    assert headers["user-agent"] == "acme research desk@acme.test"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html>Undeclared Automated Tool", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "holds no facts"),
        (json.dumps({**WHOLE, "facts": None}), "holds no facts"),
        (json.dumps({**WHOLE, "cik": 999}), "is about cik '999'"),
    ],
)
def test_what_is_no_such_document_is_refused(
    body: str, said: str, server: FeedServer, client: Client
) -> None:
    server.put(PATH, body)
    with pytest.raises(SourceError, match=said) as caught:
        facts.fetch(CIK, client, server.url(""))
    assert caught.value.source == facts.name_of(CIK)
    assert caught.value.way_out


def test_zeros_before_a_cik_mean_nothing(server: FeedServer, client: Client) -> None:
    server.put(PATH, json.dumps({**WHOLE, "cik": CIK}))
    assert facts.fetch(CIK, client, server.url(""))["cik"] == CIK


@pytest.mark.parametrize("agent", ["", "thesiswatch/0.1", HttpSection().user_agent])
def test_nobody_asks_sec_without_a_contact(agent: str) -> None:
    with pytest.raises(SourceError, match="names a contact") as caught:
        facts.check_contact(agent)
    assert "user_agent" in caught.value.way_out
