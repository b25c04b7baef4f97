"""One pass over the world, and the only shell that ties the parts together:

    collect      a look at every source      -> items       fetched
    | figures    what companies reported     -> KPI values, and evidence by the thesis' rules
    | embed      text -> vectors             -> items       embedded
    | group      which happening is this?    -> events      grouped
    | judge      what does it say of it?     -> verdicts    judged
    | score      what is that worth?         -> ledger      scored
    | snapshot   how strong is the thesis?   -> one score
    | forecasts  what does it say of dated questions, which came out?
    | alert      is a threat spiking?        -> alerts, and messages in the outbox
    | digest     what did the day do to the thesis? once a morning
    | deliver    messages                    -> channels
    | index      vectors, from the outbox    -> Chroma

Every stage takes the items that wait in the state before it, oldest first, a chunk to a
transaction, so a pass that dies is finished by the next one and ends in the same ledger.
"""

import gc
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self

import numpy as np

from agent import alerting, delivery, disclosure, figures, forecasts, regrouping, standing
from agent.calibration import PERSON
from agent.collecting import collect
from agent.days import end_of, start_of
from agent.delivery import Delivered
from agent.digest import sending
from agent.embed import Vectors
from agent.errors import SourceError, TextRefused, ThesiswatchError
from agent.grouping import Grouper
from agent.indexing import Indexer
from agent.intake import Intake, text_of
from agent.judge import llm
from agent.judge.account import Later
from agent.judge.llm import LlmJudge
from agent.judging import Judging
from agent.notices import Told
from agent.progress import Progress, silent
from agent.weighing import Weigher
from agent.workspace import EMBEDDER_KEY, REPLAY_KEY, Workspace
from store import items, ledger, settings, verdicts
from store.models import ItemState

CHUNK = 500
"""Items to a transaction: small enough to lose little, large enough to be fast."""
ROUNDS = 4
"""Questions to a chunk, for each that a model is asked at once, where others wait for a turn."""
ROWS_KEPT = 2000
"""Items kept in memory from stage to stage."""
SELDOM = (50_000, 20, 50)
"""When cyclic garbage is looked for: rows live long and hold no cycles, and there are many."""

Work = Callable[[Sequence[int]], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass did: what came in, which sources failed, where the score stands.

    `unread` are the companies whose figures could not be had; `told` are the alerts somebody is
    told of, `delivered` what became of the messages; `index_anew` when the vector index could not
    be used as it was.
    """

    intake: Intake
    failures: tuple[SourceError, ...]
    unread: tuple[SourceError, ...]
    standing: standing.Standing
    spent: str
    told: list[Told]
    delivered: Delivered
    index_anew: bool = False


def run(workspace: Workspace, now: datetime, progress: Progress = silent) -> Report:
    """One pass over the configured sources."""
    with Pass(workspace, progress, ask_at=now) as one:
        intake, failures = collect(workspace, now, progress)
        unread = figures.update(workspace, now, progress)
        one.finish_replay()
        disclosure.take(workspace, now)
        one.advance(now)
        found = one.snapshot(now)
        forecasts.update(workspace, found, now)
        told, delivered = tell(workspace, now)
    return Report(intake, failures, unread, found, one.spent, told, delivered, one.made_anew)


def judge(
    workspace: Workspace,
    now: datetime,
    progress: Progress = silent,
    enough: Callable[[], bool] | None = None,
) -> str:
    """The stages up to the verdict, on what is there; returns what asking a model took.

    Neither collects nor indexes: for a daemon, which does those at their own times. Once it was
    `enough` each stage ends with its next chunk, and what is left waits.
    """
    with Pass(workspace, progress, ask_at=now, indexing=False) as one:
        one.finish_replay()
        one.prepare(now, enough=enough)
        return one.spent


def score(
    workspace: Workspace, now: datetime, every: timedelta, progress: Progress = silent
) -> standing.Standing | None:
    """Bring what was judged and what companies reported to the ledger, and keep the score.

    None when there was no new evidence and the last one was kept less than `every` ago.
    """
    with Pass(workspace, progress, indexing=False) as one:
        one.finish_replay()
        disclosure.take(workspace, now)
        one.settle(now)
        with workspace.database.reading() as connection:
            if standing.next_at(connection, workspace.thesis, every, now) > now:
                return None
        found = one.snapshot(now)
    forecasts.update(workspace, found, now)
    return found


def index(workspace: Workspace, progress: Progress = silent) -> bool:
    """Give the index what waits for it; returns whether it had to be made anew."""
    with Pass(workspace, progress) as one:
        pass
    return one.made_anew


def tell(workspace: Workspace, now: datetime) -> tuple[list[Told], Delivered]:
    """Bring the alerts up to `now`, and send them and the digest that is due.

    A digest that cannot be made is a failure like that of a channel: the alerts go out.
    """
    told = alerting.update(workspace, now)
    try:
        sending.send_due(workspace, now)
        failures: tuple[ThesiswatchError, ...] = ()
    except ThesiswatchError as error:
        failures = (error,)
    delivered = delivery.deliver(workspace, now)
    return told, replace(delivered, failures=(*failures, *delivered.failures))


class Pass:
    """The stages after collecting, with what they keep in memory between chunks.

    A language model may be asked at `ask_at`; without it only what was answered before counts.
    With `later` its questions are put there for a batch. `resumed` counts items that waited.
    Leaving it finishes the index, unless told not to be `indexing`; StoreError from there means
    that SQL is complete and the index is behind.
    """

    def __init__(
        self,
        workspace: Workspace,
        progress: Progress = silent,
        *,
        ask_at: datetime | None = None,
        later: Later | None = None,
        indexing: bool = True,
    ) -> None:
        self._workspace = workspace
        self._database = workspace.database
        self._progress = progress
        self._grouper = Grouper(workspace)
        self._judging = Judging(workspace, ask_at, later)
        self._recalling = self._judging if ask_at is None else Judging(workspace, None)
        self.resumed = 0
        self._weigher = Weigher(workspace)
        self._indexer = Indexer(workspace) if indexing else None
        self._rows: dict[int, Any] = {}
        self._vectors: dict[int, Any] = {}
        self._thesis_kept = False
        self._kept: deque[Any] = deque()

    def __enter__(self) -> Self:
        from threadpoolctl import threadpool_limits

        with self._database.writing() as connection:
            settings.keep(connection, EMBEDDER_KEY, self._workspace.embedder.name)
        self._threads = threadpool_limits(limits=1)  # small products only: more threads just spin
        self._collecting = gc.get_threshold()
        gc.set_threshold(*SELDOM)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._indexer and error is None:
                self._indexer.finish()
        finally:
            if self._indexer:
                self._indexer.close()
            gc.set_threshold(*self._collecting)
            self._threads.restore_original_limits()

    def advance(self, now: datetime) -> None:
        """Bring every item first seen by `now` to the ledger."""
        self.finish_replay()
        self.prepare(now)
        self.settle(now)

    @property
    def made_anew(self) -> bool:
        """Whether the index could not be read and was filled again."""
        return self._indexer is not None and self._indexer.made_anew

    @property
    def spent(self) -> str:
        """What asking a language model took, in a line; "" when there was nothing to ask."""
        return self._judging.model.account.summary() if self._judging.model else ""

    def prepare(
        self,
        until: datetime,
        *,
        day_by_day: bool = False,
        asking: bool = True,
        enough: Callable[[], bool] | None = None,
    ) -> None:
        """Embed, group and judge every item first seen by `until`, each as of its own day if asked.

        None of it bears on the score before `settle`. Once it was `enough` a stage does a chunk
        more; items that wait for a model come behind what that leaves.
        """
        judging = self._judging if asking else self._recalling
        now = None if day_by_day else until
        rest = self._waiting(ItemState.GROUPED, until, CHUNK) if enough else []
        self.resumed += len(rest)  # some of them may have waited before
        if judging.takes_up and not rest:
            with self._database.writing() as connection:
                self.resumed += items.resume(connection)
        judge = partial(self._judge, judging=judging, now=now)
        group = partial(self._group, now=now)
        self._run("embed", ItemState.FETCHED, self._embed, until, enough)
        self._run("group", ItemState.EMBEDDED, group, until, enough)
        asked = enough and llm.is_wanted(self._workspace.config)
        limit = ROUNDS * self._workspace.config.judge.at_once if asked else CHUNK
        self._run("judge", ItemState.GROUPED, judge, until, enough, limit)
        if self._indexer:
            self._indexer.feed()

    def settle(self, now: datetime) -> None:
        """Bring every judged item first seen by `now` to the ledger, as of `now`.

        Then events that turned out to be one by then are made one.
        """
        self._run("score", ItemState.JUDGED, partial(self._score, now=now), now)
        with self._database.writing() as connection:
            regrouping.settle(connection, self._weigher, now)

    def _run(
        self,
        name: str,
        before: ItemState,
        work: Work,
        until: datetime,
        enough: Callable[[], bool] | None = None,
        limit: int | None = None,
    ) -> None:
        limit, goes_on = limit or CHUNK, True
        while goes_on and (waiting := self._waiting(before, until, limit)):
            work(waiting)
            self._progress(name, len(waiting))
            goes_on = len(waiting) == limit and not (enough and enough())

    def finish_replay(self) -> None:
        """What a replay that died left behind comes to the ledger as of its own days."""
        with self._database.reading() as connection:
            noted = settings.read(connection, REPLAY_KEY)
            if not noted:
                return
            span = [datetime.fromisoformat(text) for text in noted.split()]
            days = items.days(connection, start_of(span[0].date()), span[-1])
        if days:
            self.prepare(end_of(days[-1]), day_by_day=True, asking=False)
            self.begin(days[0])
        for day in days:
            self.close_day(day, restating=True)
        self.end(restating=True)

    def reopen(self, first: date, last: date) -> None:
        """Let a language model have its say on items of these days that were judged without it."""
        judges = (PERSON, LlmJudge.name, disclosure.JUDGE)
        with self._database.writing() as connection:
            self.resumed += items.reopen(connection, start_of(first), end_of(last), judges)

    def begin(self, first: date, last: date | None = None) -> None:
        """Go back to the `first` day; with `last`, leave word of the days for whoever finishes."""
        with self._database.writing() as connection:
            if last is not None:
                span = start_of(first), end_of(last)
                settings.keep(connection, REPLAY_KEY, " ".join(at.isoformat() for at in span))
            thesis = self._workspace.thesis.id
            self._kept = deque(ledger.snapshots(connection, thesis, start_of(first)))
        self._weigher = Weigher(self._workspace)  # what it remembers may lie ahead

    def close_day(self, day: date, *, restating: bool) -> standing.Standing:
        """Settle a day and keep its score, and score again those kept before its end if asked.

        They were kept when less was known. Days come oldest first.
        """
        now, before = end_of(day), None
        while self._kept and self._kept[0].as_of <= now:
            before = self._kept.popleft()
            if restating and before.as_of < now:
                self._restate(before)
        self.settle(now)
        same = before is not None and before.as_of == now
        return self.snapshot(now, standing.Sight.of(before.detail) if before and same else None)

    def end(self, *, restating: bool) -> None:
        """Score again, if asked, what was kept after the last day, see which alerts the days would
        have brought, and forget the days."""
        while self._kept:
            row = self._kept.popleft()
            if restating:
                self._restate(row)
        with self._database.reading() as connection:
            noted = settings.read(connection, REPLAY_KEY) or ""
        if noted:
            days = [datetime.fromisoformat(text).date() for text in noted.split()]
            alerting.walk(self._workspace, days[0], days[-1])
        with self._database.writing() as connection:
            settings.keep(connection, REPLAY_KEY, "")

    def _restate(self, row: Any) -> None:
        """A kept score from what the ledger says now; as blind as it was, by its own thesis."""
        with self._database.writing() as connection:
            thesis = standing.thesis_of(connection, self._workspace.thesis, row.thesis_version)
            book = self._weigher.book(connection, row.as_of)
            sight, noise = standing.Sight.of(row.detail), row.detail.get("confusion")
            found = book.standing(thesis, row.as_of, sight, noise)
            ledger.keep_snapshot(connection, found.as_row())

    def snapshot(self, now: datetime, sight: standing.Sight | None = None) -> standing.Standing:
        """Keep the score as of `now`; `sight` where it is known what could not be seen then."""
        with self._database.writing() as connection:
            self._keep_thesis(connection, now)
            return self._weigher.keep_score(connection, now, sight)

    def _waiting(self, state: ItemState, now: datetime, limit: int) -> list[int]:
        with self._database.reading() as connection:
            return items.waiting(connection, state, now, limit)

    def _rows_of(self, numbers: Sequence[int]) -> list[Any]:
        """Items whole; as they were read for the stage before, where they were."""
        missing = [number for number in numbers if number not in self._rows]
        if missing:
            if len(self._rows) > ROWS_KEPT:
                self._rows.clear()
                missing = list(numbers)
            with self._database.reading() as connection:
                found = items.by_numbers(connection, missing)
            self._rows.update((row.number, row) for row in found)
        return [self._rows[number] for number in numbers]

    def _embed(self, numbers: Sequence[int]) -> None:
        texts = [text_of(item) for item in self._rows_of(numbers)]
        try:
            vectors = self._workspace.embedder.embed(texts)
        except TextRefused as error:
            self._set_aside(numbers, error)
            return
        with self._database.writing() as connection:
            items.add_vectors(connection, numbers, vectors)
            items.advance(connection, numbers, ItemState.EMBEDDED)
        if len(self._vectors) > ROWS_KEPT:
            self._vectors.clear()
        self._vectors.update(zip(numbers, vectors, strict=True))

    def _set_aside(self, numbers: Sequence[int], error: TextRefused) -> None:
        """Find the text that the embedder refuses and quarantine its item alone."""
        if len(numbers) > 1:
            middle = len(numbers) // 2
            self._embed(numbers[:middle])
            self._embed(numbers[middle:])
        else:
            with self._database.writing() as connection:
                items.quarantine(connection, numbers[0], str(error))

    def _group(self, numbers: Sequence[int], now: datetime | None) -> None:
        waiting = self._rows_of(numbers)
        with self._database.writing() as connection:
            vectors = self._vectors_of(connection, numbers)
            self._grouper.group(connection, waiting, vectors, now)

    def _judge(self, numbers: Sequence[int], judging: Judging, now: datetime | None) -> None:
        """Verdicts, recorded `now` or else at the end of each item's day."""
        waiting = self._rows_of(numbers)
        with self._database.reading() as connection:
            vectors = self._vectors_of(connection, numbers)
        judged = judging.judge(waiting, vectors, now)
        with self._database.writing() as connection:
            verdicts.add(connection, judged.rows)
            if judging.told and any(row["judge"] == LlmJudge.name for row in judged.rows):
                at = max(row["recorded_at"] for row in judged.rows)
                verdicts.keep_prompt(connection, *judging.told, at)
            self._grouper.hear(connection, judged.rows, now)
            if self.resumed:  # some of them may have been judged before
                verdicts.mark_gates(connection, judged.rows)
            done = [number for number in numbers if number not in judged.deferred]
            items.advance(connection, done, ItemState.JUDGED)
            items.defer(connection, judged.deferred)

    def _score(self, numbers: Sequence[int], now: datetime) -> None:
        with self._database.writing() as connection:
            self._keep_thesis(connection, now)
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
