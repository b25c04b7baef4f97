"""A thesis file as frozen values, checked on load.

A thesis is data: another essay is another file, and nothing about Nvidia is written in Python.
Must not import anything slow, read the clock or touch the store.
"""

import hashlib
import re
import tomllib
from collections import Counter
from contextlib import suppress
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import ThesisFileError

BUNDLED = Path(__file__).parent.parent / "prompts" / "theses"
THESIS_FILE = "thesis.toml"
EXEMPLARS = "exemplars"

Effect = Literal["supports", "weakens"]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Part(BaseModel):
    """Anything a thesis file holds: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Pillar(Part):
    """A group of categories."""

    id: Identifier
    name: str
    description: str


class Category(Part):
    """A front of the thesis; `supports` and `weakens` are example lines of either side."""

    id: Identifier
    pillar: str
    name: str
    description: str
    weight: Annotated[float, Field(gt=0)]
    supports: Annotated[tuple[str, ...], Field(min_length=1)]
    weakens: Annotated[tuple[str, ...], Field(min_length=1)]


class Entity(Part):
    """Something with a name that items mention; its own `domains` give self-reports away."""

    id: Identifier
    name: str
    aliases: tuple[str, ...] = ()
    aliases_zh: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    cik: Annotated[str, Field(pattern=r"^\d{10}$")] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every string the entity goes by, its name first."""
        return (self.name, *self.aliases, *self.aliases_zh)


class Claim(Part):
    """One sentence of the essay in our words, with the figure it rests on."""

    id: Identifier
    category: str
    text: str
    figure: str


Tag = Annotated[str, Field(pattern=r"^([a-z][a-z-]*:)?[A-Z][A-Za-z0-9]*$")]
Measure = Literal["flow", "stock", "ratio", "days"]
UNIT_OF = {"flow": "USD", "stock": "USD", "ratio": "percent", "days": "days"}


class Kpi(Part):
    """A figure from filings that the thesis turns on, and the XBRL tags it is read by.

    `tags` make a flow or a stock; `numerator` and `denominator` a ratio (of two flows) or days (a
    stock over a flow). The preferred tag comes first. Without tags no filing gives the figure.
    """

    id: Identifier
    entity: str
    name: str
    unit: Literal["USD", "percent", "days"]
    frequency: Literal["quarter", "year"]
    description: str
    measure: Measure | None = None
    tags: tuple[Tag, ...] = ()
    numerator: tuple[Tag, ...] = ()
    denominator: tuple[Tag, ...] = ()
    since: date | None = None

    @property
    def is_tagged(self) -> bool:
        """Whether there is a tag to read it by."""
        return bool(self.measure and (self.tags or self.numerator))

    @property
    def definition(self) -> str:
        """A hash of what decides the figures: other tags are another series."""
        said = self.model_dump_json(exclude={"id", "name", "description"})
        return hashlib.sha256(said.encode()).hexdigest()[:12]


Comparison = Literal["<", "<=", ">", ">="]
Strength = Annotated[float, Field(gt=0, le=2.3)]
"""Nats, within the cap of a primary filing."""


class Rule(Part):
    """What a report of a KPI is evidence of: its `value`, or its `change` on the year in per cent,
    compared with a threshold, does `effect` to the thesis on a category with `strength` nats."""

    id: Identifier
    kpi: str
    of: Literal["value", "change"]
    comparison: Comparison
    threshold: float
    category: str
    effect: Effect
    strength: Strength
    text: str


class Falsifier(Part):
    """A dated, typed condition; `effect` is what its coming true does to the thesis, and `strength`
    how much, in nats.

    It is about what comes `after` (the thesis' own date when not given) and is known `by` its date.
    """

    id: Identifier
    category: str
    text: str
    kind: Literal["kpi", "event"]
    effect: Effect
    by: date
    after: date | None = None
    kpi: str | None = None
    comparison: Comparison | None = None
    threshold: float | None = None
    strength: Strength = 1.0


class Thesis(Part):
    """A whole thesis file. `version` is the hash of its bytes, `path` where they were."""

    id: Identifier
    title: str
    author: str
    date: date
    url: str
    summary: str
    prior: Annotated[float, Field(gt=0, lt=1)] = 0.5
    subject: str
    pillars: Annotated[tuple[Pillar, ...], Field(min_length=1)]
    categories: Annotated[tuple[Category, ...], Field(min_length=1)]
    entities: tuple[Entity, ...] = ()
    claims: tuple[Claim, ...] = ()
    kpis: tuple[Kpi, ...] = ()
    rules: tuple[Rule, ...] = ()
    falsifiers: tuple[Falsifier, ...] = ()
    version: str = Field(default="", exclude=True)
    text: str = Field(default="", exclude=True)
    path: Path = Field(default=Path(), exclude=True)

    @cached_property
    def weights(self) -> dict[str, float]:
        """omega_c: the categories' weights, summing to 1."""
        total = sum(category.weight for category in self.categories)
        return {category.id: category.weight / total for category in self.categories}

    @cached_property
    def pillar_of(self) -> dict[str, str]:
        """Category id to pillar id."""
        return {category.id: category.pillar for category in self.categories}

    @property
    def exemplars(self) -> tuple[Path, ...]:
        """The judge's exemplar files, beside the thesis file, in name order."""
        return tuple(sorted((self.path.parent / EXEMPLARS).glob("*.jsonl")))


def find(name: str, folder: Path) -> Path:
    """The file meant by `thesis.file`: a bundled thesis' name, or a path from `folder`."""
    own = folder / name
    places = [own, BUNDLED / name / THESIS_FILE] if re.fullmatch(r"\w+", name) else [own]
    for place in places:
        with suppress(OSError):  # a name too long, or a folder that may not be looked into
            if place.is_file():
                return place
    known = ", ".join(sorted(path.parent.name for path in BUNDLED.glob(f"*/{THESIS_FILE}")))
    raise ThesisFileError(
        own, None, "there is no such thesis file", f"Bundled ones: {known}; or give a path"
    )


def load(path: Path) -> Thesis:
    """Read and check a thesis file; raises ThesisFileError with the line at fault."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")  # editors of Windows put a mark before it
    except (OSError, UnicodeDecodeError) as error:
        raise ThesisFileError(path, None, f"cannot be read: {error}", "Check the file") from error
    version = hashlib.sha256(data).hexdigest()[:12]
    return parse(text, path=path, version=version)


def parse(text: str, *, path: Path = Path("thesis.toml"), version: str = "") -> Thesis:
    """Check the text of a thesis file; `path` is only for messages and exemplars."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOML's own, a number or a nest too big to read
        line = re.search(r"line (\d+)", str(error))
        raise ThesisFileError(
            path, int(line[1]) if line else None, f"not valid TOML: {error}", "Correct that line"
        ) from error
    try:
        thesis = Thesis(**{**raw, "version": version, "text": text, "path": path})
    except ValidationError as error:
        unknown = [one for one in error.errors() if one["type"] == "extra_forbidden"]
        first = (unknown or error.errors())[0]
        message = "no thesis file has this key" if unknown else first["msg"].lower()
        raise _fault(text, path, first["loc"], message) from error
    for loc, message in _dangling(thesis):
        raise _fault(text, path, loc, message)
    return thesis


Location = tuple[int | str, ...]


def _dangling(thesis: Thesis) -> list[tuple[Location, str]]:
    """Every reference to an id that is not there, and every name given twice."""
    categories = [category.id for category in thesis.categories]
    entities = [entity.id for entity in thesis.entities]
    faults = [*_repeated_ids(thesis), *_repeated_aliases(thesis), *_unreadable_kpis(thesis)]
    faults += _weightless(thesis)
    wanted: list[tuple[Location, str | None, list[str], str]] = [
        (("subject",), thesis.subject, entities, "entity"),
    ]
    pillars = [pillar.id for pillar in thesis.pillars]
    wanted += [
        (("categories", i, "pillar"), category.pillar, pillars, "pillar")
        for i, category in enumerate(thesis.categories)
    ]
    wanted += [
        (("entities", i, "categories"), name, categories, "category")
        for i, entity in enumerate(thesis.entities)
        for name in entity.categories
    ]
    wanted += [
        (("claims", i, "category"), claim.category, categories, "category")
        for i, claim in enumerate(thesis.claims)
    ]
    wanted += [
        (("kpis", i, "entity"), kpi.entity, entities, "entity") for i, kpi in enumerate(thesis.kpis)
    ]
    kpis = [kpi.id for kpi in thesis.kpis]
    for i, rule in enumerate(thesis.rules):
        wanted.append((("rules", i, "category"), rule.category, categories, "category"))
        wanted.append((("rules", i, "kpi"), rule.kpi, kpis, "kpi"))
    for i, falsifier in enumerate(thesis.falsifiers):
        if (falsifier.after or thesis.date) >= falsifier.by:
            message = f"by {falsifier.by} there is nothing after {falsifier.after or thesis.date}"
            faults.append((("falsifiers", i, "by"), message))
        wanted.append((("falsifiers", i, "category"), falsifier.category, categories, "category"))
        if falsifier.kind == "kpi":
            wanted.append((("falsifiers", i, "kpi"), falsifier.kpi, kpis, "kpi"))
            if falsifier.comparison is None or falsifier.threshold is None:
                message = "a kpi falsifier needs a comparison and a threshold"
                faults.append((("falsifiers", i), message))
    faults += [
        (loc, f"there is no {noun} {name!r}; known: {', '.join(known)}")
        for loc, name, known, noun in wanted
        if name not in known
    ]
    return faults


def _unreadable_kpis(thesis: Thesis) -> list[tuple[Location, str]]:
    """Definitions that no figure could be made by."""
    ciks = {entity.id: entity.cik for entity in thesis.entities}
    faults: list[tuple[Location, str]] = []
    for i, kpi in enumerate(thesis.kpis):
        measure = kpi.measure or "kpi without a measure"
        is_two = kpi.measure in ("ratio", "days")
        halves = [name for name in ("numerator", "denominator") if getattr(kpi, name)]
        wrong = [
            (name, f"a {measure} has no {name}")
            for name in (["tags"] if is_two or not kpi.measure else []) + (halves * (not is_two))
            if getattr(kpi, name)
        ]
        if is_two and len(halves) < 2:
            wrong.append(("measure", f"{measure} needs a numerator and a denominator"))
        if kpi.measure and kpi.unit != UNIT_OF[kpi.measure]:
            wrong.append(("unit", f"the unit of a {measure} is {UNIT_OF[kpi.measure]!r}"))
        if kpi.is_tagged and ciks.get(kpi.entity, "") is None:
            wrong.append(("entity", f"{kpi.entity!r} has no cik to find its filings by"))
        faults += [(("kpis", i, key), message) for key, message in wrong]
    return faults


def _weightless(thesis: Thesis) -> list[tuple[Location, str]]:
    """Categories that are nothing beside the others, or with them too much to add up."""
    return [
        (("categories", i, "weight"), f"of all weights {category.weight:g} is a share of 0")
        for i, category in enumerate(thesis.categories)
        if not thesis.weights[category.id]
    ]


def _repeated_ids(thesis: Thesis) -> list[tuple[Location, str]]:
    faults: list[tuple[Location, str]] = []
    for table in ("pillars", "categories", "entities", "claims", "kpis", "rules", "falsifiers"):
        seen: set[str] = set()
        for i, part in enumerate(getattr(thesis, table)):
            if part.id in seen:
                faults.append(((table, i, "id"), f"the id {part.id!r} is used twice in {table}"))
            seen.add(part.id)
    return faults


def _repeated_aliases(thesis: Thesis) -> list[tuple[Location, str]]:
    owners: dict[str, str] = {}
    faults: list[tuple[Location, str]] = []
    for i, entity in enumerate(thesis.entities):
        for name in entity.names:
            owner = owners.setdefault(name.casefold(), entity.id)
            again = [other.casefold() for other in entity.names].count(name.casefold()) > 1
            if owner != entity.id or again:
                message = f"the alias {name!r} of {entity.id!r} already belongs to {owner!r}"
                fields = (f for f in ("aliases_zh", "aliases") if name in getattr(entity, f))
                faults.append((("entities", i, next(fields, "name")), message))
    return faults


def _fault(text: str, path: Path, loc: Location, message: str) -> ThesisFileError:
    where = ".".join(str(part) for part in loc)
    line = line_of(text, loc)
    return ThesisFileError(path, line, f"{where}: {message}", "Correct that line and load again")


def line_of(text: str, loc: Location) -> int | None:
    """1-based line of a value in TOML written as tables: ("claims", 3, "category") and the like.

    Falls back to the table's own line, then to None, where the key is not on a line of its own.
    """
    if len(loc) == 1:
        return _line_at_top(text, re.escape(str(loc[0])))
    key = re.escape(str(loc[2])) if len(loc) > 2 else None
    place: tuple[str, int] | None = None
    found: int | None = None
    counts: Counter[str] = Counter()
    for number, line in enumerate(text.split("\n"), start=1):
        if header := re.match(r"\s*\[\[\s*(\w+)\s*\]\]", line):
            place = (header[1], counts[header[1]])
            counts[header[1]] += 1
            if place == loc[:2]:
                found = number
        elif key and place == loc[:2] and re.match(rf"\s*{key}\s*=", line):
            return number
    return found


def _line_at_top(text: str, name: str) -> int | None:
    """Line of a key before the first table, or of the first table of that name."""
    key = rf"\s*{name}\s*="
    for number, line in enumerate(text.split("\n"), start=1):
        if re.match(key, line) or re.match(rf"\s*\[+\s*{name}\s*\]", line):
            return number
        if line.lstrip().startswith("["):
            key = r"(?!)"  # from the first table on, keys are a table's own
    return None
