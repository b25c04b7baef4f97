"""Runs one job: whether it is due, under the writer's lock, with whatever comes of it on its row.

The product's one broad `except` is here: a job that fails is tried again later, and the daemon
lives.
"""

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from agent.clock import NOTED
from agent.daemon import jobs, logs, pulse, situation
from agent.daemon.edits import Settings
from agent.daemon.jobs import Job
from agent.daemon.work import WORK, Done
from agent.errors import StoreBusy, StoreError, ThesiswatchError
from agent.workspace import Workspace
from store import jobs as stored
from store import settings as remembered
from store.database import Database, open_database, writer_lock

REFUSED_KEY = "edit refused"
"""Why the daemon goes on with the configuration of before an edit, or ""."""
LONGEST_TURN = timedelta(minutes=15)
"""For so long another process may hold the right to write before that is called a failure."""
MOST_FAILURES = 3
"""From so many in a row on nothing is pinged: the silence is the alarm."""


class Stopped(BaseException):
    """The daemon is to end: raised between two transactions, so that nothing is lost."""


class Runner:
    """Runs jobs of one data folder, one at a time; `stop` ends the one that runs."""

    def __init__(
        self, path: Path, clock: Callable[[], datetime], redaction: logs.Redaction | None = None
    ) -> None:
        self.settings = Settings(path)
        self._clock = clock
        self._redaction = redaction or logs.Redaction()
        self._redaction.learn(self.settings.config)
        self._database: Database | None = None
        self._workspace: Workspace | None = None
        self._resting: dict[Job, datetime] = {}
        self._failures: dict[Job, int] = {}
        self._plan: dict[Job, datetime | None] = {}
        self._waiting: dict[Job, datetime] = {}
        self._held = False
        self._noted: str | None = None
        self._stopping = threading.Event()
        self._busy = threading.Lock()
        self.pulse = pulse.Pulse(self.folder, clock())

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.settings.config.data_folder

    def stop(self, patience: float) -> bool:
        """End the job that runs at its next step; whether it did within `patience` seconds."""
        self._stopping.set()
        ended = self._busy.acquire(timeout=patience)
        if ended:
            self._close()
            self._busy.release()
        return ended

    def run(self, job: Job) -> bool:
        """Run a job if it is due; returns whether it ran. Never raises."""
        with self._busy:
            if self._stopping.is_set():
                return False
            wall = self._clock()
            try:
                self._take_edits()
                if self._rests(job, wall):
                    self.pulse.beat(wall)
                    return False
                workspace = self._opened()
                now = self._instant(workspace, wall)
                self.pulse.beat(wall)
                if not self._is_due(job, workspace, now):
                    self._waiting.pop(job, None)
                    self._tell(wall)
                    return False
                with writer_lock(self.folder):
                    self._work(job, workspace, wall)
                self._tell(wall)
                return True
            except Stopped:
                logs.info("job stopped", job=job.value)
            except StoreBusy as error:
                self._wait(job, wall, error)
            except Exception as error:  # noqa: BLE001  # see the module's docstring
                self._fail(job, wall, error)
            return False

    def _wait(self, job: Job, wall: datetime, error: StoreBusy) -> None:
        """Let somebody else finish; who never does is a failure, and no longer kept quiet."""
        since = self._waiting.setdefault(job, wall)
        if abs(wall - since) < LONGEST_TURN:
            logs.info("job waits", job=job.value, error=error.message)
        else:
            self._fail(job, wall, error)

    def _rests(self, job: Job, wall: datetime) -> bool:
        """Whether it failed a moment ago; a clock that was set back since prolongs no rest."""
        left = self._resting.get(job, wall) - wall
        return timedelta(0) < left <= jobs.LONGEST_WAIT

    def _is_due(self, job: Job, workspace: Workspace, now: datetime) -> bool:
        self._plan = situation.plan(workspace, now)
        at = self._plan[job]
        return at is not None and at <= now

    def _work(self, job: Job, workspace: Workspace, wall: datetime) -> None:
        started = time.monotonic()
        with workspace.database.writing() as connection:
            now, dropped = situation.begin(connection, workspace.thesis.id, wall)
            stored.begin(connection, job.value, now)
        if dropped:
            logs.warn("the clock was ahead before: the scores it kept then are dropped", n=dropped)
        done: Done = WORK[job](workspace, now, self._progress)
        seconds = time.monotonic() - started
        with workspace.database.writing() as connection:
            stored.succeed(connection, job.value, now, self._clean(done.said), seconds)
        self._resting.pop(job, None)
        self._failures.pop(job, None)
        self._waiting.pop(job, None)
        for complaint in done.complaints:
            logs.warn(complaint, job=job.value)
        logs.info("job done", job=job.value, said=done.said, seconds=round(seconds, 2))
        if job is Job.UPKEEP:
            _give_back(workspace.database)

    def _fail(self, job: Job, now: datetime, error: Exception) -> None:
        """Note a failure in the log and, where the database takes it, on the job's row."""
        ours = isinstance(error, ThesiswatchError)
        said = self._clean(str(error) if ours else f"{type(error).__name__}: {error}")
        self._failures[job] = failures = self._note_failure(job, now, said)
        self._resting[job] = now + jobs.wait_after(failures)
        logs.error(
            "job failed",
            trace=None if ours else error,
            job=job.value,
            error=said,
            again_at=self._resting[job].isoformat(),
        )
        self.pulse.beat(now)

    def _note_failure(self, job: Job, now: datetime, said: str) -> int:
        """Keep it on the job's row; returns how many it makes in a row, by heart if need be."""
        by_heart = self._failures.get(job, 0) + 1
        try:
            with self._opened().database.writing() as connection:
                return max(stored.fail(connection, job.value, now, said), by_heart)
        except StoreError as another:
            if str(another) != said:
                logs.error("the failure could not be kept", job=job.value, error=str(another))
            self._close()
            return by_heart

    def _clean(self, text: str) -> str:
        """A text without secrets, to be kept."""
        return str(self._redaction.clean(text))

    def _progress(self, stage: str, count: int) -> None:
        """Called between two steps of a job's work."""
        if self._stopping.is_set():
            raise Stopped
        self.pulse.beat(self._clock())

    def _instant(self, workspace: Workspace, wall: datetime) -> datetime:
        """The instant that jobs run at; a clock that was set back is waited for."""
        with workspace.database.reading() as connection:
            now = situation.instant(connection, wall)
        is_held = now - wall > NOTED
        if is_held != self._held:
            said = "waited for: it is before the last job" if is_held else "right again"
            logs.warn(f"the clock is {said}", clock=wall.isoformat(), last=now.isoformat())
        self._held = is_held
        return now

    def _tell(self, now: datetime) -> None:
        """Ping, unless some job with something to do keeps failing or the clock is waited for."""
        failing = [job for job, count in self._failures.items() if count >= MOST_FAILURES]
        if not self._held and all(self._plan.get(job) is None for job in failing):
            config = self.settings.config
            self.pulse.ping(config.secrets.get(config.monitoring.ping_env), now)

    def _take_edits(self) -> None:
        before = self.settings.config.embedding
        edited = self.settings.refresh()
        refused = self._clean(self.settings.refused)
        if edited and refused:
            logs.error("an edit was refused, what was before holds", error=refused)
        elif edited:
            self._redaction.learn(self.settings.config)
            logs.info("an edit was taken", thesis=self.settings.thesis.version)
        if self.settings.config.embedding != before:
            self._workspace = None
        if refused != self._noted:  # at the start, too: what a daemon before this one refused
            with self._opened().database.writing() as connection:
                remembered.keep(connection, REFUSED_KEY, refused)
            self._noted = refused

    def _opened(self) -> Workspace:
        """A workspace of the settings as they are now; the embedder stays from job to job."""
        if self._database is None:
            self._database = open_database(self.folder)
            self._recall_failures(self._database)
        fresh = Workspace(self.settings.config, self.settings.thesis, self._database)
        if self._workspace is not None:
            fresh = fresh.taking_over(self._workspace)
        self._workspace = fresh
        return fresh

    def _recall_failures(self, database: Database) -> None:
        """What failed in a row for the daemon before this one goes on to count."""
        with database.reading() as connection:
            states = stored.states(connection)
        for job in Job:
            before = states[job.value].failures if job.value in states else 0
            self._failures[job] = max(self._failures.get(job, 0), before)

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = self._workspace = None


def _give_back(database: Database) -> None:
    """Memory for a year: the pages that SQLite keeps, as many megabytes as its cache has for each
    connection, and what the C library (glibc) keeps of all that was freed."""
    database.close()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
