"""What an alert says: the figures behind it, the events with their sources, and the other side.

Everything comes from stored rows; code fills in every number, name and link.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from agent import report
from agent.alerts import Case, Evidence
from agent.errors import EmbedderError
from agent.excerpts import beginning
from agent.injection import sift
from agent.numerals import whole
from agent.signals import Direction, Signal
from agent.spikes import State
from agent.streams import Stream
from agent.workspace import Workspace
from store import events, items, ledger, regroupings

MOST = 8
"""Events that an alert shows; the rest are in its figures."""
MOST_AGAINST = 3
MOST_CLAIMS = 3
LONGEST_URL = 2000
BESIDE = timedelta(days=30)
"""How far back the other side is asked."""
SHOWN = 60
"""Days of a stream that its chart shows."""

Answer = dict[str, Any]


class Records:
    """What is stored at `now`, read once for all alerts of a step."""

    def __init__(self, workspace: Workspace, now: datetime) -> None:
        self.workspace = workspace
        self.now = now

    @cached_property
    def history(self) -> list[tuple[datetime, float]]:
        """Every kept score up to now."""
        with self.workspace.database.reading() as connection:
            rows = ledger.snapshots(connection, self.workspace.thesis.id, None, self.now)
        return [(row.as_of, row.score) for row in rows]

    @cached_property
    def rows(self) -> list[Answer]:
        """The ledger rows behind the score now, with their sources."""
        return report.contributions(self.workspace, report.standing_at(self.workspace, self.now))

    def score_before(self, at: datetime) -> float | None:
        """The last score kept before `at`, or the first of all."""
        before = [score for when, score in self.history if when < at]
        return before[-1] if before else self.history[0][1] if self.history else None

    @property
    def score_now(self) -> float | None:
        """The newest score."""
        return self.history[-1][1] if self.history else None

    def beginning_of(self, item_id: str) -> str:
        """The first sentence of an item's summary or text, where it says more than the title."""
        with self.workspace.database.reading() as connection:
            item = items.by_id(connection, item_id)
        return beginning(sift(item.summary or item.text).text, item.title) if item else ""

    def members(self, event_id: str) -> list[Any]:
        """The reports that were in an event by now, in the order they were seen."""
        with self.workspace.database.reading() as connection:
            then = regroupings.events_then(connection, self.now)
            present = items.of_event(connection, event_id)
            came = [number for number, event in then.items() if event == event_id]
            found = [one for one in present if one.number not in then]
            found += items.by_numbers(connection, came)
        return sorted(found, key=lambda one: (one.first_seen_at, one.id))

    def name_of(self, category: str) -> str:
        """A category's name, or the thesis' title for the whole."""
        named = {one.id: one.name for one in self.workspace.thesis.categories}
        return named.get(category, self.workspace.thesis.title)


def of_spike(records: Records, signal: Signal, stream: Stream, states: Sequence[State]) -> Case:
    """A spike: what came, against what was to be expected."""
    first, today = signal.since.date(), states[-1].day.day
    came = stream.since(first, today)
    rows = _of_events(records, came, signal)
    days = (today - first).days + 1
    expected = [one.expected for one in states if first <= one.day.day <= today]
    usual = None if signal.figures["learning"] else sum(one or 0.0 for one in expected)
    owners = frozenset[str]().union(
        *(one.owners for one in stream.brought if first <= one.day <= today)
    )
    figures = {
        **signal.figures,
        "events": came,
        "observed": len(came),
        "expected": usual,
        "days": days,
        "owners": sorted(owners),
    }
    span = "today" if days == 1 else f"in {days} days"
    against = "while the habit is learned" if usual is None else f"where {usual:.1f} are usual"
    return _case(
        records,
        signal,
        rows,
        headline=(
            f"{records.name_of(signal.subject)}: threat {signal.direction}. {len(came)} new events "
            f"from {len(owners)} publishers {span}, {against}"
        ),
        figures=figures,
        series=tuple(
            (one.day.day.isoformat(), one.day.events, one.expected) for one in states[-SHOWN:]
        ),
    )


def of_change(records: Records, signal: Signal) -> Case:
    """The score crossed a level or moved: the events that moved it most that way."""
    before, after = signal.figures["before"], signal.figures["after"]
    way = "up" if signal.direction is Direction.RISING else "down"
    if "level" in signal.figures:
        headline = f"The score crossed {signal.subject} {way}wards: {before:.1f} to {after:.1f}"
    else:
        span = f"in {signal.figures['days']} days"
        headline = f"The score went {way} {abs(after - before):.1f} points {span}: "
        headline += f"{before:.1f} to {after:.1f}"
    changed = report.explain(records.workspace, since=signal.since, as_of=records.now)["rows"]
    sign = 1 if signal.direction is Direction.RISING else -1
    since = report.iso(signal.since)
    rows = [
        row
        for row in changed
        if sign * row["contribution"] > 0
        and row["stance"] == signal.direction.stance
        and row["recorded"] > since
    ]
    figures = {**signal.figures, "events": list(dict.fromkeys(row["event_id"] for row in rows))}
    case = _case(records, signal, rows, headline=headline, figures=figures)
    return replace(case, score_before=before, score_after=after)


def of_falsifier(records: Records, signal: Signal, found: Answer) -> Case:
    """A filing made a falsifier true."""
    published = str(found["filed"] or found["on"])
    evidence = Evidence(
        item_id=found["accession"] or found["id"],
        title=f"{found['kpi']} of the period to {found['period_end']}: {whole(found['value'])}",
        publisher="SEC filing",
        url=found["url"] or "",
        published=published,
        category=found["category"],
        stance=signal.direction.stance,
        shown_by="thesis kpis",
    )
    headline = f"A falsifier came true: {found['text']}"
    return replace(
        _case(records, signal, [], headline=headline, figures=signal.figures), evidence=(evidence,)
    )


def of_sources(records: Records, signal: Signal, places: dict[str, str]) -> Case:
    """Sources that cannot be seen; `places` are the addresses of all of them."""
    blind = signal.figures["blind"]
    headline = (
        f"{len(blind)} of {signal.figures['of']} sources of {_group(records, signal.subject)} "
        "cannot be seen: no news there is not good news"
    )
    evidence = tuple(
        Evidence(
            item_id=f"source {name}",
            title=name,
            publisher=name,
            url=web(places[name]),
            shown_by="thesis sources",
        )
        for name in blind[:MOST]
    )
    return Case(headline, evidence, figures=dict(signal.figures), score_after=records.score_now)


def of_judge(records: Records, signal: Signal, waiting: Iterable[Any]) -> Case:
    """Items that nobody could judge."""
    headline = f"The judge cannot be asked: {signal.figures['waiting']} items wait for it"
    evidence = tuple(_of_item(row) for row in waiting)[:MOST]
    return Case(headline, evidence, figures=dict(signal.figures), score_after=records.score_now)


def of_spending(records: Records, signal: Signal, newest: Iterable[Any]) -> Case:
    """The budget is spent; the newest items are judged without the model."""
    spent, budget = signal.figures["spent"], signal.figures["budget"]
    headline = f"The budget is spent: ${spent:.2f} of ${budget:.2f} this month"
    if signal.figures["unpaid"]:
        headline += f"; {signal.figures['unpaid']} items were judged without the model"
    evidence = tuple(_of_item(row) for row in newest)[:MOST]
    return Case(headline, evidence, figures=dict(signal.figures), score_after=records.score_now)


def web(url: str | None) -> str:
    """`url` if a browser may open it and it hides nothing, else ""."""
    if not url or len(url) > LONGEST_URL or any(not one.isprintable() or one == " " for one in url):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname else ""


def _group(records: Records, group: str) -> str:
    return "all kinds" if not group else f"{records.name_of(group)!r}" if "_" in group else group


def _of_item(row: Any) -> Evidence:
    published = row.published_at or row.first_seen_at
    return Evidence(
        item_id=row.id,
        title=row.title,
        publisher=row.publisher,
        url=web(row.url),
        published=published.date().isoformat(),
        event_id=row.event_id or "",
        owners=(row.owner,),
    )


def _case(
    records: Records,
    signal: Signal,
    rows: Sequence[Answer],
    *,
    headline: str,
    figures: Any,
    series: tuple[tuple[str, int, float | None], ...] = (),
) -> Case:
    shown = _telling(rows)[:MOST]
    evidence = tuple(evidence_of(records, row) for row in shown)
    return Case(
        headline=headline,
        evidence=evidence,
        against=_against(records, signal),
        claims=_claims(records, signal, evidence),
        figures=dict(figures),
        series=series,
        score_before=records.score_before(signal.since),
        score_after=records.score_now,
    )


def _telling(rows: Sequence[Answer]) -> list[Answer]:
    """Each event once, by its weightiest row: those with the most publishers first, then the
    newest."""
    best: dict[str, Answer] = {}
    for row in sorted(rows, key=lambda row: -abs(row["weight"])):
        best.setdefault(row["event_id"], row)
    newest = sorted(best.values(), key=lambda row: (row["published"] or "")[:10], reverse=True)
    return sorted(newest, key=lambda row: -len(row["owners"]))


def _of_events(records: Records, came: Sequence[str], signal: Signal) -> list[Answer]:
    """The rows that speak for a signal, of the events that came, wherever they are now."""
    with records.workspace.database.reading() as connection:
        now_in = where(connection, came)
    wanted = set(now_in.values())
    return [
        row
        for row in records.rows
        if row["event_id"] in wanted
        and row["stance"] == signal.direction.stance
        and row["weight"]
        and signal.subject in ("", row["category"])
    ]


def where(connection: Any, event_ids: Sequence[str]) -> dict[str, str]:
    """The event that each of these is part of by now."""
    found = {id_: id_ for id_ in event_ids}
    ahead = set(found.values())
    while ahead:
        rows = events.by_ids(connection, sorted(ahead))
        into = {id_: row.merged_into for id_, row in rows.items() if row.merged_into}
        found = {id_: into.get(now, now) for id_, now in found.items()}
        ahead = set(into.values())
    return found


def _against(records: Records, signal: Signal) -> tuple[Evidence, ...]:
    """What the other side says of the same of late."""
    stance = signal.direction.opposite.stance
    since = (records.now - BESIDE).date().isoformat()
    rows = [
        row
        for row in records.rows
        if row["stance"] == stance
        and row["weight"]
        and (row["published"] or "") >= since
        and (signal.subject == row["category"] or signal.subject not in _fronts(records))
    ]
    rows.sort(key=lambda row: -abs(row["contribution"]))
    once = {row["event_id"]: row for row in reversed(rows)}
    first = [row for row in rows if once[row["event_id"]] is row]
    return tuple(evidence_of(records, row) for row in first[:MOST_AGAINST])


def _fronts(records: Records) -> set[str]:
    return set(records.workspace.thesis.weights)


def evidence_of(records: Records, row: Answer) -> Evidence:
    """A ledger row as the source it leads to; another report's page where its own has none."""
    url, publisher, title, item_id = row["url"], row["publisher"], row["title"], row["item_id"]
    if not web(url):  # another report of the event may have a page
        for member in records.members(row["event_id"]):
            if web(member.url) and member.first_seen_at <= records.now and not row["quote"]:
                url, publisher = member.url, member.publisher
                title, item_id = member.title, member.id
                break
    return Evidence(
        item_id=item_id,
        title=title,
        publisher=publisher,
        url=web(url),
        published=(row["published"] or "")[:10],
        event_id=row["event_id"],
        category=row["category"],
        stance=row["stance"],
        owners=tuple(row["owners"]),
        quote=row["quote"] or "",
        claim=row["claim"] or "",
        weight=row["weight"],
        happening=row["happening"],
        excerpt=records.beginning_of(item_id),
    )


def _claims(
    records: Records, signal: Signal, evidence: Sequence[Evidence]
) -> tuple[dict[str, str], ...]:
    """The essay's claims that the judge named; else the nearest in wording on this front."""
    thesis = records.workspace.thesis
    named = [one.claim for one in evidence if one.claim]
    if named:
        texts = {claim.id: claim.text for claim in thesis.claims}
        return tuple(
            {"id": id_, "text": texts[id_], "by": "judge"}
            for id_ in dict.fromkeys(named)
            if id_ in texts
        )[:MOST_CLAIMS]
    fronts = {signal.subject} if signal.subject in _fronts(records) else _fronts(records)
    claims = [claim for claim in thesis.claims if claim.category in fronts]
    if not claims or not evidence:
        return ()
    try:
        vectors = records.workspace.embedder.embed(
            [*(claim.text for claim in claims), *(one.title for one in evidence)]
        )
    except EmbedderError:
        return ()
    likeness = vectors[: len(claims)] @ vectors[len(claims) :].T
    order = np.argsort(-likeness.max(axis=1), kind="stable")[:MOST_CLAIMS]
    nearest = [claims[int(n)] for n in order]
    return tuple({"id": one.id, "text": one.text, "by": "wording"} for one in nearest)
