"""A model opens the digest with sentences that hold; without it the template's words stand."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from agent.digest import making, sending
from agent.digest.making import Digest
from agent.replay import replay
from agent.workspace import Workspace
from tests.chat_server import ChatServer, fails, says
from tests.fakes import fetched
from tests.hook_server import CHANNEL, HookServer
from tests.stored import select
from tests.story import STORY

DAY = date(2025, 1, 24)
NOW = datetime(2025, 2, 10, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


@pytest.fixture
def workspace(server: ChatServer, workspaces: Callable[..., Workspace]) -> Workspace:
    config = f'[judge]\nbase_url = "{server.url}"\n[digest]\nchannels = ["chat"]\n' + CHANNEL
    opened: Workspace = workspaces("led", config=config)
    replay(opened, fetched(*STORY), "story")
    server.asked.clear()
    return opened


def made(workspace: Workspace, ask: bool = True) -> Digest:
    return making.make(workspace, DAY, NOW, ask=ask)


GOOD = "AMD ROCm runs it on MI300."


def answer(workspace: Workspace, *texts: str) -> dict[str, object]:
    facts = making.make(workspace, DAY, NOW).facts
    events = [one.item_id for one in (*facts.supporting, *facts.against)]
    return {"sentences": [{"text": text, "events": [events.index("d3") + 1]} for text in texts]}


def test_sentences_that_hold_open_the_digest_after_the_numbers(
    workspace: Workspace, server: ChatServer
) -> None:
    server.script(says(answer(workspace, GOOD, "AMD gained 40% overnight.")))
    lines = made(workspace).parcel.text.splitlines()
    assert lines[0].startswith("The thesis is ")
    assert lines[2] == f"{GOOD} (d3.example)"
    assert "40%" not in "\n".join(lines[:6])
    assert GOOD in made(workspace).parcel.html
    assert len(server.asked) == 1


def test_same_facts_are_asked_about_once_and_the_call_is_a_row(
    workspace: Workspace, server: ChatServer
) -> None:
    server.script(says(answer(workspace, GOOD)))
    first, second = made(workspace), made(workspace, ask=False)
    assert first.parcel == second.parcel
    assert len(server.asked) == 1
    rows = select(workspace.database.folder, "SELECT purpose, settled FROM call")
    assert rows == [("digest", 1)]


def test_nobody_is_asked_for_a_look(workspace: Workspace, server: ChatServer) -> None:
    assert made(workspace, ask=False).facts.lead == ()
    assert server.asked == []


@pytest.mark.parametrize(
    "behaviour",
    [fails(500), fails(401), says("no json"), says({"sentences": []}), says("", refusal="no")],
    ids=["outage", "key", "unreadable", "nothing", "refusal"],
)
def test_without_an_answer_the_template_speaks(
    workspace: Workspace, server: ChatServer, behaviour: object
) -> None:
    server.always(behaviour)  # type: ignore[arg-type]
    plainly = making.make(workspace, DAY, NOW)
    assert made(workspace).parcel == plainly.parcel
    assert "Most telling:" in plainly.parcel.text


def test_hostile_titles_are_between_marks_and_titles_alone_are_told(
    workspace: Workspace, server: ChatServer
) -> None:
    server.script(says(answer(workspace, GOOD)))
    made(workspace)
    (asked,) = server.asked
    text = asked["messages"][-1]["content"]
    assert text.count("[events ") == 1
    assert "MI300" in text
    assert "score" not in text[text.index("[events ") :]


def test_digest_that_was_sent_keeps_its_opening(
    workspace: Workspace, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HookServer() as hook:
        monkeypatch.setenv("CHAT_URL", hook.address)
        server.script(says(answer(workspace, GOOD)))
        sending.send(workspace, made(workspace), NOW)
    with workspace.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM call")
    again = making.make(workspace, DAY, NOW + timedelta(days=30))
    assert GOOD in again.parcel.text
    assert len(server.asked) == 1
