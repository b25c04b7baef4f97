"""The group stage: items that wait get their event. Storage around the pure agent.events."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from agent.embed import Vectors
from agent.events import Placement, Window
from agent.intake import text_of
from agent.likeness import Fingerprint
from agent.workspace import Workspace
from store import events, items


class Grouper:
    """Keeps the recent past in memory from chunk to chunk; reads it back after a restart."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._window: Window | None = None
        self._end: datetime | None = None

    def group(self, connection: Any, waiting: Sequence[Any], vectors: Vectors) -> None:
        """Place `waiting`, oldest first, whose embeddings are the rows of `vectors` (n, d)."""
        window = self._window_at(connection, waiting[0].first_seen_at)
        self._window = None  # what follows may fail half-way: then the window is read back
        placed = [window.place(one) for one in self._fingerprints(waiting, vectors)]
        events.add(connection, _openings(waiting, placed))
        events.touch(connection, _last_seen(waiting, placed))
        items.set_events(
            connection,
            [
                (item.number, one.event_id, one.reason)
                for item, one in zip(waiting, placed, strict=True)
            ],
        )
        self._window, self._end = window, waiting[-1].first_seen_at

    def _window_at(self, connection: Any, at: datetime) -> Window:
        """The window as it stood at `at`: the one in memory, or read back from SQL."""
        if self._window is not None and self._end is not None and at >= self._end:
            return self._window
        chosen = self._workspace.config.events
        window = Window(chosen.window_days, chosen.likeness)
        past = items.grouped_between(connection, at - timedelta(chosen.window_days), at)
        vectors = items.vectors_of(connection, [item.number for item in past])
        known = events.by_ids(connection, sorted({item.event_id for item in past}))
        for item, one in zip(past, self._fingerprints(past, vectors), strict=True):
            window.remember(one, item.event_id, known[item.event_id].storyline)
        return window

    def _fingerprints(self, rows: Sequence[Any], vectors: Vectors) -> list[Fingerprint]:
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
                owner=item.owner,
            )
            for item, vector in zip(rows, vectors, strict=True)
        ]


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
