"""Made-up worlds in which it is known whether the thesis is true, and what was written in them.

Assumed, and chosen before any figure was seen:

- An event is neutral in 30 of 100 cases. Otherwise its stance leans to the truth by 0.08, 0.20 or
  0.40 nats for severity 1, 2 or 3: it points the right way in 52, 55 or 60 of 100 cases. Given the
  truth, events are independent: nothing like a mood of the press ties them together.
- Half of the events are of severity 1, a third of 2, the rest of 3. An event bears on 1 to 3 of 12
  equal categories, on all with the same stance.
- Copies follow Pareto's law with exponent 1.2: half of the events have one, one in fifty has two
  dozen or more, none more than 80. Three in ten further copies come from a further owner.
- Three in four events are told by the press. Ages are even over 180 days; a publisher's
  reliability is drawn without regard to what it says, and so is only noise here.
- Judges differ from world to world: on average one says what is so in 70 of 100 cases, the opposite
  in 10. All copies of an event get the same label. Severity and category are read without error.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from agent import score

Generator = np.random.Generator
Array = np.ndarray[Any, Any]

AS_OF = datetime(2025, 2, 1, tzinfo=UTC)
CATEGORIES = tuple(f"c{i}" for i in range(12))
NEUTRAL = 0.3
SEVERITIES = (0.5, 0.35, 0.15)
KINDS = ("news", "release", "paper", "filing")
KIND_SHARES = (0.75, 0.1, 0.05, 0.1)
RELIABILITIES = (0.4, 0.6, 0.9)
WINDOW_DAYS = 180.0
MOST_COPIES = 80
FURTHER_OWNER = 0.3
JUDGE = np.array([[0.7, 0.1, 0.2], [0.1, 0.7, 0.2], [0.15, 0.15, 0.7]])
"""The average judge: P(said | true), both in the order of the score's stances."""
LIKENESS = 20.0
"""How near a judge is to the average one: the weight of a Dirichlet prior."""
GOLD = 250


@dataclass(frozen=True, slots=True)
class Events:
    """Events side by side, one array per trait; `stance` is the true one, as a place in STANCES."""

    stance: Array
    severity: Array
    kind: Array
    reliability: Array
    copies: Array
    owners: Array
    age: Array
    breadth: Array
    first: Array
    """Where its categories begin; they follow each other, `breadth` of them."""

    def take(self, which: Array) -> "Events":
        """The events at these places, some of them perhaps many times."""
        return Events(*(getattr(self, field.name)[which] for field in fields(self)))


def happen(rng: Generator, count: int, lean: float) -> Events:
    """`count` events of a world that leans by `lean` nats, + when the thesis is true."""
    severity = rng.choice([1, 2, 3], count, p=SEVERITIES)
    copies = np.minimum(1 + rng.pareto(1.2, count), MOST_COPIES).astype(int)
    return Events(
        stance=_draw(rng, chances(severity, lean)),
        severity=severity,
        kind=rng.choice(KINDS, count, p=KIND_SHARES),
        reliability=rng.choice(RELIABILITIES, count),
        copies=copies,
        owners=1 + rng.binomial(copies - 1, FURTHER_OWNER),
        age=rng.uniform(0, WINDOW_DAYS, count),
        breadth=rng.integers(1, 4, count),
        first=rng.integers(0, len(CATEGORIES), count),
    )


def chances(severity: Array, lean: float) -> Array:
    """P(stance) of each event, in the order of STANCES, in a world that leans by `lean` nats."""
    up = (1 - NEUTRAL) / (1 + np.exp(-lean_of(severity, lean)))
    return np.column_stack([up, 1 - NEUTRAL - up, np.full(len(severity), NEUTRAL)])


def lean_of(severity: Array, lean: float) -> Array:
    """True nats by which a stance speaks for what it says; `lean` is that of severity 2."""
    return lean * np.array([0.0, 0.4, 1.0, 2.0])[severity]


def judge(rng: Generator) -> Array:
    """P(said | true) of one world's judge, who may favour a side."""
    return np.array([rng.dirichlet(LIKENESS * row) for row in JUDGE])


def say(rng: Generator, judge: Array, stance: Array) -> Array:
    """What the judge calls each true stance."""
    return _draw(rng, judge[stance])


def measure(rng: Generator, judge: Array) -> list[list[float]]:
    """The judge's confusion, counted on a gold sample."""
    sides = (1 - NEUTRAL) / 2
    true = rng.choice(3, GOLD, p=[sides, sides, NEUTRAL])
    table = np.zeros((3, 3))
    np.add.at(table, (true, say(rng, judge, true)), 1)
    return table.tolist()


def write(
    events: Events,
    said: Array,
    confusion: score.Confusion | None = None,
    times: Array | None = None,
) -> list[score.LedgerRow]:
    """The ledger of `events` under the stances `said`; event i counts `times[i]` (1) times."""
    often = np.ones(len(said)) if times is None else times
    return [
        row
        for i, stance in enumerate(said)
        for row in _rows(events, i, stance, confusion, often[i])
    ]


def _rows(
    events: Events, i: int, stance: int, confusion: score.Confusion | None, times: float
) -> list[score.LedgerRow]:
    kind = str(events.kind[i])
    strength = score.strength(
        score.STANCES[stance], int(events.severity[i]), kind=kind, confusion=confusion
    )
    weight = float(times) * score.weight(
        strength, float(events.reliability[i]), int(events.owners[i]), 1, score.CAP[kind]
    )
    happened = AS_OF - timedelta(days=float(events.age[i]))
    life = score.HALF_LIFE_DAYS[kind]
    return [
        score.LedgerRow(f"e{i}", CATEGORIES[at % len(CATEGORIES)], weight, life, happened)
        for at in range(events.first[i], events.first[i] + events.breadth[i])
    ]


def _draw(rng: Generator, chances: Array) -> Array:
    """A place in STANCES for each row of `chances`."""
    steps = chances.cumsum(axis=1)
    places: Array = (rng.random((len(chances), 1)) > steps[:, :2]).sum(axis=1)
    return places
