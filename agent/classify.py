"""`thesis classify`: verdicts on lines that are judged and forgotten; nothing is stored."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from agent import embed
from agent.config import Config
from agent.judge import Judgeable, Verdict, local
from agent.sources import Draft
from agent.thesis import Thesis
from agent.workspace import CACHE

CHUNK = 500


def classify(config: Config, thesis: Thesis, drafts: Sequence[Draft]) -> Iterator[dict[str, Any]]:
    """One answer per draft, in order."""
    embedder = embed.make(config)
    judge = local.make(
        thesis,
        embedder,
        config.data_folder / CACHE,
        threshold=config.judge.threshold,
        margin=config.judge.margin,
    )
    for start in range(0, len(drafts), CHUNK):
        chunk = drafts[start : start + CHUNK]
        given = [
            Judgeable(one.id, embed.as_text(one.title, one.summary, one.text)) for one in chunk
        ]
        vectors = embedder.embed([one.text for one in given])
        for verdict in judge.judge(given, vectors):
            yield _answer(verdict, judge.name)


def _answer(verdict: Verdict, judge: str) -> dict[str, Any]:
    labels = [
        {name: value for name, value in asdict(label).items() if value is not None}
        for label in verdict.labels
    ]
    return {
        "id": verdict.id,
        "relevant": verdict.relevant,
        "p_relevant": verdict.p_relevant,
        "labels": labels,
        "judge": judge,
        "abstained": verdict.abstained,
        "reason": verdict.reason,
    }
