"""What the judges said, one row per item, judge and version."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, exists, func, select, true, update

from store import bulk
from store.bulk import WANTED, wanted
from store.models import Item, ItemState, PromptVersion, Verdict

_VERDICT = Verdict.__table__  # type: ignore[attr-defined]
_ITEM = Item.__table__  # type: ignore[attr-defined]
_PROMPT = PromptVersion.__table__  # type: ignore[attr-defined]


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Record verdicts; one already recorded under the same key stays as it is."""
    bulk.insert(connection, _VERDICT, rows, skip_known=True)


def keep_prompt(connection: Connection, version: str, text: str, at: datetime) -> None:
    """Remember what a judge was told."""
    row = {"version": version, "text": text, "first_used_at": at}
    bulk.insert(connection, _PROMPT, [row], skip_known=True)


def prompts(connection: Connection, versions: Sequence[str]) -> dict[str, str]:
    """The texts of those of `versions` that are prompts of a language model."""
    query = select(_PROMPT.c.version, _PROMPT.c.text).where(_PROMPT.c.version.in_(WANTED))
    return {row[0]: row[1] for row in connection.execute(query, wanted(versions))}


def on_evidence(connection: Connection, ids: Sequence[int], at: datetime) -> list[Any]:
    """The verdicts `ids`, and whatever else had been said by `at` of the items they are on."""
    on = select(_VERDICT.c.item_number).where(_VERDICT.c.id.in_(WANTED))
    query = select(_VERDICT).where(_VERDICT.c.item_number.in_(on))
    query = query.where(_VERDICT.c.recorded_at <= at).order_by(_VERDICT.c.id)
    return list(connection.execute(query, wanted(ids)))


def mark_gates(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note what the gate makes now of verdicts that were recorded without one."""
    named = ("item_number", "judge", "model", "prompt_hash", "thesis_version")
    query = update(_VERDICT).where(*(_VERDICT.c[name] == bindparam(f"_{name}") for name in named))
    marked = [
        {**{f"_{name}": row[name] for name in named}, "_gate": row["gate"]}
        for row in rows
        if row["gate"]
    ]
    if marked:
        connection.execute(query.values(gate=bindparam("_gate")), marked)


def of_events(
    connection: Connection, event_ids: Sequence[str], until: datetime | None = None
) -> list[Any]:
    """The newest verdict of every member of `event_ids`, beside what the ledger needs of it.

    With `until` the newest one recorded by then.
    """
    query = (
        select(
            _ITEM.c.number,
            _ITEM.c.id,
            _ITEM.c.event_id,
            _ITEM.c.title,
            _ITEM.c.kind,
            _ITEM.c.publisher,
            _ITEM.c.owner,
            _ITEM.c.url,
            _ITEM.c.published_at,
            _ITEM.c.first_seen_at,
            _ITEM.c.dated_at,
            _ITEM.c.amends,
            _VERDICT.c.id.label("verdict_id"),
            _VERDICT.c.abstained,
            _VERDICT.c.relevant,
            _VERDICT.c.labels,
            _VERDICT.c.same_as,
            _VERDICT.c.judge,
            _VERDICT.c.model,
        )
        .join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
        .where(_ITEM.c.event_id.in_(WANTED))
        .where(true() if until is None else _VERDICT.c.recorded_at <= until)
        .order_by(_ITEM.c.first_seen_at, _ITEM.c.id, _VERDICT.c.id)
    )
    return list({row.number: row for row in connection.execute(query, wanted(event_ids))}.values())


def of_item(connection: Connection, number: int) -> list[Any]:
    """Every verdict on an item, oldest first."""
    query = select(_VERDICT).where(_VERDICT.c.item_number == number).order_by(_VERDICT.c.id)
    return list(connection.execute(query))


def relevant_events(connection: Connection, event_ids: Sequence[str]) -> list[str]:
    """Those of `event_ids` with a member that was judged relevant."""
    query = (
        select(_ITEM.c.event_id)
        .join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
        .where(_ITEM.c.event_id.in_(WANTED), _VERDICT.c.relevant)
    )
    return sorted(set(connection.execute(query, wanted(event_ids)).scalars()))


def leading(
    connection: Connection, event_ids: Sequence[str], judges: Sequence[str], version: str
) -> list[Any]:
    """Verdicts of `judges` by this thesis version that an event's later copies may go by.

    Each beside its item's id, event and kind; those of the first of `judges` first, the newest of
    a judge on an item only, in the order the items were seen.
    """
    rank = case({name: n for n, name in enumerate(judges)}, value=_VERDICT.c.judge)
    query = (
        select(_VERDICT, _ITEM.c.id.label("item_id"), _ITEM.c.event_id, _ITEM.c.kind)
        .join(_ITEM, _ITEM.c.number == _VERDICT.c.item_number)
        .where(_ITEM.c.event_id.in_(WANTED))
        .where(_VERDICT.c.judge.in_(judges), _VERDICT.c.thesis_version == version)
        .where(_VERDICT.c.same_as.is_(None), _VERDICT.c.abstained.is_(False))
        .order_by(rank, _ITEM.c.first_seen_at, _ITEM.c.id, _VERDICT.c.id.desc())
    )
    return list(connection.execute(query, wanted(event_ids)))


def gated(connection: Connection, judge: str) -> dict[str, tuple[int, int, int]]:
    """By what the gate made of them: items, those judged by `judge`, those it found relevant."""
    other = _VERDICT.alias()
    asked = and_(
        other.c.item_number == _VERDICT.c.item_number,
        other.c.judge == judge,
        other.c.abstained.is_(False),
        other.c.same_as.is_(None),
    )
    query = (
        select(
            _VERDICT.c.gate,
            func.count(func.distinct(_VERDICT.c.item_number)),
            func.count(func.distinct(other.c.item_number)),
            func.count(func.distinct(other.c.item_number)).filter(other.c.relevant),
        )
        .outerjoin(other, asked)
        .where(_VERDICT.c.gate != "")
        .group_by(_VERDICT.c.gate)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)}


def unasked(
    connection: Connection, start: datetime, end: datetime, unpaid: str, asked: Sequence[str]
) -> tuple[int, int, int]:
    """Items that wait for a judge at `end`; of those first seen in [start, end] the ones that it
    was not paid to judge; and all of both that it was meant to judge."""
    seen = (_ITEM.c.first_seen_at >= start, _ITEM.c.first_seen_at <= end)
    late_ones = (_ITEM.c.state == ItemState.DEFERRED, _ITEM.c.first_seen_at <= end)
    waiting = select(func.count()).where(*late_ones)
    query = (
        select(_VERDICT.c.gate, func.count())
        .join(_ITEM, _ITEM.c.number == _VERDICT.c.item_number)
        .where(*seen, _VERDICT.c.gate.in_([unpaid, *asked]))
        .group_by(_VERDICT.c.gate)
    )
    counts = {row[0]: int(row[1]) for row in connection.execute(query)}
    late = int(connection.execute(waiting).scalar_one())
    return late, counts.get(unpaid, 0), late + sum(counts.values())


def by_judge(connection: Connection, judge: str) -> list[Any]:
    """The last verdict of `judge` on each item it judged: (id, number, labels)."""
    newest = select(func.max(_VERDICT.c.id)).where(_VERDICT.c.judge == judge)
    newest = newest.group_by(_VERDICT.c.item_number)
    query = select(_ITEM.c.id, _ITEM.c.number, _VERDICT.c.labels)
    query = query.join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
    return list(connection.execute(query.where(_VERDICT.c.id.in_(newest)).order_by(_ITEM.c.number)))


def happenings(connection: Connection, since: datetime) -> list[Any]:
    """What judges said happened in items first seen from `since` on that they judged themselves.

    The last one's word on each: (id, first_seen_at, event_id, happening), in the order seen.
    """
    query = (
        select(_ITEM.c.id, _ITEM.c.first_seen_at, _ITEM.c.event_id, _VERDICT.c.happening)
        .join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
        .where(_ITEM.c.first_seen_at >= since, _VERDICT.c.happening != "")
        .where(_VERDICT.c.same_as.is_(None), _VERDICT.c.abstained.is_(False))
        .order_by(_ITEM.c.first_seen_at, _ITEM.c.id, _VERDICT.c.id)
    )
    return list({row.id: row for row in connection.execute(query)}.values())


def every_event(connection: Connection) -> list[str]:
    """Every event with a member that was judged relevant."""
    query = select(_ITEM.c.event_id).join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
    query = query.where(_VERDICT.c.relevant, _ITEM.c.event_id.is_not(None)).distinct()
    return sorted(connection.execute(query).scalars())


def any_of(connection: Connection, judge: str) -> bool:
    """Whether `judge` ever said anything."""
    return bool(connection.execute(select(exists().where(_VERDICT.c.judge == judge))).scalar())


def events_judged_by(connection: Connection, judge: str) -> set[str]:
    """Events with a member that `judge` judged."""
    query = select(_ITEM.c.event_id).join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
    return set(connection.execute(query.where(_VERDICT.c.judge == judge).distinct()).scalars())


def abstentions(connection: Connection, limit: int) -> list[str]:
    """Ids of the newest items on which the last verdict is an abstention, and that can be read."""
    newest = select(func.max(_VERDICT.c.id)).group_by(_VERDICT.c.item_number)
    query = (
        select(_ITEM.c.id)
        .join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
        .where(_VERDICT.c.id.in_(newest), _VERDICT.c.abstained, _ITEM.c.text_hash == "")
        .order_by(_ITEM.c.first_seen_at.desc(), _ITEM.c.id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def taught(connection: Connection, judge: str) -> list[Any]:
    """What `judge` decided on items it judged itself: the last verdict on each, with its text.

    In the order they were recorded.
    """
    newest = (
        select(func.max(_VERDICT.c.id))
        .where(_VERDICT.c.judge == judge, _VERDICT.c.same_as.is_(None))
        .where(_VERDICT.c.abstained.is_(False))
        .group_by(_VERDICT.c.item_number)
    )
    query = (
        select(
            _ITEM.c.number,
            _ITEM.c.title,
            _ITEM.c.summary,
            _ITEM.c.text,
            _VERDICT.c.relevant,
            _VERDICT.c.labels,
        )
        .join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
        .where(_VERDICT.c.id.in_(newest))
        .order_by(_VERDICT.c.id)
    )
    return list(connection.execute(query))


def side_by_side(connection: Connection, one: str, other: str) -> list[tuple[Any, ...]]:
    """(relevant, labels, relevant, labels) of items that two judges judged themselves."""
    second = _VERDICT.alias()
    query = (
        select(_VERDICT.c.relevant, _VERDICT.c.labels, second.c.relevant, second.c.labels)
        .join(second, second.c.item_number == _VERDICT.c.item_number)
        .where(_VERDICT.c.judge == one, second.c.judge == other)
        .where(_VERDICT.c.same_as.is_(None), second.c.same_as.is_(None))
        .where(_VERDICT.c.abstained.is_(False), second.c.abstained.is_(False))
        .order_by(_VERDICT.c.id, second.c.id)
    )
    return [tuple(row) for row in connection.execute(query)]


def newest_of(connection: Connection, judge: str, limit: int) -> list[Any]:
    """The items that `judge` judged last, newest first."""
    query = select(_ITEM).join(_VERDICT, _VERDICT.c.item_number == _ITEM.c.number)
    query = query.where(_VERDICT.c.judge == judge).order_by(_VERDICT.c.id.desc())
    return list(connection.execute(query.limit(limit)))
