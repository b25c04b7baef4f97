"""What a chat may look at, each as sentences that code wrote, with the sources behind them.

Only reads. A sentence ends in the [n] of its source on the shelf, so that whoever repeats it, a
person or a model, can be held to it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from agent import hearing, kpi_report, report
from agent.chat.dates import Span
from agent.chat.phrases import Phrases
from agent.chat.retrieval import SHOWN, Hit, Retriever
from agent.chat.shelf import Shelf, Source
from agent.digest.facts import in_points
from agent.dossier import web
from agent.errors import ThesiswatchError
from agent.injection import sift
from agent.workspace import Workspace
from store import items, ledger
from store.search import Scope

INSTANT = timedelta(microseconds=1)
ROWS = 4
"""Ledger rows of each side that a change is told by."""
FIGURES = 6
"""Periods of a KPI that are told, the newest ones."""
ALERTS = 6
SICK = 10
"""Sources that are not well that are named."""
PART = 6000
"""Characters of an item's words that are shown at once."""
LEAST = 0.005
"""Points below which a row is not worth a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence and the source it rests on."""

    text: str
    source: Source

    def __str__(self) -> str:
        return f"{unmarked(self.text)} [{self.source.n}]"


def unmarked(text: str) -> str:
    """Words from outside in which nothing looks like the number of a source."""
    return re.sub(r"\[(\d+)\]", r"(\1)", text)


class Tools:
    """Looks as of `now`; everything it shows goes on the shelf.

    Without a day the score is that of `as_of`, or that of the last pass when it is None. `today`
    is the day from which others are counted.
    """

    def __init__(
        self,
        workspace: Workspace,
        retriever: Retriever,
        words: Phrases,
        now: datetime,
        as_of: datetime | None = None,
        today: date | None = None,
    ) -> None:
        self.workspace = workspace
        self.retriever = retriever
        self.shelf = Shelf()
        self.now = now
        self.words = words
        self._as_of = as_of
        self._zone = workspace.config.alerts.zone
        self.today = today or now.astimezone(self._zone).date()
        self._fronts = {one.id: one.name for one in workspace.thesis.categories}

    def end_of(self, day: date) -> datetime:
        """The last instant of a day where the user lives, or now when that is earlier."""
        start = datetime.combine(day + timedelta(days=1), time(), tzinfo=self._zone)
        return min(start.astimezone(UTC) - INSTANT, self.now)

    def start_of(self, day: date) -> datetime:
        """The first instant of a day where the user lives."""
        return datetime.combine(day, time(), tzinfo=self._zone).astimezone(UTC)

    def _at(self, day: date | None) -> datetime | None:
        """The end of a day, or of the last pass. Raises ThesiswatchError before the first score."""
        if day and day > self.now.astimezone(self._zone).date():
            raise ThesiswatchError(self.words.say("not_come", day=day))
        at = self.end_of(day) if day else self._as_of
        with self.workspace.database.reading() as connection:
            last = ledger.snapshot_before(connection, self.workspace.thesis.id, at)
        if last is None:
            raise ThesiswatchError(
                self.words.say("no_score_by", day=day) if day else self.words.say("no_score")
            )
        return at

    def _by(self, day: date) -> datetime:
        """The end of a day. Raises ThesiswatchError before the first score."""
        self._at(day)
        return self.end_of(day)

    def search(
        self,
        query: str,
        *,
        first: date | None = None,
        last: date | None = None,
        category: str | None = None,
        kinds: Sequence[str] = (),
        count: int = SHOWN,
    ) -> list[tuple[Hit, Source]]:
        """Stored items for a query, published from `first` to `last`, on the shelf."""
        scope = Scope(
            until=self.now,
            since=self.start_of(first) if first else None,
            before=self.start_of(last + timedelta(days=1)) if last else None,
            kinds=tuple(kinds),
        )
        hits = self.retriever.find(query, scope, category=category, count=count)
        return [(hit, self._shelved(hit)) for hit in hits]

    def show(self, id_: str, part: int = 1) -> str | None:
        """A part of an item's words, on the shelf with what was there; None when it has no more."""
        with self.workspace.database.reading() as connection:
            item = items.by_id(connection, id_)
        if item is None or item.first_seen_at > self.now:
            return None
        body = sift(item.text if len(item.text) > len(item.summary) else item.summary).text
        shown = body[PART * (part - 1) : PART * part]
        if not shown and part > 1:
            return None
        self._item(
            {
                **{name: getattr(item, name) for name in ("id", "title", "publisher", "url")},
                "published": report.iso(item.published_at),
                "event_id": item.event_id,
            },
            shown,
        )
        return shown

    def score(self, day: date | None = None) -> list[Line]:
        """Where the thesis stands, or stood at the end of a day."""
        answer = report.score(self.workspace, self._at(day))
        shown = self._day(answer["as_of"])
        text = self.words.say(
            "score",
            score=_number(answer["score"]),
            low=_number(answer["low"]),
            high=_number(answer["high"]),
            day=shown,
            events=f"{answer['events']:,}",
            publishers=f"{answer['publishers']:,}",
        )
        status = self.words.say("status", status=answer["status"])
        command = _score_command(answer["as_of"])
        source = self.shelf.put(
            command, title=f"score {shown}", lines=(text, status), command=command
        )
        return [Line(text, source), Line(status, source)]

    def fronts(self, day: date | None = None, category: str | None = None) -> list[Line]:
        """What the fronts add: one of them, or those that pull most either way."""
        answer = report.score(self.workspace, self._at(day))
        command = _score_command(answer["as_of"])
        parts = answer["categories"]
        if category:
            texts = [self._front(category, parts[category])]
        else:
            order = sorted(parts, key=lambda id_: -parts[id_]["log_odds"])
            told = []
            if parts[order[0]]["log_odds"] > 0:
                told.append(("strongest", order[0]))
            if parts[order[-1]]["log_odds"] < 0:
                told.append(("weakest", order[-1]))
            texts = [
                self.words.say(
                    key, front=self._fronts[id_], size=_signed(parts[id_]["log_odds"], 2)
                )
                for key, id_ in told
            ] or [self.words.say("no_rows")]
        shown = f"fronts {self._day(answer['as_of'])}"
        source = self.shelf.put(
            f"fronts {command}", title=shown, lines=tuple(texts), command=command
        )
        return [Line(text, source) for text in texts]

    def change(self, since: date, until: date, category: str | None = None) -> list[Line]:
        """How the score moved from the end of one day to that of another, and by what.

        With a category by what it moved on that front. Raises ThesiswatchError for days to come.
        """
        until = min(until, self.today)
        since = max(since, self._first_day())
        if since >= until:
            raise ThesiswatchError(self.words.say("no_change", since=since, until=until))
        start, end = self._by(since), self._by(until)
        answer = report.explain(self.workspace, since=start, as_of=end, category=category)
        rows = [row for row in answer["rows"] if _is_new(row, start)]
        points = self._points({str(n): row["contribution"] for n, row in enumerate(rows)}, answer)
        by_points = [(row, points[str(n)]) for n, row in enumerate(rows)]
        if category:
            return [*self.fronts(until, category), *self._rows(by_points)]
        texts = [self._moved(answer, since, until)]
        causes = self._points(answer["causes"], answer)
        named = [
            f"{self.words.name(cause)} {_signed(size, 2)}" for cause, size in causes.items() if size
        ]
        if named:
            texts.append(self.words.say("causes", causes=", ".join(named)))
        command = _command(start, end)
        title = f"{since} - {until}"
        source = self.shelf.put(command, title=title, lines=tuple(texts), command=command)
        return [*(Line(text, source) for text in texts), *self._rows(by_points)]

    def _moved(self, answer: Mapping[str, Any], since: date, until: date) -> str:
        change = _signed(answer["score"] - answer["score_then"])
        return self.words.say(
            "unmoved" if change == "0.0" else "change",
            since=since.isoformat(),
            until=until.isoformat(),
            before=_number(answer["score_then"]),
            after=_number(answer["score"]),
            change=change,
        )

    def _first_day(self) -> date:
        """The day of the first score. Raises ThesiswatchError where there is none."""
        with self.workspace.database.reading() as connection:
            rows = ledger.snapshots(connection, self.workspace.thesis.id, None, self.now)
        if not rows:
            raise ThesiswatchError(self.words.say("no_score"))
        first: datetime = rows[0].as_of
        return first.astimezone(self._zone).date()

    def standing(
        self, day: date | None = None, category: str | None = None, stance: str | None = None
    ) -> list[Line]:
        """The weightiest evidence behind the score, of both sides or of one."""
        answer = report.explain(self.workspace, as_of=self._at(day), category=category)
        slope = answer["score"] * (1 - answer["score"] / 100)
        told = [(row, slope * row["contribution"]) for row in answer["rows"] if row["weight"]]
        if stance:
            told = [(row, points) for row, points in told if row["stance"] == stance]
        return self._rows(told, 2 * ROWS if stance else ROWS)

    def kpis(self, ids: Iterable[str], span: Span | None = None) -> list[Line]:
        """The newest figures of these KPIs, or those of a period, that were filed by now.

        Nothing where none is stored.
        """
        table = {one["id"]: one for one in kpi_report.table(self.workspace, self.now)["kpis"]}
        return [line for id_ in ids for line in self._kpi(table[id_], span)]

    def alerts(self) -> list[Line]:
        """The latest alerts that fired by now."""
        fired = [
            row
            for row in hearing.table(self.workspace, self.now)
            if row["fired_at"] and datetime.fromisoformat(row["fired_at"]) <= self.now
        ]
        if not fired:
            return [self._computed("thesis alerts", "alerts", self.words.say("no_alerts"))]
        return [self._alert(row) for row in fired[:ALERTS]]

    def health(self) -> list[Line]:
        """How the sources and the judge do."""
        rows = report.source_table(self.workspace, self.now)
        sick = [row for row in rows if row["health"] != "ok"]
        counts = {"ok": len(rows) - len(sick), "count": len(rows)}
        texts = [self.words.say("sources_all", **counts) if rows else self.words.say("no_sources")]
        for word, names in groupby(sorted(sick, key=_word), key=_word):
            named = [_named(row) for row in names]
            more = f" (+{len(named) - SICK})" if len(named) > SICK else ""
            texts.append(
                self.words.say("source", health=word, names=", ".join(named[:SICK]) + more)
            )
        return [self._computed("thesis status", "sources", text) for text in texts]

    def _kpi(self, kpi: Mapping[str, Any], span: Span | None) -> list[Line]:
        known = [one for one in kpi["values"] if one["filed"] <= self.now.date().isoformat()]
        if span:
            first, last = span.first.isoformat(), span.last.isoformat()
            known = [one for one in known if first <= one["period_end"] <= last]
        return [self._figure(kpi, one) for one in known[-FIGURES:][::-1]]

    def _figure(self, kpi: Mapping[str, Any], one: Mapping[str, Any]) -> Line:
        text = self.words.say(
            "kpi_restated" if one["restates"] else "kpi",
            name=kpi["name"],
            day=one["period_end"],
            value=f"{one['value']:,.10g} {kpi['unit']}",
            form=one["form"],
            filed=one["filed"],
        )
        source = self.shelf.put(
            f"{kpi['id']} {one['accession']} {one['period_end']}",
            title=f"{kpi['name']} {one['period_end']}",
            lines=(text,),
            command="thesis kpis",
            publisher="SEC",
            published=one["filed"],
            url=one["url"],
        )
        return Line(text, source)

    def _alert(self, row: Mapping[str, Any]) -> Line:
        text = self.words.say(
            "alert",
            headline=row["headline"].rstrip("."),
            day=self._day(row["fired_at"]),
            state=self._state(row),
        )
        return self._computed(f"thesis alerts show {row['id']}", row["id"], text)

    def _state(self, row: Mapping[str, Any]) -> str:
        """What had become of an alert by now."""
        if self._as_of is None:
            return str(row["state"])
        over = row["resolved_at"]
        return "resolved" if over and datetime.fromisoformat(over) <= self.now else "firing"

    def _computed(self, command: str, title: str, text: str) -> Line:
        return Line(text, self.shelf.put(command, title=title, lines=(text,), command=command))

    def _rows(
        self, told: Sequence[tuple[Mapping[str, Any], float]], most: int = ROWS
    ) -> list[Line]:
        """The weightiest rows of each side, by the points that they moved."""
        found: list[Line] = []
        for sign in (1, -1):
            side = [(row, points) for row, points in told if sign * points >= LEAST]
            side.sort(key=lambda pair: -abs(pair[1]))
            found += [self._row(row, points) for row, points in side[:most]]
        return found

    def _row(self, row: Mapping[str, Any], points: float) -> Line:
        text = self.words.say(
            f"row_{row['stance']}",
            title=row["title"],
            publisher=row["publisher"],
            day=(row["published"] or "")[:10],
            points=_signed(points, 2),
            front=self._fronts.get(row["category"], row["category"]),
        )
        source = self._item({**row, "id": row["item_id"]}, row["quote"] or "", (text,))
        return Line(text, source)

    def _points(self, parts: Mapping[str, float], answer: Mapping[str, Any]) -> dict[str, float]:
        return in_points(parts, answer["score_then"], answer["score"], answer["change"])

    def _front(self, id_: str, part: Mapping[str, Any]) -> str:
        given = {"front": self._fronts[id_], "size": _signed(part["log_odds"], 2)}
        if not part["events"]:
            return self.words.say("silent_front", front=given["front"])
        return self.words.say("front", **given, events=part["events"])

    def _shelved(self, hit: Hit) -> Source:
        published = hit.published.date().isoformat() if hit.published else ""
        given = {"id": hit.id, "title": hit.title, "publisher": hit.publisher, "url": hit.url}
        return self._item(
            {**given, "published": published, "event_id": hit.event_id}, hit.passage.text
        )

    def _item(self, item: Mapping[str, Any], text: str, lines: tuple[str, ...] = ()) -> Source:
        return self.shelf.put(
            f"item {item['id']}",
            title=item["title"],
            text=text,
            lines=lines,
            command=f"thesis show {item['id']}",
            item_id=item["id"],
            publisher=item["publisher"],
            published=(item["published"] or "")[:10],
            url=web(item["url"]),
            event_id=item["event_id"] or "",
        )

    def _day(self, instant: str) -> str:
        return datetime.fromisoformat(instant).astimezone(self._zone).date().isoformat()


def _is_new(row: Mapping[str, Any], since: datetime) -> bool:
    """Whether a row came or was restated since; one that only grew old is in the causes."""
    return bool(row["new"]) or datetime.fromisoformat(row["recorded"]) > since


def _word(row: Mapping[str, Any]) -> str:
    return str(row["health"])


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['name']} ({row['why']})" if row["why"] else str(row["name"])


def _score_command(as_of: str) -> str:
    at = datetime.fromisoformat(as_of)
    whole = (at + INSTANT).time() == time()
    return f"thesis score --as-of {at.date() if whole else as_of}"


def _command(since: datetime, until: datetime) -> str:
    """What shows the rows behind a change; whole UTC days are called by their dates."""
    first, last = since + INSTANT, until + INSTANT
    if first.time() == last.time() == time():
        return f"thesis explain --since {first.date()} --as-of {until.date()}"
    return f"thesis explain --since {report.iso(since)} --as-of {report.iso(until)}"


def _number(value: float) -> str:
    return f"{value:.1f}"


def _signed(value: float, decimals: int = 1) -> str:
    text = f"{value:+.{decimals}f}"
    return text[1:] if not text.strip("+-0.") else text
