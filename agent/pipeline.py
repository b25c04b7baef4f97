"""One pass over the world, and the only shell that ties the parts together:

    collect      a look at every source      -> items       fetched
    | embed      text -> vectors             -> items       embedded
    | group      which happening is this?    -> events      grouped
    | judge      what does it say of it?     -> verdicts    judged
    | score      what is that worth?         -> ledger      scored
    | snapshot   how strong is the thesis?   -> one score
    | index      vectors, from the outbox    -> Chroma

Every stage takes the items that wait in the state before it, oldest first, a chunk to a
transaction, so a pass that dies is finished by the next one and ends in the same ledger.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import numpy as np

from agent import standing
from agent.collecting import collect
from agent.embed import Vectors
from agent.errors import SourceError, TextRefused
from agent.grouping import Grouper
from agent.indexing import Indexer
from agent.intake import Intake, text_of
from agent.judge import Judgeable
from agent.progress import Progress, silent
from agent.weighing import Weigher
from agent.workspace import EMBEDDER_KEY, REPLAY_KEY, Workspace
from store import items, ledger, settings, verdicts
from store.models import ItemState

CHUNK = 500
"""Items to a transaction: small enough to lose little, large enough to be fast."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass did: what came in, which sources failed, where the score stands."""

    intake: Intake
    failures: tuple[SourceError, ...]
    standing: standing.Standing


def run(workspace: Workspace, now: datetime, progress: Progress = silent) -> Report:
    """One pass over the configured sources."""
    with Pass(workspace, progress) as one:
        intake, failures = collect(workspace, now, progress)
        one.advance(now)
        return Report(intake, failures, one.snapshot(now))


class Pass:
    """The stages after collecting, with what they keep in memory between chunks.

    Leaving it finishes the index; StoreError from there means that SQL is complete and the
    index is behind.
    """

    def __init__(
        self, workspace: Workspace, progress: Progress = silent, *, replaying: bool = False
    ) -> None:
        self._workspace = workspace
        self._database = workspace.database
        self._progress = progress
        self._grouper = Grouper(workspace)
        self._weigher = Weigher(workspace)
        self._indexer = Indexer(workspace)
        self._rows: dict[int, Any] = {}
        self._vectors: dict[int, Any] = {}
        self._thesis_kept = False
        self._settled = replaying  # a replay comes by every day itself

    def __enter__(self) -> Self:
        from threadpoolctl import threadpool_limits

        self._threads = threadpool_limits(limits=1)  # small products only: more threads just spin
        with self._database.writing() as connection:
            settings.keep(connection, EMBEDDER_KEY, self._workspace.embedder.name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._indexer.finish()
        finally:
            self._indexer.close()
            self._threads.restore_original_limits()

    def advance(self, now: datetime) -> None:
        """Bring every item first seen by `now` to the ledger."""
        self._finish_replay()
        for stage, before, work in (
            ("embed", ItemState.FETCHED, self._embed),
            ("group", ItemState.EMBEDDED, self._group),
            ("judge", ItemState.GROUPED, self._judge),
            ("score", ItemState.JUDGED, self._score),
        ):
            full = True
            while full and (waiting := self._waiting(before, now)):
                work(waiting, now)
                self._progress(stage, len(waiting))
                full = len(waiting) == CHUNK
        self._indexer.feed()

    def _finish_replay(self) -> None:
        """Items of a replay that died belong to its day, and come to the ledger as of it."""
        with self._database.reading() as connection:
            day = None if self._settled else settings.read(connection, REPLAY_KEY)
        self._settled = True
        if day:
            self.advance(datetime.fromisoformat(day))
            self.snapshot(datetime.fromisoformat(day))

    def snapshot(self, now: datetime) -> standing.Standing:
        """Keep the score as of `now`."""
        thesis = self._workspace.thesis
        with self._database.writing() as connection:
            self._keep_thesis(connection, now)
            blind = standing.blind_share(connection, self._workspace.config, now)
            found = self._weigher.book(connection, now).standing(thesis, now, blind)
            ledger.keep_snapshot(connection, found.as_row())
        return found

    def _waiting(self, state: ItemState, now: datetime) -> list[Any]:
        """Items to work on next; as they were read for the stage before, where they were."""
        with self._database.reading() as connection:
            numbers = items.waiting(connection, state, now, CHUNK)
            if not all(number in self._rows for number in numbers):
                self._rows = {row.number: row for row in items.by_numbers(connection, numbers)}
        return [self._rows[number] for number in numbers]

    def _embed(self, waiting: Sequence[Any], now: datetime) -> None:
        try:
            vectors = self._workspace.embedder.embed([text_of(item) for item in waiting])
        except TextRefused as error:
            self._set_aside(waiting, error, now)
            return
        numbers = [item.number for item in waiting]
        with self._database.writing() as connection:
            items.add_vectors(connection, numbers, vectors)
            items.advance(connection, numbers, ItemState.EMBEDDED)
        self._vectors = dict(zip(numbers, vectors, strict=True))

    def _set_aside(self, waiting: Sequence[Any], error: TextRefused, now: datetime) -> None:
        """Find the text that the embedder refuses and quarantine its item alone."""
        if len(waiting) > 1:
            middle = len(waiting) // 2
            self._embed(waiting[:middle], now)
            self._embed(waiting[middle:], now)
        else:
            with self._database.writing() as connection:
                items.quarantine(connection, waiting[0].number, str(error))

    def _group(self, waiting: Sequence[Any], now: datetime) -> None:
        with self._database.writing() as connection:
            vectors = self._vectors_of(connection, [item.number for item in waiting])
            self._grouper.group(connection, waiting, vectors)

    def _judge(self, waiting: Sequence[Any], now: datetime) -> None:
        judge, numbers = self._workspace.judge, [item.number for item in waiting]
        with self._database.reading() as connection:
            vectors = self._vectors_of(connection, numbers)
        said = judge.judge([Judgeable(item.id, text_of(item)) for item in waiting], vectors)
        stamp = {
            "judge": judge.name,
            "model": judge.model,
            "prompt_hash": judge.prompt_hash,
            "thesis_version": self._workspace.thesis.version,
            "recorded_at": now,
        }
        rows = [
            {
                **stamp,
                "item_number": number,
                "input_hash": verdict.input_hash,
                "relevant": verdict.relevant,
                "p_relevant": verdict.p_relevant,
                "abstained": verdict.abstained,
                "reason": verdict.reason,
                "labels": [asdict(label) for label in verdict.labels],
            }
            for number, verdict in zip(numbers, said, strict=True)
        ]
        with self._database.writing() as connection:
            verdicts.add(connection, rows)
            items.advance(connection, numbers, ItemState.JUDGED)

    def _score(self, waiting: Sequence[Any], now: datetime) -> None:
        with self._database.writing() as connection:
            self._keep_thesis(connection, now)
            numbers = [item.number for item in waiting]
            self._weigher.weigh(connection, items.event_ids(connection, numbers), now)
            items.advance(connection, numbers, ItemState.SCORED)

    def _vectors_of(self, connection: Any, numbers: Sequence[int]) -> Vectors:
        """Vectors (n, d) of items: just made, or read back."""
        if numbers and all(number in self._vectors for number in numbers):
            return np.stack([self._vectors[number] for number in numbers])
        return items.vectors_of(connection, numbers)

    def _keep_thesis(self, connection: Any, now: datetime) -> None:
        """Remember the text that this pass' thesis version stands for."""
        thesis = self._workspace.thesis
        if not self._thesis_kept:
            ledger.keep_thesis(connection, thesis.version, thesis.id, thesis.text, now)
        self._thesis_kept = True
