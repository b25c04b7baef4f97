"""What a data folder needs once a day to last for years.

Verdicts, the ledger, scores, digests and whatever they rest on stay for ever. What nothing rests
on goes by its age: texts leave their hash behind.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agent.calibration import PERSON
from agent.errors import StoreBusy
from agent.progress import Progress, silent
from agent.upkeep import disk
from agent.workspace import CACHE, Workspace
from store import upkeep

CHUNK = 500
"""Texts trimmed in a transaction."""
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
        return ", ".join(part for part in parts if part) or "nothing is old enough to go"


def keep(workspace: Workspace, now: datetime, progress: Progress = silent) -> Kept:
    """Trim what is old, give room back, and note the size of the day."""
    chosen, database = workspace.config.retention, workspace.database
    texts = _trim(workspace, now, progress) if chosen.text_days else 0
    refused = mail = 0
    with database.writing() as connection:
        if chosen.refused_days:
            before = now - timedelta(days=chosen.refused_days)
            refused = upkeep.forget_refused(connection, before)
        if chosen.mail_days:
            mail = upkeep.empty_mail(connection, now - timedelta(days=chosen.mail_days))
    _drop_fits(database.folder / CACHE)
    complaints: tuple[str, ...] = ()
    given_back = 0
    try:
        given_back = upkeep.tidy(database, disk.measure(database.folder).free)
    except StoreBusy as error:
        complaints = (str(error),)
    with database.writing() as connection:
        disk.remember(connection, now.date(), disk.measure(database.folder).total)
    return Kept(texts, refused, mail, given_back, complaints)


def _trim(workspace: Workspace, now: datetime, progress: Progress) -> int:
    before = now - timedelta(days=workspace.config.retention.text_days)
    count = 0
    while True:
        with workspace.database.writing() as connection:
            rows = upkeep.old_texts(connection, before, PERSON, CHUNK)
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
