"""What a data folder needs once a day to last for years.

Verdicts, the ledger, scores, digests and whatever they rest on stay for ever. What nothing rests
on goes by its age: texts leave their hash behind.

Age is what the clock says, and a clock that is far ahead makes everything old. So nothing goes
before upkeep was done on PROVEN days that lead up to today without a LEAP. Whoever has only begun,
or was away, waits for so long; a wrong clock shows meanwhile, by certificates that do not hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from agent import reindex
from agent.errors import StoreBusy, StoreFull
from agent.learning import TEACHERS
from agent.progress import Progress, silent
from agent.upkeep import disk
from agent.workspace import CACHE, Workspace
from store import damage, upkeep
from store.vectors import is_damaged

CHUNK = 500
"""Texts trimmed in a transaction."""
WINDOWS = 2
"""New items are held against the texts of [events] window_days: so often that long they stay."""
PROVEN = 3
"""Days of upkeep without a leap between them that make a clock believable."""
LEAP = timedelta(days=7)
FITS_KEPT = 5
"""Fits of the local judge that are kept: one a thesis file and what it learned."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was let go of, in counts and bytes, and what could not be done."""

    texts: int
    refused: int
    mail: int
    given_back: int
    complaints: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """In a line."""
        parts = [
            f"{self.texts:,} texts trimmed" if self.texts else "",
            f"{self.refused:,} refused entries deleted" if self.refused else "",
            f"{self.mail:,} sent messages emptied" if self.mail else "",
            f"{self.given_back / 1e6:.0f} MB given back" if self.given_back else "",
        ]
        return ", ".join(part for part in parts if part) or "nothing went"


def keep(workspace: Workspace, now: datetime, progress: Progress = silent) -> Kept:
    """Trim what is old by a clock that is proven, give room back, and note the size of the day.

    Raises StoreError when the database is damaged, before anything of it is let go. An index that
    is damaged is made anew.
    """
    database = workspace.database
    damage.look(database)
    with database.reading() as connection:
        known = [day for day, _ in disk.sizes(connection) if day < now.date()]
    proof = leading_up_to(now.date(), known)
    complaints: list[str] = []
    texts = refused = mail = given_back = 0
    if len(proof) >= PROVEN:
        texts, refused, mail = _let_go(workspace, now, progress)
    elif before := known[: len(known) - len(proof)]:
        complaints.append(
            f"nothing is let go of before {PROVEN} days of upkeep: after {before[-1]} there was "
            "none for a while, or the clock is ahead. Set it if it is wrong"
        )
    _drop_fits(database.folder / CACHE)
    try:
        given_back = upkeep.tidy(database, disk.measure(database.folder).free)
    except (StoreBusy, StoreFull) as error:
        complaints.append(str(error))
    if is_damaged(database.folder):
        reindex.rebuild(workspace, embed_again=False, progress=progress)
        complaints.append("the vector index was damaged: it was made anew from the database")
    with database.writing() as connection:
        disk.remember(connection, now.date(), disk.measure(database.folder).growing)
    return Kept(texts, refused, mail, given_back, tuple(complaints))


def leading_up_to(today: date, known: Sequence[date]) -> Sequence[date]:
    """The last of earlier days, oldest first, without a LEAP between them and `today`."""
    start = len(known)
    while start and [*known, today][start] - known[start - 1] <= LEAP:
        start -= 1
    return known[start:]


def _let_go(workspace: Workspace, now: datetime, progress: Progress) -> tuple[int, int, int]:
    """Texts, refused entries and mail that are old enough to go; returns how many of each went."""
    chosen = workspace.config.retention
    texts = _trim(workspace, now, progress) if chosen.text_days else 0
    refused = mail = 0
    with workspace.database.writing() as connection:
        if chosen.refused_days:
            before = now - timedelta(days=chosen.refused_days)
            refused = upkeep.forget_refused(connection, before)
        if chosen.mail_days:
            mail = upkeep.empty_mail(connection, now - timedelta(days=chosen.mail_days))
    return texts, refused, mail


def _trim(workspace: Workspace, now: datetime, progress: Progress) -> int:
    config = workspace.config
    days = max(config.retention.text_days, WINDOWS * config.events.window_days)
    before, count = now - timedelta(days=days), 0
    while True:
        with workspace.database.writing() as connection:
            rows = upkeep.old_texts(connection, before, TEACHERS, CHUNK)
            if not rows:
                return count
            upkeep.trim(connection, rows)
        count += len(rows)
        progress("trim", len(rows))


def _drop_fits(folder: Path) -> None:
    """Leave the newest fits of the judge; each is made again when it is missed."""
    fits = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in fits[FITS_KEPT:]:
        path.unlink(missing_ok=True)
