"""Answers without a language model: the program's own figures, or stored words, cited.

What is clearly asked of the score, a front, a KPI, the alerts or the sources is answered from
stored rows; everything else by the passages that bear on it, word for word; or it is refused.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from agent.chat.answer import PLAIN, Answer, cited
from agent.chat.lines import Line, unmarked
from agent.chat.passages import telling
from agent.chat.question import Asked, Intent
from agent.chat.retrieval import Hit, Wanted
from agent.chat.shelf import Source
from agent.chat.tools import Tools
from agent.errors import ThesiswatchError

LATELY = timedelta(days=7)
"""How far back a change is told of when no period is named."""
NEAREST = 3
"""Items that a refusal names."""
NEAR = 0.3
"""Share of a question that an item holds to be named in a refusal."""
PASSAGES = 5


def answer(tools: Tools, asked: Asked) -> Answer:
    """What is stored on a question, or a refusal that says what is lacking."""
    try:
        lines = _lines(tools, asked)
    except ThesiswatchError as error:
        return Answer(error.message, (), True, PLAIN)
    if lines:
        return _of_lines(tools, lines)
    return _of_passages(tools, asked)


def _lines(tools: Tools, asked: Asked) -> list[Line]:
    """The program's own figures, where those are asked for."""
    last = asked.span.last if asked.span else None
    looks: dict[Intent, Callable[[], list[Line]]] = {
        Intent.SCORE: lambda: [*tools.score(last), *tools.fronts(last)],
        Intent.CHANGE: lambda: _change(tools, asked),
        Intent.FRONTS: lambda: _fronts(tools, asked),
        Intent.STANDING: lambda: _standing(tools, asked),
        Intent.ALERTS: tools.alerts,
        Intent.HEALTH: tools.health,
        Intent.KPIS: lambda: tools.kpis(asked.kpis, asked.span),
        Intent.EVIDENCE: list,
    }
    return looks[asked.intent]()


def _fronts(tools: Tools, asked: Asked) -> list[Line]:
    if asked.category is None:
        return tools.fronts(asked.span.last if asked.span else None)
    if asked.span is not None:
        return _change(tools, asked)
    behind = tools.standing(category=asked.category, stance=asked.stance)
    return [*tools.fronts(category=asked.category), *behind]


def _standing(tools: Tools, asked: Asked) -> list[Line]:
    last = asked.span.last if asked.span else None
    found = tools.standing(last, asked.category, asked.stance)
    return found or [tools.nothing_stands(last, asked.category, asked.stance)]


def _change(tools: Tools, asked: Asked) -> list[Line]:
    if asked.span and asked.since:
        return tools.change(asked.since, asked.span.last, asked.category)
    last = tools.today
    return tools.change(last - LATELY, last, asked.category)


def _of_lines(tools: Tools, lines: Sequence[Line]) -> Answer:
    numbers = list(dict.fromkeys(line.source.n for line in lines))
    text = "\n".join(f"{'- ' * (n > 0)}{line}" for n, line in enumerate(lines))
    quotes: dict[int, str] = {}
    for line in lines:
        if not line.source.item_id:
            quotes[line.source.n] = f"{quotes.get(line.source.n, '')} {line.text}".strip()
    return Answer(text, cited(tools.shelf, numbers, quotes), False, PLAIN)


def _of_passages(tools: Tools, asked: Asked) -> Answer:
    """The passages that bear on a question, each by its telling sentence."""
    first, last = (asked.span.first, asked.span.last) if asked.span else (None, None)
    found = tools.search(asked.bare, first=first, last=last, kinds=asked.kinds)
    notes = _notes(tools)
    if asked.kpis:  # else they were answered from filings
        names = [one.name for one in tools.workspace.thesis.kpis if one.id in asked.kpis]
        notes += (tools.words.say("no_kpi", names=", ".join(names)),)
    if asked.kinds and not found:  # where papers came as news, say
        found = tools.search(asked.bare, first=first, last=last)
        notes += (tools.words.say("other_kinds", kinds=", ".join(asked.kinds)),)
    sources = {hit.number: source for hit, source in found}
    bearing = tools.retriever.bearing(asked.bare, [hit for hit, _ in found], tools.now)[:PASSAGES]
    if not bearing:
        return _refusal(tools, asked, found)
    wanted = Wanted.of(asked.bare, tools.retriever.names)
    quotes = {sources[hit.number].n: _quote(tools, hit, wanted) for hit in bearing}
    lines = [_passage(sources[hit.number], quotes[sources[hit.number].n]) for hit in bearing]
    text = "\n".join([tools.words.say("extract"), *lines])
    return Answer(text, cited(tools.shelf, list(quotes), quotes), False, PLAIN, notes)


def _quote(tools: Tools, hit: Hit, wanted: Wanted) -> str:
    """The words of an item that answer best; its title where the rest says no more."""
    similar = tools.retriever.similar(wanted)
    return telling(hit.passage.text, [*wanted.words, *wanted.chinese], similar) or hit.title


def _passage(source: Source, quote: str) -> str:
    who = ", ".join(filter(None, (source.publisher, source.published)))
    quoted, title = unmarked(f"“{quote}”"), unmarked(source.title)
    if quote == source.title:
        return f"- {quoted} ({unmarked(who)}) [{source.n}]"
    return f"- {title} ({unmarked(who)}): {quoted} [{source.n}]"


def _refusal(tools: Tools, asked: Asked, found: Sequence[tuple[Hit, Source]]) -> Answer:
    """What is lacking, and what came nearest."""
    words = tools.words
    unknown = tools.retriever.unheard(asked.bare, tools.now)
    if unknown:
        reason = words.say("lacks_names", names=", ".join(unknown))
    elif asked.span and not found:
        span = asked.span
        reason = words.say("lacks_period", since=span.first, until=span.last)
    else:
        reason = words.say("lacks_words")
    near = tools.retriever.near(asked.bare, [hit for hit, _ in found], NEAR, tools.now)[:NEAREST]
    sources = {hit.number: source for hit, source in found}
    lines = [words.say("nothing", reason=reason)]
    if near:
        lines.append(words.say("nearest"))
    lines += [_passage(sources[hit.number], hit.title) for hit in near]
    numbers = [sources[hit.number].n for hit in near]
    quotes = {sources[hit.number].n: hit.title for hit in near}
    cites = cited(tools.shelf, numbers, quotes)
    return Answer("\n".join(lines), cites, True, PLAIN, _notes(tools))


def _notes(tools: Tools) -> tuple[str, ...]:
    trouble = tools.retriever.trouble
    return (tools.words.say("words_only", reason=trouble),) if trouble else ()
