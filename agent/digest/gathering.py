"""Reads what a digest says from the stored rows as of its last instant: made again, it is the same.

Nothing recorded after `until` is looked at, so that the digest of a day past reads as it did then.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agent import dossier, falsifiers, report, standing
from agent.alerts import Evidence
from agent.days import INSTANT
from agent.digest.facts import (
    Alerted,
    Coverage,
    Decided,
    Facts,
    Front,
    Reported,
    Share,
    happenings,
    in_points,
    place_of,
)
from agent.dossier import Records
from agent.errors import ThesiswatchError
from agent.kpi_report import as_figures, filing_url
from agent.standing import Standing
from agent.workspace import Workspace
from store import alerts, calls, items, kpis, ledger

TOP = 5
"""Events of each side that are shown."""
READING = 5
PATH = timedelta(days=90)
STRIP = 30
"""Days that the strip of fronts shows."""
DOCUMENTS = ("paper", "filing")
NEWS = ("new evidence", "corroboration")
"""Causes of ledger rows that restate nothing."""

Answer = dict[str, Any]


def gather(workspace: Workspace, day: date, since: datetime, until: datetime) -> Facts:
    """The facts of `day`: what is known at `until`, and what changed since `since`.

    Raises ThesiswatchError when there was no score by `until`.
    """
    with workspace.database.reading() as connection:
        id_ = workspace.thesis.id
        if ledger.snapshot_before(connection, id_, until) is None:
            way_out = _first_digest(workspace, ledger.snapshots(connection, id_))
            raise ThesiswatchError(f"there is no score of {day} or before", way_out)
        is_first = ledger.snapshot_before(connection, id_, since) is None
    now = report.standing_at(workspace, until)
    before = None if is_first else report.standing_at(workspace, since)
    answer = report.explain(workspace, since=None if is_first else since, as_of=until)
    kept = _kept(workspace, until)
    records, rows = Records(workspace, until), answer["rows"]
    new = [row for row in rows if _is_news(row, since)]
    supporting, against = (happenings(new, stance) for stance in ("supports", "weakens"))
    return Facts(
        thesis=workspace.thesis.title,
        first_day=_first_day(workspace, since).isoformat(),
        day=day.isoformat(),
        since=str(report.iso(since)),
        until=str(report.iso(until)),
        score=now.score.score,
        low=now.score.low,
        high=now.score.high,
        before=before.score.score if before else None,
        status=now.status,
        calibrated=now.confusion is not None,
        events=now.score.events,
        publishers=now.score.publishers,
        causes=_causes(answer, before, now),
        pillars=_pillars(answer, before, now),
        fronts=_fronts(answer, before, now),
        supporting=_sources(records, supporting),
        against=_sources(records, against),
        moved=_moved(answer, before, now, (*supporting[:TOP], *against[:TOP])),
        more_supporting=max(len(supporting) - TOP, 0),
        more_against=max(len(against) - TOP, 0),
        reading=_reading(records, new),
        figures=_figures(workspace, since, until),
        falsifiers=_falsifiers(workspace, since, until),
        alerts=_alerts(workspace, since, until),
        restated=_restated(workspace, since, until),
        coverage=_coverage(workspace, now, since, until),
        path=_path(kept, day, now),
        strip=_strip(now, dict(list(kept.items())[-STRIP:])),
    )


def _first_digest(workspace: Workspace, scores: Sequence[Any]) -> str:
    """How to get the first digest that there is."""
    if not scores:
        return "Run `thesis run`"
    day = scores[0].as_of.astimezone(workspace.config.alerts.zone).date()
    return f"The first is that of {day}: `thesis digest --date {day}`"


def _is_news(row: Mapping[str, Any], since: datetime) -> bool:
    """Whether a row came since, be it that it was restated the same day."""
    came = row.get("new", True) or row["cause"] in NEWS
    return bool(came) and datetime.fromisoformat(row["recorded"]) > since


def _path(
    kept: Mapping[str, Any], day: date, now: Standing
) -> tuple[tuple[str, float, float, float], ...]:
    """The scores of the days before, and this one's as it is told."""
    before = [(of, row.score, row.low, row.high) for of, row in kept.items()]
    last = (day.isoformat(), now.score.score, now.score.low, now.score.high)
    return (*(one for one in before if one[0] != last[0]), last)


def _first_day(workspace: Workspace, since: datetime) -> date:
    """The day after the one that `since` ends, where the user lives."""
    return (since + INSTANT).astimezone(workspace.config.alerts.zone).date()


def _points(
    parts: Mapping[str, float], answer: Answer, before: Standing | None, now: Standing
) -> dict[str, float]:
    if before is None:
        return dict.fromkeys(parts, 0.0)
    return in_points(parts, before.score.score, now.score.score, answer["change"])


def _causes(answer: Answer, before: Standing | None, now: Standing) -> tuple[Share, ...]:
    """What changed the score, the largest first; together they are its change."""
    points = _points(answer.get("causes", {}), answer, before, now)
    shares = [Share(name, name, size) for name, size in points.items() if size]
    return tuple(sorted(shares, key=lambda one: -abs(one.points)))


def _by_front(answer: Answer, before: Standing | None, now: Standing) -> dict[str, float]:
    """Points that each category's rows changed the score by."""
    change: defaultdict[str, float] = defaultdict(float)
    for row in answer["rows"]:
        change[row["category"]] += row["contribution"]
    return _points(change, answer, before, now)


def _fronts(answer: Answer, before: Standing | None, now: Standing) -> tuple[Front, ...]:
    points, thesis = _by_front(answer, before, now), now.thesis
    return tuple(
        Front(
            one.id,
            one.name,
            thesis.pillar_of[one.id],
            now.score.categories[one.id].log_odds,
            points.get(one.id, 0.0),
        )
        for one in thesis.categories
    )


def _pillars(answer: Answer, before: Standing | None, now: Standing) -> tuple[Front, ...]:
    points: defaultdict[str, float] = defaultdict(float)
    for category, size in _by_front(answer, before, now).items():
        if category in now.thesis.pillar_of:
            points[now.thesis.pillar_of[category]] += size
    found = standing.pillars(now)  # of a front that the thesis no longer has only the cause is told
    return tuple(
        Front(one.id, one.name, one.id, found[one.id], points[one.id]) for one in now.thesis.pillars
    )


def _moved(
    answer: Answer, before: Standing | None, now: Standing, told: Sequence[Mapping[str, Any]]
) -> tuple[Share, ...]:
    """What the rows that are told changed the score by, each on its front."""
    change = {place_of(row): row["contribution"] for row in answer["rows"]}
    points = _points(change, answer, before, now)
    names = {one.id: one.name for one in now.thesis.categories}
    return tuple(
        Share(place, names.get(row["category"], row["category"]), points[place])
        for place, row in ((place_of(row), row) for row in told)
    )


def _sources(records: Records, rows: Sequence[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    return tuple(dossier.evidence_of(records, dict(row)) for row in rows[:TOP])


def _reading(records: Records, rows: Sequence[Answer]) -> tuple[Evidence, ...]:
    """New papers and filings, each once, the weightiest first."""
    documents = [row for row in rows if row["kind"] in DOCUMENTS and row["weight"]]
    documents.sort(key=lambda row: (-abs(row["weight"]), row["item_id"]))
    first = {row["item_id"]: row for row in reversed(documents)}
    once = [row for row in documents if first[row["item_id"]] is row]
    return tuple(dossier.evidence_of(records, row) for row in once[:READING])


def _known(workspace: Workspace, until: datetime) -> dict[str, list[Any]]:
    """The stored figures of each KPI that were recorded by `until`."""
    thesis = workspace.thesis
    with workspace.database.reading() as connection:
        wanted = {kpi.id: kpi.definition for kpi in thesis.kpis}
        stored = kpis.of_thesis(connection, thesis.id, wanted)
    return {id_: [row for row in rows if row.recorded_at <= until] for id_, rows in stored.items()}


def _url(workspace: Workspace, kpi_id: str | None, accession: str) -> str:
    thesis = workspace.thesis
    entity = next((kpi.entity for kpi in thesis.kpis if kpi.id == kpi_id), "")
    cik = next((one.cik for one in thesis.entities if one.id == entity), None)
    return filing_url(cik, accession) if cik and accession else ""


def _figures(workspace: Workspace, since: datetime, until: datetime) -> tuple[Reported, ...]:
    """Figures that were recorded since; the first look of all brings history, which is no news."""
    known, names = _known(workspace, until), {kpi.id: kpi for kpi in workspace.thesis.kpis}
    return tuple(
        Reported(
            names[id_].name,
            row.period_end.isoformat(),
            row.value,
            row.unit,
            _url(workspace, id_, row.accession),
            bool(row.restates),
        )
        for id_, rows in known.items()
        if any(row.recorded_at <= since for row in rows)
        for row in rows
        if row.recorded_at > since
    )


def _falsifiers(workspace: Workspace, since: datetime, until: datetime) -> tuple[Decided, ...]:
    thesis, found = workspace.thesis, []
    then, now = _known(workspace, since), _known(workspace, until)
    for one in thesis.falsifiers:
        if one.kind != "kpi":
            continue
        old, new = (
            falsifiers.rule(
                thesis, one, as_figures(known.get(one.kpi or "", [])), _day(workspace, at)
            )
            for known, at in ((then, since), (now, until))
        )
        if new.status is not old.status and then.get(one.kpi or ""):
            accession = new.figure.accession if new.figure else ""
            url = _url(workspace, one.kpi, accession)
            found.append(Decided(one.id, one.text, new.status.value, new.reason, url))
    return tuple(found)


def _day(workspace: Workspace, at: datetime) -> date:
    return at.astimezone(workspace.config.alerts.zone).date()


def _alerts(workspace: Workspace, since: datetime, until: datetime) -> tuple[Alerted, ...]:
    with workspace.database.reading() as connection:
        rows = alerts.fired_between(connection, workspace.thesis.id, since, until)
    return tuple(Alerted(row.id, row.rule, row.headline) for row in rows)


def _restated(
    workspace: Workspace, since: datetime, until: datetime
) -> tuple[tuple[str, int], ...]:
    """How many ledger rows were put in the place of others, by cause, the most first."""
    with workspace.database.reading() as connection:
        rows = ledger.between(connection, workspace.thesis.id, since, until)
    counts = Counter(row.cause for row in rows if row.cause not in NEWS)
    return tuple(counts.most_common())


def _coverage(workspace: Workspace, now: Standing, since: datetime, until: datetime) -> Coverage:
    with workspace.database.reading() as connection:
        seen = items.seen_between(connection, since, until)
        paid = calls.spending(connection, since + INSTANT, until)
        passes = ledger.snapshots(connection, workspace.thesis.id, since + INSTANT, until)
    sight = now.sight
    return Coverage(
        items=seen,
        looked=bool(passes),
        sources=sight.sources if passes else 0,
        blind=sight.unseen,
        share=sight.blind,
        waiting=sight.waiting,
        unpaid=sight.unpaid,
        candidates=sight.candidates,
        calls=paid.calls,
        spent=paid.cost,
    )


def _strip(now: Standing, kept: Mapping[str, Any]) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """What each front added on each day; nothing where the thesis did not have it yet."""
    none = {"log_odds": 0.0}
    return tuple(
        (
            day,
            tuple(
                row.detail["categories"].get(one.id, none)["log_odds"]
                for one in now.thesis.categories
            ),
        )
        for day, row in kept.items()
    )


def _kept(workspace: Workspace, until: datetime) -> dict[str, Any]:
    """Each day's last score of the last months, by day."""
    with workspace.database.reading() as connection:
        rows = ledger.snapshots(connection, workspace.thesis.id, until - PATH, until)
    zone: ZoneInfo = workspace.config.alerts.zone
    return {row.as_of.astimezone(zone).date().isoformat(): row for row in rows}
