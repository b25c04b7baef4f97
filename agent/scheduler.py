"""`thesis start`: asks each job, every now and then, whether it is due. Decides nothing else.

APScheduler keeps the time; agent.daemon.jobs decides from what is stored. All jobs share one
thread, so that no two ever overlap. A tick that came late, because the machine slept, is run once.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from agent.daemon import logs, metrics
from agent.daemon.jobs import Job
from agent.daemon.runner import Runner
from agent.upkeep.disk import LOGS
from agent.workspace import opened
from store.database import daemon_lock, translated

TICK = 30
"""Seconds between two times that a job is asked, give or take JITTER."""
JITTER = 5
NAP = 0.2
LOOK_UP = 5.0
"""Seconds between two looks at the clock."""
JUMP = 60.0
"""Seconds by which the clock must have moved against the machine's own count to be told of."""
GRACE = 8.0
"""Seconds that a job has to end when the daemon is told to."""
ENDINGS = ("SIGTERM", "SIGINT", "SIGBREAK")
"""Signals that end it; each system knows some of them."""


def serve(path: Path, clock: Callable[[], datetime], stream: TextIO = sys.stderr) -> None:
    """Run the jobs of `path` until told to stop.

    Raises StoreBusy when the folder has a daemon, ConfigError or ThesisFileError when the
    configuration cannot be used, StoreError when the folder cannot.
    """
    redaction = logs.Redaction()
    runner = Runner(path, clock, redaction)
    with ExitStack() as stack:
        stack.enter_context(daemon_lock(runner.folder))
        with translated(runner.folder):
            handlers = logs.start(
                runner.folder / LOGS, runner.settings.config.monitoring, redaction, stream
            )
        stack.callback(logs.stop, handlers)
        with opened(runner.settings.config, runner.settings.thesis):
            pass  # brought to the newest schema before anything is looked at
        ending = stack.enter_context(_told_to_end())
        stack.enter_context(metrics.served(runner.settings, clock))
        scheduler = _scheduler(runner, clock())
        scheduler.start()
        _announce(runner)
        _watch(scheduler, clock, ending)
        scheduler.shutdown(wait=False)
        _end(runner)


def _scheduler(runner: Runner, now: datetime) -> Any:
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.interval import IntervalTrigger

    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for number, job in enumerate(Job):
        scheduler.add_job(
            runner.run,
            IntervalTrigger(seconds=TICK, jitter=JITTER, timezone=UTC),
            args=[job],
            id=job.value,
            next_run_time=now + timedelta(milliseconds=number),
        )
    return scheduler


def _watch(scheduler: Any, clock: Callable[[], datetime], ending: "Ending") -> None:
    """Wait for the end, and wake the jobs when the clock is set back: they wait for their hour."""
    ahead = _ahead(clock)
    while not ending.wait(LOOK_UP):
        jumped = _ahead(clock) - ahead
        if abs(jumped) < JUMP:
            continue
        ahead += jumped
        if jumped > 0:
            logs.info("the machine slept, or its clock was set forward", seconds=round(jumped))
            continue
        logs.warn("the clock was set back", seconds=round(-jumped))
        for job in scheduler.get_jobs():
            job.modify(next_run_time=clock())


def _ahead(clock: Callable[[], datetime]) -> float:
    """Seconds that the clock is ahead of the machine's own count."""
    return clock().timestamp() - time.monotonic()


def _end(runner: Runner) -> None:
    """Let the job that runs end; one that hangs on somebody else's answer is left behind.

    Whatever was committed stays, and what was not is done again: see agent.pipeline.
    """
    ended = runner.stop(GRACE)
    logs.info("stopped", waited_for_a_job=not ended)
    if not ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _announce(runner: Runner) -> None:
    runner.pulse.ready()
    config = runner.settings.config
    logs.info(
        "watching",
        thesis=runner.settings.thesis.id,
        sources=len(config.sources),
        data=str(runner.folder),
        log=str(runner.folder / LOGS / logs.FILE_NAME),
    )


class Ending:
    """A flag for signals' handlers: the lock of a threading.Event might be held by who waits."""

    def __init__(self) -> None:
        self._has_come = False

    def come(self, *_: object) -> None:
        """Called by the system, in the midst of anything."""
        self._has_come = True

    def wait(self, seconds: float) -> bool:
        """Wait for it; whether it has come."""
        until = time.monotonic() + seconds
        while not self._has_come and time.monotonic() < until:
            time.sleep(NAP)
        return self._has_come


@contextmanager
def _told_to_end() -> Iterator["Ending"]:
    """Whether a signal that ends programs has come."""
    ending = Ending()
    before = {}
    for name in ENDINGS:
        number = getattr(signal, name, None)
        if number is not None:
            before[number] = signal.signal(number, ending.come)
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
