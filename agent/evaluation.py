"""How good verdicts are, against labels made by hand. Pure.

An item's primary label is its first one. Figures that need a label of both sides are over the
relevant items of the gold set that the judge gave one; `unlabelled` says how many it gave none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

STANCES = ("supports", "weakens", "neutral")
BINS = 10
PASSES = (0.05, 0.08, 0.1, 0.2, 0.3, 0.5)
"""Shares of the items that a gate might let through to a dearer judge."""
COVERAGES = tuple(n / 10 for n in range(1, 11))


@dataclass(frozen=True, slots=True)
class Truth:
    """What a person says of an item; `category` and `stance` are of its primary label."""

    relevant: bool
    category: str = ""
    stance: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a judge says of the same item."""

    relevant: bool
    p: float
    abstained: bool
    category: str = ""
    stance: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 90% Wilson interval; `of` is how many it is a share of."""

    value: float
    low: float
    high: float
    of: int


@dataclass(frozen=True, slots=True)
class Brier:
    """score = reliability - resolution + uncertainty + within (what the ten bins blur).

    `uncertainty` is what the base rate, known afterwards, would have scored.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float
    bins: tuple[dict[str, Any], ...]


def evaluate(
    truth: Sequence[Truth], said: Sequence[Said], categories: Sequence[str]
) -> dict[str, Any]:
    """Every figure of `thesis eval` for one judge; `truth` and `said` side by side.

    Probabilities are of relevance, errors and shares between 0 and 1.
    """
    pairs = list(zip(truth, said, strict=True))
    both = [(true, one) for true, one in pairs if true.relevant and one.category]
    relevant = [true.relevant for true in truth]
    chances = [one.p for one in said]
    return {
        "items": len(pairs),
        "relevant": sum(relevant),
        "abstained": sum(one.abstained for one in said),
        "unlabelled": sum(true.relevant for true in truth) - len(both),
        "relevance": _relevance(relevant, [one.relevant for one in said]),
        "primary": _primary(both, categories),
        "stance": _stance(both),
        "probabilities": {
            "brier": _mean([(p - true) ** 2 for p, true in zip(chances, relevant, strict=True)]),
            "calibration_error": calibration_error(reliability(relevant, chances)),
            "reliability": reliability(relevant, chances),
        },
        "risk_coverage": risk_coverage(pairs),
        "gate": gate_recall(relevant, chances),
    }


def wilson(hits: int, of: int, z: float = 1.645) -> Rate:
    """Wilson's score interval of a share (E. B. Wilson, 1927)."""
    if not of:
        return Rate(0.0, 0.0, 1.0, 0)
    share = hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    reach = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return Rate(share, max(0.0, middle - reach), min(1.0, middle + reach), of)


def confusion(pairs: Sequence[tuple[str, str]], names: Sequence[str]) -> dict[str, dict[str, int]]:
    """How often (true, said) fell together, by true name, then by said name."""
    table = {name: dict.fromkeys(names, 0) for name in names}
    for true, one in pairs:
        table[true][one] += 1
    return table


def macro_f1(table: Mapping[str, Mapping[str, int]]) -> float:
    """The mean F1 of the names that occur on either side."""
    scores = []
    for name in table:
        hits = table[name][name]
        told = sum(row[name] for row in table.values())
        true = sum(table[name].values())
        if told + true:
            scores.append(2 * hits / (told + true))
    return _mean(scores)


def reliability(truth: Sequence[bool], chances: Sequence[float]) -> list[dict[str, Any]]:
    """Ten equal bins of probability: what was said on average, and what came true."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for true, p in zip(truth, chances, strict=True):
        bins[min(int(p * BINS), BINS - 1)].append((p, true))
    return [
        {
            "from": n / BINS,
            "to": (n + 1) / BINS,
            "items": len(held),
            "said": _mean([p for p, _ in held]),
            "true": _mean([true for _, true in held]),
        }
        for n, held in enumerate(bins)
        if held
    ]


def calibration_error(bins: Sequence[Mapping[str, Any]]) -> float:
    """Expected calibration error: the bins' gaps, weighed by their items (Naeini et al., 2015)."""
    items = sum(one["items"] for one in bins)
    gaps = (one["items"] * abs(one["said"] - one["true"]) for one in bins)
    return sum(gaps) / items if items else 0.0


def brier(probabilities: Sequence[float], outcomes: Sequence[bool]) -> Brier:
    """The mean squared error of forecasts (Brier, 1950) and Murphy's parts of it (1973)."""
    if not probabilities or len(probabilities) != len(outcomes):
        raise ValueError("give at least one forecast, and an outcome for each")
    for p in probabilities:
        if not 0 <= p <= 1:
            raise ValueError(f"a forecast of {p}: give a probability between 0 and 1")
    bins = reliability(outcomes, probabilities)
    items, rate = len(outcomes), sum(outcomes) / len(outcomes)
    score = sum((p - true) ** 2 for p, true in zip(probabilities, outcomes, strict=True)) / items
    calibration = sum(one["items"] * (one["said"] - one["true"]) ** 2 for one in bins) / items
    resolution = sum(one["items"] * (one["true"] - rate) ** 2 for one in bins) / items
    uncertainty = rate * (1 - rate)
    within = score - calibration + resolution - uncertainty
    return Brier(score, calibration, resolution, uncertainty, within, tuple(bins))


def risk_coverage(pairs: Sequence[tuple[Truth, Said]]) -> list[dict[str, float]]:
    """The share of wrong answers on relevance when only the surest items are answered."""
    ranked = sorted(pairs, key=lambda pair: (pair[1].abstained, -abs(pair[1].p - 0.5)))
    found = []
    for coverage in COVERAGES:
        answered = ranked[: round(coverage * len(ranked))]
        risk = _mean([true.relevant != one.relevant for true, one in answered])
        found.append({"coverage": coverage, "risk": risk})
    return found


def gate_recall(truth: Sequence[bool], chances: Sequence[float]) -> list[dict[str, float]]:
    """What share of the relevant items is among the likeliest: a gate's recall at pass-through."""
    ranked = sorted(zip(chances, truth, strict=True), key=lambda pair: -pair[0])
    relevant = sum(truth)
    found = []
    for share in PASSES:
        passed = ranked[: round(share * len(ranked))]
        kept = sum(true for _, true in passed)
        found.append({"pass": share, "recall": kept / relevant if relevant else 0.0})
    return found


def _relevance(truth: Sequence[bool], said: Sequence[bool]) -> dict[str, Any]:
    hits = sum(a and b for a, b in zip(truth, said, strict=True))
    table = confusion([(str(a), str(b)) for a, b in zip(truth, said, strict=True)], _SIDES)
    f1 = 2 * hits / (sum(truth) + sum(said)) if hits else 0.0
    return {
        "precision": hits / sum(said) if hits else 0.0,
        "recall": hits / sum(truth) if hits else 0.0,
        "f1": f1,
        "confusion": table,
    }


_SIDES = ("True", "False")


def _primary(both: Sequence[tuple[Truth, Said]], categories: Sequence[str]) -> dict[str, Any]:
    table = confusion([(true.category, one.category) for true, one in both], categories)
    right = sum(table[name][name] for name in categories)
    by_category = {
        name: wilson(table[name][name], sum(table[name].values())) for name in categories
    }
    return {
        "accuracy": right / len(both) if both else 0.0,
        "macro_f1": macro_f1(table),
        "by_category": by_category,
        "confusion": table,
    }


def _stance(both: Sequence[tuple[Truth, Said]]) -> dict[str, Any]:
    table = confusion([(true.stance, one.stance) for true, one in both], STANCES)
    return {"macro_f1": macro_f1(table), "confusion": table}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def agreement(pairs: Iterable[tuple[Said, Said]]) -> dict[str, Any]:
    """How far one judge says what another says: on relevance, and by the other's category.

    A category's rate is over the items that the other one puts there: the same category first.
    """
    held = list(pairs)
    by_category: dict[str, list[bool]] = {}
    for one, other in held:
        if other.relevant and other.category:
            by_category.setdefault(other.category, []).append(one.category == other.category)
    return {
        "relevance": wilson(sum(one.relevant == other.relevant for one, other in held), len(held)),
        "by_category": {
            name: wilson(sum(same), len(same)) for name, same in sorted(by_category.items())
        },
    }
