"""Whether a sentence that a model wrote holds against one text that it cites. Pure.

A model may choose words; it brings in no figure, day, name, quote, "not" or certainty of its own,
and turns no rise into a fall. A sentence that does, or that shares too little with what it cites,
is dropped, not mended. It is a sieve with narrow holes: true sentences are lost in it too, and a
false one that is put together from one sentence's own words may slip through.
"""

import re
import unicodedata

from agent.entities import Mentions
from agent.excerpts import sentences
from agent.judge.quotes import check
from agent.quantities import (
    COUNT,
    COUNT_CJK,
    FIGURE,
    Figure,
    counts,
    days,
    figures,
    is_same,
    plainly,
)

SHARED = 0.65
"""Least share of a sentence's longer words that stand in what it cites."""
STRANGE = 2
"""So many longer words in a row that do not stand there are a claim of their own."""
SHARED_CJK = 0.6
"""The least share of its pairs of Chinese characters, where what it cites is Chinese too."""
NOBODY = Mentions(())
QUOTED_WORDS = 2
"""Words in quotation marks from which on they are somebody's words and not a term."""

_OPENERS = frozenset(
    "a an the in on at it its this that these those some two one both as by for from after before "
    "while with according meanwhile separately another others there they he she his her their no "
    "not but and or so if when where who what which how why since until over under against also "
    "however still yet each all most many several such then thus because despite although though "
    "unlike like given thanks even only once whether among through during between within about "
    "around instead rather just here now".split()
)
"""Words that may open a sentence without standing in what it cites."""
_COMMON = frozenset(
    "about above after again against ahead almost along also among another around away back been "
    "because before behind being below between both came come does done down during each else "
    "even ever every from gave give given gives goes going gone have having here into itself just "
    "like made make makes many more most much near next only other ours over said same says "
    "saying seen show shows since some still such take taken takes tell than that their them then "
    "there these they this those through told took toward towards under until upon very well went "
    "were what when where which while whose will with within year years according reports wrote "
    "writes".split()
)
"""Longer words that say nothing by themselves."""
_LETTER = "[A-Za-z0-9]"
_NAME = re.compile(
    rf"(?<!{_LETTER})(?:[A-Z][A-Za-z0-9À-ɏ&'’.-]*|{_LETTER}*[a-z][A-Z]{_LETTER}*"
    rf"|[A-Za-z]+\d[A-Za-z0-9-]*)"
)
_WORD = re.compile(r"[^\W\d_]{4,}")
_CJK = re.compile(r"[\u3400-\u9fff]+")
_NOT = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|denie[sd]|deny|refuse[sd]?"
    r"|reject(?:s|ed)?|fail(?:s|ed|ure)?|cancel\w*|unable|unlikely|hardly|scrap(?:s|ped)|halt\w*"
    r"|abandon\w*|withdr[ae]w\w*|suspend\w*|shelve[sd]?|end(?:s|ed)|drop(?:s|ped) (?:plans|its))\b"
    r"|n['’]t\b|[不没未否非无]",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:could|may|might|would|if|plan(?:s|ned)?|consider(?:s|ing|ed)?|talks|expect(?:s|ed)?"
    r"|rumou?r\w*|reported(?:ly)?|alleged(?:ly)?|possib\w+|likely(?! between)|unlikely|aims?"
    r"|wants?|seeks?|propos\w+|potential\w*|said to|predict\w*|forecast\w*|hopes?|weigh(?:s|ing))\b"
    r"|[可或]能|计划|考虑|预计|据称|据报|传闻",
)
_UP = re.compile(
    r"\b(?:rose|rise[sn]?|rising|up|gain\w*|grew|grow\w*|increas\w*|higher|climb\w*|surg\w*|jump\w*"
    r"|soar\w*|expand\w*|accelerat\w*|strengthen\w*|stronger|beat|boost\w*|more|wins?|above)\b|上涨|增长|增加|走强|上升",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"\b(?:fell|fall(?:s|en|ing)?|down|drop\w*|declin\w*|decreas\w*|lower|cut\w*|sank|sink\w*|shrank"
    r"|shrink\w*|plung\w*|slump\w*|tumbl\w*|slow\w*|weaken\w*|weaker|miss(?:es|ed)?|reduc\w*|less|below"
    r"|los[est]\w*)\b"
    r"|下跌|下降|减少|走弱|暴跌",
    re.IGNORECASE,
)
_PASSIVE = re.compile(r"\b(?:by|from|of|against)\b|[被由向对]")
_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_GLUED = re.compile(rf"(?:(?<=[^\W\d_]\.)|(?<=[^\W_]-)){_NUMBER.pattern}")
"""A number behind a hyphen or full stop: the end of a range, or of a word such as "sub-5%"."""
_MARKUP = re.compile(r"https?:|www\.|[<>{}|`]|\]\(")
_QUOTED = re.compile(
    r"“([^”]+)”|\"([^\"]+)\"|「([^」]+)」|『([^』]+)』|«([^»]+)»|„([^“”]+)[“”]|‘([^’]{3,})’(?!\w)"
    r"|(?<!\w)'([^']{3,})'(?!\w)"
)


def fault(text: str, source: str, allowed: str = "", entities: Mentions = NOBODY) -> str:
    """What is wrong with `text`, which cites `source`; "" when nothing is.

    `allowed` are further words that names and days may come from, such as the day and publisher of
    what is cited; `entities` lets a name stand for another one of the same entity.
    """
    if _MARKUP.search(text) or not all(map(_is_plain, text)):
        return "no plain sentence"
    closest_ = _closest(text, source)
    return (
        _wrong_quote(text, source)
        or _wrong_day(text, f"{source}\n{allowed}")
        or _wrong_figure(text, source, allowed)
        or _wrong_name(text, f"{source}\n{allowed}", entities)
        or _wrong_number(text, f"{source}\n{allowed}")
        or _wrong_place(text, source, allowed, entities)
        or _wrong_way(text, closest_)
        or _wrong_roles(text, closest_, entities)
        or _strange(text, f"{source}\n{allowed}", entities)
    )


def _is_plain(character: str) -> bool:
    """Whether it is what it looks like: no third script, no fraction, no digit but 0 to 9."""
    if character.isalpha():
        return unicodedata.name(character, "").startswith(("LATIN", "CJK", "GREEK", "MICRO"))
    return character.isprintable() and (character.isascii() or not character.isnumeric())


def closest(text: str, source: str) -> str:
    """The sentence of `source` that shares most with `text`, word for word."""
    return _closest(text, source)[0]


def _wrong_quote(text: str, source: str) -> str:
    if (
        text.count("“") + text.count("„") < text.count("”")
        or text.count("“") > text.count("”")
        or text.count('"') % 2
    ):
        return "half a quote does not say whose words it is"
    for match in _QUOTED.finditer(text):
        quoted = next(part for part in match.groups() if part)
        long = len(quoted.split()) >= QUOTED_WORDS or len("".join(_CJK.findall(quoted))) > 3
        if long and isinstance(check(quoted.strip(" .,;:!?"), source), str):
            return f"the quote {quoted!r} does not stand there"
    return ""


def _wrong_day(text: str, known: str) -> str:
    there, _ = days(known)
    for year, month, day in days(text)[0]:
        if not any(day == d and month == m and year in (0, y) for y, m, d in there):
            return f"the day {day}/{month} does not stand there"
    return ""


def _wrong_figure(text: str, source: str, allowed: str) -> str:
    rest = days(text)[1]
    known = figures(source)
    years = set(re.findall(r"\b(?:19|20)\d\d\b", f"{source} {allowed}"))
    falls = bool(_DOWN.search(text))
    for one in figures(rest):
        is_year = one == Figure("", "", one.number, "") and one.number in years
        if not is_year and not any(is_same(one, other, falls) for other in known):
            return f"the figure {one} does not stand there"
    said = counts(source)
    for match in COUNT.finditer(rest):
        if plainly(match[0]) not in said:
            return f"the figure {match[0]} does not stand there"
    for match in COUNT_CJK.finditer(rest):
        if match[0] not in source:
            return f"the figure {match[0]} does not stand there"
    return ""


def _names(text: str) -> list[str]:
    """Words that look like names, in order; a sentence's first one does too."""
    found = []
    for match in _NAME.finditer(text):
        name = re.sub(r"['’]s$", "", match[0].rstrip(".’'-"))
        if name.casefold() not in _OPENERS:
            found.append(name)
    return found


def _tokens(text: str) -> set[str]:
    """Lower-case words, those with hyphens and full stops in parts too."""
    whole = {re.sub(r"['’]s$", "", word) for word in re.findall(r"[\w&'’.-]+", text.casefold())}
    whole = {word.strip(".’'-") for word in whole}
    return whole | {part for word in whole for part in re.split(r"[-.]", word)}


def _wrong_name(text: str, known: str, entities: Mentions) -> str:
    there = _tokens(known)
    of = entities.find
    missing = of(text) - of(known)
    if missing:
        return f"the name {sorted(missing)[0]} does not stand there"
    for name in _names(days(text)[1]):
        low = name.casefold()
        parts = [part for part in re.split(r"[-.]", low) if part]
        stands = low in there or all(part in there for part in parts)
        if not stands and not (of(name) and of(name) <= of(known)):
            return f"the name {name} does not stand there"
    return ""


def _wrong_number(text: str, known: str) -> str:
    """A number that is no figure by itself and stands nowhere: figures begin behind no hyphen."""
    there = {run.replace(",", "") for run in _NUMBER.findall(known)}
    for match in _GLUED.finditer(days(text)[1]):
        if match[0].replace(",", "") not in there:
            return f"the figure {match[0]} does not stand there"
    return ""


def _wrong_place(text: str, source: str, allowed: str, entities: Mentions) -> str:
    """A figure that the source has of somebody else: its sentence, with the one before where it
    names nobody, must have the names."""
    mine = figures(days(text)[1])
    if not mine:
        return ""
    wanted = entities.find(text)
    parts = [source[start:end] for start, end in sentences(source)] or [source]
    title = parts[0]
    for one in mine:
        places = [
            n for n, part in enumerate(parts) if any(is_same(one, f, True) for f in figures(part))
        ]
        windows = [
            parts[n]
            if entities.find(parts[n])
            else " ".join([title, *parts[max(0, n - 1) : n + 1]])
            for n in places
        ]
        if windows and not any(
            wanted <= entities.find(f"{window} {allowed}") for window in windows
        ):
            return f"the figure {one} is said of somebody else there"
    return ""


def _wrong_way(text: str, closest_: list[str]) -> str:
    """A "not", a "may" or a direction that the sentences it comes closest to do not have."""
    if bool(_NOT.search(text)) != any(_NOT.search(one) for one in closest_):
        return "it says no where the source does not, or the other way round"
    if not _HEDGE.search(text) and any(_HEDGE.search(one) for one in closest_):
        return "it is certain of what the source only expects or reports"
    for mine, others in ((_UP, _DOWN), (_DOWN, _UP)):
        clear = mine.search(text) and not others.search(text)
        if clear and all(others.search(one) and not mine.search(one) for one in closest_):
            return "it turns a rise into a fall, or the other way round"
    return ""


def _wrong_roles(text: str, closest_: list[str], entities: Mentions) -> str:
    """Two names in the other order with no word that would turn them around, or a figure of one
    that is said of the other."""
    mine, owners = _order(text, entities), _owners(text, entities)
    for one in closest_:
        theirs = [name for name in _order(one, entities) if name in mine]
        turned = len(theirs) > 1 and theirs == [n for n in mine if n in theirs][::-1]
        if turned and not (_PASSIVE.search(text) or _PASSIVE.search(one)):
            return "it turns around who did what"
        for number, owner in _owners(one, entities).items():
            said = owners.get(number, owner)
            if said != owner and {said, owner} <= set(theirs):
                return f"the figure {number} is said of somebody else there"
    return ""


def _owners(text: str, entities: Mentions) -> dict[str, str]:
    """Whose each figure is: the entity that is named last before it."""
    found: dict[str, str] = {}
    for match in FIGURE.finditer(text):
        before = entities.in_order(text[: match.start()])
        if before:
            found[match["number"]] = before[-1]
    return found


def _order(text: str, entities: Mentions) -> list[str]:
    """The entities that a text names, in the order in which they come up."""
    return list(dict.fromkeys(entities.in_order(text)))


def _closest(text: str, source: str) -> list[str]:
    """The sentences of the source that share most with the text; all that share as much."""
    parts = [source[start:end] for start, end in sentences(source)] or [source]
    stems = {*_stems(text), *_pairs(text), *(name.casefold() for name in _names(text))}
    held = [sum(stem in part.casefold() for stem in stems) for part in parts]
    return [part for part, count in zip(parts, held, strict=True) if count == max(held)]


def _stems(text: str) -> list[str]:
    """The beginnings of the longer Latin words that say something and are no names."""
    words = [word.casefold() for word in _WORD.findall(_NAME.sub(" ", text)) if word.isascii()]
    return [word[:5] for word in words if word not in _COMMON]


def _strange(text: str, known: str, entities: Mentions) -> str:
    """Too many words that do not stand there, or several in a row.

    Chinese about a source without any must quote it: nothing else could be held against it.
    """
    stems, low = _stems(text), known.casefold()
    there = [stem in low for stem in stems]
    in_a_row = "".join("x" if not one else "." for one in there)
    if stems and (sum(there) < SHARED * len(stems) or "x" * STRANGE in in_a_row):
        return "too little of it stands there"
    chinese = _pairs(_without_names(text, entities))
    if not chinese:
        return ""
    if not _pairs(known):
        return "" if _QUOTED.search(text) else "too little of it stands there: it must quote"
    held = sum(pair in known for pair in chinese)
    return "" if held >= SHARED_CJK * len(chinese) else "too little of it stands there"


def _without_names(text: str, entities: Mentions) -> str:
    """A text without its runs of Chinese that only name somebody."""
    return _CJK.sub(lambda run: "" if len(run[0]) < 6 and entities.find(run[0]) else run[0], text)


def _pairs(text: str) -> list[str]:
    """Neighbouring Chinese characters."""
    return [run[i : i + 2] for run in _CJK.findall(text) for i in range(len(run) - 1)]
