"""What the score and its band are worth in worlds where the truth is known (DESIGN section 6).

The first lines hold Brier scores (0 is all-knowing, a coin has 0.25) of P(thesis is true) by
simpler ways to add up the same labels, by the score, and by who knows all odds of the world.
The judge's confusion is what 250 gold items show of it.

The others say how often the band of 10-90% holds what the same formula gives on the world's
expected ledger, where every kind of event stands as often as it happens on average. That
ledger can be written as the judge would label it, errors and all, or with the true stances. The
score is drawn to the middle by a judge's errors, so no band around it can hold the second for
good: the more events there are, the less chance hides the difference.

What the worlds assume is in benchmarks.worlds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agent import score
from benchmarks import worlds
from benchmarks.worlds import Array, Events, Generator

WORLDS = 4000
BANDS = 400
LEAN = 0.2
OTHER_LEANS = (0.1, 0.4)
FEWEST, MOST = 30, 300
SIZES = (30, 100, 300)
KINDS_OF_EVENT = 200
"""Events a world of known process can hold; each happens a Poisson number of times."""
WEIGHTS = dict.fromkeys(worlds.CATEGORIES, 1.0)


@dataclass(frozen=True, slots=True)
class World:
    """What happened, what the judge said of it, and the odds by which both were drawn."""

    true: bool
    lean: float
    events: Events
    judge: Array
    gold: list[list[float]]
    said: Array


def run(count: int = WORLDS, bands: int = BANDS) -> None:
    """Print Brier scores of `count` worlds, then the coverage in `bands` worlds of each size."""
    for lean, often in ((LEAN, count), *((lean, count // 4) for lean in OTHER_LEANS)):
        found = ", ".join(f"{name} {brier:.3f}" for name, brier in briers(often, lean).items())
        print(f"lean {lean} nats, {often:,} worlds: {found}", flush=True)
    for size in SIZES:
        found = ", ".join(f"{name} {held:.0%}" for name, held in coverage(bands, size).items())
        print(f"{size} events, band holds: {found}", flush=True)


def briers(count: int, lean: float) -> dict[str, float]:
    """Brier score by way of guessing, over `count` worlds that lean by `lean` nats."""
    rng = np.random.default_rng(1)
    drawn = [_world(rng, lean) for _ in range(count)]
    return {
        name: float(np.mean([(guess(world) - world.true) ** 2 for world in drawn]))
        for name, guess in GUESSES.items()
    }


def coverage(count: int, size: int) -> dict[str, float]:
    """Share of `count` worlds, of about `size` events each, in which the band holds its target."""
    rng = np.random.default_rng(size)
    held = [_held(rng, size) for _ in range(count)]
    return {name: float(np.mean([one[name] for one in held])) for name in held[0]}


def _world(rng: Generator, lean: float) -> World:
    true = bool(rng.random() < 0.5)
    count = round(np.exp(rng.uniform(np.log(FEWEST), np.log(MOST))))
    events = worlds.happen(rng, count, lean if true else -lean)
    judge = worlds.judge(rng)
    gold = worlds.measure(rng, judge)
    return World(true, lean, events, judge, gold, worlds.say(rng, judge, events.stance))


def _coin(world: World) -> float:
    return 0.5


def _by_article(world: World) -> float:
    return _sigma(float((_nats(world) * world.events.copies).sum()))


def _by_event(world: World) -> float:
    return _sigma(float(_nats(world).sum()))


def _averaged(world: World) -> float:
    """The mean of the categories' sums, and nothing else of the score."""
    return _sigma(float((_nats(world) * world.events.breadth).sum()) / len(WEIGHTS))


def _scored(world: World) -> float:
    return _score(worlds.write(world.events, world.said)).score / 100


def _measured(world: World) -> float:
    return _score(worlds.write(world.events, world.said, world.gold)).score / 100


def _all_knowing(world: World) -> float:
    """Bayes with the odds of the world and its judge."""
    if_true, if_false = (
        _chance(world, worlds.chances(world.events.severity, lean))
        for lean in (world.lean, -world.lean)
    )
    return _sigma(float(np.log(if_true / if_false).sum()))


GUESSES: dict[str, Callable[[World], float]] = {
    "coin": _coin,
    "articles summed": _by_article,
    "events summed": _by_event,
    "averaged over categories": _averaged,
    "score": _scored,
    "score by measured strengths": _measured,
    "all odds known": _all_knowing,
}


def _chance(world: World, chances: Array) -> Array:
    """P(what the judge said) of each event."""
    labels: Array = chances @ world.judge
    return labels[np.arange(len(world.said)), world.said]


def _nats(world: World) -> Array:
    """Uncalibrated signed strength of each event."""
    signs = np.array([score.SIGN[stance] for stance in score.STANCES])[world.said]
    sizes = np.array([0.0, *(score.STRENGTH[severity] for severity in (1, 2, 3))])
    strengths: Array = signs * sizes[world.events.severity]
    return strengths


def _held(rng: Generator, size: int) -> dict[str, bool]:
    """Whether the bands of one world hold their targets; its judge favours no side."""
    possible = worlds.happen(rng, KINDS_OF_EVENT, LEAN if rng.random() < 0.5 else -LEAN)
    mean = np.full(KINDS_OF_EVENT, size / KINDS_OF_EVENT)
    happened = possible.take(np.repeat(np.arange(KINDS_OF_EVENT), rng.poisson(mean)))
    gold = worlds.measure(rng, worlds.JUDGE)
    said = worlds.say(rng, worlds.JUDGE, happened.stance)
    flawless = _score(worlds.write(happened, happened.stance))
    erring = _score(worlds.write(happened, said, gold), gold)
    return {
        "no errors": _holds(flawless, worlds.write(possible, possible.stance, None, mean)),
        "errors, as labelled": _holds(erring, _as_labelled(possible, gold, mean)),
        "errors, as it is": _holds(erring, worlds.write(possible, possible.stance, gold, mean)),
    }


def _as_labelled(possible: Events, gold: score.Confusion, mean: Array) -> list[score.LedgerRow]:
    """The expected ledger under every label, as often as the judge gives it."""
    return [
        row
        for label in range(len(score.STANCES))
        for row in worlds.write(
            possible,
            np.full(len(mean), label),
            gold,
            mean * worlds.JUDGE[possible.stance, label],
        )
    ]


def _holds(found: score.Score, expected: list[score.LedgerRow]) -> bool:
    return found.low <= _score(expected).score <= found.high


def _score(rows: list[score.LedgerRow], confusion: score.Confusion | None = None) -> score.Score:
    seed = f"worth {len(rows)}"
    return score.compute(
        rows, as_of=worlds.AS_OF, weights=WEIGHTS, prior=0.5, seed=seed, confusion=confusion
    )


def _sigma(log_odds: float) -> float:
    return score.sigma(log_odds) / 100
