import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import config as configuration
from agent import embed
from agent.config import Config
from agent.embed import OpenAIEmbedder, StaticEmbedder
from agent.errors import EmbedderError, TextRefused
from agent.pipeline import Pass
from agent.replay import replay
from agent.workspace import Workspace, writing
from store import items
from tests.fakes import FakeIndex, FakeJudge, fetched, item
from tests.servers import DIMENSION, EmbeddingServer, vector_of

KEY = "sk-test-4242-secret"


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as running:
        yield running


@pytest.fixture
def embedders() -> Iterator[Callable[..., OpenAIEmbedder]]:
    made: list[OpenAIEmbedder] = []

    def make(url: str, key: str | None = KEY) -> OpenAIEmbedder:
        section = {"kind": "openai", "model": "tiny-8", "base_url": url, "timeout": 5.0}
        config = Config.model_validate({"embedding": section, "openai_api_key": key})
        found = embed.make(config)
        assert isinstance(found, OpenAIEmbedder)
        made.append(found)
        return found

    yield make
    for one in made:
        one._client.close()


def refusal(embedder: OpenAIEmbedder, texts: list[str]) -> EmbedderError:
    with pytest.raises(EmbedderError) as caught:
        embedder.embed(texts)
    assert KEY not in str(caught.value) + repr(caught.value)
    return caught.value


def test_without_a_choice_the_embedder_needs_no_key() -> None:
    assert isinstance(embed.make(Config()), StaticEmbedder)


def test_an_items_text_is_its_title_and_summary_or_else_its_body() -> None:
    assert embed.as_text("Title", "Summary", "Body") == "Title. Summary"
    assert embed.as_text("Title", "", "Body") == "Title. Body"
    assert len(embed.as_text("Title", "x" * 9000)) == embed.LONGEST


def test_static_vectors_have_unit_length_and_the_promised_shape(
    static_embedder: StaticEmbedder,
) -> None:
    vectors = static_embedder.embed(["Nvidia sells GPUs", "台积电扩产", "a"])
    assert vectors.shape == (3, static_embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_static_vectors_of_like_texts_are_near(static_embedder: StaticEmbedder) -> None:
    one, like, other = static_embedder.embed(
        ["Nvidia sells chips", "Chips are sold by Nvidia", "A recipe for rye bread"]
    )
    assert one @ like > 0.6 > one @ other + 0.2


def test_an_empty_text_gets_the_zero_vector(static_embedder: StaticEmbedder) -> None:
    vectors = static_embedder.embed(["", "word"])
    assert not vectors[0].any()
    assert vectors[1].any()
    assert static_embedder.embed([]).shape == (0, static_embedder.dimension)


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=6))
def test_a_static_vector_does_not_depend_on_its_neighbours(
    static_embedder: StaticEmbedder, texts: list[str]
) -> None:
    together = static_embedder.embed(texts)
    alone = np.concatenate([static_embedder.embed([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-5)
    assert np.isfinite(together).all()


def test_an_endpoint_gives_unit_vectors_in_order(
    server: EmbeddingServer, embedders: Callable[..., OpenAIEmbedder]
) -> None:
    embedder = embedders(server.url)
    vectors = embedder.embed(["one", "two and three"])
    expected = [vector_of("one"), vector_of("two and three")]
    assert np.allclose(vectors, [one / np.linalg.norm(one) for one in expected], atol=1e-6)
    assert embedder.dimension == DIMENSION
    assert embedder.name == "openai-tiny-8"
    assert server.models == ["tiny-8"]
    assert server.keys == [f"Bearer {KEY}"]


def test_rows_that_come_back_shuffled_are_put_in_order(
    server: EmbeddingServer, embedders: Callable[..., OpenAIEmbedder]
) -> None:
    embedder = embedders(server.url)
    straight = embedder.embed(["one", "two", "three"])
    server.bend(lambda rows: {"data": rows[::-1]})
    assert np.array_equal(embedder.embed(["one", "two", "three"]), straight)


def test_many_texts_go_in_several_requests(
    server: EmbeddingServer, embedders: Callable[..., OpenAIEmbedder]
) -> None:
    texts = [f"text {number}" for number in range(embed.BATCH + 3)]
    vectors = embedders(server.url).embed(texts)
    assert [len(asked) for asked in server.asked] == [embed.BATCH, 3]
    assert len(vectors) == len(texts)
    assert [text for asked in server.asked for text in asked] == texts


def test_no_text_is_no_request_and_an_empty_one_is_not_sent_empty(
    server: EmbeddingServer, embedders: Callable[..., OpenAIEmbedder]
) -> None:
    embedder = embedders(server.url)
    assert len(embedder.embed([])) == 0
    assert server.asked == []
    vectors = embedder.embed(["", "word"])
    assert server.asked == [[" ", "word"]]
    assert not vectors[0].any()


def test_an_endpoint_that_fails_for_a_moment_is_asked_again(
    server: EmbeddingServer, embedders: Callable[..., OpenAIEmbedder]
) -> None:
    server.fail(503, times=2)
    assert len(embedders(server.url).embed(["one"])) == 1
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_an_endpoint_that_keeps_failing_is_an_error_and_no_texts_fault(
    status: int, server: EmbeddingServer, embedders: Callable[..., OpenAIEmbedder]
) -> None:
    server.fail(status, times=9)
    error = refusal(embedders(server.url), ["one"])
    assert not isinstance(error, TextRefused)
    assert "the embedding endpoint failed" in str(error)


def test_an_endpoint_that_is_not_there_is_an_error(
    embedders: Callable[..., OpenAIEmbedder],
) -> None:
    with EmbeddingServer() as gone:
        url = gone.url
    embedder = embedders(url)
    embedder._client.max_retries = 0
    assert "failed: APIConnectionError" in str(refusal(embedder, ["one"]))


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_text_is_told_from_a_refusing_endpoint(
    status: int, server: EmbeddingServer, embedders: Callable[..., OpenAIEmbedder]
) -> None:
    server.refuse("poison", status)
    error = refusal(embedders(server.url), ["fine", "poison"])
    assert isinstance(error, TextRefused)
    server.refuse("", 400)
    server.fail(status, times=9)
    assert not isinstance(refusal(embedders(server.url), ["fine"]), TextRefused)


@pytest.mark.parametrize(
    "bend",
    [
        lambda rows: {"data": rows[:-1]},
        lambda rows: {"data": [*rows, rows[0]]},
        lambda rows: {"data": []},
        lambda rows: {"error": {"message": "no such model"}},
        lambda rows: {"data": [{**row, "embedding": [1.0] * (3 + row["index"])} for row in rows]},
        lambda rows: {"data": [{**row, "embedding": None} for row in rows]},
        lambda rows: {"data": [{**row, "embedding": [[1.0]]} for row in rows]},
        lambda rows: {"data": [{"index": row["index"]} for row in rows]},
        lambda rows: [],
        lambda rows: "<html>It works!</html>",
    ],
    ids="short long none error ragged null nested missing list html".split(),
)
def test_an_answer_of_another_shape_is_an_error_of_ours(
    bend: Callable[..., Any], server: EmbeddingServer, embedders: Callable[..., OpenAIEmbedder]
) -> None:
    server.bend(bend)
    error = refusal(embedders(server.url), ["one", "two"])
    assert not isinstance(error, TextRefused)
    assert "base_url" in error.way_out


def test_without_a_key_the_way_out_is_named(embedders: Callable[..., OpenAIEmbedder]) -> None:
    with pytest.raises(EmbedderError, match=r"OPENAI_API_KEY is not set.*\.env"):
        embedders("http://127.0.0.1:9/v1", None)


@pytest.mark.parametrize("key", [f"{KEY}\u00e9", f"{KEY}\n"])
def test_a_key_that_cannot_be_sent_is_not_shown(
    key: str, server: EmbeddingServer, embedders: Callable[..., OpenAIEmbedder]
) -> None:
    embedder = embedders(server.url, key)
    embedder._client.max_retries = 0
    refusal(embedder, ["one"])
    assert server.asked == []


@pytest.fixture
def remote(tmp_path: Path, server: EmbeddingServer, monkeypatch: Any) -> Iterator[Workspace]:
    """A workspace whose embedder is the server's, configured as a user would."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    path = tmp_path / configuration.FILE_NAME
    path.write_text(
        f'[embedding]\nkind = "openai"\nmodel = "tiny-8"\nbase_url = "{server.url}"\n',
        encoding="utf-8",
    )
    with writing(path) as opened:
        opened.__dict__.update({"judge": FakeJudge(), "index": FakeIndex()})
        yield opened
        opened.embedder._client.close()  # type: ignore[attr-defined]


def states(workspace: Workspace) -> dict[str, tuple[str, str]]:
    with workspace.database.reading() as connection:
        rows = items.listing(connection)
    return {row.id: (row.state, row.state_reason) for row in rows}


def test_an_item_the_endpoint_refuses_is_set_aside_while_the_others_pass(
    remote: Workspace, server: EmbeddingServer
) -> None:
    server.refuse("poison")
    rows = [item(f"n{i}", f"Story {i} of TPUs [custom_silicon+2]") for i in range(5)]
    rows.insert(2, item("bad", "A poison story [custom_silicon+2]"))
    done = replay(remote, fetched(*rows), "test")
    found = states(remote)
    state, reason = found.pop("bad")
    assert state == "quarantined"
    assert "refused a text: 400" in reason
    assert KEY not in reason
    assert {state for state, _ in found.values()} == {"scored"}
    assert done.standing is not None
    assert done.standing.score.events >= 1
    assert len(server.asked) < 2 * len(rows)


def test_an_endpoint_that_refuses_everything_sets_nothing_aside(
    remote: Workspace, server: EmbeddingServer
) -> None:
    server.fail(400, times=99)
    with pytest.raises(EmbedderError, match="failed: BadRequestError"):
        replay(remote, fetched(item("a", "One"), item("b", "Two")), "test")
    assert {state for state, _ in states(remote).values()} == {"fetched"}


def test_after_an_outage_the_next_pass_goes_on_where_the_last_one_stopped(
    remote: Workspace, server: EmbeddingServer
) -> None:
    server.fail(500, times=4)
    rows = fetched(item("a", "One [custom_silicon+2]"), item("b", "Two"))
    with pytest.raises(EmbedderError):
        replay(remote, rows, "test")
    with Pass(remote) as one:
        now = datetime(2025, 1, 28, tzinfo=UTC)
        one.advance(now)
        assert one.snapshot(now).score.events == 1
    assert {state for state, _ in states(remote).values()} == {"scored"}


def test_loading_the_static_embedder_leaves_logging_alone() -> None:
    code = (
        "import logging; from agent.embed import StaticEmbedder; StaticEmbedder(); "
        "assert not logging.getLogger().handlers, logging.getLogger().handlers"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
