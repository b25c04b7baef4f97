"""Text to vectors: the static embedder, or an OpenAI-compatible endpoint.

The static one carries its weights in its own package: no key, no download, no server.
"""

import logging
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from agent.config import Config
from agent.errors import EmbedderError, TextRefused
from agent.injection import sift

Vectors = np.ndarray[Any, np.dtype[np.float32]]
LONGEST = 2000
"""Characters of a text that are embedded: the head of an article says what it is about."""
BATCH = 256
POOLED = 32
"""Texts that are padded to one length: few, so that they are about as long as each other."""
HARMLESS = "a word"
REFUSALS = (400, 413, 422)
"""What endpoints answer when a text, or so many at once, is more than they take."""


class Embedder(Protocol):
    """Texts in, unit vectors (n, `dimension`) float32 out, in order.

    `name` identifies model and dimension: vectors of two names must never meet in one index.
    Raises EmbedderError when the vectors cannot be had; retries are its own business.
    """

    name: str
    dimension: int

    def embed(self, texts: list[str]) -> Vectors:
        """Vectors of `texts`; an empty text gets the zero vector."""
        ...


def make(config: Config) -> Embedder:
    """The embedder that config asks for."""
    if config.embedding.kind == "openai":
        return OpenAIEmbedder(config)
    return StaticEmbedder()


@lru_cache(maxsize=2048)  # a few chunks: their items are read by one stage after the other
def as_text(title: str, summary: str, text: str = "") -> str:
    """The text of an item that is embedded and judged, without what it says to a machine."""
    body = summary or text
    return sift(f"{title}. {body}"[:LONGEST]).text


class StaticEmbedder:
    """wordllama's bundled 256-dimension vectors, averaged over a text's tokens."""

    dimension = 256
    name = "wordllama-l2-supercat-256"

    def __init__(self) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # for so few, threads only cost
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        try:
            import wordllama

            self._model = wordllama.WordLlama.load(
                cache_dir=Path(wordllama.__file__).parent, disable_download=True
            )
        except (ImportError, OSError, ValueError) as error:
            raise EmbedderError(
                f"the static embedder cannot be loaded: {error}",
                "Install again from requirements.lock",
            ) from error
        finally:  # its import turns on everybody's logging
            root.handlers[:] = handlers
            root.setLevel(level)

    def embed(self, texts: list[str]) -> Vectors:
        """About 9,000 short texts a second on one core."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # little padding each
        pooled = self._model.embed([texts[i] or " " for i in order], batch_size=POOLED)
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        vectors[order] = pooled
        return _unit(vectors, texts)


class OpenAIEmbedder:
    """An OpenAI-compatible `/embeddings` endpoint; the SDK retries 429 and 5xx by itself."""

    dimension = 0

    def __init__(self, config: Config) -> None:
        import openai

        if config.openai_api_key is None:
            raise EmbedderError(
                'embedding.kind is "openai" and OPENAI_API_KEY is not set',
                'Set it in the environment or in .env, or set embedding.kind = "static"',
            )
        self.name = f"openai-{config.embedding.model}"
        self._model = config.embedding.model
        self._client = openai.OpenAI(
            api_key=config.openai_api_key.get_secret_value(),
            base_url=config.embedding.base_url or None,
            timeout=config.embedding.timeout,
            max_retries=3,
        )

    def embed(self, texts: list[str]) -> Vectors:
        """One request per 256 texts."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        batches = [self._ask(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]
        vectors = _unit(np.concatenate(batches), texts)
        self.dimension = vectors.shape[1]
        return vectors

    def _ask(self, texts: list[str]) -> Vectors:
        import openai

        try:
            return self._request(texts)
        except openai.OpenAIError as error:
            status = getattr(error, "status_code", None)
            if status in REFUSALS and self._works():
                raise TextRefused(
                    f"the embedding endpoint refused a text: {status}",
                    "The item is set aside; see `thesis status`",
                ) from error
            raise EmbedderError(
                f"the embedding endpoint failed: {type(error).__name__}",
                "Nothing was lost: check OPENAI_API_KEY and [embedding], and run again",
            ) from error
        except (AttributeError, TypeError, ValueError) as error:
            raise EmbedderError(
                f"the embedding endpoint did not answer {len(texts)} texts with as many vectors",
                "Check embedding.model, and base_url: most servers want /v1 at its end",
            ) from error

    def _request(self, texts: list[str]) -> Vectors:
        """One request; ValueError and the like when the answer is not the vectors of `texts`."""
        given = [text or " " for text in texts]
        answer = self._client.embeddings.create(model=self._model, input=given)
        rows = sorted(answer.data, key=lambda row: row.index)
        vectors = np.array([row.embedding for row in rows], dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            raise ValueError(f"an answer of shape {vectors.shape}")
        return vectors

    def _works(self) -> bool:
        """Whether it takes a harmless text now: if not, a refusal says nothing of the text."""
        import openai

        try:
            self._request([HARMLESS])
        except (openai.OpenAIError, AttributeError, TypeError, ValueError):
            return False
        return True


def _unit(vectors: Vectors, texts: list[str]) -> Vectors:
    """Rows scaled to length 1; the row of an empty text is zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    scaled[[not text for text in texts]] = 0
    return scaled
