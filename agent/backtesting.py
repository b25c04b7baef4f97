"""`thesis backtest`: the score's history held against prices, and what that shows, if anything.

Everything comes from stored scores and rows; the figures are made by agent.backtest.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from agent import backtest, lead_lag, spikes, streams
from agent.errors import ThesiswatchError
from agent.prices import Close
from agent.report import standing_at
from agent.workspace import Workspace
from store import ledger

Answer = dict[str, Any]
ACROSS = 20
"""Trading days that the score may lead or follow by."""


def run(workspace: Workspace, closes: Sequence[Close], label: str) -> Answer:
    """Lead and lag of score and price, returns around spikes, and what it comes to in words.

    Raises ThesiswatchError when score and prices do not share enough days.
    """
    now = standing_at(workspace, None).as_of
    with workspace.database.reading() as connection:
        history = ledger.snapshots(connection, workspace.thesis.id)
    scores = [(row.as_of, row.score) for row in history]
    found = _spikes(workspace, now)
    try:
        aligned = backtest.align(scores, _until(closes, now))
        lags = lead_lag.lead_lag(aligned.changes, aligned.returns, range(-ACROSS, ACROSS + 1))
        study = backtest.event_study(closes, [one["fired_on"] for one in found])
        finding = backtest.verdict(lags, study)
    except ValueError as error:
        raise ThesiswatchError(str(error), "Give prices that cover the score's history") from error
    return {
        "label": label,
        "from": aligned.days[0].isoformat(),
        "to": aligned.days[-1].isoformat(),
        "word": finding.word,
        "sentences": list(finding.sentences),
        "warning": finding.warning,
        "lags": [asdict(one) for one in lags.lags],
        "leading": asdict(lags.leading),
        "following": asdict(lags.following) if lags.following else None,
        "days": lags.days,
        "moved": lags.moved,
        "independent": lags.independent,
        "spikes": [{**one, "fired_on": one["fired_on"].isoformat()} for one in found],
        "event_study": {
            "windows": [asdict(one) for one in study.windows],
            "events": [day.isoformat() for day in study.events],
            "merged": study.merged,
            "left_out": study.left_out,
        },
        "history": [
            {"as_of": _iso(row.as_of), "score": row.score, "low": row.low, "high": row.high}
            for row in history
        ],
        "closes": [[day.isoformat(), close] for day, close in _within(closes, aligned.days)],
    }


def _spikes(workspace: Workspace, now: datetime) -> list[Answer]:
    """When the threat rose on a category, oldest first."""
    found = [
        {
            "category": stream.category,
            "fired_on": one.fired_on,
            "observed": one.observed,
            "expected": one.expected,
            "owners": len(one.owners),
            "statistic": one.statistic,
        }
        for stream in streams.read(workspace, now).values()
        if stream.category != streams.ALL and stream.stance == "supports"
        for one in spikes.detect(stream.days, threshold=workspace.config.alerts.threshold).spikes
    ]
    return sorted(found, key=lambda one: (one["fired_on"], one["category"]))


def _until(closes: Sequence[Close], now: datetime) -> list[Close]:
    """The closes while the score was kept: after its last day it knows nothing new."""
    return [one for one in closes if one[0] <= now.date()]


def _within(closes: Sequence[Close], days: Sequence[date]) -> list[Close]:
    return [one for one in closes if days[0] <= one[0] <= days[-1]]


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
