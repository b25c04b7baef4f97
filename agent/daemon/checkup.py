"""`thesis status`: one look at everything, and what of it calls for somebody's attention."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from agent import hearing, report
from agent.daemon import pulse, situation
from agent.daemon.jobs import INDEX_BATCH, Job
from agent.daemon.pulse import Heartbeat
from agent.daemon.runner import MOST_FAILURES, REFUSED_KEY
from agent.report import Answer, iso
from agent.upkeep import disk
from agent.workspace import Workspace
from store import items, ledger, settings
from store import jobs as stored
from store.database import daemon_pid, translated
from store.messages import WAITING
from store.models import ItemState

OVERDUE = timedelta(hours=1)
"""A job that a living daemon is so late with does not run."""
CLOCK_SLACK = timedelta(minutes=10)
CLOCK_WAY_OUT = (
    "Set the clock if it is wrong: jobs wait until it has caught up. If it was wrong before, what "
    "came in then counts from the day it is dated on; to be rid of it restore a backup"
)
MOST_NAMED = 3
"""Sources that are named."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that somebody should look at: what, how it shows, and what to do."""

    what: str
    found: str
    way_out: str


def examine(workspace: Workspace, now: datetime) -> Answer:
    """All of `thesis status`: the report, alerts, jobs, disk, daemon, and `troubles`."""
    answer = report.status(workspace, now)
    answer["alerts"] = hearing.overview(workspace, now)
    beat = pulse.read(workspace.database.folder)
    pid = daemon_pid(workspace.database.folder)
    answer["daemon"] = {
        "pid": pid,
        "heartbeat": iso(beat.at) if beat else None,
        "since": iso(beat.started_at) if beat and pid else None,
        "version": beat.version if beat else None,
    }
    answer["jobs"] = _jobs(workspace, now)
    answer["disk"] = _disk(workspace)
    found = _Look(workspace, now, answer, beat)
    answer["troubles"] = [asdict(one) for one in found.troubles()]
    return answer


def _jobs(workspace: Workspace, now: datetime) -> list[Answer]:
    """Each job in a row: what it did last, and when it runs next."""
    with workspace.database.reading() as connection:
        instant = situation.instant(connection, now)
    plan = situation.plan(workspace, instant)
    with workspace.database.reading() as connection:
        states = stored.states(connection)
    return [_job(job, states.get(job), plan[job]) for job in Job]


def _job(job: Job, state: Any | None, next_at: datetime | None) -> Answer:
    """A row; without `next_at` it waits for something to do."""
    row: Answer = {"job": job.value, "next_at": iso(next_at)}
    if state is None:
        nothing = dict.fromkeys(("started_at", "finished_at", "succeeded_at"))
        return row | nothing | {"failures": 0, "error": "", "said": "", "seconds": 0.0}
    times = {name: getattr(state, name) for name in ("started_at", "finished_at", "succeeded_at")}
    rest = {name: getattr(state, name) for name in ("failures", "error", "said", "seconds")}
    return row | {name: iso(at) for name, at in times.items()} | rest


def _disk(workspace: Workspace) -> Answer:
    with translated(workspace.database.folder):
        found = disk.measure(workspace.database.folder)
    with workspace.database.reading() as connection:
        known = disk.sizes(connection)
    return asdict(found) | {"in_a_year": disk.in_a_year(known, found.total)}


class _Look:
    """Holds what was found against what it should be."""

    def __init__(
        self, workspace: Workspace, now: datetime, answer: Answer, beat: Heartbeat | None
    ) -> None:
        self._workspace = workspace
        self._now = now
        self._answer = answer
        self._beat = beat

    def troubles(self) -> Iterator[Trouble]:
        """The gravest first."""
        yield from self._daemon()
        yield from self._of_jobs()
        yield from self._of_disk()
        yield from self._of_clock()
        yield from self._of_settings()
        yield from self._of_judge()
        yield from self._of_sources()
        yield from self._of_messages()
        yield from self._of_index()

    def _daemon(self) -> Iterator[Trouble]:
        beat, pid = self._beat, self._answer["daemon"]["pid"]
        patience = pulse.RESTART if pid is None else pulse.STALE
        if beat is None or self._now - beat.at <= patience:
            return  # one of a time to come is the clock's trouble
        since = f"since {beat.at:%Y-%m-%d %H:%M} UTC"
        if pid is not None:
            yield Trouble("daemon", f"pid {pid} shows no sign of life {since}", "Restart it")
        else:
            way_out = "Run `thesis start`; without a daemon, delete the file heartbeat in the data"
            yield Trouble("daemon", f"not running {since}", way_out)

    def _of_jobs(self) -> Iterator[Trouble]:
        alive = self._beat is not None and self._beat.is_fresh(self._now)
        for row in self._answer["jobs"]:
            if row["failures"] >= MOST_FAILURES and row["next_at"]:
                found = f"failed {row['failures']} times in a row: {row['error']}"
                yield Trouble(f"job {row['job']}", found, "The log has more")
            elif alive and row["next_at"] and _at(row["next_at"]) < self._now - OVERDUE:
                found = f"is due since {row['next_at']} and does not run"
                yield Trouble(f"job {row['job']}", found, "Restart `thesis start`; see its log")

    def _of_disk(self) -> Iterator[Trouble]:
        found = self._answer["disk"]
        if found["free"] < disk.ROOM:
            size = f"{found['free'] / 1e6:.0f} MB free"
            yield Trouble("disk", size, "Free some space: what cannot be written waits")
        elif found["in_a_year"] and found["in_a_year"] - found["total"] > found["free"]:
            size = f"{found['in_a_year'] / 1e9:.1f} GB in a year, {found['free'] / 1e9:.1f} GB free"
            yield Trouble("disk", size, "Move the data folder, or lower [retention] text_days")

    def _of_clock(self) -> Iterator[Trouble]:
        with self._workspace.database.reading() as connection:
            last = situation.last_instant(connection)
            score = ledger.snapshot_before(connection, self._workspace.thesis.id, None)
        passes = [last] if last else []
        if score and score.as_of.date() > self._now.date():  # a replay ends its last day
            passes.append(score.as_of)
        if not passes or max(passes) - self._now <= CLOCK_SLACK:
            return
        found = (
            f"{self._now:%Y-%m-%d %H:%M} UTC is before the last pass, {max(passes):%Y-%m-%d %H:%M}"
        )
        yield Trouble("clock", found, CLOCK_WAY_OUT)

    def _of_settings(self) -> Iterator[Trouble]:
        with self._workspace.database.reading() as connection:
            refused = settings.read(connection, REFUSED_KEY)
        if refused and self._answer["daemon"]["pid"] is not None:
            yield Trouble("edit", f"the daemon goes on as before an edit: {refused}", "Correct it")

    def _of_judge(self) -> Iterator[Trouble]:
        waiting = self._answer["items"].get("deferred", 0)
        with self._workspace.database.reading() as connection:
            last = items.newest_in(connection, ItemState.DEFERRED, 1)
        for one in last:
            found = f"{waiting:,} items wait for the language model: {one.state_reason}"
            yield Trouble("judge", found, "See to the key, the address and the budget")

    def _of_sources(self) -> Iterator[Trouble]:
        rows = self._answer["sources"]
        unseen = [row for row in rows if row["health"] in ("failing", "silent", "only copies")]
        if rows and len(unseen) >= self._workspace.config.alerts.blind_share * len(rows):
            named = ", ".join(row["name"] for row in unseen[:MOST_NAMED])
            more = ", ..." if len(unseen) > MOST_NAMED else ""
            found = f"{len(unseen)} of {len(rows)} cannot be seen: {named}{more}"
            yield Trouble("sources", found, "`thesis sources --check` says why")

    def _of_messages(self) -> Iterator[Trouble]:
        dead = self._answer["alerts"]["messages"].get("dead", 0)
        if dead:
            way_out = "`thesis alerts deliver --dead` tries them again"
            yield Trouble("messages", f"{dead:,} were given up", way_out)
        stuck = [
            one
            for one in self._answer["alerts"]["unsent"]
            if one["state"] == WAITING and one["attempts"] >= MOST_FAILURES
        ]
        if stuck:
            found = f"{len(stuck):,} could not be sent yet: {stuck[0]['error']}"
            way_out = "`thesis alerts test NAME` tries its channel; they wait for two days"
            yield Trouble("messages", found, way_out)

    def _of_index(self) -> Iterator[Trouble]:
        waiting = self._answer["index_waiting"]
        if waiting > 5 * INDEX_BATCH:
            yield Trouble("index", f"{waiting:,} vectors wait for it", "Run `thesis index rebuild`")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
