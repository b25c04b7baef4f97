"""`thesis run --estimate`: what a run would cost, before it does.

From what was measured here, and from the prompt's length and the gate's setting before that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agent import standing
from agent.config import Config
from agent.days import start_of_month
from agent.judge import llm, prompt
from agent.judge.account import cost
from agent.judge.endpoint import Call, Outcome
from agent.judge.gate import Gate
from agent.thesis import Thesis
from store import calls, items, ledger, sources, verdicts
from store.database import Database
from store.models import ItemState

Answer = dict[str, Any]
LONGEST = timedelta(days=7)
"""Feeds seldom hold more than this."""
FIRST_LOOK = 25
"""Items in a feed that was never looked at."""
TYPICAL_PASS = 0.08
"""Share of items that pass the gate, before any was measured here."""
TYPICAL_TOKENS = (250, 150)
"""Tokens of an item and of an answer, before any was measured here."""
FEWEST = 50
"""Calls, or items at the gate, from which the measured figure is taken."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored that tells of a run to come; nothing before the first one."""

    since: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    per_week: Mapping[str, float] = field(default_factory=dict)
    gated: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    spent: calls.Spending = calls.Spending(0, 0, 0, 0, 0, 0.0)
    spent_this_month: float = 0.0


def of_run(config: Config, thesis: Thesis, database: Database | None, now: datetime) -> Answer:
    """Calls, tokens and dollars that a run `now` is likely to take, beside what may be spent.

    `database` is None before the first run.
    """
    known = _read(config, thesis, database, now) if database else _Known()
    away = min(now - known.since, LONGEST) if known.since else LONGEST
    expected = sum(
        known.per_week[one.name] * (away / LONGEST) if one.name in known.per_week else FIRST_LOOK
        for one in config.sources
    )
    before = (ItemState.FETCHED, ItemState.EMBEDDED, ItemState.GROUPED)
    backlog = sum(known.counts.get(state, 0) for state in before)
    waiting = known.counts.get(ItemState.DEFERRED, 0)
    answer: Answer = {"new_items": round(expected), "backlog": backlog + waiting}
    if not llm.is_wanted(config):
        return answer | {"judge": "local", "calls": 0, "cost": 0.0}
    asked = round((expected + backlog) * _share_asked(known.gated, config.judge.sample)) + waiting
    tokens = _tokens(thesis, known.spent)
    each = Call(
        Outcome.ANSWERED, tokens_in=tokens[0], tokens_cached=tokens[1], tokens_out=tokens[2]
    )
    return answer | {
        "judge": "llm",
        "model": config.judge.model,
        "calls": asked,
        "tokens_in": asked * tokens[0],
        "tokens_cached": asked * tokens[1],
        "tokens_out": asked * tokens[2],
        "cost": asked * cost(each, llm.price_of(config)),
        "run_budget": config.judge.run_budget,
        "left_this_month": max(0.0, config.judge.monthly_budget - known.spent_this_month),
        "measured": known.spent.calls >= FEWEST,
    }


def _read(config: Config, thesis: Thesis, database: Database, now: datetime) -> _Known:
    with database.reading() as connection:
        last = ledger.snapshot_before(connection, thesis.id, None)
        looked = sources.states(connection)
        health = standing.source_health(connection, config, now)
        return _Known(
            since=last.as_of if last else None,
            counts=items.counts(connection),
            per_week={name: rate for name, (_, rate) in health.items() if name in looked},
            gated=verdicts.gated(connection, llm.LlmJudge.name),
            spent=calls.spending(connection),
            spent_this_month=calls.spending(connection, start_of_month(now)).cost,
        )


def _share_asked(gated: Mapping[str, tuple[int, int, int]], sample: float) -> float:
    """Calls for each item that comes to the gate; copies of an event are not asked about."""
    seen = sum(counts[0] for counts in gated.values())
    if seen < FEWEST:
        return TYPICAL_PASS + sample
    asked = sum(counts[1] for counts in gated.values())
    unpaid = gated.get(Gate.UNPAID, (0, 0, 0))[0]
    return (asked + unpaid) / seen


def _tokens(thesis: Thesis, spent: calls.Spending) -> tuple[int, int, int]:
    """Tokens in, of these cached, and out, of one call."""
    if spent.calls >= FEWEST:
        sums = (spent.tokens_in, spent.tokens_cached, spent.tokens_out)
        return sums[0] // spent.calls, sums[1] // spent.calls, sums[2] // spent.calls
    item, answer = TYPICAL_TOKENS
    return prompt.about_tokens(prompt.make(thesis).prefix) + item, 0, answer
