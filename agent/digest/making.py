"""Makes the digest of a day: its span, its facts, its page and its pictures."""

import base64
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from agent import prices
from agent.days import ONE_DAY, end_of, start_of
from agent.digest import asking, page
from agent.digest.facts import Facts
from agent.digest.gathering import gather
from agent.digest.schedule import Kind, covered
from agent.errors import ConfigError, SourceError, ThesiswatchError
from agent.notices import Parcel
from agent.workspace import Workspace
from store import digests

MOST_DAYS = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest whole; `day` is the last it covers, `note` says what is missing of it and why."""

    kind: Kind
    day: str
    facts: Facts
    parcel: Parcel
    note: str = ""


def make(
    workspace: Workspace,
    day: date,
    now: datetime,
    kind: Kind = Kind.DAILY,
    *,
    ask: bool = False,
    catching_up: bool = False,
) -> Digest:
    """The digest up to `day` in the user's zone, to its end or to `now` when that is earlier.

    A language model is asked for its opening words only with `ask`; with `catching_up` days that no
    digest covered are covered too. One that was sent is given as it was sent. Raises
    ThesiswatchError for a day to come, and before the first score.
    """
    with workspace.database.reading() as connection:
        sent = digests.of_day(connection, workspace.thesis.id, kind, day)
    if sent is not None and (kept := _as_sent(sent)) is not None:
        return kept
    since, until = span(workspace, day, now, kind, catching_up=catching_up)
    facts = gather(workspace, day, since, until)
    language = workspace.config.digest.language
    facts = asking.with_lead(workspace, facts, language, now if ask else None)
    closes, note = _closes(workspace, facts)
    written = page.write(facts, language, note)
    images = {name: _picture(name, facts, closes, workspace, language) for name in written.charts}
    parcel = Parcel(written.subject, written.text, written.html, images, until)
    return Digest(kind, day.isoformat(), facts, parcel, note)


def _as_sent(row: Any) -> Digest | None:
    """A digest from its row; None for one of an earlier version, which did not keep all of it."""
    from pydantic import TypeAdapter, ValidationError

    try:
        facts = TypeAdapter(Facts).validate_python(row.facts)
    except ValidationError:
        return None
    parcel = Parcel(row.subject, row.text, row.html, row.images, row.until)
    return Digest(Kind(row.kind), row.day.isoformat(), facts, parcel)


def yesterday(workspace: Workspace, now: datetime) -> date:
    """The last day that is over where the user lives."""
    return now.astimezone(workspace.config.alerts.zone).date() - ONE_DAY


def span(
    workspace: Workspace,
    day: date,
    now: datetime,
    kind: Kind = Kind.DAILY,
    *,
    catching_up: bool = False,
) -> tuple[datetime, datetime]:
    """From the end of the day before to the end of `day`, where the user lives, or `now`.

    With `catching_up` it begins where the last one that was sent ended, whatever was missed and
    wherever the user lived then, but not more than a month ago.
    """
    zone = workspace.config.alerts.zone
    try:
        first = day - (covered(kind, day, workspace.config.digest.weekends) - 1) * ONE_DAY
        start, end = end_of(first - ONE_DAY, zone), end_of(day, zone)
    except OverflowError as error:
        raise ThesiswatchError(f"no digest can be of {day}", "Give another --date") from error
    with workspace.database.reading() as connection:
        last = digests.newest_before(connection, workspace.thesis.id, kind, day)
    if catching_up and kind is Kind.DAILY and last is not None and last.until < end:
        start = max(last.until, end - MOST_DAYS)
    if start >= now:
        raise ThesiswatchError(
            f"{day} has not come yet in {zone.key}, where [alerts] timezone counts the days",
            "Give an earlier --date, or set the zone you live in",
        )
    return start, min(end, now)


def _closes(workspace: Workspace, facts: Facts) -> tuple[list[prices.Close], str]:
    """Prices of the days that the score's path shows, where any are configured."""
    if not facts.path:
        return [], ""
    try:
        every = prices.load(workspace.config)
    except ConfigError:
        return [], ""
    except SourceError as error:
        return [], f"without prices: {error}"
    first, last = facts.path[0][0], facts.path[-1][0]
    return [one for one in every if first <= one[0].isoformat() <= last], ""


def _picture(
    name: str, facts: Facts, closes: list[prices.Close], workspace: Workspace, language: str
) -> str:
    """One of the page's pictures as PNG in base64."""
    from agent import small_charts

    if name == page.SCORE_CHART:
        points = [(start_of(day), close) for day, close in closes]
        label, legend = workspace.config.prices.label, page.legend(language)
        data = small_charts.path(facts.path, points, label, legend)
    else:
        names = [one.name for one in facts.fronts]
        data = small_charts.fronts(names, facts.strip)
    return base64.b64encode(data).decode()
