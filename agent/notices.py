"""Alerts as messages: one subject, one text, one page of HTML with its charts. Pure but for ink.

Titles and quotes come from outside: they are stripped of what steers, escaped in HTML, and never
ping anybody. Links are those that the evidence carries, http or https or none.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from agent.alerts import Alert, Case, Evidence, Status, Telling
from agent.signals import Direction, Rule, Severity
from agent.thesis import Thesis

TEMPLATE = "notices.html"
LONGEST = 200
"""Characters of a title; of a quote twice as many."""
SUBJECT = 150
BARS = "▁▂▃▄▅▆▇█"
BARS_SHOWN = 28
_STEERING = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f"
    r"\ufeff\ufff9-\ufffb]|[\U000e0000-\U000e0fff]"
)
_STACKED = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u20d0-\u20ff]{2})[^\w\s]*?"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u20d0-\u20ff]+"
)
_PING = re.compile(r"@(?=\w)|<(?=[!@#])")
WORDS = {
    Telling.FIRED: "",
    Telling.REPEATED: "Still firing: ",
    Telling.RESOLVED: "Over: ",
    Telling.WITHDRAWN: "Withdrawn: ",
}


@dataclass(frozen=True, slots=True)
class Told:
    """An alert, and why somebody is told of it."""

    alert: Alert
    telling: Telling


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message whole; `images` are PNGs in base64 by the name that the HTML calls them.

    `headers` are what a mail needs besides.
    """

    subject: str
    text: str
    html: str
    images: dict[str, str]
    made_at: datetime
    headers: dict[str, str] = field(default_factory=dict)


def id_of(thesis_id: str, channel: str, told: Sequence[Told]) -> str:
    """The same news to the same channel is the same message, whoever queues it and when."""
    parts = [f"{one.alert.id} {one.telling} {one.alert.sent}" for one in told]
    return hashlib.sha256("\0".join([thesis_id, channel, *sorted(parts)]).encode()).hexdigest()[:32]


def compose(thesis: Thesis, told: Sequence[Told], zone: ZoneInfo, now: datetime) -> Parcel:
    """One message of all that is to be told, the gravest first."""
    shown = [_shown(one, zone) for one in told]
    images = {
        one["chart"]: base64.b64encode(_chart(one["series"])).decode()
        for one in shown
        if one["chart"]
    }
    gravest = max((one.alert.severity for one in told), key=lambda one: one.rank)
    subject = f"[{gravest}] {shown[0]['headline']}"
    subject += f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    context = {"thesis": plain(thesis.title), "alerts": shown, "severity": gravest.value}
    return Parcel(
        subject=cut(subject, SUBJECT),
        text=_text(context),
        html=template("agent", TEMPLATE).render(context),
        images=images,
        made_at=now,
    )


def sample(thesis: Thesis, now: datetime) -> Parcel:
    """A message that says it is only a sample."""
    case = Case(
        headline="This is a sample: nothing happened",
        evidence=(
            Evidence(
                item_id="sample",
                title="Alerts of the thesis will look like this",
                publisher="Thesiswatch",
                url=thesis.url if thesis.url.startswith("http") else "",
                published=now.date().isoformat(),
            ),
        ),
    )
    alert = Alert(
        id="A-sample",
        rule=Rule.SPIKE,
        subject="",
        direction=Direction.NONE,
        severity=Severity.NOTICE,
        status=Status.FIRING,
        began_at=now,
        active_at=now,
        case=case,
    )
    return compose(thesis, [Told(alert, Telling.FIRED)], ZoneInfo("UTC"), now)


def plain(text: str, longest: int = LONGEST) -> str:
    """Text from outside on one line, without what steers a screen or pings a person."""
    one_line = " ".join(_STEERING.sub(" ", text).split())
    return cut(_PING.sub(lambda found: found[0] + "\u200a", _STACKED.sub(r"\1", one_line)), longest)


def _shown(told: Told, zone: ZoneInfo) -> dict[str, Any]:
    """An alert as the templates take it."""
    alert, case = told.alert, told.alert.case
    at = alert.fired_at or alert.began_at
    return {
        "id": alert.id,
        "severity": alert.severity.value,
        "telling": told.telling.value,
        "headline": plain(WORDS[told.telling] + case.headline, 2 * LONGEST),
        "when": at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z"),
        "score": _score(alert),
        "evidence": [_source(one) for one in case.evidence],
        "more": max(len(case.figures.get("events", ())) - len(case.evidence), 0),
        "other_side": alert.rule not in (Rule.BLIND, Rule.BUDGET),
        "against": [_source(one) for one in case.against],
        "claims": [{**one, "text": plain(one["text"], 3 * LONGEST)} for one in case.claims],
        "bars": _bars(case.series),
        "series": case.series,
        "chart": f"chart-{alert.id}" if case.series else "",
        "note": _note(told),
    }


def _note(told: Told) -> str:
    if told.telling is Telling.WITHDRAWN:
        return (
            "What this alert rested on was corrected or retracted; take it back where you used it."
        )
    if told.telling is Telling.RESOLVED:
        return "It can be seen again."
    return ""


def _score(alert: Alert) -> str:
    case = alert.case
    if case.score_after is None:
        return ""
    if case.score_before is None:
        return f"Score {case.score_after:.1f}"
    change = case.score_after - case.score_before
    return f"Score {case.score_before:.1f} before, {case.score_after:.1f} after ({change:+.1f})"


def _source(one: Evidence) -> dict[str, Any]:
    others = len(one.owners) - 1
    return {
        "title": plain(one.title),
        "publisher": plain(one.publisher, 60),
        "others": f"and {others} more" if others > 0 else "",
        "sentence": plain(one.happening or one.excerpt, 2 * LONGEST),
        "front": "",
        "points": "",
        "published": one.published,
        "url": one.url,
        "link": one.link,
        "quote": plain(one.quote, 2 * LONGEST),
    }


def _bars(series: Sequence[tuple[str, int, float | None]]) -> str:
    """The last four weeks as a row of blocks."""
    counts = [count for _, count, _ in series[-BARS_SHOWN:]]
    most = max(counts, default=0)
    if not most:
        return ""
    return "".join(BARS[round((len(BARS) - 1) * count / most)] for count in counts)


def _text(context: dict[str, Any]) -> str:
    """The message without a page: as good as it, in plain words."""
    return "\n\n".join(_one_as_text(one) for one in context["alerts"]) + (
        f"\n\n{context['thesis']} · Thesiswatch"
    )


def _one_as_text(one: dict[str, Any]) -> str:
    lines = [f"{one['severity'].upper()}: {one['headline']}"]
    lines += [line for line in (one["note"], f"{one['score']} · {one['when']}".strip(" ·")) if line]
    if one["bars"]:
        lines.append(f"Events a day, the last four weeks: {one['bars']}")
    lines += ["", *(line for source in one["evidence"] for line in _source_as_text(source))]
    if one["more"]:
        lines.append(f"... and {one['more']} more: thesis alerts show {one['id']}")
    if one["claims"]:
        lines += ["", "What the essay says:"]
        lines += [f"- {claim['text']} [{claim['id']}]" for claim in one["claims"]]
    if one["other_side"]:
        lines += [
            "",
            "The other side:" if one["against"] else "The other side: nothing in 30 days.",
        ]
        lines += [line for source in one["against"] for line in _source_as_text(source)]
    lines += ["", f"Acknowledge: thesis alerts ack {one['id']}"]
    return "\n".join(lines)


def _source_as_text(source: dict[str, Any]) -> list[str]:
    who = f"{source['publisher']} {source['others']}".rstrip()
    lines = [f"- {source['title']} ({', '.join(filter(None, (who, source['published'])))})"]
    if source["sentence"]:
        lines.append(f"  {source['sentence']}")
    if source["quote"]:
        lines.append(f"  “{source['quote']}”")
    return [*lines, f"  {source['link']}"]


def cut(text: str, longest: int) -> str:
    """`text`, or as much of it as fits."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


@cache
def template(package: str, name: str) -> "Template":
    """A page of `package`, its style moved into its elements: many mail programs read no other.

    Pages share source.html, which shows one source.
    """
    import css_inline
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folders = [str(resources.files(one)) for one in (package, "agent")]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    inliner = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
    return Template(environment.get_template(name), inliner)


class Template:
    """Renders a page and inlines its style."""

    def __init__(self, template: Any, inliner: Any) -> None:
        self._template = template
        self._inliner = inliner

    def render(self, context: dict[str, Any]) -> str:
        """The page with what `context` says."""
        return str(self._inliner.inline(self._template.render(context)))


def _chart(series: Sequence[tuple[str, int, float | None]]) -> bytes:
    from agent import small_charts

    return small_charts.events(series)
