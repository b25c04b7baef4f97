"""What the reading commands answer: plain values, ready for `--json` or a table.

Everything comes from stored rows; nothing here judges, fetches or writes.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from math import log
from typing import Any

from agent import attribution, spending, standing
from agent.attribution import Change, Frame
from agent.collecting import Trial
from agent.errors import ThesiswatchError
from agent.events import FROZEN
from agent.health import Health
from agent.injection import sift
from agent.standing import Standing, as_ledger_row, assess
from agent.thesis import Thesis
from agent.workspace import Workspace
from store import events, items, ledger, outbox, regroupings, sources, verdicts
from store.models import ItemState

Answer = dict[str, Any]
SETTLED = timedelta(days=2)
"""A score this much older than today is called out as old."""


def score(workspace: Workspace, as_of: datetime | None) -> Answer:
    """The score as the last pass left it, or as the program would have given it at `as_of`."""
    found = standing_at(workspace, as_of)
    return {
        "score": found.score.score,
        "low": found.score.low,
        "high": found.score.high,
        "prior": found.score.prior,
        "as_of": iso(found.as_of),
        "status": found.status,
        "pillars": standing.pillars(found),
        "categories": {name: asdict(part) for name, part in found.score.categories.items()},
        "events": found.score.events,
        "publishers": found.score.publishers,
        "largest_share": found.score.largest_share,
    }


def history(workspace: Workspace, since: datetime | None, until: datetime | None) -> list[Answer]:
    """Every kept score, oldest first."""
    with workspace.database.reading() as connection:
        rows = ledger.snapshots(connection, workspace.thesis.id, since, until)
    names = ("score", "low", "high", "status", "events", "publishers")
    return [
        {"as_of": iso(row.as_of), **{name: getattr(row, name) for name in names}} for row in rows
    ]


def explain(
    workspace: Workspace,
    *,
    since: datetime | None = None,
    as_of: datetime | None = None,
    category: str | None = None,
    item_id: str | None = None,
) -> Answer:
    """The ledger rows behind the score, largest first; `contribution` is in log-odds.

    Without filters the contributions and `prior_log_odds` add up to `log_odds`; with `since`,
    each row's contribution is its change since then, and with `prior_change` (which only an
    edited thesis makes) they add up to `change`; so do the `causes`.
    """
    thesis = workspace.thesis
    _known_category(thesis, category)
    now = standing_at(workspace, as_of)
    rows = contributions(workspace, now)
    answer: Answer = {"as_of": iso(now.as_of), "score": now.score.score}
    answer["prior_log_odds"] = _log_odds(now.thesis.prior)
    answer["log_odds"] = now.score.log_odds
    if since is not None:
        before = standing_at(workspace, since)
        rows = _changes(rows, contributions(workspace, before))
        answer |= {
            "since": iso(since),
            "score_then": before.score.score,
            "change": now.score.log_odds - before.score.log_odds,
            "prior_change": _log_odds(now.thesis.prior) - _log_odds(before.thesis.prior),
            "causes": _causes(workspace, before, now),
        }
    if item_id is not None:
        event_id = _item(workspace, item_id).event_id
        rows = [row for row in rows if row["event_id"] == event_id]
    if category is not None:
        rows = [row for row in rows if row["category"] == category]
    rows.sort(key=lambda row: (-abs(row["contribution"]), row["event_id"], row["category"]))
    return {**answer, "rows": rows}


def listing(
    workspace: Workspace,
    *,
    since: datetime | None,
    as_of: datetime | None,
    category: str | None,
    event_id: str | None,
    match: str | None,
    limit: int | None,
) -> list[Answer]:
    """Stored items, newest first."""
    _known_category(workspace.thesis, category)
    with workspace.database.reading() as connection:
        then = regroupings.events_then(connection, as_of) if as_of else {}
        rows = items.listing(
            connection,
            since=since,
            until=as_of,
            category=category,
            event_id=event_id,
            moved=then,
            match=match,
            limit=limit,
        )
    return [_listed(row, then.get(row.number, row.event_id), as_of) for row in rows]


def _listed(row: Any, event_id: str | None, as_of: datetime | None) -> Answer:
    """An item as it stood at `as_of`."""
    dated = as_of is None or row.dated_at is None or row.dated_at <= as_of
    return {
        "id": row.id,
        "event_id": event_id,
        "title": row.title,
        "url": row.url,
        "publisher": row.publisher,
        "published": iso(row.published_at) if dated else None,
        "first_seen": iso(row.first_seen_at),
        "state": row.state if as_of is None else _state_then(row),
        "labels": row.labels or [],
    }


def _state_then(row: Any) -> str:
    """How far an item had come, by whether a judge had spoken by then."""
    if row.state == ItemState.QUARANTINED:
        return str(row.state)
    return str(ItemState.SCORED if row.abstained is not None else ItemState.DEFERRED)


def show(workspace: Workspace, id_: str) -> Answer:
    """One item, or one event with its members and why each is in it."""
    with workspace.database.reading() as connection:
        item = items.by_id(connection, id_)
        event_id = item.event_id if item else id_
        found = events.by_ids(connection, [event_id] if event_id else []).get(event_id or "")
        members = items.of_event(connection, found.id) if found else []
        regrouped = regroupings.of_event(connection, found.id) if found else []
        moves = regroupings.moves(connection, [item.number for item in members])
        said = verdicts.of_item(connection, item.number) if item else []
    if item is None and found is None:
        raise ThesiswatchError(
            f"there is no item or event {id_!r}", "List the items with `thesis items`"
        )
    answer: Answer = {"item": _whole(item) if item else None}
    answer["verdicts"] = [_verdict(one) for one in said]
    answer["event"] = None if found is None else _event(found, members, moves, regrouped)
    return answer


def status(workspace: Workspace, today: datetime) -> Answer:
    """Health: how far items have come, each source, the index, and the score's own age."""
    with workspace.database.reading() as connection:
        counts = items.counts(connection)
        last = ledger.snapshot_before(connection, workspace.thesis.id, None)
        answer: Answer = {
            "thesis": workspace.thesis.id,
            "thesis_version": workspace.thesis.version,
            "data": str(workspace.database.folder),
            "last_pass": iso(last.as_of) if last else None,
            "score": last.score if last else None,
            "status": last.status if last else "no pass yet",
            "items": counts,
            "ledger_rows": ledger.count(connection, workspace.thesis.id),
            "index_waiting": outbox.lag(connection),
            "rejected": sources.rejected_count(connection),
            "judge": spending.overview(connection, workspace.config, today),
        }
    if last and today - last.as_of > SETTLED:
        answer["status"] += f"; last pass {(today - last.as_of).days} days ago"
    answer["sources"] = source_table(workspace, today)
    return answer


def source_table(workspace: Workspace, today: datetime) -> list[Answer]:
    """Every configured source: its health, what it brings, what is wrong and what to do."""
    with workspace.database.reading() as connection:
        states = sources.states(connection)
        found = standing.source_health(connection, workspace.config, today)
    return [_source(name, states.get(name), *found[name]) for name in found]


def standing_at(workspace: Workspace, as_of: datetime | None) -> Standing:
    """The score at `as_of`, with the thesis and the blindness of that time.

    Raises ThesiswatchError before the first pass.
    """
    with workspace.database.reading() as connection:
        return standing.stood(connection, workspace.thesis, as_of)


def _log_odds(probability: float) -> float:
    return log(probability) - log(1 - probability)


def contributions(workspace: Workspace, found: Standing) -> list[Answer]:
    """Every standing row with its source, beside what it adds to the log-odds."""
    with workspace.database.reading() as connection:
        stored = ledger.with_sources(connection, workspace.thesis.id, found.as_of)
    stored = [row for row in stored if row.category in found.thesis.weights]
    again = assess(
        [as_ledger_row(row._mapping) for row in stored],
        found.thesis,
        found.as_of,
        found.sight,
        found.confusion,
    )
    return [
        {
            "contribution": contribution,
            "event_id": row.event_id,
            "category": row.category,
            "stance": row.stance,
            "severity": row.severity,
            "weight": row.weight,
            "strength": row.strength,
            "reliability": row.reliability,
            "corroboration": row.corroboration,
            "staleness": row.staleness,
            "storyline_rank": row.storyline_rank,
            "cap": row.cap,
            "half_life_days": row.half_life_days,
            "decay": _faded(row, found.as_of),
            "self_report": row.self_report,
            "owners": row.owners,
            "cause": row.cause,
            **{name: _label_of(row).get(name) for name in ("claim", "quote", "quote_at")},
            "judge": row.judge,
            "model": row.model,
            "prompt_hash": row.prompt_hash,
            "input_hash": row.input_hash,
            "thesis_version": row.thesis_version,
            "row": row.id,
            "verdict": row.verdict_id,
            "item_id": row.item_id,
            "title": row.title,
            "url": row.url,
            "publisher": row.publisher,
            "published": iso(row.published_at),
            "recorded": iso(row.recorded_at),
            "kind": row.kind,
            "happening": row.happening,
        }
        for row, contribution in zip(stored, again.score.contributions, strict=True)
    ]


def _causes(workspace: Workspace, then: Standing, now: Standing) -> dict[str, float]:
    """Log-odds that each cause added between two instants, taken away when time runs backwards."""
    if then.as_of > now.as_of:
        return {cause: -size for cause, size in _causes(workspace, now, then).items()}
    with workspace.database.reading() as connection:
        before = ledger.standing(connection, now.thesis.id, then.as_of)
        since = ledger.between(connection, now.thesis.id, then.as_of, now.as_of)
    frames = [Frame(one.as_of, one.thesis.weights, one.thesis.prior) for one in (then, now)]
    rows = [as_ledger_row(row._mapping) for row in before]
    changes = [Change(as_ledger_row(row._mapping), row.cause) for row in since]
    found = attribution.split(rows, changes, *frames)
    return {str(cause): size for cause, size in found.items()}


def _label_of(row: Any) -> Answer:
    """The label that a ledger row is made of; a copy's quote stands in the item judged for it."""
    labels = [one for one in row.labels if one["category"] == row.category]
    mine = [one for one in labels if one["stance"] == row.stance] or labels
    return dict(mine[0]) if mine else {}


def _faded(row: Any, as_of: datetime) -> float:
    """What is left of a row's weight: 2^-(age/H)."""
    age = max((as_of - row.occurred_at) / timedelta(days=1), 0.0)
    return float(2.0 ** (-age / row.half_life_days))


def _changes(now: list[Answer], then: list[Answer]) -> list[Answer]:
    """Rows of either date; what each adds now less what it added then."""
    key = ("event_id", "category")
    before = {tuple(row[name] for name in key): row for row in then}
    changed = []
    for row in now:
        old = before.pop(tuple(row[name] for name in key), None)
        delta = row["contribution"] - (old["contribution"] if old else 0.0)
        changed.append({**row, "contribution": delta, "new": old is None})
    gone = [{**row, "contribution": -row["contribution"], "new": False} for row in before.values()]
    return changed + gone


def _item(workspace: Workspace, id_: str) -> Any:
    with workspace.database.reading() as connection:
        found = items.by_id(connection, id_)
    if found is None:
        raise ThesiswatchError(f"there is no item {id_!r}", "List them with `thesis items`")
    return found


def _known_category(thesis: Thesis, category: str | None) -> None:
    if category is not None and category not in thesis.weights:
        raise ThesiswatchError(
            f"the thesis has no category {category!r}",
            f"It has {', '.join(thesis.weights)}",
        )


def _whole(item: Any) -> Answer:
    names = (
        "id",
        "title",
        "summary",
        "text",
        "url",
        "publisher",
        "owner",
        "source",
        "lang",
        "kind",
        "amends",
        "note",
        "text_hash",
    )
    return {
        **{name: getattr(item, name) for name in names},
        "published": iso(item.published_at),
        "first_seen": iso(item.first_seen_at),
        "state": item.state,
        "state_reason": item.state_reason,
        "event_id": item.event_id,
        "not_judged": list(sift(f"{item.title}. {item.summary or item.text}").removed),
    }


def _verdict(row: Any) -> Answer:
    names = [
        "relevant",
        "p_relevant",
        "labels",
        "abstained",
        "reason",
        "judge",
        "model",
        "prompt_hash",
        "thesis_version",
        "input_hash",
        "happening",
        "known",
        "gate",
        "hindsight",
    ]
    return {**{name: getattr(row, name) for name in names}, "recorded": iso(row.recorded_at)}


def _event(
    event: Any, members: Sequence[Any], moves: Sequence[Any], regrouped: Sequence[Any]
) -> Answer:
    """An event, why each member is in it, and what it was merged with or lost."""
    came = {one.item_number: one for one in moves if one.to_event == event.id}
    return {
        "id": event.id,
        "title": event.title,
        "storyline": event.storyline,
        "opened": iso(event.opened_at),
        "frozen": iso(event.opened_at + FROZEN),
        "merged_into": event.merged_into or None,
        "regroupings": [
            {
                "at": iso(one.at),
                "kind": one.kind,
                "from": one.from_event,
                "to": one.to_event,
                "why": one.reason,
            }
            for one in regrouped
        ],
        "members": [
            {
                "id": item.id,
                "title": item.title,
                "publisher": item.publisher,
                "owner": item.owner,
                "url": item.url,
                "first_seen": iso(item.first_seen_at),
                "why": _why(item, came.get(item.number)),
            }
            for item in members
        ],
    }


def _why(item: Any, move: Any | None) -> str:
    """Why an item is in its event: how it was placed, and the merge or split that moved it."""
    if move is None:
        return str(item.event_reason)
    how = f"{move.kind} from {move.from_event} on {move.at:%Y-%m-%d}: {move.reason}"
    return f"{item.event_reason}; {how}"


def _source(name: str, state: Any | None, health: Health, per_week: float) -> Answer:
    answer: Answer = {
        "name": name,
        "health": health.word,
        "why": _unnamed(name, health.why),
        "items": state.items if state else 0,
        "items_a_week": round(per_week, 1),
    }
    if state is None:
        return answer
    return answer | {
        "last_attempt": iso(state.last_attempt_at),
        "last_success": iso(state.last_success_at),
        "last_item": iso(state.last_item_at),
        "not_before": iso(state.not_before),
        "failures": state.failures,
        "error": state.error,
    }


def trial(tried: Trial) -> Answer:
    """A source tried out, as an answer."""
    return {
        **asdict(tried),
        "seconds": round(tried.seconds, 2),
        "newest": iso(tried.newest),
        "error": _unnamed(tried.name, tried.error),
    }


def _unnamed(source: str, error: str) -> str:
    """An error without the source it names: the row does already."""
    return error.removeprefix(f"source {source!r}: ")


def iso(at: datetime | None) -> str | None:
    """An instant as answers spell it."""
    return at.isoformat().replace("+00:00", "Z") if at else None
