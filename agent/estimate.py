"""`thesis run --estimate`: what a run would cost, before it does.

From what was measured here, and from the prompt's length and the gate's setting before that.
"""

from datetime import datetime, timedelta
from typing import Any

from agent import spending, standing
from agent.judge import llm, prompt
from agent.judge.account import cost
from agent.judge.endpoint import Call, Outcome
from agent.judge.gate import Gate
from agent.workspace import Workspace
from store import calls, items, ledger, verdicts
from store.models import ItemState

LONGEST = timedelta(days=7)
"""Feeds seldom hold more than this."""
TYPICAL_PASS = 0.08
"""Share of items that pass the gate, before any was measured here."""
TYPICAL_TOKENS = (250, 150)
"""Tokens of an item and of an answer, before any was measured here."""
FEWEST = 50
"""Calls, or items at the gate, from which the measured figure is taken."""


def of_run(workspace: Workspace, now: datetime) -> dict[str, Any]:
    """Calls, tokens and dollars that a run `now` is likely to take, beside what may be spent."""
    config, database = workspace.config, workspace.database
    answer: dict[str, Any] = {"judge": "llm" if llm.is_wanted(config) else "local"}
    with database.reading() as connection:
        counts = items.counts(connection)
        last = ledger.snapshot_before(connection, workspace.thesis.id, None)
        health = standing.source_health(connection, config, now)
        gated = verdicts.gated(connection, llm.LlmJudge.name)
        spent = calls.spending(connection)
    away = min(now - last.as_of, LONGEST) if last else LONGEST
    expected = sum(per_week for _, per_week in health.values()) * (away / LONGEST)
    before = (ItemState.FETCHED, ItemState.EMBEDDED, ItemState.GROUPED)
    backlog = sum(counts.get(state, 0) for state in before)
    waiting = counts.get(ItemState.DEFERRED, 0)
    answer |= {"new_items": round(expected), "backlog": backlog + waiting}
    if answer["judge"] == "local":
        return answer | {"calls": 0, "cost": 0.0}
    asked = round((expected + backlog) * _share_asked(gated, config.judge.sample)) + waiting
    tokens = _tokens(workspace, spent)
    each = Call(
        Outcome.ANSWERED, tokens_in=tokens[0], tokens_cached=tokens[1], tokens_out=tokens[2]
    )
    left = spending.month_left(database, config, now)
    return answer | {
        "model": config.judge.model,
        "calls": asked,
        "tokens_in": asked * tokens[0],
        "tokens_cached": asked * tokens[1],
        "tokens_out": asked * tokens[2],
        "cost": asked * cost(each, llm.price_of(config)),
        "run_budget": config.judge.run_budget,
        "left_this_month": left,
        "measured": spent.calls >= FEWEST,
    }


def _share_asked(gated: dict[str, tuple[int, int, int]], sample: float) -> float:
    """Calls for each item that comes to the gate; copies of an event are not asked about."""
    seen = sum(counts[0] for counts in gated.values())
    if seen < FEWEST:
        return TYPICAL_PASS + sample
    asked = sum(counts[1] for counts in gated.values())
    unpaid = gated.get(Gate.UNPAID, (0, 0, 0))[0]
    return (asked + unpaid) / seen


def _tokens(workspace: Workspace, spent: calls.Spending) -> tuple[int, int, int]:
    """Tokens in, of these cached, and out, of one call."""
    if spent.calls >= FEWEST:
        sums = (spent.tokens_in, spent.tokens_cached, spent.tokens_out)
        return sums[0] // spent.calls, sums[1] // spent.calls, sums[2] // spent.calls
    item, answer = TYPICAL_TOKENS
    return prompt.about_tokens(prompt.make(workspace.thesis).prefix) + item, 0, answer
