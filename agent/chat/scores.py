"""The score, what moved it and what is behind it, as sentences with their sources. Only reads."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from agent import report
from agent.chat.lines import Line
from agent.chat.phrases import Phrases
from agent.chat.shelf import Shelf, Source
from agent.days import INSTANT, end_of
from agent.digest.facts import in_points
from agent.dossier import web
from agent.errors import ThesiswatchError
from agent.numerals import fixed, signed
from agent.workspace import Workspace
from store import ledger

ROWS = 4
"""Ledger rows of each side that a change is told by."""
LEAST = 0.005
"""Points below which a row is not worth a line."""


class Scores:
    """Looks as of `now`; everything it shows goes on the shelf.

    Without a day the score is that of `as_of`, or that of the last pass when it is None. `today`
    is the day from which others are counted.
    """

    def __init__(
        self,
        workspace: Workspace,
        words: Phrases,
        now: datetime,
        as_of: datetime | None = None,
        today: date | None = None,
    ) -> None:
        self.workspace = workspace
        self.shelf = Shelf()
        self.now = now
        self.words = words
        self.as_of = as_of
        self._zone = workspace.config.alerts.zone
        self.today = today or now.astimezone(self._zone).date()
        self._fronts = {one.id: one.name for one in workspace.thesis.categories}

    def end_of(self, day: date) -> datetime:
        """The last instant of a day where the user lives, or now when that is earlier."""
        return min(end_of(day, self._zone), self.now)

    def score(self, day: date | None = None) -> list[Line]:
        """Where the thesis stands, or stood at the end of a day."""
        answer = report.score(self.workspace, self._at(day))
        shown = self.day_of(answer["as_of"])
        text = self.words.say(
            "score",
            score=fixed(answer["score"]),
            low=fixed(answer["low"]),
            high=fixed(answer["high"]),
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
                self.words.say(key, front=self._fronts[id_], size=signed(parts[id_]["log_odds"], 2))
                for key, id_ in told
            ] or [self.words.say("no_rows")]
        shown = f"fronts {self.day_of(answer['as_of'])}"
        source = self.shelf.put(
            f"fronts {command}", title=shown, lines=tuple(texts), command=command
        )
        return [Line(text, source) for text in texts]

    def change(self, since: date, until: date, category: str | None = None) -> list[Line]:
        """How the score moved from the end of one day to that of another, and by what.

        With a category by what it moved on that front. On the day of the first score there is
        nothing to hold it against: then what it rests on. Raises ThesiswatchError for days to come.
        """
        until = min(until, self.today)
        first = self._first_day()
        if since < until == first:
            return self._begun(first, category)
        since = max(since, first)
        if since >= until:
            self._by(until)
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
            f"{self.words.name(cause)} {signed(size, 2)}" for cause, size in causes.items() if size
        ]
        if named:
            texts.append(self.words.say("causes", causes=", ".join(named)))
        command = _command(start, end)
        title = f"{since} - {until}"
        source = self.shelf.put(command, title=title, lines=tuple(texts), command=command)
        return [*(Line(text, source) for text in texts), *self._rows(by_points)]

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

    def nothing_stands(
        self, day: date | None = None, category: str | None = None, stance: str | None = None
    ) -> Line:
        """That `standing` finds nothing of that kind."""
        at = self._at(day)
        command = "thesis explain" + (f" --as-of {_spelled(at)}" if at else "")
        command += f" --category {category}" if category else ""
        text = self.words.say(f"none_{stance}" if stance else "no_rows")
        return self.computed(command, self._fronts.get(category or "", "evidence"), text)

    def _at(self, day: date | None) -> datetime | None:
        """The end of a day, or of the last pass. Raises ThesiswatchError before the first score."""
        if day and day > self.now.astimezone(self._zone).date():
            raise ThesiswatchError(self.words.say("not_come", day=day, zone=self._zone.key))
        at = self.end_of(day) if day else self.as_of
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

    def _first_day(self) -> date:
        """The day of the first score. Raises ThesiswatchError where there is none."""
        with self.workspace.database.reading() as connection:
            rows = ledger.snapshots(connection, self.workspace.thesis.id, None, self.now)
        if not rows:
            raise ThesiswatchError(self.words.say("no_score"))
        first: datetime = rows[0].as_of
        return first.astimezone(self._zone).date()

    def _begun(self, first: date, category: str | None) -> list[Line]:
        """That no change can be told of yet, and what the first day's score rests on."""
        said = self.words.say("first_score", day=first)
        began = self.computed("thesis history", "history", said)
        stands = self.fronts(first, category) if category else self.score(first)
        return [began, *stands, *self.standing(first, category)]

    def _moved(self, answer: Mapping[str, Any], since: date, until: date) -> str:
        change = signed(answer["score"] - answer["score_then"])
        return self.words.say(
            "unmoved" if change == "0.0" else "change",
            since=since.isoformat(),
            until=until.isoformat(),
            before=fixed(answer["score_then"]),
            after=fixed(answer["score"]),
            change=change,
        )

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
            points=signed(points, 2),
            front=self._fronts.get(row["category"], row["category"]),
        )
        source = self.item_source({**row, "id": row["item_id"]}, row["quote"] or "", (text,))
        return Line(text, source)

    def _points(self, parts: Mapping[str, float], answer: Mapping[str, Any]) -> dict[str, float]:
        return in_points(parts, answer["score_then"], answer["score"], answer["change"])

    def _front(self, id_: str, part: Mapping[str, Any]) -> str:
        given = {"front": self._fronts[id_], "size": signed(part["log_odds"], 2)}
        if not part["events"]:
            return self.words.say("silent_front", front=given["front"])
        return self.words.say("front", **given, events=part["events"])

    def item_source(
        self, item: Mapping[str, Any], text: str, lines: tuple[str, ...] = ()
    ) -> Source:
        """An item on the shelf, with words of it and what the program says of it."""
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

    def computed(self, command: str, title: str, text: str) -> Line:
        """A sentence of the program's own, on the shelf under the command that shows it."""
        return Line(text, self.shelf.put(command, title=title, lines=(text,), command=command))

    def day_of(self, instant: str) -> str:
        """The day of an instant where the user lives."""
        return datetime.fromisoformat(instant).astimezone(self._zone).date().isoformat()


def _is_new(row: Mapping[str, Any], since: datetime) -> bool:
    """Whether a row came or was restated since; one that only grew old is in the causes."""
    return bool(row["new"]) or datetime.fromisoformat(row["recorded"]) > since


def _score_command(as_of: str) -> str:
    return f"thesis score --as-of {_spelled(datetime.fromisoformat(as_of))}"


def _spelled(at: datetime) -> str:
    """An instant for a command; the end of a UTC day is called by its date."""
    is_whole = (at + INSTANT).time() == time()
    return str(at.date() if is_whole else report.iso(at))


def _command(since: datetime, until: datetime) -> str:
    """What shows the rows behind a change; whole UTC days are called by their dates."""
    first, last = since + INSTANT, until + INSTANT
    if first.time() == last.time() == time():
        return f"thesis explain --since {first.date()} --as-of {until.date()}"
    return f"thesis explain --since {report.iso(since)} --as-of {report.iso(until)}"
