"""`thesis classify`: verdicts on lines that are judged and forgotten; nothing is stored."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agent import embed
from agent.config import Config, PriceSection
from agent.judge import Judge, Judgeable, Verdict, llm, local, prompt
from agent.judge.account import Account, Forgetful
from agent.sources import Draft
from agent.thesis import Thesis
from agent.workspace import CACHE

CHUNK = 500


class Classifier:
    """Judges drafts with the judge called `kind`, "local" or "llm".

    `prompts` is a folder of other prompt files for the model.
    """

    def __init__(
        self, config: Config, thesis: Thesis, kind: str = "local", prompts: Path | None = None
    ) -> None:
        self._embedder = embed.make(config)
        self._account: Account | None = None
        self._budget = config.judge.run_budget
        self._judge: Judge
        if kind == "llm":
            rules = prompt.make(thesis, prompts) if prompts else None
            self._judge = llm.make(config, thesis, self._open_account, rules)
        else:
            self._judge = local.make(
                thesis,
                self._embedder,
                config.data_folder / CACHE,
                threshold=config.judge.threshold,
                margin=config.judge.margin,
            )

    def classify(self, drafts: Sequence[Draft]) -> Iterator[dict[str, Any]]:
        """One answer per draft, in order."""
        for start in range(0, len(drafts), CHUNK):
            given = [
                Judgeable(one.id, embed.as_text(one.title, one.summary, one.text))
                for one in drafts[start : start + CHUNK]
            ]
            vectors = self._embedder.embed([one.text for one in given])
            for verdict in self._judge.judge(given, vectors):
                yield _answer(verdict, self._judge.name)

    def _open_account(self, price: PriceSection) -> Account:
        self._account = Account(price, self._budget, Forgetful())
        return self._account

    @property
    def who(self) -> tuple[str, str, str]:
        """The judge, its model and the version of what it was told."""
        return self._judge.name, self._judge.model, self._judge.prompt_hash

    def spent(self) -> str:
        """What the calls took, in a line; "" when none was made."""
        return self._account.summary() if self._account else ""


def _answer(verdict: Verdict, judge: str) -> dict[str, Any]:
    labels = [label.as_row() for label in verdict.labels]
    answer = {
        "id": verdict.id,
        "relevant": verdict.relevant,
        "p_relevant": verdict.p_relevant,
        "labels": [{k: v for k, v in one.items() if v is not None} for one in labels],
        "judge": judge,
        "abstained": verdict.abstained,
        "reason": verdict.reason,
    }
    more = {"event": verdict.event, "missing": str(verdict.missing or "")}
    return answer | {name: value for name, value in more.items() if value}
