"""The slash commands of the chat: what they are called and what they ask for. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta

from agent.chat import dates
from agent.chat.dates import Span
from agent.chat.question import Asked, Intent
from agent.days import ONE_DAY
from agent.errors import ThesiswatchError
from agent.thesis import Thesis

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it is offered."""

    name: str
    argument: str
    meaning: str


COMMANDS = (
    Command("/score", "[DAY]", "where the thesis stands, or stood"),
    Command("/why", "[PERIOD]", "how the score moved and by what, such as /why 7d"),
    Command("/for", "[FRONT]", "the weightiest evidence for the thesis"),
    Command("/against", "[FRONT]", "the weightiest evidence against it"),
    Command("/fronts", "[DAY]", "which fronts pull most"),
    Command("/kpis", "", "the newest reported figures"),
    Command("/alerts", "", "the latest alerts"),
    Command("/sources", "", "which sources are not well"),
    Command("/show", "N", "all that is stored of source N of the last answer"),
    Command("/open", "N", "open source N in the browser"),
    Command("/export", "[FILE]", "write the conversation as Markdown"),
    Command("/new", "", "begin a new conversation"),
    Command("/help", "", "this list"),
    Command("/quit", "", "leave; Ctrl-D does too"),
)
_LOOKS = {
    "/score": Intent.SCORE,
    "/why": Intent.CHANGE,
    "/for": Intent.STANDING,
    "/against": Intent.STANDING,
    "/fronts": Intent.FRONTS,
    "/kpis": Intent.KPIS,
    "/alerts": Intent.ALERTS,
    "/sources": Intent.HEALTH,
}
_BARE = {one.name for one in COMMANDS if not one.argument}
_SIDES = {"/for": "supports", "/against": "weakens"}


def split(line: str) -> tuple[str, str]:
    """A command and its argument."""
    name, _, rest = line.strip().partition(" ")
    return name, rest.strip()


def look(line: str, thesis: Thesis, today: date) -> Asked | None:
    """What a command wants to see, or None for one that shows nothing stored.

    Raises ThesiswatchError for a command that is none and an argument that cannot be read.
    """
    name, rest = split(line)
    if name not in {one.name for one in COMMANDS}:
        raise ThesiswatchError(f"there is no command {name!r}", "See /help")
    if rest and name in _BARE:
        raise ThesiswatchError(f"{name} takes nothing behind it", "See /help")
    if name not in _LOOKS:
        return None
    span = dates.find(rest, today) if rest and name in ("/score", "/why", "/fronts") else None
    if rest and name in ("/score", "/why", "/fronts") and span is None:
        raise ThesiswatchError(f"{rest!r} is no day or period", "Such as 7d, 2025-01-27, last week")
    if name == "/why" and span is None:
        span = Span(today - WEEK + ONE_DAY, today)
    return Asked(
        text=line,
        bare=rest,
        intent=_LOOKS[name],
        span=span,
        category=_front(rest, thesis) if name in _SIDES and rest else None,
        kpis=tuple(kpi.id for kpi in thesis.kpis) if name == "/kpis" else (),
        stance=_SIDES.get(name),
        between=rest.casefold().startswith("between "),
    )


def _front(text: str, thesis: Thesis) -> str:
    wanted = text.casefold()
    for one in thesis.categories:
        if wanted in (one.id, one.name.casefold()) or one.id.startswith(wanted.replace(" ", "_")):
            return one.id
    raise ThesiswatchError(f"there is no front {text!r}", f"It has {', '.join(thesis.weights)}")
