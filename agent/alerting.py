"""The alert stage: signals of the stored rows become alerts, kept, told once and taken back.

`update` does it at an instant and queues what is to be told, in one transaction; agent.delivery
sends it. `walk` does the same for days long past, of which nobody is told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from agent import alerts, dossier, kpi_report, notices, signals, standing, streams
from agent.alerts import Alert, Case, Change, Evidence, Silence, Status, Telling
from agent.days import end_of, start_of, start_of_month
from agent.dossier import Records
from agent.judge.gate import Gate
from agent.notices import Told
from agent.signals import Direction, Rule, Severity, Signal
from agent.spikes import Detection, detect
from agent.streams import Stream
from agent.workspace import Workspace
from store import alerts as stored
from store import calls, items, ledger, messages, verdicts
from store.models import ItemState

TAKEN_BACK_WITHIN = timedelta(days=14)
"""An alert that was over this long ago is not withdrawn any more."""
OWN_AFFAIRS = (Rule.BLIND, Rule.BUDGET)
"""Of these it is told when they are over, too."""
FALSIFIED = {"supports": Direction.RISING, "weakens": Direction.COLLAPSING}

Key = tuple[str, str, str]


def update(workspace: Workspace, now: datetime) -> list[Told]:
    """Bring the alerts up to `now` and queue what is to be told; returns that."""
    view = _View(workspace, now)
    with workspace.database.reading() as connection:
        known = _read(connection, workspace)
        silences = _silences(connection, workspace, now)
    steps = _Steps(view, known)
    told = [*steps.run(), *_tell(steps, silences)]
    with workspace.database.writing() as connection:
        steps.keep(connection)
        _queue(connection, workspace, told, now)
    return told


def walk(workspace: Workspace, first: date, last: date) -> list[Alert]:
    """The alerts as they would have been from `first` to `last`, kept in place of a last walk's.

    Alerts that fired while nobody replayed stay as they are.
    """
    with workspace.database.reading() as connection:
        known = _read(connection, workspace)
    within = [
        one for one in known if one.replayed and start_of(first) <= one.began_at <= end_of(last)
    ]
    kept = {one.id: one for one in within}
    before = [one for one in known if one.replayed and one.began_at < start_of(first)]
    taken = {one.id for one in known if not one.replayed}
    past = _Past(workspace, end_of(last))
    steps = _Steps(_View(workspace, start_of(first), past), before, replayed=True)
    for n in range((last - first).days + 1):
        steps.view = _View(workspace, end_of(first + timedelta(days=n)), past)
        steps.run()
        steps.note_inhibited()
    with workspace.database.writing() as connection:
        stored.forget(connection, [one.id for one in within])
        steps.restore(kept)
        steps.drop(taken)
        steps.keep(connection)
    return sorted(steps.alerts.values(), key=lambda one: (one.began_at, one.id))


class _Past:
    """The streams up to an instant, and what was to be seen in them each day."""

    def __init__(self, workspace: Workspace, until: datetime) -> None:
        self._workspace = workspace
        self._until = until
        self.streams = streams.read(workspace, until)
        self.found = {key: self._detect(one) for key, one in self.streams.items()}
        self._without: dict[frozenset[streams.Key], dict[streams.Key, Detection]] = {}

    def _detect(self, stream: Stream) -> Detection:
        return detect(stream.days, threshold=self._workspace.config.alerts.threshold)

    def alarmed_without(self, key: streams.Key, gone: frozenset[streams.Key], since: date) -> bool:
        """Whether a stream gave reason to fire since then, had some of its events never come."""
        if gone not in self._without:
            others = streams.read(self._workspace, self._until, gone)
            self._without[gone] = {name: self._detect(one) for name, one in others.items()}
        found = self._without[gone].get(key)
        states = found.states if found else ()
        return any(one.alarmed for one in states if one.day.day >= since)

    @cached_property
    def came_true(self) -> dict[str, dict[str, Any]]:
        """The falsifiers that filings made true, by id."""
        rows = kpi_report.table(self._workspace, self._until)["falsifiers"]
        return {row["id"]: row for row in rows if row["status"] == "true" and row["accession"]}

    @cached_property
    def history(self) -> list[tuple[datetime, float]]:
        """Every kept score."""
        return Records(self._workspace, self._until).history


class _View:
    """What there is reason to alert about at `now`; with a `past`, as it was on that day."""

    def __init__(self, workspace: Workspace, now: datetime, past: _Past | None = None) -> None:
        self.workspace = workspace
        self.now = now
        self.chosen = workspace.config.alerts
        self.live = past is None
        self.past = past or _Past(workspace, now)
        self.records = Records(workspace, now)
        self._streams: dict[Key, streams.Key] = {}
        self._sight: standing.Sight | None = None
        self.unseen: set[Key] = set()
        self.signals = {one.key: one for one in self._gather()}

    def _gather(self) -> Iterator[Signal]:
        yield from self._of_streams()
        history = [one for one in self.past.history if one[0] <= self.now]
        yield from signals.of_levels(history, self.chosen.levels, self.chosen.margin)
        move = signals.of_move(history, self.chosen.move_points, self.chosen.move_days)
        if move:
            yield move
        came_true = {
            id_: (date.fromisoformat(row["on"]), FALSIFIED[row["effect"]])
            for id_, row in self.past.came_true.items()
        }
        yield from signals.of_falsifiers(came_true, self.now)
        if self.live:
            yield from self._of_our_own()

    def _of_streams(self) -> Iterator[Signal]:
        for name, found in self.past.found.items():
            end = self._end(found)
            direction = next(one for one in Direction if one.stance == name[1])
            key = (Rule.SPIKE, name[0], direction)
            self._streams[key] = name
            before = [one for one in found.spikes if one.fired_on <= self.now.date()]
            states = found.states[:end]
            signal = states and signals.of_stream(
                name[0], direction, states, before, self.chosen.threshold
            )
            if signal:
                yield signal
            else:
                self.unseen.add(key)

    def _end(self, found: Detection) -> int:
        """How many of the days have come by now."""
        if not found.states:
            return 0
        ahead = (found.states[-1].day.day - self.now.date()).days
        return len(found.states) - max(ahead, 0)

    def _of_our_own(self) -> Iterator[Signal]:
        config = self.workspace.config
        with self.workspace.database.reading() as connection:
            health = standing.source_health(connection, config, self.now)
            self._sight = standing.look(connection, config, self.now)
            spent = calls.spending(connection, start_of_month(self.now)).cost
        words = {name: one for name, (one, _) in health.items()}
        groups = self._groups()
        yield from signals.of_sources(words, groups, self.chosen.blind_share, self.now)
        yield from signals.of_judge(self._sight.waiting, self.now)
        budget = config.judge.monthly_budget if spent else 0.0
        yield from signals.of_spending(spent, budget, self._sight.unpaid, self.now)

    def _groups(self) -> dict[str, list[str]]:
        """The sources of each front, and all of them."""
        config = self.workspace.config
        groups = {"": [one.name for one in config.sources]}
        for category in self.workspace.thesis.weights:
            groups[category] = [one.name for one in config.sources if category in one.categories]
        return {name: sources for name, sources in groups.items() if sources}

    def case(self, signal: Signal) -> Case:
        """What an alert of `signal` says."""
        records = self.records
        match signal.rule:
            case Rule.SPIKE:
                name = self._streams[signal.key]
                found = self.past.found[name]
                states = found.states[: self._end(found)]
                return dossier.of_spike(records, signal, self.past.streams[name], states)
            case Rule.LEVEL | Rule.MOVE:
                return dossier.of_change(records, signal)
            case Rule.FALSIFIER:
                return dossier.of_falsifier(records, signal, self.past.came_true[signal.subject])
            case Rule.BUDGET:
                with self.workspace.database.reading() as connection:
                    rows = items.newest_gated(connection, Gate.UNPAID, dossier.MOST)
                    rows = rows or verdicts.newest_of(connection, "llm", dossier.MOST)
                return dossier.of_spending(records, signal, rows)
            case Rule.BLIND:
                return self._of_blindness(signal)

    def _of_blindness(self, signal: Signal) -> Case:
        if "waiting" in signal.figures:
            with self.workspace.database.reading() as connection:
                rows = items.newest_in(connection, ItemState.DEFERRED, dossier.MOST)
            return dossier.of_judge(self.records, signal, rows)
        places = {one.name: one.url for one in self.workspace.config.sources}
        return dossier.of_sources(self.records, signal, places)

    def is_taken_back(self, alert: Alert) -> bool:
        """Whether what an alert rests on does not stand any more, and it would not fire without."""
        ids = list(alert.case.figures.get("events", ()))
        if not ids:
            return False
        with self.workspace.database.reading() as connection:
            now_in = dossier.where(connection, ids)
            rows = ledger.standing_of(
                connection, self.workspace.thesis.id, sorted(set(now_in.values())), self.now
            )
        stance, fronts = alert.direction.stance, (alert.subject,)
        stands = {
            row.event_id
            for row in rows
            if row.weight
            and row.stance == stance
            and (alert.rule is not Rule.SPIKE or not alert.subject or row.category in fronts)
        }
        gone = [id_ for id_ in ids if now_in[id_] not in stands]
        if not gone or alert.rule is not Rule.SPIKE:
            return len(gone) == len(ids)
        categories = fronts if alert.subject else tuple(self.workspace.thesis.weights)
        without = frozenset((id_, category) for id_ in gone for category in categories)
        since = (alert.fired_at or alert.began_at).date()
        return not self.past.alarmed_without(self._streams[alert.key], without, since)


class _Steps:
    """The alerts of a thesis, brought on one instant at a time."""

    def __init__(self, view: _View, known: Iterable[Alert], *, replayed: bool = False) -> None:
        self.view = view
        self.alerts = {one.id: one for one in known}
        self._replayed = replayed
        self._before = dict(self.alerts)
        self._notes: list[tuple[str, datetime, str, str]] = []

    def run(self) -> list[Told]:
        """One step; returns what is to be told of alerts that ended."""
        ended: list[Told] = []
        for key in self._keys():
            signal = self._signal(key)
            if signal is not None:
                ended += self._step(key, signal)
        return ended

    def _keys(self) -> list[Key]:
        open_ = {one.key for one in self.alerts.values() if one.is_open or self._is_fresh(one)}
        return sorted(open_ | set(self.view.signals))

    def _is_fresh(self, alert: Alert) -> bool:
        """Whether it was over so lately that it may still be withdrawn."""
        over = alert.resolved_at
        resolved = alert.status is Status.RESOLVED and over is not None
        return bool(resolved and over and self.view.now - over <= TAKEN_BACK_WITHIN)

    def _signal(self, key: Key) -> Signal | None:
        if key in self.view.unseen:
            return None
        return self.view.signals.get(key) or signals.quiet(key, self.view.now)

    def _step(self, key: Key, signal: Signal) -> list[Told]:
        view, ended = self.view, list[Told]()
        mine = [one for one in self.alerts.values() if one.key == key]
        for alert in mine:
            if (alert.status is Status.FIRING or self._is_fresh(alert)) and view.is_taken_back(
                alert
            ):
                ended += self._put(alerts.withdraw(alert, view.now), Change.WITHDRAWN)
        current = next((self.alerts[one.id] for one in mine if self.alerts[one.id].is_open), None)
        if current is None:
            current = self._open(signal)
        elif current.status is Status.PENDING and signal.active:
            current = replace(current, case=view.case(signal))
        if current is None:
            return ended
        keep = timedelta(days=view.chosen.keep_days)
        after, change = alerts.advance(current, signal, view.now, keep)
        if change is Change.LAPSED:
            self.alerts.pop(current.id, None)
            return ended
        return ended + self._put(after, change)

    def _open(self, signal: Signal) -> Alert | None:
        """A new alert, if there is reason and this episode was none before."""
        id_ = alerts.id_of(self.view.workspace.thesis.id, signal)
        if not signal.active or id_ in self.alerts:
            return None
        alert = alerts.open_(id_, signal, self.view.case(signal), self.view.now)
        self._notes.append((id_, self.view.now, Change.BEGAN, ""))
        return replace(alert, replayed=self._replayed)

    def _put(self, alert: Alert, change: Change) -> list[Told]:
        self.alerts[alert.id] = alert
        if change is Change.NONE:
            return []
        said = alert.case.headline if change is Change.FIRED else ""
        self._notes.append((alert.id, self.view.now, change, said))
        was_told = alert.sent > 0 and not self._replayed
        if change is Change.WITHDRAWN and was_told:
            return [Told(alert, Telling.WITHDRAWN)]
        if change is Change.RESOLVED and was_told and alert.rule in OWN_AFFAIRS:
            return [Told(alert, Telling.RESOLVED)]
        return []

    def firing(self) -> list[Alert]:
        """Those that fire, the gravest first."""
        found = [one for one in self.alerts.values() if one.status is Status.FIRING]
        return sorted(found, key=lambda one: (-one.severity.rank, one.began_at, one.id))

    def note_inhibited(self) -> None:
        """Mark the firing alerts that another one speaks for."""
        firing = self.firing()
        for alert in firing:
            if not alert.inhibited_by and (by := alerts.inhibitor(alert, firing)):
                self.mark(replace(alert, inhibited_by=by), f"inhibited by {by}")

    def mark(self, alert: Alert, why: str) -> None:
        """Note why an alert is kept back, or told."""
        self.alerts[alert.id] = alert
        self._notes.append((alert.id, self.view.now, why, ""))

    def restore(self, kept: Mapping[str, Alert]) -> None:
        """What a person said of an alert holds for the same one walked again."""
        for id_, old in kept.items():
            if id_ in self.alerts:
                names = ("acknowledged_at", "snoozed_until", "told_at", "sent")
                said = {name: getattr(old, name) for name in names}
                self.alerts[id_] = replace(self.alerts[id_], **said)

    def drop(self, ids: Iterable[str]) -> None:
        """Leave these to what is stored of them."""
        for id_ in ids:
            self.alerts.pop(id_, None)

    def keep(self, connection: Any) -> None:
        """Write what changed."""
        stored.forget(connection, [id_ for id_ in self._before if id_ not in self.alerts])
        thesis = self.view.workspace.thesis.id
        for alert in self.alerts.values():
            if alert != self._before.get(alert.id) or self._replayed:
                stored.keep(connection, as_row(alert, thesis))
        for id_, at, change, detail in self._notes:
            if id_ in self.alerts:
                stored.note(connection, id_, at, change, detail)


def _tell(steps: _Steps, silences: Sequence[Silence]) -> list[Told]:
    """What is to be told of the alerts that fire."""
    now, repeat = steps.view.now, timedelta(days=steps.view.chosen.repeat_days)
    told = []
    firing = steps.firing()
    for alert in firing:
        why = alerts.kept_back(alert, firing, silences, now)
        if why:
            by = alerts.inhibitor(alert, firing)
            if by != alert.inhibited_by:
                steps.mark(replace(alert, inhibited_by=by), why)
            continue
        fresh = _fresh_case(steps.view, alert, repeat)
        telling = alerts.to_tell(alert, now, repeat, fresh is not None)
        if telling:
            case = fresh or alert.case
            alert = replace(alert, case=case, told_at=now, sent=alert.sent + 1, inhibited_by="")
            steps.mark(alert, f"told: {telling}")
            told.append(Told(alert, telling))
    return told


def _fresh_case(view: _View, alert: Alert, repeat: timedelta) -> Case | None:
    """What an alert that was told long ago says now, if that is news."""
    signal = view.signals.get(alert.key)
    if signal is None or alert.told_at is None or view.now - alert.told_at < repeat:
        return None
    case = view.case(signal)
    old, new = (set(one.figures.get("events", ())) for one in (alert.case, case))
    return case if case.evidence and (new - old or alert.rule in OWN_AFFAIRS) else None


def _queue(connection: Any, workspace: Workspace, told: Sequence[Told], now: datetime) -> None:
    """One message to each channel of all it is to be told."""
    chosen = workspace.config.alerts
    ends = signals.until_quiet_ends(now, chosen.quiet_hours, chosen.zone)
    through = Severity(chosen.through_quiet)
    for channel in workspace.config.channels:
        least = Severity(channel.at_least)
        heard = [one for one in told if one.alert.severity.rank >= least.rank]
        if not heard:
            continue
        loud = any(one.alert.severity.rank >= through.rank for one in heard)
        parcel = notices.compose(workspace.thesis, heard, chosen.zone, now)
        row = {
            "id": notices.id_of(workspace.thesis.id, channel.name, heard),
            "thesis_id": workspace.thesis.id,
            "channel": channel.name,
            "kind": "alert",
            **asdict(parcel),
            "alerts": [one.alert.id for one in heard],
            "due_at": ends if ends and not loud else now,
        }
        messages.queue(connection, row)


def listing(workspace: Workspace) -> list[Alert]:
    """All alerts, the latest first."""
    with workspace.database.reading() as connection:
        return _read(connection, workspace)


def _read(connection: Any, workspace: Workspace) -> list[Alert]:
    return [_from_row(row) for row in stored.every(connection, workspace.thesis.id)]


def _silences(connection: Any, workspace: Workspace, now: datetime) -> list[Silence]:
    rows = stored.silences(connection, workspace.thesis.id, now)
    return [Silence(row.id, row.match, row.until, row.reason) for row in rows]


def as_row(alert: Alert, thesis_id: str) -> dict[str, Any]:
    """An alert as it is stored."""
    row = {one.name: getattr(alert, one.name) for one in fields(alert)}
    return {**row, "thesis_id": thesis_id, "case": asdict(alert.case)}


def _from_row(row: Any) -> Alert:
    names = [one.name for one in fields(Alert)]
    values = {name: getattr(row, name) for name in names}
    return Alert(
        **{
            **values,
            "rule": Rule(row.rule),
            "direction": Direction(row.direction),
            "severity": Severity(row.severity),
            "status": Status(row.status),
            "case": _case(row.case),
        }
    )


def _case(kept: Mapping[str, Any]) -> Case:
    sides = {
        side: tuple(Evidence(**{**one, "owners": tuple(one["owners"])}) for one in kept[side])
        for side in ("evidence", "against")
    }
    series = tuple((day, count, expected) for day, count, expected in kept["series"])
    return Case(**{**kept, **sides, "claims": tuple(kept["claims"]), "series": series})
