"""The same pass over dated items, day by day, with the clock set to the end of each day.

Nothing is seen before its day: an item counts from `fetched`, or else from `published`. An item
without either is put on the last day, marked undated and not scored until its date arrives.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import partial
from itertools import groupby

from agent.errors import SourceError
from agent.intake import Intake, take
from agent.pipeline import Pass, end_of
from agent.progress import Progress, silent
from agent.sources import Draft, Fault, Fetched
from agent.standing import Standing
from agent.workspace import REPLAY_KEY, Workspace
from store import items, ledger, settings

STRETCH = 2000
"""Items taken in together: a day's handful is soon judged, and each time costs as much again."""

Day = tuple[date, list[Draft]]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay did; `standing` is where the score ended, None without a single item."""

    intake: Intake
    days: int
    standing: Standing | None


def replay(
    workspace: Workspace,
    fetched: Fetched,
    source: str,
    progress: Progress = silent,
    *,
    today: datetime | None = None,
) -> Replay:
    """Run every day of `fetched`, oldest first, and score again the kept days in between and after.

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
    intake, days, standing = Intake(), 0, None
    with Pass(workspace, progress, replaying=True) as one:
        kept, afresh = _kept(workspace, fetched.drafts), _died(workspace)
        for stretch in _stretches(workspace, fetched.drafts):
            _note(workspace, stretch)
            got = _take(workspace, stretch, () if days else fetched.faults, source)
            one.prepare(end_of(stretch[-1][0]), day_by_day=True)
            afresh = afresh or bool(got.new or got.dated_now)
            for day, drafts in stretch:
                _score_again(one, kept, end_of(day), afresh)
                one.settle(end_of(day))
                standing = one.snapshot(end_of(day))
                progress("replay", len(drafts))
            intake += got
            days += len(stretch)
        _score_again(one, kept, None, afresh)
        _note(workspace, ())
    return Replay(intake if days else Intake(faults=fetched.faults), days, standing)


def _stretches(workspace: Workspace, drafts: Sequence[Draft]) -> Iterator[list[Day]]:
    """Days that are taken in and judged together before they are scored one by one.

    A stored item without a date may get it on one of these days and counts from there: then each
    day is a stretch of its own.
    """
    with workspace.database.reading() as connection:
        undated = items.counts(connection)["undated"]
    stretch: list[Day] = []
    for day in by_day(drafts):
        stretch.append(day)
        if undated or sum(len(drafts) for _, drafts in stretch) >= STRETCH:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _take(
    workspace: Workspace, stretch: Sequence[Day], faults: Sequence[Fault], source: str
) -> Intake:
    intake = Intake()
    with workspace.database.writing() as connection:
        for day, drafts in stretch:
            now = end_of(day)
            intake += take(
                connection,
                workspace.publishers,
                drafts,
                () if day != stretch[0][0] else faults,
                source=source,
                now=now,
                seen_at=partial(_seen_by, now),
            )
    return intake


def _note(workspace: Workspace, stretch: Sequence[Day]) -> None:
    """Leave word of the days the replay is at, for the pass that has to finish them."""
    instants = (
        (datetime.combine(stretch[0][0], time.min, UTC), end_of(stretch[-1][0])) if stretch else ()
    )
    with workspace.database.writing() as connection:
        settings.keep(connection, REPLAY_KEY, " ".join(at.isoformat() for at in instants))


def _died(workspace: Workspace) -> bool:
    """Whether a replay died half-way, and may not have restated the scores after its days."""
    with workspace.database.reading() as connection:
        return bool(settings.read(connection, REPLAY_KEY))


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


def _kept(workspace: Workspace, drafts: Sequence[Draft]) -> deque[datetime]:
    """Instants from the first day on that have a score already."""
    days = [day for day, _ in by_day(drafts)][:1]
    with workspace.database.reading() as connection:
        since = datetime.combine(days[0], time.min, UTC) if days else None
        rows = ledger.snapshots(connection, workspace.thesis.id, since) if days else []
    return deque(row.as_of for row in rows)


def _score_again(one: Pass, kept: deque[datetime], before: datetime | None, afresh: bool) -> None:
    """Restate, if `afresh`, the kept scores up to `before` (None: all): new items lie ahead."""
    while kept and (before is None or kept[0] <= before):
        at = kept.popleft()
        if afresh and at != before:
            one.snapshot(at)


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
