"""What reported figures say of the thesis, by the rules that its file states. Pure.

A report is one KPI's figure of one period; it speaks once, and a later filing that puts another
figure in its place speaks instead of the first. A falsifier that comes true is a rule too.
"""

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from agent import falsifiers
from agent.falsifiers import Status
from agent.kpis import Figure
from agent.thesis import Kpi, Rule, Thesis

MEETS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
YEAR = range(350, 381)
"""Days between the ends of two periods that are a year apart."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a figure says on a category: `effect` on the thesis, so many nats, by which rules."""

    category: str
    effect: str
    strength: float
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A figure and what it says; `amends` is the accession of the report it puts right, or ""."""

    kpi: Kpi
    figure: Figure
    change: float | None
    said: tuple[Said, ...]
    amends: str = ""

    @property
    def key(self) -> str:
        """The report's name: one KPI, one period, one filing."""
        return key_of(self.kpi.id, self.figure.end, self.figure.accession)


def key_of(kpi: str, end: date, accession: str) -> str:
    """The name of a report."""
    return f"{kpi} {end} {accession}"


def reports(thesis: Thesis, figures: Mapping[str, Sequence[Figure]], today: date) -> list[Report]:
    """Every figure of a period that ends after the thesis was written, with what it says.

    `figures` by KPI, originals first, as agent.kpis gives them. A percentage of change is against
    the same period a year before, as far as it was filed by then.
    """
    found = []
    for kpi in thesis.kpis:
        known = figures.get(kpi.id, ())
        rules = [rule for rule in thesis.rules if rule.kpi == kpi.id]
        true = dict(_turned_true(thesis, kpi, known, today))
        for one in sorted(known, key=lambda one: (one.end, one.filed, one.accession)):
            if one.end <= thesis.date or one.filed > today:
                continue
            change = _change(one, known)
            met = [rule for rule in rules if _meets(rule, one, change)]
            parts: list[Part] = [
                (rule.category, rule.effect, rule.strength, rule.id) for rule in met
            ]
            parts += true.get((one.end, one.accession), [])
            found.append(Report(kpi, one, change, _by_category(parts), one.restates))
    return found


def _meets(rule: Rule, figure: Figure, change: float | None) -> bool:
    size = figure.value if rule.of == "value" else change
    return size is not None and MEETS[rule.comparison](size, rule.threshold)


def _change(one: Figure, known: Iterable[Figure]) -> float | None:
    """Per cent more than a year before, by what had been filed then."""
    before = [
        other
        for other in known
        if (one.end - other.end).days in YEAR and other.filed <= one.filed and other.value
    ]
    if not before:
        return None
    last = max(before, key=lambda other: (other.end, other.filed, other.accession))
    return 100 * (one.value - last.value) / abs(last.value)


Part = tuple[str, str, float, str]


def _turned_true(
    thesis: Thesis, kpi: Kpi, known: Sequence[Figure], today: date
) -> Iterator[tuple[tuple[date, str], list[Part]]]:
    """The figures by which falsifiers came true."""
    found: dict[tuple[date, str], list[Part]] = {}
    for one in thesis.falsifiers:
        if one.kpi == kpi.id and one.kind == "kpi":
            ruling = falsifiers.rule(thesis, one, known, today)
            if ruling.status is Status.TRUE and ruling.figure:
                place = ruling.figure.end, ruling.figure.accession
                part = (one.category, one.effect, one.strength, one.id)
                found.setdefault(place, []).append(part)
    yield from found.items()


def _by_category(parts: Sequence[Part]) -> tuple[Said, ...]:
    """What is said of each category: the strongest of several, nothing where two sides are even."""
    found = []
    for category in sorted({part[0] for part in parts}):
        mine = [part for part in parts if part[0] == category]
        sides = {
            effect: max((part[2] for part in mine if part[1] == effect), default=0.0)
            for effect in ("supports", "weakens")
        }
        net = sides["supports"] - sides["weakens"]
        if net:
            effect = "supports" if net > 0 else "weakens"
            found.append(Said(category, effect, abs(net), tuple(part[3] for part in mine)))
    return tuple(found)
