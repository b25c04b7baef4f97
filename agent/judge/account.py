"""Who pays for calls: what was answered before is not asked again, and the budget is kept.

Costs are dollars. Must not reach the network; what it remembers lies behind `Record`.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Protocol

from agent.config import PriceSection
from agent.judge.endpoint import ANSWER_TOKENS, Call, Outcome
from agent.judge.prompt import Message

PER = 1_000_000
"""Prices are for this many tokens."""
BATCH_DISCOUNT = 0.5
"""What a call in a batch costs of one that is answered at once."""
_INPUT = ("tokens_in", "tokens_cached")


@dataclass(frozen=True, slots=True)
class Question:
    """An item's words, the rules with the answer's shape, and the model: what an answer is to."""

    input_hash: str
    prompt_hash: str
    model: str

    @property
    def key(self) -> str:
        """The same for the same question, and for no other."""
        parts = f"{self.input_hash} {self.prompt_hash} {self.model}"
        return hashlib.sha256(parts.encode()).hexdigest()[:24]


Later = dict[Question, list[Message]]
"""Questions for a batch, each with what to send."""


class Record(Protocol):
    """Remembers calls by key; a call kept is there even if the process dies the next moment."""

    def recall(self, key: str) -> Call | None:
        """The settled call with this key, or one that is on its way; None when there is none."""
        ...

    def keep(self, question: Question, call: Call) -> None:
        """Remember a call that was made."""
        ...


class Forgetful:
    """Remembers nothing: for commands that store nothing."""

    def recall(self, key: str) -> Call | None:
        """None."""
        return None

    def keep(self, question: Question, call: Call) -> None:
        """Nothing."""


class Account:
    """One run's account. `left` is what it may spend; None: nobody may be asked at all.

    With `later` questions are for a batch: they are put there instead of asked. For each call the
    price of an answer of `answer_tokens` is put aside.
    """

    def __init__(
        self,
        price: PriceSection,
        left: float | None,
        record: Record,
        later: Later | None = None,
        answer_tokens: int = ANSWER_TOKENS,
    ) -> None:
        self.later = later
        self._answer_tokens = answer_tokens
        self.calls: list[Call] = []
        self.hits = 0
        self.cost = 0.0
        self._price = price
        self._left = left
        self._record = record
        self._reserved = 0.0

    def recall(self, key: str) -> Call | None:
        """What was answered before."""
        found = self._record.recall(key)
        self.hits += found is not None and found.settled
        return found

    def refusal(self, tokens_in: int) -> Call | None:
        """Put the price of a question aside and return None, or say why it may not be asked."""
        if self._left is None:
            return Call(Outcome.UNRECORDED, detail="no model is asked about the past")
        price = self._reserve(tokens_in)
        if self.cost + self._reserved + price > self._left:
            return Call(Outcome.UNPAID, detail="the budget for language models is spent")
        self._reserved += price
        return None

    def settle(self, question: Question, call: Call, tokens_in: int) -> Call:
        """Record what a question for which `tokens_in` were put aside came to, with its cost.

        One that timed out may have been answered, and billed: its question is counted.
        """
        self._reserved -= self._reserve(tokens_in)
        if call.outcome is Outcome.NOT_ASKED:
            return call
        if call.outcome is Outcome.TIMED_OUT:
            call = replace(call, tokens_in=tokens_in)
        call = replace(call, cost=cost(call, self._price))
        self.cost += call.cost
        self.calls.append(call)
        self._record.keep(question, call)
        return call

    def summary(self) -> str:
        """What the calls took, in a line; "" when nothing was asked or known."""
        if not self.calls and not self.hits:
            return ""
        into, cached = (sum(getattr(one, name) for one in self.calls) for name in _INPUT)
        out = sum(one.tokens_out for one in self.calls)
        line = f"{len(self.calls)} calls, {into:,} tokens in ({cached:,} cached), {out:,} out"
        return f"{line}, ${self.cost:.4f}; {self.hits} answers known from before"

    def _reserve(self, tokens_in: int) -> float:
        most = Call(Outcome.ANSWERED, tokens_in=tokens_in, tokens_out=self._answer_tokens)
        return cost(most, self._price, 1.0 if self.later is None else BATCH_DISCOUNT)


def cost(call: Call, price: PriceSection, discount: float = 1.0) -> float:
    """What a call costs in dollars."""
    cached = min(call.tokens_cached, call.tokens_in)
    fresh = call.tokens_in - cached
    sums = fresh * price.input + cached * price.cached + call.tokens_out * price.output
    return discount * sums / PER
