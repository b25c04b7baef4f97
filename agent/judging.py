"""The judge stage: the local judge reads everything; a language model, where there is one, reads
what passes the gate, once for each event and kind of document.

An event's later members go by the verdict on its first one. What could not be asked about waits;
what there is no money for is left with the local judge's verdict.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from agent import spending
from agent.calibration import PERSON
from agent.days import end_of
from agent.embed import Vectors
from agent.injection import sift
from agent.intake import text_of
from agent.judge import Judge, Judgeable, Label, Verdict, gate, llm
from agent.judge.account import Later
from agent.judge.gate import Gate
from agent.judge.verdict import Missing
from agent.workspace import Workspace
from store import items, verdicts

Group = tuple[str, str]
"""An event and a kind of document."""
Who = tuple[str, str, str]
"""A judge, its model and its prompt's version."""


@dataclass(slots=True)
class Judged:
    """Rows of the verdict table, and why items wait, by number."""

    rows: list[dict[str, Any]]
    deferred: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Case:
    """An item on its way through the stage."""

    item: Any
    given: Judgeable
    local: Verdict
    gate: Gate | None = None
    said: Verdict | None = None
    by: Who | None = None
    same_as: int | None = None
    waits: str = ""

    @property
    def is_candidate(self) -> bool:
        return self.gate in gate.ASKED and self.said is None


class Judging:
    """Judges chunks of grouped items; at `ask_at` a model may be asked, with None nobody is.

    With `later` questions are put there for a batch, and their items wait. It `takes_up` items
    that waited for a model where it may ask one, or where none is wanted any more.
    """

    def __init__(
        self, workspace: Workspace, ask_at: datetime | None, later: Later | None = None
    ) -> None:
        self._workspace = workspace
        self._config = workspace.config.judge
        self._ask_at = ask_at
        self._later = later
        self.takes_up = ask_at is not None or not llm.is_wanted(workspace.config)

    @cached_property
    def _corrected(self) -> bool:
        with self._workspace.database.reading() as connection:
            return verdicts.any_of(connection, PERSON)

    @cached_property
    def model(self) -> llm.LlmJudge | None:
        """The language model, where one is wanted."""
        config, database = self._workspace.config, self._workspace.database
        if not llm.is_wanted(config):
            return None
        opened = partial(spending.open_account, database, config, self._ask_at, self._later)
        return llm.make(config, self._workspace.thesis, opened)

    @property
    def told(self) -> tuple[str, str] | None:
        """Version and text of what the language model is told."""
        return (self.model.prompt_hash, self.model.prompt_text) if self.model else None

    def judge(self, waiting: Sequence[Any], vectors: Vectors, now: datetime | None) -> Judged:
        """Verdicts on items, oldest first, recorded `now` or else at the end of each one's day.

        `vectors` (n, d) are their embeddings.
        """
        local = self._workspace.judge
        given = [Judgeable(item.id, text_of(item)) for item in waiting]
        said = local.judge(given, vectors)
        cases = [_Case(*three) for three in zip(waiting, given, said, strict=True)]
        if self.model is not None or self._corrected:
            self._hear_others(cases)
        row = partial(_row, version=self._workspace.thesis.version, now=now)
        done = [case for case in cases if not case.waits]
        rows = [row(_who(local), case, case.local) for case in done]
        rows += [row(case.by, case, case.said) for case in done if case.by and case.said]
        return Judged(rows, {case.item.number: case.waits for case in cases if case.waits})

    def _hear_others(self, cases: Sequence[_Case]) -> None:
        """What a person or a language model said of each one's event, or says now."""
        groups: defaultdict[Group, list[_Case]] = defaultdict(list)
        with self._workspace.database.reading() as connection:
            events = items.events_of(connection, [case.item.number for case in cases])
        for case in cases:
            amends = f" {case.item.id}" if case.item.amends else ""  # it is judged itself
            groups[events[case.item.number], case.item.kind + amends].append(case)
        for group, leader in self._leaders(groups).items():
            by = (leader.judge, leader.model, leader.prompt_hash)
            _follow(groups.pop(group), leader.item_number, leader.item_id, _stored(leader), by)
        if self.model is not None:
            self._ask(self.model, list(groups.values()))

    def _ask(self, judge: llm.LlmJudge, groups: Sequence[list[_Case]]) -> None:
        """Ask about the first candidate of each group, about the next where it will not say."""
        for case in (case for group in groups for case in group):
            case.gate = gate.decide(
                case.item.id,
                case.local.p_relevant if case.local.promise is None else case.local.promise,
                threshold=self._config.gate,
                sample=self._config.sample,
            )
        while asked := [(group, n) for group in groups for n in _first_candidate(group)]:
            said = judge.judge([group[n].given for group, n in asked])
            for (cases_of_one, n), verdict in zip(asked, said, strict=True):
                self._take(cases_of_one, n, verdict, _who(judge))

    def _leaders(self, groups: Iterable[Group]) -> dict[Group, Any]:
        """The verdict that each group's members go by, where there is one already."""
        wanted, version = set(groups), self._workspace.thesis.version
        events = sorted({event for event, _ in wanted})
        with self._workspace.database.reading() as connection:
            found = verdicts.leading(connection, events, (PERSON, llm.LlmJudge.name), version)
        by_group = {(row.event_id, row.kind): row for row in reversed(found)}
        return {group: row for group, row in by_group.items() if group in wanted}

    def _take(self, group: list[_Case], n: int, verdict: Verdict, by: Who) -> None:
        """What one answer means for the rest of its group."""
        case, rest = group[n], group[n + 1 :]
        if verdict.waiting:
            for one in (case, *rest):
                one.waits = verdict.reason
            group.clear()
        elif verdict.missing:
            for one in filter(lambda one: one.is_candidate, (case, *rest)):
                one.gate = Gate.UNPAID if verdict.missing is Missing.UNPAID else None
            group.clear()
        else:
            case.said, case.by = _agreed(verdict, case), by
            if not verdict.abstained:
                _follow(rest, case.item.number, case.item.id, case.said, by)
                group.clear()


def _first_candidate(group: Sequence[_Case]) -> list[int]:
    return [n for n, case in enumerate(group) if case.is_candidate][:1]


def _who(judge: Judge) -> Who:
    return judge.name, judge.model, judge.prompt_hash


def _follow(group: Iterable[_Case], number: int, id_: str, verdict: Verdict, by: Who) -> None:
    """Members of an event go by the verdict on one of them; its quotes stand in that one's text."""
    labels = tuple(replace(label, quote=None, quote_at=None) for label in verdict.labels)
    for case in group:
        reason = f"reports the same event as {id_!r}, which was judged"
        case.said = replace(
            verdict, id=case.item.id, labels=labels, reason=reason, input_hash=case.local.input_hash
        )
        case.same_as, case.by = number, by


def _agreed(verdict: Verdict, case: _Case) -> Verdict:
    """Labels of a text that gives orders to machines count where the local judge agrees.

    It takes no orders. Where the two differ on relevance itself, neither is believed.
    """
    item = case.item
    if verdict.abstained or not sift(f"{item.title}. {item.summary or item.text}").removed:
        return verdict
    if verdict.relevant != case.local.relevant:
        reason = "the text gives orders to machines, and two judges differ on it"
        return replace(verdict, abstained=True, relevant=False, reason=reason)
    sides = {(label.category, label.stance) for label in case.local.labels}
    return replace(verdict, labels=tuple(_doubted(label, sides) for label in verdict.labels))


def _doubted(label: Label, sides: set[tuple[str, str]]) -> Label:
    if label.fault or (label.category, label.stance) in sides:
        return label
    return replace(label, fault="the text gives orders to machines, and no second judge agrees")


def _stored(row: Any) -> Verdict:
    """A stored verdict as its judge gave it."""
    return Verdict(
        id=row.item_id,
        relevant=row.relevant,
        p_relevant=row.p_relevant,
        labels=tuple(_label(label) for label in row.labels),
        abstained=row.abstained,
        reason=row.reason,
        input_hash=row.input_hash,
        event=row.happening,
        known=row.known,
    )


def _label(row: Mapping[str, Any]) -> Label:
    at = row.get("quote_at")
    return Label(**{**row, "quote_at": tuple(at) if at else None})


def _row(
    who: Who, case: _Case, verdict: Verdict, *, version: str, now: datetime | None
) -> dict[str, Any]:
    others = verdict is case.said
    judge, model, prompt_hash = who
    return {
        "judge": judge,
        "model": model,
        "prompt_hash": prompt_hash,
        "thesis_version": version,
        "recorded_at": now or end_of(case.item.first_seen_at.date()),
        "item_number": case.item.number,
        "input_hash": verdict.input_hash,
        "relevant": verdict.relevant,
        "p_relevant": verdict.p_relevant,
        "abstained": verdict.abstained,
        "reason": verdict.reason,
        "labels": [label.as_row() for label in verdict.labels],
        "happening": verdict.event,
        "known": verdict.known,
        "gate": "" if others or case.gate is None else str(case.gate),
        "same_as": case.same_as if others else None,
        "hindsight": others and now is None,
    }
