"""The same pass over dated items, day by day, with the clock set to the end of each day.

Nothing is seen before its day: an item counts from `fetched`, or else from `published`. An item
without either is put on the last day, marked undated and not scored until its date arrives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import groupby

from agent.errors import SourceError
from agent.intake import Intake, take
from agent.pipeline import Pass
from agent.progress import Progress, silent
from agent.sources import Draft, Fetched
from agent.standing import Standing
from agent.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay did; `standing` is where the score ended, None without a single item."""

    intake: Intake
    days: int
    standing: Standing | None


def replay(
    workspace: Workspace, fetched: Fetched, source: str, progress: Progress = silent
) -> Replay:
    """Run every day of `fetched`, oldest first.

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
    intake, days, standing = Intake(), 0, None
    with Pass(workspace, progress) as one:
        for day, drafts in by_day(fetched.drafts):
            now = end_of(day)
            got = take(
                workspace,
                drafts,
                () if days else fetched.faults,
                source=source,
                now=now,
                seen_at=lambda draft, now=now: _seen(draft) or now,  # type: ignore[misc]
            )
            intake += got
            one.advance(now)
            standing = one.snapshot(now)
            days += 1
            progress("replay", len(drafts))
    return Replay(intake if days else Intake(faults=fetched.faults), days, standing)


def by_day(drafts: Sequence[Draft]) -> Iterator[tuple[date, list[Draft]]]:
    """Drafts by the day they were first seen; those without a date on the last one."""
    placed = [(seen.date(), draft) for draft in drafts if (seen := _seen(draft))]
    if not placed:
        return
    last = max(day for day, _ in placed)
    placed += [(last, draft) for draft in drafts if _seen(draft) is None]
    placed.sort(key=lambda pair: pair[0])
    for day, pairs in groupby(placed, key=lambda pair: pair[0]):
        yield day, [draft for _, draft in pairs]


def end_of(day: date) -> datetime:
    """The last instant of a day, UTC."""
    return datetime.combine(day, time.max, UTC)


def _seen(draft: Draft) -> datetime | None:
    return draft.fetched or draft.published
