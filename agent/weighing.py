"""The score stage: verdicts on an event's members become ledger rows. Storage around evidence."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from agent import calibration, evidence, standing
from agent.calibration import PERSON, Calibrations
from agent.events import FROZEN, Storylines
from agent.standing import Book
from agent.workspace import Workspace
from store import events, ledger, verdicts

RETRACTED = {"stance": "neutral", "strength": 0.0, "weight": 0.0, "cause": "retraction"}
"""What a ledger row becomes when nobody says it any more."""


class Weigher:
    """Keeps the standing ledger and the storylines in memory from chunk to chunk."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._thesis = workspace.thesis
        self._book: Book | None = None
        self._storylines: Storylines | None = None
        with workspace.database.reading() as connection:
            self._calibrations: Calibrations = calibration.read(connection)

    def book(self, connection: Any, now: datetime) -> Book:
        """The ledger as it stands at `now`."""
        if self._book is None:
            self._book = Book.read(connection, self._thesis)
        return self._book.until(now)

    def keep_score(
        self, connection: Any, now: datetime, sight: standing.Sight | None = None
    ) -> standing.Standing:
        """Keep the score as of `now`; `sight` where it is known what could not be seen then."""
        sight = sight or standing.look(connection, self._workspace.config, now)
        thesis, book = self._thesis, self.book(connection, now)
        ledger.keep_thesis(connection, thesis.version, thesis.id, thesis.text, now)
        found = book.standing(thesis, now, sight, self._calibrations.pooled)
        ledger.keep_snapshot(connection, found.as_row())
        return found

    def weigh(
        self, connection: Any, event_ids: Sequence[str], now: datetime, cause: str = ""
    ) -> None:
        """Append the ledger rows that the events' members now call for.

        `cause` says why where it is not what the members say.
        """
        relevant = verdicts.relevant_events(connection, event_ids)
        members = verdicts.of_events(connection, relevant)
        book = self.book(connection, now)
        self._book = None  # what follows may fail half-way: then the book is read back
        opened = events.by_ids(connection, relevant)
        for event in sorted(opened.values(), key=lambda event: (event.opened_at, event.id)):
            said = [one for one in members if one.event_id == event.id]
            rows = self._restated(connection, book, event, said, now)
            rows = [{**row, "cause": cause} for row in rows] if cause else rows
            ledger.append(connection, rows)
            book.take(rows)
        self._book = book

    def dissolve(self, connection: Any, event_id: str, now: datetime, cause: str) -> None:
        """Retract what stands of an event that has no members any more."""
        event = events.by_ids(connection, [event_id])[event_id]
        book = self.book(connection, now)
        self._book = None
        rows = [
            {**row, **RETRACTED, **self._stamp(event_id, now), "cause": cause}
            for row in book.beside(event_id, set())
        ]
        ledger.append(connection, rows)
        book.take(rows)
        if self._storylines:
            self._storylines.drop(event.storyline, event.opened_at, event.id)
        self._book = book

    def _restated(
        self, connection: Any, book: Book, event: Any, said: Sequence[Any], now: datetime
    ) -> list[dict[str, Any]]:
        """Rows that do not stand yet as they should."""
        heard = witnesses(self._workspace, self._calibrations, event, said, now)
        called_for = self._rows(connection, event, heard)
        stamp = self._stamp(event.id, now)
        restated = [
            {**asdict(row), "owners": list(row.owners), **stamp, "cause": cause}
            for row in called_for
            if (cause := book.cause(event.id, row))
        ]
        gone = book.beside(event.id, {row.category for row in called_for})
        return restated + [{**row, **RETRACTED, **stamp} for row in gone]

    def _stamp(self, event_id: str, now: datetime) -> dict[str, Any]:
        return {
            "event_id": event_id,
            "thesis_id": self._thesis.id,
            "thesis_version": self._thesis.version,
            "recorded_at": now,
        }

    def _rows(
        self, connection: Any, event: Any, heard: Sequence[evidence.Witness]
    ) -> list[evidence.Row]:
        """What the witnesses `heard` say; only events that take a side make the next ones stale."""
        if self._storylines is None:
            self._storylines = Storylines(ledger.storylines(connection, self._thesis.id))
        place = (event.storyline, event.opened_at, event.id)
        rows = evidence.weigh(heard, rank=self._storylines.rank(*place))
        if any(row.weight for row in rows):
            self._storylines.add(*place)
        return rows


def witnesses(
    workspace: Workspace,
    calibrations: Calibrations,
    event: Any,
    said: Sequence[Any],
    now: datetime,
) -> list[evidence.Witness]:
    """What `said`, the last verdicts on an event's members, come to as evidence at `now`."""
    seen = [one for one in said if max(one.first_seen_at, one.dated_at or one.first_seen_at) <= now]
    heard = [one for one in _deciding(seen) if _counts(one, event)]
    return [_witness(workspace, calibrations, one) for one in heard]


def _witness(workspace: Workspace, calibrations: Calibrations, said: Any) -> evidence.Witness:
    publisher = workspace.publishers.resolve(said.publisher, said.url)
    owner = workspace.mentions.find(publisher.owner)
    named = workspace.mentions.find(said.title)
    return evidence.Witness(
        item_number=said.number,
        verdict_id=said.verdict_id,
        owner=said.owner,
        reliability=publisher.reliability,
        opinion=publisher.opinion,
        self_report=bool(owner & named),
        kind=said.kind,
        occurred_at=min(said.published_at, said.first_seen_at),
        own=said.same_as is None,
        confusion=calibrations.of(said.judge, said.model),
        stated={
            label["category"]: label["strength"] for label in said.labels if "strength" in label
        },
        labels=tuple(
            (label["category"], label["stance"], label["p"], label["severity"])
            for label in said.labels
            if not label.get("fault") and label["p"] >= workspace.config.judge.certainty
        ),
    )


def _deciding(said: Sequence[Any]) -> list[Any]:
    """Of verdicts on documents of one kind a person's alone count, where there is one.

    A document that another one amends says nothing any more.
    """
    decided = {one.kind for one in said if one.judge == PERSON}
    amended = {one.amends for one in said if one.amends}
    return [
        one
        for one in said
        if (one.kind not in decided or one.judge == PERSON) and one.id not in amended
    ]


def _counts(said: Any, event: Any) -> bool:
    """Only dated, relevant, decided verdicts make evidence.

    What joins an event that is frozen is a late copy and adds nothing.
    """
    late = said.first_seen_at - event.opened_at > FROZEN and not said.amends
    decided = said.relevant and not said.abstained
    return bool(decided and said.published_at is not None and not late)
