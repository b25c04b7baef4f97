"""A digest as one message: subject, text and HTML, in the reader's language. Pure but for ink.

Code fills in every number, name and link from the facts; what comes from outside is stripped and
escaped (agent.notices.plain).
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from agent.alerts import Evidence
from agent.digest import plain_text
from agent.digest.facts import Facts, Front, Sentence, Share, place_of
from agent.notices import LONGEST, SUBJECT, cut, plain, template
from agent.numerals import fixed, signed, whole

SCORE_CHART, FRONT_CHART = "score", "fronts"
FEWEST_DAYS = 2
"""Scores without which there is no path to draw."""
LAST_INSTANT = "T23:59:59.999999Z"
NAMED = 2
"""Fronts and causes that the lead names."""

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A digest written out; `charts` names the pictures that the HTML shows."""

    subject: str
    text: str
    html: str
    charts: tuple[str, ...]


def languages() -> list[str]:
    """What a digest can be written in."""
    return list(_phrases())


def write(facts: Facts, language: str, note: str = "") -> Page:
    """`facts` in one of `languages()`; `note` says what is missing of it."""
    words = _phrases()[language]
    charts = (SCORE_CHART, FRONT_CHART) if len(facts.path) >= FEWEST_DAYS else ()
    context = _context(facts, words, language, charts)
    context["coverage"] += [plain(note)] if note else []
    return Page(
        subject=cut(_subject(facts, words), SUBJECT),
        text=plain_text.write(context, words),
        html=template("agent.digest", "digest.html").render(context),
        charts=charts,
    )


def _context(facts: Facts, words: Words, language: str, charts: Sequence[str]) -> dict[str, Any]:
    return {
        "language": language,
        "words": words,
        "thesis": plain(facts.thesis),
        "day": _days(facts),
        "subject": _subject(facts, words),
        "score": fixed(facts.score),
        "change": _signed(facts.change) if facts.before is not None else "",
        "direction": facts.direction,
        "low": fixed(facts.low),
        "high": fixed(facts.high),
        "lead": _lead(facts, words),
        "sides": [
            _side(facts, facts.supporting, facts.more_supporting, "supporting", words),
            _side(facts, facts.against, facts.more_against, "against", words),
        ],
        "pillars": [_pillar(one, facts.fronts) for one in facts.pillars],
        "compares": facts.before is not None,
        "reading": [_source(one, words) for one in facts.reading],
        "figures": [
            {
                "name": plain(one.name),
                "period": words["period_to"].format(day=one.period),
                "value": f"{whole(one.value)} {one.unit}",
                "url": one.url,
                "restates": words["restates"] if one.restates else "",
            }
            for one in facts.figures
        ],
        "falsifiers": [
            {
                "text": plain(one.text, 2 * LONGEST),
                "status": words[one.status],
                "reason": plain(one.reason, 2 * LONGEST),
                "url": one.url,
            }
            for one in facts.falsifiers
        ],
        "alerts": [{"id": one.id, "headline": plain(one.headline)} for one in facts.alerts],
        "restated": [
            f"{words.get(cause, plain(cause))}: {count}" for cause, count in facts.restated
        ],
        "coverage": _coverage(facts, words),
        "status": _status(facts, words),
        "charts": charts,
        "command": _command(facts),
    }


def _command(facts: Facts) -> str:
    """What shows the rows behind the change; a whole UTC day is called by its date."""
    is_whole = facts.until.startswith(facts.day) and facts.until.endswith(LAST_INSTANT)
    since, until = (facts.first_day, facts.day) if is_whole else (facts.since, facts.until)
    return f"thesis explain --since {since} --as-of {until}"


def _subject(facts: Facts, words: Words) -> str:
    given = {"score": fixed(facts.score), "thesis": plain(facts.thesis), "day": _days(facts)}
    if facts.before is None:
        return words["subject_first"].format(**given)
    return words["subject"].format(**given, change=_signed(facts.change))


def _days(facts: Facts) -> str:
    """The day, or the first and the last of several."""
    return facts.day if _is_one_day(facts) else f"{facts.first_day} - {facts.day}"


def _is_one_day(facts: Facts) -> bool:
    return facts.first_day == facts.day


def _lead(facts: Facts, words: Words) -> list[str]:
    """The first three lines: where it stands, why, and by what."""
    given = {
        "score": fixed(facts.score),
        "change": _signed(facts.change),
        "low": fixed(facts.low),
        "high": fixed(facts.high),
    }
    if facts.before is None:
        lines = [words["first"].format(**given)]
    else:
        lines = [words[facts.direction].format(**given), _why(facts, words)]
    if facts.lead:
        return [line for line in (*lines, *(_cited(one, facts) for one in facts.lead)) if line]
    told = facts.against if facts.direction == "weaker" else facts.supporting
    if facts.direction == "unchanged":
        told = told or facts.against
    if told:
        title, publisher = plain(told[0].title), plain(told[0].publisher, 60)
        lines.append(words["strongest"].format(title=title, publisher=publisher))
    else:
        came = facts.supporting or facts.against
        lines.append(words["not_so" if came else "quiet"])
    return [line for line in lines if line]


def _cited(sentence: Sentence, facts: Facts) -> str:
    """A model's sentence with those it cites behind it; their links stand below."""
    events = (*facts.supporting, *facts.against)
    names = dict.fromkeys(plain(events[n].publisher, 60) for n in sentence.events)
    return f"{plain(sentence.text, 2 * LONGEST)} ({', '.join(names)})"


def _why(facts: Facts, words: Words) -> str:
    causes = words["comma"].join(
        _share(one, words) for one in facts.causes[:NAMED] if _is_shown(one.points)
    )
    moved = sorted(facts.fronts, key=lambda one: -abs(one.points))[:NAMED]
    fronts = words["comma"].join(
        f"{plain(one.name)} {_signed(one.points)}" for one in moved if _is_shown(one.points)
    )
    said = [words["why"].format(causes=causes)] if causes else []
    said += [words["mostly"].format(fronts=fronts)] if fronts else []
    return words["space"].join(said)


def _share(one: Share, words: Words) -> str:
    return f"{words.get(one.id, one.name)} {_signed(one.points)}"


def _is_shown(points: float, decimals: int = 1) -> bool:
    return _signed(points, decimals) != f"{0:.{decimals}f}"


def _side(
    facts: Facts, evidence: Sequence[Evidence], more: int, side: str, words: Words
) -> dict[str, Any]:
    moved = {one.id: one for one in facts.moved}
    return {
        "id": side,
        "title": words[side],
        "nothing": words[f"nothing_{side}{'' if _is_one_day(facts) else '_of_days'}"],
        "sources": [_source(one, words, moved.get(_place(one))) for one in evidence],
        "more": words["more"].format(count=more) if more else "",
    }


def _place(one: Evidence) -> str:
    return place_of({"event_id": one.event_id, "category": one.category})


def _source(one: Evidence, words: Words, moved: Share | None = None) -> dict[str, str]:
    """A source with its front and the points it moved the score by."""
    others = len(one.owners) - 1
    return {
        "title": plain(one.title),
        "publisher": plain(one.publisher, 60),
        "others": words["others"].format(count=others) if others > 0 else "",
        "published": one.published,
        "url": one.url,
        "link": one.link,
        "quote": plain(one.quote, 2 * LONGEST),
        "sentence": plain(one.happening or one.excerpt, 2 * LONGEST),
        "front": plain(moved.name) if moved else "",
        "points": _signed(moved.points, 2) if moved and _is_shown(moved.points, 2) else "",
    }


def _pillar(pillar: Front, fronts: Sequence[Front]) -> dict[str, Any]:
    rows = [_front(one) for one in fronts if one.pillar == pillar.id]
    return {**_front(pillar), "fronts": rows}


def _front(one: Front) -> dict[str, str]:
    return {
        "name": plain(one.name),
        "log_odds": _signed(one.log_odds, 2),
        "points": _signed(one.points) if _is_shown(one.points) else "",
    }


def _status(facts: Facts, words: Words) -> str:
    """What to hold against the score, the gravest first."""
    seen = facts.coverage
    parts = [words["status_blind"].format(share=f"{seen.share:.0%}")] if seen.share else []
    if seen.waiting:
        parts.append(words["status_waiting"].format(count=seen.waiting))
    if seen.unpaid:
        parts.append(words["status_unpaid"].format(count=seen.unpaid, of=seen.candidates))
    if not facts.events:
        parts.append(words["status_empty"])
    parts.append(words["status_calibrated" if facts.calibrated else "status_uncalibrated"])
    return words["joined"].join(parts)


def _coverage(facts: Facts, words: Words) -> list[str]:
    seen = facts.coverage
    lines = [words["items"].format(count=f"{seen.items:,}")]
    if not seen.looked:
        lines.append(words["no_pass"])
    elif seen.sources:
        given = {"seen": seen.sources - len(seen.blind), "count": seen.sources}
        lines.append(words["sources"].format(**given))
    else:
        lines.append(words["no_sources"])
    if seen.blind:
        lines.append(words["blind"].format(names=", ".join(map(plain, seen.blind))))
    if seen.waiting:
        lines.append(words["waiting"].format(count=seen.waiting))
    if seen.unpaid:
        lines.append(words["unpaid"].format(count=seen.unpaid))
    if seen.calls:
        lines.append(words["spent"].format(calls=f"{seen.calls:,}", spent=f"{seen.spent:.2f}"))
    return lines


def _signed(value: float, decimals: int = 1) -> str:
    """With its sign, a minus as it is printed."""
    return signed(value, decimals).replace("-", "−")


def legend(language: str) -> dict[str, str]:
    """What the charts call their lines."""
    words = _phrases()[language]
    return {name: words[f"chart_{name}"] for name in ("band", "score")}


@cache
def _phrases() -> dict[str, dict[str, str]]:
    text = resources.files("agent.digest").joinpath("phrases.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
