"""Makes the digest of a day: its span, its facts, its page and its pictures."""

import base64
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from agent import prices
from agent.digest import asking, page
from agent.digest.facts import Facts, Sentence
from agent.digest.gathering import gather
from agent.digest.schedule import Kind, covered
from agent.errors import ConfigError, SourceError, ThesiswatchError
from agent.notices import Parcel
from agent.workspace import Workspace
from store import digests

ONE_DAY = timedelta(days=1)
MOST_DAYS = timedelta(days=31)
INSTANT = timedelta(microseconds=1)


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
) -> Digest:
    """The digest up to `day` in the user's zone, to its end or to `now` when that is earlier.

    A language model is asked for its opening words only with `ask`. One that was sent is made again
    over the same span, in the same language and with the same opening. Raises ThesiswatchError for
    a day to come, and before the first score.
    """
    with workspace.database.reading() as connection:
        sent = digests.of_day(connection, workspace.thesis.id, kind, day)
    since, until = (sent.since, sent.until) if sent else span(workspace, day, now, kind)
    facts = gather(workspace, day, since, until)
    language = sent.language if sent else workspace.config.digest.language
    if sent:
        kept = tuple(Sentence(one["text"], tuple(one["events"])) for one in sent.facts["lead"])
        facts = replace(facts, lead=kept)
    else:
        facts = asking.with_lead(workspace, facts, language, now if ask else None)
    written = page.write(facts, language)
    closes, note = _closes(workspace, facts)
    images = {name: _picture(name, facts, closes, workspace) for name in written.charts}
    parcel = Parcel(written.subject, written.text, written.html, images, until)
    return Digest(kind, day.isoformat(), facts, parcel, note)


def yesterday(workspace: Workspace, now: datetime) -> date:
    """The last day that is over where the user lives."""
    return now.astimezone(workspace.config.alerts.zone).date() - ONE_DAY


def span(
    workspace: Workspace, day: date, now: datetime, kind: Kind = Kind.DAILY
) -> tuple[datetime, datetime]:
    """From the end of the digest before to the end of `day`, where the user lives, or `now`.

    What was missed is made good: it begins where the last one that was sent ended, if that was
    longer ago than usual, but not more than a month.
    """
    zone = workspace.config.alerts.zone
    first = day - (covered(kind, day, workspace.config.digest.weekends) - 1) * ONE_DAY
    with workspace.database.reading() as connection:
        last = digests.newest_before(connection, workspace.thesis.id, kind, day)
    if last is not None and last.day < first:
        first = max(last.day + ONE_DAY, day - MOST_DAYS)
    start = datetime.combine(first, time(), tzinfo=zone).astimezone(now.tzinfo)
    end = datetime.combine(day + ONE_DAY, time(), tzinfo=zone).astimezone(now.tzinfo)
    if start > now:
        raise ThesiswatchError(f"{day} has not come yet", "Give an earlier --date")
    return start - INSTANT, min(end - INSTANT, now)


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


def _picture(name: str, facts: Facts, closes: list[prices.Close], workspace: Workspace) -> str:
    """One of the page's pictures as PNG in base64."""
    from agent import small_charts

    if name == page.SCORE_CHART:
        points = [(datetime.combine(day, time(), tzinfo=UTC), close) for day, close in closes]
        data = small_charts.path(facts.path, points, workspace.config.prices.label)
    else:
        names = [one.name for one in facts.fronts]
        data = small_charts.fronts(names, facts.strip)
    return base64.b64encode(data).decode()
