"""Events that turn out to be one, or two: their members move and the ledger says so.

Merges come from the group stage, or from a person; splits only from a person.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from agent.errors import ThesiswatchError
from agent.events import event_id_of
from agent.weighing import Weigher
from agent.workspace import Workspace
from store import events, items, regroupings

BY_HAND = "by hand"


def settle(connection: Any, weigher: Weigher, now: datetime) -> int:
    """Let the merges that hold by `now` take place, and restate the ledger; returns how many."""
    due = regroupings.unsettled(connection, now)
    for row in due:
        regroupings.settle_merge(connection, row)
        weigher.dissolve(connection, row.from_event, now, regroupings.MERGE)
        weigher.weigh(connection, [row.to_event], now, regroupings.MERGE)
    return len(due)


def merge(workspace: Workspace, one: str, other: str, now: datetime) -> tuple[float, float]:
    """Make one event of two by hand; the older one stays. The score before and after."""

    def change(connection: Any, weigher: Weigher) -> None:
        found = [_event(connection, id_) for id_ in (one, other)]
        if one == other:
            raise ThesiswatchError(f"{one!r} is one event already", "Name two events")
        into, gone = sorted(found, key=lambda event: (event.opened_at, event.id))
        _note(connection, now, regroupings.MERGE, gone.id, into.id)
        settle(connection, weigher, now)

    return _restate(workspace, now, change)


def split(workspace: Workspace, item_id: str, now: datetime) -> tuple[float, float]:
    """Give an item an event of its own by hand. The score before and after."""

    def change(connection: Any, weigher: Weigher) -> None:
        item = items.by_id(connection, item_id)
        if item is None or item.event_id is None:
            raise ThesiswatchError(f"there is no item {item_id!r}", "See `thesis items`")
        own, event = event_id_of(item_id), _event(connection, item.event_id)
        if len(items.of_event(connection, event.id)) == 1:
            raise ThesiswatchError(f"{item_id!r} is alone in its event", "Nothing to do")
        if own == event.id:
            raise ThesiswatchError(
                f"{item_id!r} opened the event {event.id}", "Split the other items off"
            )
        _open(connection, item, own, event)
        _note(connection, now, regroupings.SPLIT, event.id, own)
        regroupings.move(connection, regroupings.unsettled(connection)[-1], [item.number])
        weigher.weigh(connection, [event.id, own], now, regroupings.SPLIT)

    return _restate(workspace, now, change)


def _restate(
    workspace: Workspace, now: datetime, change: Callable[[Any, Weigher], None]
) -> tuple[float, float]:
    weigher = Weigher(workspace)
    with workspace.database.writing() as connection:
        before = weigher.keep_score(connection, now).score.score
        change(connection, weigher)
        return before, weigher.keep_score(connection, now).score.score


def _open(connection: Any, item: Any, id_: str, event: Any) -> None:
    """The event named after an item, unless it was there before."""
    if id_ in events.by_ids(connection, [id_]):
        events.reopen(connection, id_)
        return
    row = {"id": id_, "title": item.title, "storyline": event.storyline}
    at = item.first_seen_at
    events.add(connection, [{**row, "opened_at": at, "last_at": at}])


def _note(connection: Any, now: datetime, kind: str, gone: str, into: str) -> None:
    row = {"at": now, "kind": kind, "from_event": gone, "to_event": into}
    regroupings.add(connection, [{**row, "reason": BY_HAND, "settled": False}])


def _event(connection: Any, id_: str) -> Any:
    found = events.by_ids(connection, [id_]).get(id_)
    if found is None:
        raise ThesiswatchError(
            f"there is no event {id_!r}", "See `thesis explain` or `thesis items`"
        )
    if found.merged_into:
        raise ThesiswatchError(
            f"the event {id_!r} is part of {found.merged_into!r}", "Name that one"
        )
    return found
