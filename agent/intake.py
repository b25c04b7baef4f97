"""Drafts become stored items: told apart from known ones, attributed to an owner, never redated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agent import events
from agent.embed import as_text
from agent.errors import ItemError
from agent.publishers import Publishers
from agent.sources import Draft, Fault
from store import items, sources
from store.models import ItemState

CLASH = "Give one of the two another id"


@dataclass(frozen=True, slots=True)
class Intake:
    """How drafts fared. `undated` counts those among `new` that will not be scored.

    `refused` are those of the `faults` that nobody was told of before: a source that is looked at
    again and again brings the same ones each time.
    """

    new: int = 0
    known: int = 0
    undated: int = 0
    dated_now: int = 0
    faults: tuple[Fault, ...] = ()
    refused: tuple[ItemError, ...] = ()

    def __add__(self, other: "Intake") -> "Intake":
        return Intake(
            self.new + other.new,
            self.known + other.known,
            self.undated + other.undated,
            self.dated_now + other.dated_now,
            self.faults + other.faults,
            self.refused + other.refused,
        )


def take(
    connection: Any,
    publishers: Publishers,
    drafts: Sequence[Draft],
    faults: Sequence[Fault],
    *,
    source: str,
    now: datetime,
    seen_at: Callable[[Draft], datetime],
) -> Intake:
    """Store what is new, in the caller's transaction; faults are kept beside it."""
    known = items.known(connection, [draft.id for draft in drafts])
    fresh: dict[str, Draft] = {}
    clashes: list[Fault] = []
    dated_now = 0
    for draft in drafts:
        before = known.get(draft.id)
        twin = fresh.get(draft.id)
        if before is None and twin is None:
            fresh[draft.id] = draft
        elif before and _clashes(draft, before.title, before.canonical_url):
            clashes.append(_clash(draft, before.title))
        elif twin and _clashes(draft, twin.title, events.canonical_url(twin.url)):
            clashes.append(_clash(draft, twin.title))
        elif twin and not twin.published:
            fresh[draft.id] = replace(twin, published=draft.published)
        elif before and not before.dated and draft.published:
            items.give_date(connection, before.number, draft.published, now)
            dated_now += 1
    rows = [_row(publishers, draft, source, seen_at(draft)) for draft in fresh.values()]
    items.add(connection, rows)
    refused = [
        ItemError(source, fault.line, fault.reason, fault.way_out)
        for fault in (*faults, *clashes)
        if sources.reject(connection, source, fault.line, fault.reason, fault.raw, now)
        or fault.passing
    ]
    return Intake(
        new=len(rows),
        known=len(drafts) - len(rows) - len(clashes) - dated_now,
        undated=sum(draft.published is None for draft in fresh.values()),
        dated_now=dated_now,
        faults=(*faults, *clashes),
        refused=tuple(refused),
    )


def _clashes(draft: Draft, title: str, url: str | None) -> bool:
    """Same id, yet neither the address nor the title of the one that has it."""
    same_address = url is not None and events.canonical_url(draft.url) == url
    return not same_address and draft.title != title


def _clash(draft: Draft, title: str) -> Fault:
    reason = f"id {draft.id!r} already belongs to {title[:80]!r}"
    return Fault(draft.line, reason, CLASH, draft.title)


def _row(publishers: Publishers, draft: Draft, source: str, seen_at: datetime) -> dict[str, Any]:
    publisher = publishers.resolve(draft.publisher, draft.url)
    return {
        "id": draft.id,
        "url": draft.url,
        "canonical_url": events.canonical_url(draft.url),
        "title": draft.title,
        "summary": draft.summary,
        "text": draft.text,
        "published_at": draft.published,
        "first_seen_at": seen_at,
        "source": source,
        "publisher": publisher.name,
        "owner": publisher.owner,
        "lang": draft.lang,
        "kind": draft.kind,
        "amends": draft.amends,
        "note": draft.note,
        "content_hash": events.content_hash(draft.title, draft.summary or draft.text),
        "state": ItemState.FETCHED,
    }


def text_of(item: Any) -> str:
    """What is embedded and judged of a stored item."""
    return as_text(item.title, item.summary, item.text)
