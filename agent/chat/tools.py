"""What a chat may look at, each as sentences that code wrote, with the sources behind them.

Only reads. A sentence ends in the [n] of its source on the shelf, so that whoever repeats it, a
person or a model, can be held to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from agent import hearing, kpi_report, report
from agent.chat.dates import Span
from agent.chat.lines import Line
from agent.chat.phrases import Phrases
from agent.chat.retrieval import SHOWN, Hit, Retriever
from agent.chat.scores import Scores
from agent.chat.shelf import Source
from agent.days import ONE_DAY, start_of
from agent.injection import sift
from agent.numerals import whole
from agent.workspace import Workspace
from store import items
from store.search import Scope

FIGURES = 6
"""Periods of a KPI that are told, the newest ones."""
ALERTS = 6
SICK = 10
"""Sources that are not well that are named."""
PART = 6000
"""Characters of an item's words that are shown at once."""


class Tools(Scores):
    """The score's looks, and those at items, figures, alerts and sources."""

    def __init__(
        self,
        workspace: Workspace,
        retriever: Retriever,
        words: Phrases,
        now: datetime,
        as_of: datetime | None = None,
        today: date | None = None,
    ) -> None:
        super().__init__(workspace, words, now, as_of, today)
        self.retriever = retriever

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
            since=start_of(first, self._zone) if first else None,
            before=start_of(last + ONE_DAY, self._zone) if last else None,
            kinds=tuple(kinds),
            category=category,
        )
        hits = self.retriever.find(query, scope, count=count)
        return [(hit, self._shelved(hit)) for hit in hits]

    def show(self, id_: str, part: int = 1) -> str | None:
        """A part of an item's words, from 1, on the shelf with what was there; None when it has no
        such part."""
        with self.workspace.database.reading() as connection:
            item = items.by_id(connection, id_)
        if item is None or item.first_seen_at > self.now:
            return None
        body = sift(item.text if len(item.text) > len(item.summary) else item.summary).text
        if part < 1 or (part > 1 and PART * (part - 1) >= len(body)):
            return None
        shown = body[PART * (part - 1) : PART * part]
        self.item_source(
            {
                **{name: getattr(item, name) for name in ("id", "title", "publisher", "url")},
                "published": report.iso(item.published_at),
                "event_id": item.event_id,
            },
            shown,
        )
        return shown

    def kpis(self, ids: Iterable[str], span: Span | None = None) -> list[Line]:
        """The newest figures of these KPIs, or those of a period, that were filed by now.

        Nothing where none is stored.
        """
        table = {
            one["id"]: one for one in kpi_report.table(self.workspace, self.now, self.now)["kpis"]
        }
        return [line for id_ in ids for line in self._kpi(table[id_], span)]

    def alerts(self) -> list[Line]:
        """The latest alerts that fired by now."""
        fired = [
            row
            for row in hearing.table(self.workspace, self.now)
            if row["fired_at"] and datetime.fromisoformat(row["fired_at"]) <= self.now
        ]
        if not fired:
            return [self.computed("thesis alerts", "alerts", self.words.say("no_alerts"))]
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
        return [self.computed("thesis status", "sources", text) for text in texts]

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
            value=f"{whole(one['value'])} {kpi['unit']}",
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
            day=self.day_of(row["fired_at"]),
            state=self._state(row),
        )
        return self.computed(f"thesis alerts show {row['id']}", row["id"], text)

    def _state(self, row: Mapping[str, Any]) -> str:
        """What had become of an alert by now."""
        if self.as_of is None:
            return str(row["state"])
        over = row["resolved_at"]
        return "resolved" if over and datetime.fromisoformat(over) <= self.now else "firing"

    def _shelved(self, hit: Hit) -> Source:
        published = hit.published.date().isoformat() if hit.published else ""
        given = {"id": hit.id, "title": hit.title, "publisher": hit.publisher, "url": hit.url}
        return self.item_source(
            {**given, "published": published, "event_id": hit.event_id}, hit.passage.text
        )


def _word(row: Mapping[str, Any]) -> str:
    return str(row["health"])


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['name']} ({row['why']})" if row["why"] else str(row["name"])
