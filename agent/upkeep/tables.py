"""The tables of an export: each column's name, kind and meaning, and where it is read from.

This is the one place where they are written down; `columns.json` beside an export says the same.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from store import exports
from store.models import ItemState

Row = Mapping[str, Any]


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    TEXTS = "list of texts"
    NUMBER = "number"
    COUNT = "whole number"
    FLAG = "true or false"
    INSTANT = "instant, UTC"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Cut:
    """What is exported: of which thesis, as of when, and what each standing ledger row adds.

    `at` lies beyond all that is stored where everything is wanted, and `is_past` is False.
    """

    thesis_id: str
    at: datetime
    is_past: bool
    contributions: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Table:
    """One file of an export; `rows` gives a mapping with at least the columns' names."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    rows: Callable[[Any, Cut], Iterator[Row]]


def _columns(text: str) -> tuple[Column, ...]:
    """Columns from lines of `name kind meaning`."""
    kinds = {kind.name.lower(): kind for kind in Kind}
    parts = (line.split(maxsplit=2) for line in text.strip().splitlines())
    return tuple(Column(name, kinds[kind], meaning) for name, kind, meaning in parts)


def _items(connection: Any, cut: Cut) -> Iterator[Row]:
    for row in exports.items(connection, cut.at):
        item = {**row._mapping, "item_id": row.id, "event_id": row.event_then}
        item["published_at"] = row.date_then
        if cut.is_past and row.state != ItemState.QUARANTINED:
            item["state"] = ItemState.SCORED if row.judged else ItemState.DEFERRED
        yield item


def _events(connection: Any, cut: Cut) -> Iterator[Row]:
    for row in exports.events(connection, cut.at):
        yield {**row._mapping, "event_id": row.id}


def _verdicts(connection: Any, cut: Cut) -> Iterator[Row]:
    """A row for each label; one without any for a verdict that has none."""
    nothing: Row = dict.fromkeys(("category", "stance", "severity", "p", "claim", "quote", "fault"))
    for row in exports.verdicts(connection, cut.at):
        for n, label in enumerate(row.labels or [nothing], start=1):
            place = {"verdict_id": row.id, "label": n if row.labels else 0}
            yield {**row._mapping, **nothing, **label, **place}


def _ledger(connection: Any, cut: Cut) -> Iterator[Row]:
    for row in exports.ledger(connection, cut.thesis_id, cut.at):
        yield {
            **row._mapping,
            "row": row.id,
            "stands": row.id in cut.contributions,
            "contribution": cut.contributions.get(row.id, 0.0),
        }


def _scores(connection: Any, cut: Cut) -> Iterator[Row]:
    import json

    for row in exports.scores(connection, cut.thesis_id, cut.at):
        parts = row.detail.get("categories", {})
        added = {name: part["log_odds"] for name, part in parts.items()}
        yield {
            **row._mapping,
            "blind": row.detail.get("blind"),
            "categories": json.dumps(added, sort_keys=True),
        }


def _alerts(connection: Any, cut: Cut) -> Iterator[Row]:
    for row in exports.alerts(connection, cut.thesis_id, cut.at):
        alert = {**row._mapping, "alert_id": row.id, "category": row.subject}
        for name in ("resolved_at", "acknowledged_at", "told_at"):
            alert[name] = alert[name] if alert[name] and alert[name] <= cut.at else None
        if row.resolved_at and row.resolved_at > cut.at:
            alert["status"] = "firing"
        evidence = row.case["evidence"]
        yield {
            **alert,
            "headline": row.case["headline"],
            "score_before": row.case["score_before"],
            "score_after": row.case["score_after"],
            "item_ids": [one["item_id"] for one in evidence],
            "urls": [one["url"] for one in evidence],
        }


def _kpis(connection: Any, cut: Cut) -> Iterator[Row]:
    for row in exports.kpis(connection, cut.thesis_id, cut.at):
        yield dict(row._mapping)


TABLES = (
    Table(
        "items",
        "Every article, paper, filing and release, as it was fetched, in the order seen.",
        _columns("""
            item_id        text     its id, as given on import or made from its address
            event_id       text     the event it reports, empty before it was grouped
            title          text     as published
            summary        text     as published, empty where there was none
            text           text     the full text where it was to be had, else empty
            url            text     its page
            source         text     the configured source that brought it
            publisher      text     who published it
            owner          text     who owns the publisher; corroboration counts owners
            lang           text     its language where known
            kind           text     news, paper, filing or release
            published_at   instant  when it says that it was published; empty if it cannot be read
            first_seen_at  instant  when we first saw it: what counts for as-of questions
            state          text     how far it has come; with --as-of scored if judged or deferred
            amends         text     the id of the item that it corrects
            content_hash   text     hash of what was fetched
        """),
        _items,
    ),
    Table(
        "events",
        "Every happening: the unit of the score, however many items report it.",
        _columns("""
            event_id      text     named after the item that opened it
            title         text     of the item that opened it
            storyline     text     events of one storyline within a week grow stale
            opened_at     instant  when its first item was seen
            last_item_at  instant  when its last item was seen; empty if all went elsewhere
            items         count    items that report it
            owners        count    different owners of their publishers
            merged_into   text     the event that it turned out to be part of, else empty
        """),
        _events,
    ),
    Table(
        "verdicts",
        "What judges said of items, a row for each label; abstentions and irrelevant ones have one"
        " row without a label. Later verdicts on an item stand beside earlier ones.",
        _columns("""
            verdict_id      count    the verdict; its labels share it
            label           count    1 is the most important label, 0 says that there is none
            item_id         text     the item judged
            category        text     the front of the thesis it bears on
            stance          text     supports (the thesis is stronger), weakens or neutral
            severity        count    1 talk, 2 fact, 3 decisive
            p               number   probability of category and stance, given relevance
            claim           text     the claim of the essay it bears on
            quote           text     the words that prove it, for a language model's label
            fault           text     why the label is not scored, else empty
            relevant        flag     whether it bears on the thesis at all
            p_relevant      number   probability of that
            abstained       flag     the judge would not or could not say: not the same as neutral
            reason          text     why
            happening       text     who did what when, in a line, by a language model
            known           flag     the thesis says it already
            gate            text     what the gate to the language model made of it
            hindsight       flag     a model was asked about a day long past
            judged_as       text     the item that was judged in this one's place, a copy of it
            judge           text     who judged: local, llm, person and others
            model           text     by which model
            prompt_hash     text     by which prompt or fit
            thesis_version  text     by which text of the thesis
            input_hash      text     of which text
            recorded_at     instant  when
        """),
        _verdicts,
    ),
    Table(
        "ledger",
        "The evidence, append-only: one event on one category. A later row of the same two takes"
        " the place of an earlier one. `weight` decays as weight * 2^-(age / half_life_days), age"
        " from occurred_at; sums of a category saturate at 3 nats. The contributions and the"
        " prior's log-odds add up to log_odds in columns.json.",
        _columns("""
            row             count    number of the row, rising in the order recorded
            event_id        text     the event
            category        text     the front of the thesis
            stance          text     supports, weakens or neutral
            severity        count    1 to 3
            strength        number   signed, nats: what the judgement is worth
            reliability     number   of the publisher, 0 to 1
            owners          texts    the independent owners that report it
            corroboration   number   k / (1 + 0.8 (k - 1)) for k owners
            storyline_rank  count    the n-th event of its storyline within a week
            staleness       number   0.75^(n - 1)
            cap             number   largest size of weight, nats
            half_life_days  number   days in which the weight halves
            self_report     flag     a company about itself: strength is halved
            weight          number   signed and undecayed, nats
            stands          flag     whether it counts as of `as_of` in columns.json
            contribution    number   what it adds to the log-odds as of then; 0 if it does not stand
            occurred_at     instant  from when on it decays
            recorded_at     instant  when it was written
            cause           text     why: new evidence, corroboration, correction and others
            item_id         text     the item whose verdict leads
            title           text     of that item
            url             text     of that item
            publisher       text     of that item
            kind            text     of that item
            judge           text     who judged it
            model           text     by which model
            verdict_id      count    the verdict
            thesis_version  text     by which text of the thesis
        """),
        _ledger,
    ),
    Table(
        "scores",
        "The score as passes left it, oldest first.",
        _columns("""
            as_of           instant  the instant it holds for
            score           number   0 to 100, the strength of the thesis
            low             number   10% of the band
            high            number   90% of the band
            prior           number   the score without evidence
            log_odds        number   of the score, nats
            status          text     what to hold against it
            events          count    events that count
            publishers      count    different owners behind them
            largest_share   number   share of the largest event in all weights, 0 to 1
            blind           number   share of the sources that could not be seen, 0 to 1
            categories      text     JSON: log-odds that each category adds
            thesis_version  text     by which text of the thesis
        """),
        _scores,
    ),
    Table(
        "alerts",
        "Alerts that fired, oldest first, in the words they were last told in.",
        _columns("""
            alert_id         text     its id, as `thesis alerts show` takes it
            rule             text     spike, level, move, falsifier, blind or budget
            category         text     the front or whatever else it is about
            direction        text     rising or collapsing and the like
            severity         text     notice, warning or critical
            status           text     firing, resolved or withdrawn
            headline         text     what it says in a line
            began_at         instant  when there first was reason
            fired_at         instant  when it fired
            resolved_at      instant  when it ended
            acknowledged_at  instant  when somebody said that they had heard
            told_at          instant  when it was last told
            sent             count    how often it was told
            replayed         flag     it fired in a replay and was never told
            score_before     number   the score before it
            score_after      number   the score after it
            item_ids         texts    the items it rests on
            urls             texts    their pages
        """),
        _alerts,
    ),
    Table(
        "kpis",
        "Figures that companies filed; a restated one stands beside the original.",
        _columns("""
            kpi           text     its id in the thesis
            period_start  day      first day of the period; of a stock, its day
            period_end    day      last day of the period
            value         number   in `unit`
            unit          text     USD, percent or days
            form          text     the filing's form
            accession     text     the filing's number
            filed_at      day      when it was filed
            derivation    text     how the figure follows from what was filed
            restates      text     accession of the filing whose figure it restates, else empty
            tags          texts    the XBRL tags it was read by
            definition    text     hash of how it is read: another one is another series
            recorded_at   instant  when we read it
        """),
        _kpis,
    ),
)
