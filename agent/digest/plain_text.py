"""A digest in plain words, with everything that its page has. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

Context = Mapping[str, Any]
Words = Mapping[str, str]


def write(context: Context, words: Words) -> str:
    """The digest as lines of text; `context` is what the page is made of."""
    lines = [*context["lead"], *_alerts(context["alerts"], words)]
    for side in context["sides"]:
        lines += _head(side["title"])
        lines += _sources(side["sources"]) or [side["nothing"]]
        lines += [side["more"]] if side["more"] else []
    if context["reading"]:
        lines += [*_head(words["reading"]), *_sources(context["reading"])]
    lines += [*_figures(context["figures"], words), *_falsifiers(context["falsifiers"], words)]
    lines += _head(words["pillars"])
    for pillar in context["pillars"]:
        lines += [_front(pillar), *(f"  {_front(one)}" for one in pillar["fronts"])]
    if context["restated"]:
        lines += [*_head(words["restated"]), "; ".join(context["restated"])]
    lines += [*_head(words["coverage"]), *context["coverage"], context["status"]]
    lines += ["", f"{words['explain']}: {context['command']}"]
    return "\n".join([*lines, f"{context['thesis']} · Thesiswatch. {words['supports_means']}"])


def _head(title: str) -> list[str]:
    return ["", title.upper()]


def _alerts(alerts: Sequence[Context], words: Words) -> list[str]:
    if not alerts:
        return []
    told = [
        line
        for one in alerts
        for line in (f"- {one['headline']}", f"  thesis alerts show {one['id']}")
    ]
    return [*_head(words["alerts"]), *told]


def _figures(figures: Sequence[Context], words: Words) -> list[str]:
    if not figures:
        return []
    lines = _head(words["figures"])
    for one in figures:
        said = f"- {one['name']} {one['period']}: {one['value']} {one['restates']}"
        lines += [said.rstrip(), *([f"  {one['url']}"] if one["url"] else [])]
    return lines


def _falsifiers(falsifiers: Sequence[Context], words: Words) -> list[str]:
    if not falsifiers:
        return []
    lines = _head(words["falsifiers"])
    for one in falsifiers:
        lines.append(f"- {one['text']}: {one['status']}")
        lines += [f"  {one[key]}" for key in ("reason", "url") if one[key]]
    return lines


def _sources(sources: Sequence[Context]) -> list[str]:
    return [line for one in sources for line in _source(one)]


def _source(one: Context) -> list[str]:
    who = " ".join(filter(None, (one["publisher"], one["others"])))
    moved = " ".join(filter(None, (one["front"], one["points"])))
    said = ", ".join(filter(None, (who, one["published"], moved)))
    lines = [f"- {one['title']} ({said})"]
    lines += [f"  {one['sentence']}"] if one["sentence"] else []
    lines += [f"  “{one['quote']}”"] if one["quote"] else []
    return [*lines, f"  {one['link']}"]


def _front(one: Context) -> str:
    return f"{one['name']}: {one['log_odds']}" + (f" ({one['points']})" if one["points"] else "")
