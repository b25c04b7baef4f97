"""Which items are worth asking a language model about, and what the gate misses. Pure.

A share of the items it turns away is let through all the same, chosen by their ids alone, so
that what it misses can be counted instead of hoped about.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.evaluation import Rate, wilson


class Gate(StrEnum):
    """What the gate made of an item; `unpaid`: it passed, and there was no money to ask."""

    PASSED = "passed"
    SAMPLED = "sampled"
    REJECTED = "rejected"
    UNPAID = "unpaid"


ASKED = (Gate.PASSED, Gate.SAMPLED)


@dataclass(frozen=True, slots=True)
class Tally:
    """Of items the gate treated alike: how many, how many were judged, how many mattered."""

    items: int
    judged: int
    relevant: int


def decide(item_id: str, promise: float, *, threshold: float, sample: float) -> Gate:
    """Passed from `threshold` on; else sampled for a share `sample` of all ids, or rejected."""
    if promise >= threshold:
        return Gate.PASSED
    drawn = int.from_bytes(hashlib.sha256(item_id.encode()).digest()[:8], "big") / 2**64
    return Gate.SAMPLED if drawn < sample else Gate.REJECTED


def recall(tallies: Mapping[str, Tally]) -> Rate | None:
    """The share of relevant items that pass, estimated from the sampled ones, with its interval.

    None before anything was judged on both sides of the gate. `of` is how many were sampled.
    """
    nothing = Tally(0, 0, 0)
    passed, sampled = (tallies.get(one, nothing) for one in ASKED)
    if not sampled.judged or not passed.judged:
        return None
    rejected = sampled.items + tallies.get(Gate.REJECTED, nothing).items
    found = passed.items * passed.relevant / passed.judged
    missed = wilson(sampled.relevant, sampled.judged)

    def kept(share: float) -> float:
        return found / (found + share * rejected) if found + share * rejected else 1.0

    return Rate(kept(missed.value), kept(missed.high), kept(missed.low), sampled.judged)
