"""Hand-written stand-ins: an embedder that hashes words and a judge that reads its orders.

The judge's tiny language, written anywhere in an item's text:

    [custom_silicon+2]   a label: category, + supports / - weakens / 0 neutral, severity
    [abstain]            an abstention
    anything else        not relevant

`item(...)` builds a JSONL row. Everything is deterministic.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from agent.judge import Judgeable, Label, Verdict
from agent.sources import Fetched
from agent.sources.draft import from_mapping

_LABEL = re.compile(r"\[(\w+)([+\-0])([123])\]")
_STANCE = {"+": "supports", "-": "weakens", "0": "neutral"}


class FakeEmbedder:
    """Bags of hashed words as unit vectors of 64 dimensions."""

    name = "fake-64"
    dimension = 64

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: list[str]) -> np.ndarray:
        self.texts += texts
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.casefold()):
                row[int(hashlib.md5(word.encode()).hexdigest(), 16) % self.dimension] += 1
            row /= np.linalg.norm(row) or 1.0
        return rows


class FakeJudge:
    """Says what the text tells it to; `asked` holds everything it was ever given."""

    name = "fake"
    model = "fake-1"
    prompt_hash = "orders"

    def __init__(self) -> None:
        self.asked: list[Judgeable] = []

    def judge(self, items: Sequence[Judgeable], vectors: Any) -> list[Verdict]:
        self.asked += items
        return [self._verdict(item) for item in items]

    def _verdict(self, item: Judgeable) -> Verdict:
        if "[abstain]" in item.text:
            return Verdict(item.id, False, 0.5, (), True, "told to", item.input_hash)
        labels = tuple(
            Label(category, _STANCE[sign], 0.9, int(severity))
            for category, sign, severity in _LABEL.findall(item.text)
        )
        p = 0.95 if labels else 0.05
        return Verdict(item.id, bool(labels), p, labels, False, f"p = {p}", item.input_hash)


class FakeIndex:
    """Remembers which numbers it was given; the real one starts a process for each pass."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()

    def add(self, numbers: Sequence[int], vectors: Any) -> None:
        assert len(numbers) == len(vectors)
        self.numbers.update(numbers)

    def clear(self) -> None:
        self.numbers.clear()

    def is_whole(self) -> bool:
        return True

    def close(self) -> None:
        pass


def item(id_: str, title: str, published: str | None = "2025-01-27", **more: Any) -> dict[str, Any]:
    """A JSONL row; each id gets its own publisher unless told otherwise."""
    row = {"id": id_, "title": title, "source": f"{id_}.example", "url": f"https://{id_}.example/a"}
    if published is not None:
        row["published"] = published
    return {**row, **more}


def fetched(*rows: dict[str, Any]) -> Fetched:
    """Rows as a source would have delivered them."""
    return Fetched(
        tuple(from_mapping(row, source="test", line=n) for n, row in enumerate(rows, start=1))
    )


class FailsAt:
    """Stands in front of `inner` and raises `error` at the n-th call of one of its methods.

    Only that once: who calls again is answered, as after a restart.
    """

    def __init__(self, inner: Any, method: str, nth: int, error: Exception | None = None) -> None:
        self._inner = inner
        self._method = method
        self._left = nth
        self._error = error or RuntimeError(f"call {nth} of {method}")

    @property
    def failed(self) -> bool:
        return self._left <= 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._method:
            return found

        def call(*given: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                raise self._error
            return found(*given, **named)

        return call
