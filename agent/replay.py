"""The same pass over dated items, day by day, with the clock set to the end of each day.

Nothing is seen before its day: an item counts from `fetched`, or else from `published`. An item
without either is put on the last day, marked undated and not scored until its date arrives. Days
are taken in and judged some at a time, which is faster and tells nothing: each is scored alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from itertools import groupby

from agent.days import end_of
from agent.errors import SourceError
from agent.intake import Intake, take
from agent.judge.account import Later
from agent.pipeline import Pass
from agent.progress import Progress, silent
from agent.sources import Draft, Fault, Fetched
from agent.standing import Standing
from agent.workspace import Workspace

STRETCH = 2000
"""Items taken in together: a day's handful is soon judged, and each time costs as much again."""

Day = tuple[date, list[Draft]]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay did; `standing` is where the score ended, None without a single item."""

    intake: Intake
    days: int
    standing: Standing | None
    spent: str


def replay(
    workspace: Workspace,
    fetched: Fetched,
    source: str,
    progress: Progress = silent,
    *,
    today: datetime | None = None,
    ask_at: datetime | None = None,
    later: Later | None = None,
) -> Replay:
    """Run every day of `fetched`, oldest first, and score again the kept days in between and after.

    A language model may be asked at `ask_at`; without it only what it said before counts. With
    `later` its questions are put there for a batch.
    Items first seen after `today` are faults: the last score would lie in the future for good.
    Raises SourceError when there are items and none has a date: then there is no day to set the
    clock to, and an item kept now would for ever look as if it had been first seen now.
    """
    if fetched.drafts and not any(map(_seen, fetched.drafts)):
        raise SourceError(
            source,
            f"none of its {len(fetched.drafts):,} items has a date that can be read, so there is "
            "no day to replay",
            'Write "published" as 2025-01-27 or 2025-01-27T15:00Z and replay again, or keep them '
            "undated with `thesis import`",
        )
    fetched = _up_to(today, fetched) if today else fetched
    days = list(by_day(fetched.drafts))
    if not days:
        return Replay(Intake(faults=fetched.faults), 0, None, "")
    intake, faults, standing = Intake(), fetched.faults, None
    with Pass(workspace, progress, ask_at=ask_at, later=later) as one:
        one.finish_replay()
        one.begin(days[0][0], days[-1][0])
        if ask_at is not None:
            one.reopen(days[0][0], days[-1][0])
        for stretch in _stretches(days):
            intake += _take(workspace, stretch, faults, source)
            faults = ()
            one.prepare(end_of(stretch[-1][0]), day_by_day=True)
            for day, drafts in stretch:
                changed = _changed(intake) or one.resumed > 0
                standing = one.close_day(day, restating=changed)
                progress("replay", len(drafts))
        one.end(restating=_changed(intake) or one.resumed > 0)
        spent = one.spent
    return Replay(intake, len(days), standing, spent)


def _changed(intake: Intake) -> bool:
    return bool(intake.new or intake.dated_now)


def _stretches(days: Sequence[Day]) -> Iterator[list[Day]]:
    """Days that are taken in and judged together before they are scored one by one."""
    stretch: list[Day] = []
    size = 0
    for day in days:
        stretch.append(day)
        size += len(day[1])
        if size >= STRETCH:
            yield stretch
            stretch, size = [], 0
    if stretch:
        yield stretch


def _take(
    workspace: Workspace, stretch: Sequence[Day], faults: Sequence[Fault], source: str
) -> Intake:
    """Store the items of some days, each as its own day delivered it, and what was refused."""
    intake = Intake()
    with workspace.database.writing() as connection:
        for day, drafts in stretch:
            now = end_of(day)
            intake += take(
                connection,
                workspace.publishers,
                drafts,
                faults if day == stretch[0][0] else (),
                source=source,
                now=now,
                seen_at=partial(_seen_by, now),
            )
    return intake


def _up_to(today: datetime, fetched: Fetched) -> Fetched:
    """`fetched` without what would be seen after `today`, which becomes faults."""
    late = [one for one in fetched.drafts if (seen := _seen(one)) and seen.date() > today.date()]
    faults = [
        Fault(one.line, "is dated in the future", "Correct its date and replay again", one.title)
        for one in late
    ]
    return replace(
        fetched,
        drafts=tuple(one for one in fetched.drafts if one not in late),
        faults=(*fetched.faults, *faults),
    )


def by_day(drafts: Sequence[Draft]) -> Iterator[Day]:
    """Drafts by the day they were first seen; those without a date on the last one."""
    placed = [(seen.date(), draft) for draft in drafts if (seen := _seen(draft))]
    if not placed:
        return
    last = max(day for day, _ in placed)
    placed += [(last, draft) for draft in drafts if _seen(draft) is None]
    placed.sort(key=lambda pair: pair[0])
    for day, pairs in groupby(placed, key=lambda pair: pair[0]):
        yield day, [draft for _, draft in pairs]


def _seen_by(now: datetime, draft: Draft) -> datetime:
    return _seen(draft) or now


def _seen(draft: Draft) -> datetime | None:
    return draft.fetched or draft.published
