"""One pass over the world, and the only shell that ties the parts together:

    collect sources        a look at every source      -> items       fetched
    | index                text -> vectors, outbox     -> items       embedded
    | group                which happening is this?    -> events      grouped
    | judge                what does it say of it?     -> verdicts    judged
    | score                what is that worth?         -> ledger      scored
    | snapshot             how strong is the thesis?   -> one score, and Chroma from the outbox

Every stage takes the items that wait in the state before it, oldest first, a chunk to a
transaction, so a pass that dies is finished by the next one and ends in the same ledger.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from agent import evidence, standing
from agent.errors import SourceError, TextRefused
from agent.events import Fingerprint, Placement, Storylines, Window
from agent.intake import Intake, take, text_of
from agent.judge import Judgeable
from agent.sources import Fetched
from agent.workspace import EMBEDDER_KEY, Workspace
from store import events, items, ledger, outbox, settings, sources, verdicts
from store.index_process import IndexProcess
from store.models import ItemState

CHUNK = 500
"""Items to a transaction: small enough to lose little, large enough to be fast."""
INDEX_BATCH = 2000
"""Vectors handed to Chroma at a time while a long pass goes on."""

Progress = Callable[[str, int], None]
"""Called with a stage's name and how many items it has just moved on."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass did: what came in, which sources failed, where the score stands."""

    intake: Intake
    failures: tuple[SourceError, ...]
    standing: standing.Standing


def silent(stage: str, count: int) -> None:
    """A Progress that shows nothing."""


def run(workspace: Workspace, now: datetime, progress: Progress = silent) -> Report:
    """One pass over the configured sources."""
    with Pass(workspace, progress) as one:
        intake, failures = collect(workspace, now, progress)
        one.advance(now)
        return Report(intake, failures, one.snapshot(now))


def collect(
    workspace: Workspace, now: datetime, progress: Progress = silent
) -> tuple[Intake, tuple[SourceError, ...]]:
    """Look at every source; one that fails is state on its row, not a dead run."""
    from agent.sources import look

    intake, failures = Intake(), []
    with workspace.database.reading() as connection:
        states = sources.states(connection)
    with look.Looker(workspace.config) as looker:
        for source in workspace.config.sources:
            before = states.get(source.name)
            try:
                fetched = looker.look(source, before)
            except SourceError as error:
                failures.append(error)
                _note_failure(workspace, error, before, now)
            else:
                got = take(
                    workspace,
                    fetched.drafts,
                    fetched.faults,
                    source=source.name,
                    now=now,
                    seen_at=lambda draft: now,
                )
                _note_success(workspace, source.name, fetched, got, before, now)
                intake += got
            progress("collect", 1)
    return intake, tuple(failures)


class Pass:
    """The stages after collecting, with what they keep in memory between chunks.

    Leaving it finishes the index; StoreError from there means that SQL is complete and the
    index is behind.
    """

    def __init__(self, workspace: Workspace, progress: Progress = silent) -> None:
        self._workspace = workspace
        self._database = workspace.database
        self._thesis = workspace.thesis
        self._progress = progress
        self._window: Window | None = None
        self._window_end: datetime | None = None
        self._book: standing.Book | None = None
        self._storylines: Storylines | None = None
        self._index = IndexProcess(workspace.database.folder, workspace.embedder.name)
        self._indexer = ThreadPoolExecutor(1, thread_name_prefix="index")
        self._sent: tuple[Future[None], list[int]] | None = None
        self._unindexed = 0
        self._thesis_kept = False

    def __enter__(self) -> Self:
        with self._database.writing() as connection:
            settings.keep(connection, EMBEDDER_KEY, self._workspace.embedder.name)
            self._unindexed = outbox.lag(connection)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._feed_index(at_least=1)
        finally:
            self._indexer.shutdown(wait=True)
            self._index.close()

    def advance(self, now: datetime) -> None:
        """Bring every item first seen by `now` to the ledger."""
        for stage, before, work in (
            ("index", ItemState.FETCHED, self._embed),
            ("group", ItemState.EMBEDDED, self._group),
            ("judge", ItemState.GROUPED, self._judge),
            ("score", ItemState.JUDGED, self._score),
        ):
            full = True
            while full and (waiting := self._waiting(before, now)):
                work(waiting, now)
                self._progress(stage, len(waiting))
                full = len(waiting) == CHUNK
        self._feed_index(at_least=INDEX_BATCH)

    def snapshot(self, now: datetime) -> standing.Standing:
        """Keep the score as of `now`."""
        with self._database.writing() as connection:
            self._keep_thesis(connection, now)
            blind = standing.blind_share(connection, self._workspace.config)
            found = self._read_book(connection, now).standing(self._thesis, now, blind)
            ledger.keep_snapshot(connection, found.as_row())
        return found

    def _waiting(self, state: ItemState, now: datetime) -> list[Any]:
        with self._database.reading() as connection:
            return items.waiting(connection, state, now, CHUNK)

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
        self._unindexed += len(numbers)

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
            window = self._window_for(connection, waiting[0])
            placed = [window.place(print_) for print_ in self._fingerprints(connection, waiting)]
            events.add(connection, _openings(waiting, placed))
            events.touch(connection, _last_seen(waiting, placed))
            items.set_events(
                connection,
                [
                    {"n": item.number, "event": one.event_id, "why": one.reason}
                    for item, one in zip(waiting, placed, strict=True)
                ],
            )
        self._window_end = waiting[-1].first_seen_at

    def _judge(self, waiting: Sequence[Any], now: datetime) -> None:
        judge, numbers = self._workspace.judge, [item.number for item in waiting]
        with self._database.reading() as connection:
            vectors = items.vectors_of(connection, numbers)
        given = [Judgeable(item.id, text_of(item)) for item in waiting]
        said = judge.judge(given, vectors)
        stamp = {
            "judge": judge.name,
            "model": judge.model,
            "prompt_hash": judge.prompt_hash,
            "thesis_version": self._thesis.version,
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
        touched = sorted({item.event_id for item in waiting})
        with self._database.writing() as connection:
            self._keep_thesis(connection, now)
            members = verdicts.of_events(connection, verdicts.relevant_events(connection, touched))
            book = self._read_book(connection, now)
            rows: list[dict[str, Any]] = []
            opened = events.by_ids(connection, sorted({one.event_id for one in members}))
            order = sorted(opened.values(), key=lambda event: (event.opened_at, event.id))
            for event in order:
                said = [one for one in members if one.event_id == event.id]
                fresh = self._restate(connection, book, event, said, now)
                ledger.append(connection, fresh)
                rows += fresh
            items.advance(connection, [item.number for item in waiting], ItemState.SCORED)
        book.take(rows)

    def _restate(
        self, connection: Any, book: standing.Book, event: Any, said: Sequence[Any], now: datetime
    ) -> list[dict[str, Any]]:
        """The ledger rows that the event's members now call for and that do not stand yet."""
        witnesses = [self._witness(one) for one in said if _counts(one, now)]
        if not witnesses:
            return []
        if self._storylines is None:
            self._storylines = Storylines(ledger.storylines(connection, self._thesis.id))
        rank = self._storylines.rank(event.storyline, event.opened_at, event.id)
        return [
            {
                **asdict(row),
                "owners": list(row.owners),
                "event_id": event.id,
                "thesis_id": self._thesis.id,
                "thesis_version": self._thesis.version,
                "recorded_at": now,
                "cause": cause,
            }
            for row in evidence.weigh(witnesses, rank=rank)
            if (cause := book.cause(event.id, row))
        ]

    def _witness(self, said: Any) -> evidence.Witness:
        publisher = self._workspace.publishers.resolve(said.publisher, said.url)
        owner = self._workspace.mentions.find(publisher.owner)
        named = self._workspace.mentions.find(said.title)
        return evidence.Witness(
            item_number=said.number,
            verdict_id=said.verdict_id,
            owner=said.owner,
            reliability=publisher.reliability,
            opinion=publisher.opinion,
            self_report=bool(owner & named),
            kind=said.kind,
            occurred_at=min(said.published_at, said.first_seen_at),
            labels=tuple(
                (label["category"], label["stance"], label["p"], label["severity"])
                for label in said.labels
                if label["p"] >= self._workspace.config.judge.certainty
            ),
        )

    def _window_for(self, connection: Any, first: Any) -> Window:
        """The window as it stood before `first`: the one in memory, or read back from SQL."""
        at = first.first_seen_at
        if self._window is None or (self._window_end and at < self._window_end):
            settings_ = self._workspace.config.events
            window = Window(settings_.window_days, settings_.likeness)
            past = items.grouped_between(connection, at - timedelta(settings_.window_days), at)
            storylines = events.by_ids(connection, sorted({item.event_id for item in past}))
            for item, print_ in zip(past, self._fingerprints(connection, past), strict=True):
                window.remember(print_, item.event_id, storylines[item.event_id].storyline)
            self._window = window
        return self._window

    def _fingerprints(self, connection: Any, rows: Sequence[Any]) -> list[Fingerprint]:
        vectors = items.vectors_of(connection, [item.number for item in rows])
        return [
            Fingerprint(
                item_id=item.id,
                at=item.first_seen_at,
                url=item.canonical_url,
                content_hash=item.content_hash,
                title=item.title,
                text=text_of(item),
                vector=vector,
                entities=self._workspace.mentions.find(text_of(item)),
            )
            for item, vector in zip(rows, vectors, strict=True)
        ]

    def _read_book(self, connection: Any, now: datetime) -> standing.Book:
        if self._book is None:
            self._book = standing.Book.read(connection, self._thesis)
        return self._book.until(now)

    def _keep_thesis(self, connection: Any, now: datetime) -> None:
        thesis = self._thesis
        if not self._thesis_kept:
            ledger.keep_thesis(connection, thesis.version, thesis.id, thesis.text, now)
        self._thesis_kept = True

    def _feed_index(self, *, at_least: int) -> None:
        """Hand Chroma what waits, in the background; with `at_least` 1, wait until all is in."""
        while self._unindexed >= at_least or (self._sent and at_least == 1):
            if self._sent:
                future, numbers = self._sent
                if at_least > 1 and not future.done():
                    return
                future.result()
                with self._database.writing() as connection:
                    outbox.done(connection, numbers)
                self._unindexed -= len(numbers)
                self._sent = None
                continue
            with self._database.reading() as connection:
                numbers = outbox.waiting(connection, INDEX_BATCH)
                vectors = items.vectors_of(connection, numbers)
            if not numbers:
                self._unindexed = 0
                return
            self._sent = (self._indexer.submit(self._index.add, numbers, vectors), numbers)


def _counts(said: Any, now: datetime) -> bool:
    """Only dated, relevant, decided verdicts on what had been seen by now make evidence."""
    return bool(
        said.relevant
        and not said.abstained
        and said.published_at is not None
        and said.first_seen_at <= now
    )


def _openings(waiting: Sequence[Any], placed: Sequence[Placement]) -> list[dict[str, Any]]:
    return [
        {
            "id": one.event_id,
            "title": item.title,
            "storyline": one.storyline,
            "opened_at": item.first_seen_at,
            "last_at": item.first_seen_at,
        }
        for item, one in zip(waiting, placed, strict=True)
        if one.opened
    ]


def _last_seen(waiting: Sequence[Any], placed: Sequence[Placement]) -> dict[str, datetime]:
    return {
        one.event_id: item.first_seen_at
        for item, one in zip(waiting, placed, strict=True)
        if not one.opened
    }


def _note_success(
    workspace: Workspace, name: str, fetched: Fetched, got: Intake, before: Any, now: datetime
) -> None:
    values: dict[str, Any] = {
        "last_attempt_at": now,
        "last_success_at": now,
        "failures": 0,
        "error": "",
        "etag": fetched.etag,
        "last_modified": fetched.last_modified,
        "items": (before.items if before else 0) + got.new,
    }
    if got.new:
        values["last_item_at"] = now
    with workspace.database.writing() as connection:
        sources.keep_state(connection, name, **values)


def _note_failure(workspace: Workspace, error: SourceError, before: Any, now: datetime) -> None:
    with workspace.database.writing() as connection:
        sources.keep_state(
            connection,
            error.source,
            last_attempt_at=now,
            failures=(before.failures if before else 0) + 1,
            error=str(error),
        )
