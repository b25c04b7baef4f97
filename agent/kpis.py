"""Figures from a company's XBRL facts, each with the filing that states it.

Pure: SEC's companyfacts document and a definition in, figures out. A figure is chosen by the dates
of its period, its unit and its filing, never by the labels `fy`, `fp` and `frame`: those are of the
filing, not of the figure. A 10-Q states cash flows from the start of the fiscal year, so a quarter
that nobody states is a difference of two of them. The first filing's figure is the original;
later ones that differ are restatements, kept beside it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import isfinite
from typing import Any

from agent.thesis import Kpi

QUARTER = range(80, 126)
"""Days of a quarter: 12 to 16 weeks and what calendar quarters have."""
YEAR = range(350, 381)
UNIT = "USD"
REPORTS = ("10-K", "10-Q", "20-F", "40-F", "6-K", "8-K")
"""Forms that state results; a proxy statement repeats some of them for other ends."""
ANNUAL = ("10-K", "20-F", "40-F")
STATED = "as stated"
MIXED = "; only the first of the two filings restates earlier periods: their bases may differ"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the period `start` to `end` (the same day for a stock), as one filing has it.

    `derivation` says how it was come by, `restates` the accession of the original it differs from.
    """

    start: date
    end: date
    value: float
    tags: tuple[str, ...]
    accession: str
    form: str
    filed: date
    derivation: str = STATED
    restates: str = ""

    @property
    def days(self) -> int:
        """Days of the period, both ends counted."""
        return (self.end - self.start).days + 1


def compute(document: Mapping[str, Any], kpi: Kpi) -> tuple[Figure, ...]:
    """Every figure of `kpi` in a companyfacts document: by period, originals first.

    Empty when no filing is tagged so. Raises ValueError when a fact is not shaped as SEC's are.
    """
    if not kpi.is_tagged:
        return ()
    if kpi.measure == "flow":
        found = _flows(document, kpi.tags, kpi.frequency)
    elif kpi.measure == "stock":
        found = _stocks(document, kpi.tags, kpi.frequency)
    else:
        below = _flows(document, kpi.denominator, kpi.frequency)
        is_ratio = kpi.measure == "ratio"
        read = _flows if is_ratio else _stocks
        found = _over(read(document, kpi.numerator, kpi.frequency), below, is_ratio)
    return _kept(one for one in found if kpi.since is None or one.end >= kpi.since)


def originals(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """What was first reported of each period, in the order of the periods."""
    return tuple(one for one in figures if not one.restates)


def _flows(document: Mapping[str, Any], tags: Sequence[str], frequency: str) -> list[Figure]:
    """What filings state of each period, and differences where none states it."""
    facts = [one for one in _facts(document, tags) if one.end > one.start]
    if frequency == "year":
        annual = [one for one in facts if one.days in YEAR and one.form.startswith(ANNUAL)]
        return _one_per_filing(annual, tags)
    stated = _one_per_filing([one for one in facts if one.days in QUARTER], tags)
    ends = {one.end for one in stated}
    differences = [one for one in _differences(facts) if one.end not in ends]
    return stated + _one_per_filing(differences, tags)


def _stocks(document: Mapping[str, Any], tags: Sequence[str], frequency: str) -> list[Figure]:
    facts = [one for one in _facts(document, tags) if one.end == one.start]
    if frequency == "year":
        facts = [one for one in facts if one.form.startswith(ANNUAL)]
    return _one_per_filing(facts, tags)


def _facts(document: Mapping[str, Any], tags: Sequence[str]) -> list[Figure]:
    """The facts under `tags` that a report states, without those it contradicts itself on."""
    said: defaultdict[tuple[str, date, date, str], dict[float, Figure]] = defaultdict(dict)
    for tag in tags:
        space, _, name = tag.rpartition(":")
        for raw in _raw(document, space or "us-gaap", name):
            one = _fact(raw, tag)
            # What is filed before its period ends is a slip of the dates.
            if one.form.startswith(REPORTS) and one.filed >= one.end:
                said[tag, one.start, one.end, one.accession].setdefault(one.value, one)
    # Two values of one tag and period in one filing: a part beside the whole, and no telling which.
    return _one_line([one for found in said.values() if len(found) == 1 for one in found.values()])


def _one_line(facts: Sequence[Figure]) -> list[Figure]:
    """Without what a tag says of a period that a preferred tag of another scope states as well.

    `facts` come with the preferred tag first. Two tags that differ on a period in one filing do
    not name one line; where they only differ from filing to filing it may be a restatement.
    """
    by_filing: defaultdict[tuple[str, date, date], list[Figure]] = defaultdict(list)
    for one in facts:
        by_filing[one.accession, one.start, one.end].append(one)
    apart = {
        (first.tags, one.tags)
        for first, *rest in by_filing.values()
        for one in rest
        if one.value != first.value
    }
    stated = {(one.tags, one.start, one.end) for one in facts}
    return [
        one
        for one in facts
        if not any(
            tags == one.tags and (preferred, one.start, one.end) in stated
            for preferred, tags in apart
        )
    ]


def _raw(document: Mapping[str, Any], space: str, name: str) -> list[Any]:
    try:
        concept = document["facts"].get(space, {}).get(name)
        return [] if concept is None else list(concept["units"].get(UNIT, ()))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{space}:{name} is not shaped as company facts are") from error


def _fact(raw: Any, tag: str) -> Figure:
    try:
        end = date.fromisoformat(raw["end"])
        start = date.fromisoformat(raw["start"]) if "start" in raw else end
        value = float(raw["val"])
        filing = str(raw["accn"]), str(raw["form"]), date.fromisoformat(raw["filed"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"a fact of {tag} cannot be read: {str(raw)[:200]}") from error
    if not isfinite(value):
        raise ValueError(f"a fact of {tag} is no number: {str(raw)[:200]}")
    return Figure(start, end, value, (tag,), *filing)


def _differences(facts: Sequence[Figure]) -> list[Figure]:
    """Quarters as what two periods with the same start differ by, once for each filing."""
    spans: defaultdict[date, defaultdict[date, list[Figure]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for one in sorted(facts, key=_by_filing):
        spans[one.start][one.end].append(one)
    agreeing, restating = _agreeing_tags(facts), _restating(facts)
    found = []
    for by_end in spans.values():
        for end, longer in by_end.items():
            before = [one for one in by_end if (end - one).days in QUARTER]
            shorter = by_end[max(before)] if before else []
            for one in longer:
                partner = _partner(one, [s for s in shorter if (one.tags, s.tags) in agreeing])
                if partner:
                    mixed = one.accession in restating and partner.accession not in restating
                    found.append(_difference(one, partner, MIXED if mixed else ""))
    return found


def _restating(facts: Iterable[Figure]) -> set[str]:
    """Filings that give an earlier period another value than the filing before them."""
    last: dict[tuple[tuple[str, ...], date, date], float] = {}
    found = set()
    for one in sorted(facts, key=_by_filing):
        if last.setdefault((one.tags, one.start, one.end), one.value) != one.value:
            found.add(one.accession)
        last[one.tags, one.start, one.end] = one.value
    return found


def _agreeing_tags(facts: Sequence[Figure]) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Pairs of tags that mean one line: the same, or never apart on a period that both state."""
    stated: defaultdict[tuple[str, ...], defaultdict[tuple[date, date], set[float]]] = defaultdict(
        lambda: defaultdict(set)
    )
    for one in facts:
        stated[one.tags][one.start, one.end].add(one.value)

    def agree(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
        shared = stated[a].keys() & stated[b].keys()
        return a == b or (bool(shared) and all(stated[a][k] & stated[b][k] for k in shared))

    return {(a, b) for a in tuple(stated) for b in tuple(stated) if agree(a, b)}


def _partner(one: Figure, others: Sequence[Figure]) -> Figure | None:
    """What to set `one` against: of the same tag and filing if it can be, else the last known then.

    `others` come in the order of their filing. One filed later still is better than none.
    """
    if not others:
        return None
    known = [other for other in others if other.filed <= one.filed]
    pool = known[::-1] or others
    return min(pool, key=lambda other: (other.tags != one.tags, other.accession != one.accession))


def _difference(longer: Figure, shorter: Figure, caution: str) -> Figure:
    other = "" if shorter.accession == longer.accession else f" ({shorter.accession})"
    words = f"{_months(longer)} less {_months(shorter)}{other}{caution}"
    return _joined(
        longer,
        shorter,
        start=shorter.end + timedelta(days=1),
        value=longer.value - shorter.value,
        derivation=words,
    )


def _months(one: Figure) -> str:
    return f"{round(one.days / 30.4)} months"


def _over(above: Sequence[Figure], below: Sequence[Figure], is_ratio: bool) -> list[Figure]:
    """A percentage of two flows, or a stock in days of a flow, for periods that end together."""
    by_end: defaultdict[date, list[Figure]] = defaultdict(list)
    for one in sorted(below, key=_by_filing):
        by_end[one.end].append(one)
    found = []
    for one in above:
        partner = _partner(one, by_end[one.end])
        if partner is None or not partner.value:
            continue
        times = 100 if is_ratio else partner.days
        words = f"{one.tags[0]} over {partner.tags[0]} times {times}"
        if partner.derivation != STATED:
            words += f"; {partner.derivation}"
        found.append(
            _joined(
                one,
                partner,
                start=partner.start,
                value=one.value / partner.value * times,
                derivation=words,
            )
        )
    return found


def _joined(one: Figure, other: Figure, **changed: Any) -> Figure:
    """A figure made of two: known when the later of them is filed."""
    last = max(one, other, key=lambda part: (part.filed, part is one))
    return replace(
        one,
        tags=tuple(dict.fromkeys((*one.tags, *other.tags))),
        accession=last.accession,
        form=last.form,
        filed=last.filed,
        **changed,
    )


def _one_per_filing(figures: Iterable[Figure], tags: Sequence[str]) -> list[Figure]:
    """Of what one filing has for a period, that of the preferred tag."""
    best: dict[tuple[date, str], Figure] = {}
    for one in sorted(figures, key=lambda one: (tags.index(one.tags[0]), *_by_filing(one))):
        best.setdefault((one.end, one.accession), one)
    return list(best.values())


def _kept(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """The original of each period and every value that a later filing put in its place."""
    by_end: defaultdict[date, dict[float, Figure]] = defaultdict(dict)
    for one in sorted(figures, key=_by_filing):
        by_end[one.end].setdefault(one.value, one)
    kept: list[Figure] = []
    for end in sorted(by_end):
        first, *later = by_end[end].values()
        kept += [first, *(replace(one, restates=first.accession) for one in later)]
    return tuple(kept)


def _by_filing(one: Figure) -> tuple[date, str, date, date]:
    return one.filed, one.accession, one.end, one.start
