"""What language models cost: the account of a run, and what was spent so far.

Every call is a stored row the moment it ends; an answer in them is never paid for again.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from agent.config import Config, PriceSection
from agent.days import start_of_month
from agent.evaluation import Said, agreement
from agent.judge import gate, llm
from agent.judge.account import Account, Later, Question
from agent.judge.endpoint import ANSWER_TOKENS, Call, Outcome
from agent.judge.gate import Tally
from store import batches, calls, verdicts
from store.database import Database

PURPOSE = "judge"


class StoredCalls:
    """See agent.judge.account.Record."""

    def __init__(self, database: Database, now: datetime | None, purpose: str = PURPOSE) -> None:
        self._database = database
        self._now = now
        self._purpose = purpose

    def recall(self, key: str) -> Call | None:
        """The stored answer, counted as a hit, or word that it is in a batch."""
        with self._database.reading() as connection:
            row = calls.recall(connection, key)
            if row is None:
                is_asked = batches.holds(connection, key)
                return Call(Outcome.BATCHED, detail="its batch is under way") if is_asked else None
        with self._database.writing() as connection:
            calls.hit(connection, row.id)
        return Call(
            Outcome(row.outcome),
            text=row.text,
            detail=row.detail,
            model=row.answered_by,
            tokens_in=row.tokens_in,
            tokens_cached=row.tokens_cached,
            tokens_out=row.tokens_out,
            milliseconds=row.milliseconds,
            cost=row.cost,
            attempt=row.attempt,
        )

    def keep(self, question: Question, call: Call) -> None:
        """One row, in a transaction of its own."""
        assert self._now is not None, "a call was made where nobody may be asked"
        row = {**as_row(question, call, self._now), "purpose": self._purpose}
        with self._database.writing() as connection:
            calls.add(connection, row)


def as_row(question: Question, call: Call, now: datetime, batch: str = "") -> dict[str, Any]:
    """A call as it is stored."""
    return {
        "key": question.key,
        "purpose": PURPOSE,
        "asked_at": now,
        "model": question.model,
        "answered_by": call.model,
        "prompt_hash": question.prompt_hash,
        "input_hash": question.input_hash,
        "attempt": call.attempt,
        "outcome": str(call.outcome),
        "settled": call.settled,
        "detail": call.detail,
        "text": call.text,
        "tokens_in": call.tokens_in,
        "tokens_cached": call.tokens_cached,
        "tokens_out": call.tokens_out,
        "cost": call.cost,
        "milliseconds": call.milliseconds,
        "batch": batch,
    }


def open_account(
    database: Database,
    config: Config,
    now: datetime | None,
    later: Later | None,
    price: PriceSection,
    purpose: str = PURPOSE,
    answer_tokens: int = ANSWER_TOKENS,
) -> Account:
    """The account of a run at `now`; with None it asks nobody and knows what was answered.

    With `later` questions are put there for a batch.
    """
    left = None if now is None else min(config.judge.run_budget, month_left(database, config, now))
    return Account(price, left, StoredCalls(database, now, purpose), later, answer_tokens)


def month_left(database: Database, config: Config, now: datetime) -> float:
    """Dollars that this calendar month's budget still holds."""
    with database.reading() as connection:
        spent = calls.spending(connection, start_of_month(now)).cost
    return max(0.0, config.judge.monthly_budget - spent)


def overview(connection: Any, config: Config, now: datetime) -> dict[str, Any]:
    """Who judges, what it cost so far and this month in dollars, and what the gate misses."""
    ever, month = calls.spending(connection), calls.spending(connection, start_of_month(now))
    events = calls.scored_events(connection, llm.LlmJudge.name)
    last = calls.newest(connection)
    tallies = verdicts.gated(connection, llm.LlmJudge.name)
    recalled = gate.recall({name: Tally(*counts) for name, counts in tallies.items()})
    asks = llm.is_wanted(config)
    return {
        "kind": "llm" if asks else "local",
        "model": config.judge.model if asks else "",
        "last_outcome": last.outcome if last else "",
        "calls": ever.calls,
        "cache_hits": ever.hits,
        "tokens_in": ever.tokens_in,
        "tokens_cached": ever.tokens_cached,
        "tokens_out": ever.tokens_out,
        "cost": ever.cost,
        "cost_this_month": month.cost,
        "monthly_budget": config.judge.monthly_budget,
        "scored_events": events,
        "cost_per_scored_event": ever.cost / events if events else None,
        "gate": {name: counts[0] for name, counts in tallies.items()},
        "gate_recall": None if recalled is None else asdict(recalled),
        "agreement": _agreement(connection),
    }


def _agreement(connection: Any) -> dict[str, Any]:
    """How far the local judge says what the model says, of items that both judged."""
    rows = verdicts.side_by_side(connection, "local", llm.LlmJudge.name)
    found = agreement((_said(*row[:2]), _said(*row[2:])) for row in rows)
    by_category = {name: asdict(rate) for name, rate in found["by_category"].items()}
    return {"relevance": asdict(found["relevance"]), "by_category": by_category}


def _said(relevant: bool, labels: list[dict[str, Any]]) -> Said:
    first = next((label for label in labels if not label.get("fault")), None)
    return Said(relevant, 0.0, False, first["category"] if first else "")
