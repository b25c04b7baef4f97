"""What every judge is given and what it must answer."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

Vectors = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Judgeable:
    """An item as a judge sees it: an id to answer under and the text, nothing else."""

    id: str
    text: str

    @property
    def input_hash(self) -> str:
        """Hash of what the judge reads: it says whether a verdict is of the text as it stands."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Label:
    """One category the item bears on: stance, its probability, severity 1 (talk) to 3 (decisive).

    `p` is the probability that the item bears on the category with this stance, given that it
    is relevant at all. `quote_at` says where the quote stands in the text that was judged, `claim`
    which claim of the thesis it bears on. A label with a `fault` is listed and never scored.
    """

    category: str
    stance: str
    p: float
    severity: int
    quote: str | None = None
    quote_at: tuple[int, int] | None = None
    claim: str | None = None
    fault: str = ""

    def as_row(self) -> dict[str, Any]:
        """As it is stored: its quote even where there is none, the rest if there is something."""
        row = asdict(self)
        return {name: row[name] for name in row if name == "quote" or row[name] not in (None, "")}


class Missing(StrEnum):
    """Why a judge did not judge an item though nothing is wrong with the item."""

    OUTAGE = "outage"
    BATCHED = "batched"
    UNPAID = "unpaid"
    UNRECORDED = "unrecorded"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's answer on one item, most important label first.

    Labels of an abstained verdict are leads for a reviewer and are never scored. `event` says in
    a line who did what when; `known` that the thesis says it already. One that is `missing` is no
    verdict at all: the judge was not asked, or could not be. `promise` in [0, 1] says how much it
    is worth asking a dearer judge; it is no probability.
    """

    id: str
    relevant: bool
    p_relevant: float
    labels: tuple[Label, ...]
    abstained: bool
    reason: str
    input_hash: str
    event: str = ""
    known: bool = False
    missing: Missing | None = None
    promise: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether it is worth asking the same judge later."""
        return self.missing in (Missing.OUTAGE, Missing.BATCHED)


class Judge(Protocol):
    """Judges items against one thesis.

    `name`, `model` and `prompt_hash` say exactly who judged; together with the input hash and
    the thesis version they are the cache key. `judge` answers every item, in order: an item it
    cannot judge gets an abstention with the reason. It raises JudgeError only when it can judge
    nothing at all.
    """

    name: str
    model: str
    prompt_hash: str

    def judge(self, items: Sequence[Judgeable], vectors: Vectors) -> list[Verdict]:
        """Verdicts on `items`, whose embeddings are the rows of `vectors` (n, d)."""
        ...
