"""The tools as a language model may call them: typed, described, and unable to do anything."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import wraps
from threading import Lock
from typing import Annotated, Any, Literal

from agent.chat.lines import Line
from agent.chat.retrieval import Hit
from agent.chat.shelf import Source
from agent.chat.tools import Tools
from agent.errors import ThesiswatchError
from agent.injection import sift

NOTHING = "Nothing was found."
Day = Annotated[str, "A day such as 2025-01-27; empty for none."]
Side = Literal["", "supports", "weakens"]
Kind = Literal["", "news", "paper", "filing", "release"]


class Catalogue:
    """Offers `Tools` to a model; what is copied from outside stands between marks with `code`."""

    def __init__(self, tools: Tools, code: str) -> None:
        self._tools = tools
        self._code = code
        self._one_at_a_time = Lock()

    def tools(self) -> list[Callable[..., str]]:
        """The functions, with names, types and docstrings for the model."""
        return [
            self._said(one)
            for one in (
                self.search_evidence,
                self.show,
                self.score,
                self.score_change,
                self.strongest_evidence,
                self.fronts,
                self.kpis,
                self.alerts,
                self.source_health,
            )
        ]

    def search_evidence(
        self, query: str, since: Day = "", until: Day = "", front: str = "", kind: Kind = ""
    ) -> str:
        """Search stored news, papers, filings and releases; narrow by day, front or kind."""
        found = self._tools.search(
            query,
            first=_day(since),
            last=_day(until),
            category=self._front(front),
            kinds=(kind,) if kind else (),
        )
        return self._between("\n\n".join(_passage(*one) for one in found)) if found else NOTHING

    def show(self, source: int, part: int = 1) -> str:
        """Show what is stored of a source that was found, by its number; a long one in parts."""
        known = self._tools.shelf.get(source)
        if known is None or not known.item_id:
            return NOTHING
        whole = self._tools.show(known.item_id, part)
        if whole is None:
            return NOTHING
        return self._between(f"[{known.n}] {sift(known.title).text}\n{whole}")

    def score(self, day: Day = "") -> str:
        """Where the thesis stands now, or stood at the end of a day, with its band and status."""
        return self._lines([*self._tools.score(_day(day)), *self._tools.fronts(_day(day))])

    def score_change(self, since: Day, until: Day, front: str = "") -> str:
        """How the score moved from the end of one day to the end of another, why, and by what."""
        first, last = _day(since), _day(until)
        if first is None or last is None:
            return "Both days are needed."
        return self._lines(self._tools.change(first, last, self._front(front)))

    def strongest_evidence(self, side: Side = "", front: str = "", day: Day = "") -> str:
        """The weightiest evidence that counts, for (supports) or against (weakens) the thesis."""
        return self._lines(self._tools.standing(_day(day), self._front(front), side or None))

    def fronts(self, day: Day = "") -> str:
        """What every front adds to the score, in log-odds."""
        ids = self._tools.workspace.thesis.weights
        return self._lines([line for front in ids for line in self._tools.fronts(_day(day), front)])

    def kpis(self) -> str:
        """Reported figures that the thesis turns on, from filings, the newest first."""
        ids = [kpi.id for kpi in self._tools.workspace.thesis.kpis]
        return self._lines(self._tools.kpis(ids))

    def alerts(self) -> str:
        """The latest alerts."""
        return self._lines(self._tools.alerts())

    def source_health(self) -> str:
        """Which sources cannot be seen, fail or are silent."""
        return self._lines(self._tools.health())

    def _said(self, tool: Callable[..., str]) -> Callable[..., str]:
        """A tool whose failures are told to the model."""

        @wraps(tool)
        def told(*given: Any, **named: Any) -> str:
            with self._one_at_a_time:  # a message may call several, each in a thread of its own
                try:
                    return tool(*given, **named)
                except (ThesiswatchError, ValueError) as error:
                    return f"That could not be looked up: {error}"

        return told

    def _front(self, id_: str) -> str | None:
        if id_ and id_ not in self._tools.workspace.thesis.weights:
            raise ValueError(f"there is no front {id_!r}")
        return id_ or None

    def _lines(self, lines: Sequence[Line]) -> str:
        return self._between("\n".join(map(str, lines))) if lines else NOTHING

    def _between(self, text: str) -> str:
        return f"[{self._code}\n{text}\n{self._code}]"


def _passage(hit: Hit, source: Source) -> str:
    who = ", ".join(filter(None, (source.publisher, source.published, hit.kind)))
    return f"[{source.n}] {sift(source.title).text} ({who})\n{hit.passage.text}".rstrip()


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
