"""The group stage: items that wait get their event. Storage around the pure agent.events.

Events that turn out to be one are noted here as merges; agent.regrouping lets them take place.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from agent.days import end_of
from agent.embed import Vectors
from agent.events import Home, Line, Merge, Placement, Window, same_happening
from agent.intake import text_of
from agent.likeness import Fingerprint, Usage
from agent.workspace import Workspace
from store import events, items, regroupings, verdicts


class Grouper:
    """Keeps the recent past in memory from chunk to chunk; reads it back after a restart."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._span = timedelta(workspace.config.events.window_days)
        self._window: Window | None = None
        self._end: datetime | None = None
        self._merged: dict[str, str] = {}

    def group(
        self, connection: Any, waiting: Sequence[Any], vectors: Vectors, now: datetime | None
    ) -> None:
        """Place `waiting`, oldest first, whose embeddings are the rows of `vectors` (n, d).

        Merges hold from `now` on or else from the end of the day that showed them.
        """
        window = self._window_at(connection, waiting[0].first_seen_at)
        self._window = None  # what follows may fail half-way: then the window is read back
        placed = self._place(connection, window, waiting, vectors)
        events.add(connection, _openings(waiting, placed))
        events.touch(connection, _last_seen(waiting, placed))
        items.set_events(
            connection,
            [
                (item.number, one.event_id, one.reason)
                for item, one in zip(waiting, placed, strict=True)
            ],
        )
        for item, one in zip(waiting, placed, strict=True):
            self._note(connection, one.merges, now or end_of(item.first_seen_at.date()))
        self._window, self._end = window, waiting[-1].first_seen_at

    def _place(
        self, connection: Any, window: Window, waiting: Sequence[Any], vectors: Vectors
    ) -> list[Placement]:
        """Where each item belongs; an amendment is of the event of what it amends."""
        amended = {item.amends for item in waiting if item.amends}
        homes = {id_: self._home(connection, found) for id_, found in _amended(connection, amended)}
        placed = []
        for item, one in zip(waiting, self._fingerprints(waiting, vectors), strict=True):
            if item.amends in homes:
                found = window.join(one, homes[item.amends], f"amends {item.amends!r}")
            else:
                found = window.place(one)
            placed.append(found)
            if item.id in amended:
                homes[item.id] = window.home(
                    found.merges[-1].into if found.merges else found.event_id
                )
        return placed

    def _home(self, connection: Any, event_id: str) -> Home:
        """An event, or what it is part of by now."""
        id_ = self._event(event_id)
        row = events.by_ids(connection, [id_])[id_]
        return Home(id_, row.storyline, row.opened_at)

    def hear(self, connection: Any, rows: Sequence[Any], now: datetime | None) -> None:
        """Merge events of which a judge says in a line that the same thing happened.

        `rows` are verdicts as they were just recorded.
        """
        told = [row["item_number"] for row in rows if row["happening"] and row["same_as"] is None]
        if not told:
            return
        if self._window is None:
            self._merged = _unsettled(connection)
        at = items.by_numbers(connection, told)
        lines = self._lines(connection, min(item.first_seen_at for item in at) - self._span)
        apart = _pairs(connection)
        for n, line in enumerate(lines):
            if line.said.item_id in {item.id for item in at}:
                self._unite(connection, line, lines[:n], apart, now)

    def _unite(
        self,
        connection: Any,
        line: Line,
        before: Sequence[Line],
        apart: frozenset[frozenset[str]],
        now: datetime | None,
    ) -> None:
        usage = Usage()
        for other in before:
            usage.add(other.said)
        line, *before = (self._resolved(one) for one in (line, *before))
        near = [one for one in before if frozenset((one.event_id, line.event_id)) not in apart]
        found = same_happening(line, near, usage)
        if found:
            other, alike = found
            into, gone = sorted((line, other), key=lambda one: (one.opened_at, one.event_id))
            reason = f"judged to be one happening (likeness {alike:.2f}): {line.said.title!r}"
            merge = Merge(gone.event_id, into.event_id, reason)
            self._note(connection, [merge], now or end_of(line.said.at.date()))
            if self._window:
                self._window.merge(merge)

    def _lines(self, connection: Any, since: datetime) -> list[Line]:
        """What judges said happened in items first seen from `since` on, in that order."""
        rows = verdicts.happenings(connection, since)
        vectors = self._workspace.embedder.embed([row.happening for row in rows])
        known = events.by_ids(connection, sorted({row.event_id for row in rows}))
        find = self._workspace.mentions.find
        return [
            Line(
                Fingerprint(
                    item_id=row.id,
                    at=row.first_seen_at,
                    url=None,
                    content_hash="",
                    title=row.happening,
                    text=row.happening,
                    vector=vector,
                    entities=find(row.happening),
                ),
                row.event_id,
                known[row.event_id].opened_at,
            )
            for row, vector in zip(rows, vectors, strict=True)
        ]

    def _note(self, connection: Any, merges: Sequence[Merge], at: datetime) -> None:
        rows = [
            {
                "at": at,
                "kind": regroupings.MERGE,
                "from_event": one.gone,
                "to_event": one.into,
                "reason": one.reason,
                "settled": False,
            }
            for one in merges
        ]
        regroupings.add(connection, rows)
        self._merged |= {one.gone: one.into for one in merges}

    def _resolved(self, line: Line) -> Line:
        event_id = self._event(line.event_id)
        return line if event_id == line.event_id else Line(line.said, event_id, line.opened_at)

    def _event(self, event_id: str) -> str:
        """The event that `event_id` is part of by now, though not settled yet."""
        while event_id in self._merged:
            event_id = self._merged[event_id]
        return event_id

    def _window_at(self, connection: Any, at: datetime) -> Window:
        """The window as it stood at `at`: the one in memory, or read back from SQL."""
        if self._window is not None and self._end is not None and at >= self._end:
            return self._window
        chosen = self._workspace.config.events
        window = Window(chosen.window_days, chosen.likeness, _pairs(connection))
        self._merged = _unsettled(connection)
        past = items.grouped_between(connection, at - self._span, at)
        vectors = items.vectors_of(connection, [item.number for item in past])
        ids = [self._event(item.event_id) for item in past]
        known = events.by_ids(connection, sorted(set(ids)))
        for id_, one in zip(ids, self._fingerprints(past, vectors), strict=True):
            window.remember(one, id_, known[id_].storyline, known[id_].opened_at)
        return window

    def _fingerprints(self, rows: Sequence[Any], vectors: Vectors) -> list[Fingerprint]:
        return [
            self._fingerprint(item, text_of(item), vector)
            for item, vector in zip(rows, vectors, strict=True)
        ]

    def _fingerprint(self, item: Any, text: str, vector: Any) -> Fingerprint:
        return Fingerprint(
            item_id=item.id,
            at=item.first_seen_at,
            url=item.canonical_url,
            content_hash=item.content_hash,
            title=item.title,
            text=text,
            vector=vector,
            entities=self._workspace.mentions.find(text),
            owner=item.owner,
        )


def _amended(connection: Any, ids: Collection[str]) -> list[tuple[str, str]]:
    """Items that others amend, of those stored, with their events."""
    return list(items.events_by_id(connection, sorted(ids)).items()) if ids else []


def _unsettled(connection: Any) -> dict[str, str]:
    """Where the members of events will be that are to be merged."""
    return {row.from_event: row.to_event for row in regroupings.unsettled(connection)}


def _pairs(connection: Any) -> frozenset[frozenset[str]]:
    """Events that a person took apart."""
    return frozenset(map(frozenset[str], regroupings.splits(connection)))


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
