"""What a question wants, told from its words: a kind of answer, a period, a front, a KPI. Pure.

Only what is clear is recognised; everything else is searched for in the stored items.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from agent.chat import dates
from agent.chat.dates import Span
from agent.chat.wording import chinese, words
from agent.days import ONE_DAY
from agent.entities import Mentions
from agent.thesis import Kpi, Thesis


class Intent(StrEnum):
    """What is to be told."""

    SCORE = "score"
    CHANGE = "change"
    FRONTS = "fronts"
    STANDING = "standing"
    KPIS = "kpis"
    ALERTS = "alerts"
    HEALTH = "health"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as understood; `bare` is the question without the words of its period.

    `stance` is the side that is asked for, or None; `between` two days means from the one's end to
    the other's, while any other period is all of its days.
    """

    text: str
    bare: str
    intent: Intent
    span: Span | None = None
    category: str | None = None
    kpis: tuple[str, ...] = ()
    stance: str | None = None
    kinds: tuple[str, ...] = ()
    between: bool = False

    @property
    def since(self) -> date | None:
        """The day from whose end a change in the period is counted."""
        if self.span is None:
            return None
        return self.span.first if self.between else self.span.first - ONE_DAY


_SCORE = (
    r"\b(?:score|thesis|reading|bear case|short case|strength|strong|convincing|band)\b"
    r"|得分|分数|论点|评分"
)
_FILLERS = (
    r"\b(?:stand|stands|standing|stood|state|status|doing|going|now|current|currently|level|band|high"
    r"|points?|end|read|short|case|bear|value|number|right|exactly|overall|front|add|adds"
    r"|added|gone|far)\b|多强|强|现在|目前|当前|几分|怎么样|底|截至|为"
)
_SUBJECT = r"\b(?:it|score|thesis|reading|band|bear case|short case)\b|得分|分数|论点|评分"
_MOVE = (
    r"\b(?:move[sd]?|moving|change[sd]?|r[io]se[sn]?|rising|drop(?:s|ped)?|f[ae]ll(?:s|en)?"
    r"|gain(?:s|ed)?|jump(?:s|ed)?|climb(?:s|ed)?|sink|sank|slip(?:s|ped)?|stronger|weaker|up|down"
    r")\b|变化|上升|下降|上涨|下跌|涨|跌|走强|走弱|升|降"
)
_WHY = r"\b(?:why|what (?:made|moved|drove|caused)|because of what|reason)\b|为什么|为何|原因"
_FRONTS = r"\b(?:front|fronts|category|categories|pillar|pillars)\b|战线|支柱|类别"
_MOST = r"\b(?:most|hardest|strongest|weakest|largest|biggest|least)\b|最"
_STANDING = (
    r"\b(?:strongest|best|weightiest|top|main|biggest|key)\b.{0,30}"
    r"\b(?:evidence|arguments?|points?|reasons?|case|items?|events?)\b"
    r"|\bwhat (?:speaks|supports|weakens|counts|argues|is)\b.{0,40}\bthesis\b"
    r"|\bevidence (?:for|against)\b.{0,12}\bthesis\b|最有力的?.{0,3}证据|主要证据"
)
_AGAINST = r"\b(?:against|weaken\w*|contradict\w*|counter\w*)\b|反对|反驳|削弱"
_FOR = r"\b(?:for the thesis|in favou?r|supports?|supporting|backs?)\b|支持"
_ALERTS = r"\balerts?\b|\bspik(?:e|es|ed|ing)\b|警报|警告|飙升"
_HEALTH = (
    r"\b(?:sources?|feeds?)\b.{0,40}"
    r"\b(?:health\w*|fail\w*|down|silent|broken|blind|well|working|dead|seen)\b"
    r"|\b(?:failing|silent|broken|dead|blind)\b.{0,20}\b(?:sources?|feeds?)\b"
    r"|\bsource health\b|\bblind spots?\b"
    r"|来源.{0,8}(?:状态|健康|正常|失败|故障)|信源"
)
_FILINGS = r"\b(?:filings?|10-?[kq]|8-?k|annual report|quarterly report|sec)\b|财报|年报|季报"
_PAPERS = r"\b(?:papers?|preprints?|arxiv)\b|论文"
_KPI = re.compile(r"[a-z]+|[\u3400-\u9fff]+")
_KPI_CJK = {"毛利率": "gross margin", "营收": "revenue", "收入": "revenue", "库存": "inventory"}
_KPI_CJK |= {"资本支出": "capital expenditure", "资本开支": "capital expenditure"}
_KPI_ALIASES = {"capex": "capital expenditure", "data center": "data-centre"}


def understand(text: str, thesis: Thesis, today: date) -> Asked:
    """What `text` wants to know; `today` is the day from which "yesterday" is counted."""
    span = dates.find(text, today)
    bare = text
    if span:
        for words_ in span.words:
            bare = re.sub(re.escape(words_), " ", bare, flags=re.IGNORECASE)
        bare = re.sub(
            r"\b(?:in|on|during|between|from|since|by|at|of|until)\s*(?=[ ?.,!]*$)", "", bare
        )
    low = bare.casefold()
    category = _category(low, thesis)
    kpis = _kpis(low, thesis)
    found = _intent(low, span, category, bool(kpis), thesis)
    return Asked(
        text=text,
        bare=" ".join(bare.split()),
        intent=found,
        span=span,
        category=category,
        kpis=kpis,
        stance=_stance(low),
        kinds=_kinds(low),
        between=span is not None and f"between {span.words[0]}" in text.casefold(),
    )


def _intent(low: str, span: Span | None, category: str | None, kpi: bool, thesis: Thesis) -> Intent:
    if _has(_HEALTH, low):
        return Intent.HEALTH
    if _has(_ALERTS, low):
        return Intent.ALERTS
    if _is_of_score(low, thesis) and _has(f"{_MOVE}|{_WHY}", low) and (span or _has(_WHY, low)):
        return Intent.CHANGE
    if category and not _beyond(low, thesis, category):
        return Intent.FRONTS
    if _has(_FRONTS, low) and (_has(_MOST, low) or category):
        return Intent.FRONTS
    if _has(_STANDING, low):
        return Intent.STANDING
    if kpi:
        return Intent.KPIS
    if _has(_SCORE, low) and _is_of_score(low, thesis) and not _beyond_score(low, thesis):
        return Intent.SCORE
    return Intent.EVIDENCE


def _is_of_score(low: str, thesis: Thesis) -> bool:
    """Whether it speaks of the score, by name, as "it" or as nothing at all."""
    if Mentions(thesis.entities).find(low.replace(thesis.title.casefold(), " ")):
        return False
    return _has(_SUBJECT, low) or not re.sub(f"{_MOVE}|{_WHY}", "", " ".join(_telling(low)))


def _beyond(low: str, thesis: Thesis, category: str) -> list[str]:
    """What a question says besides the name of a front."""
    name = next(one.name for one in thesis.categories if one.id == category)
    said = {*category.split("_"), *_KPI.findall(name.casefold())}
    return [word for word in _telling(re.sub(_FILLERS, " ", low)) if word not in said]


def _telling(low: str) -> list[str]:
    return [*words(low), *chinese(low)]


def _beyond_score(low: str, thesis: Thesis) -> list[str]:
    """What a question says besides that it wants the score."""
    rest = re.sub(f"{_SCORE}|{_FILLERS}", " ", low.replace(thesis.title.casefold(), " "))
    return [word for word in _telling(rest) if not re.search(f"{_SCORE}|{_FILLERS}", word)]


def _category(low: str, thesis: Thesis) -> str | None:
    """The front whose name or id the question holds whole."""
    held = set(_KPI.findall(low.replace("'", "")))
    for one in thesis.categories:
        names = (set(one.id.split("_")), set(_KPI.findall(one.name.casefold().replace("'", ""))))
        if any(len(name) > 1 and name <= held for name in names):
            return one.id
        if any(name <= held for name in names) and not _beyond(low, thesis, one.id):
            return one.id
    return None


def _kpis(low: str, thesis: Thesis) -> tuple[str, ...]:
    """The KPIs whose names, without whose they are, the question holds."""
    said = low
    for spelled, name in {**_KPI_CJK, **_KPI_ALIASES}.items():
        said = said.replace(spelled, f" {name} ")
    held = set(_KPI.findall(said))
    owners = {one.id: {name.casefold() for name in one.names} for one in thesis.entities}
    companies = [one for one in thesis.entities if one.cik or one.domains]
    named = Mentions(companies).find(low)
    found: list[tuple[int, str]] = []
    for kpi in thesis.kpis:
        measure = _measure(kpi, owners)
        mine = kpi.entity in named or (
            not named and kpi.entity == thesis.subject and len(measure) > 1
        )
        if mine and measure <= held:
            found.append((len(measure), kpi.id))
    longest = max((size for size, _ in found), default=0)
    return tuple(id_ for size, id_ in found if size == longest)


def _measure(kpi: Kpi, owners: dict[str, set[str]]) -> set[str]:
    """The words of a KPI's name without those of its owner."""
    name = kpi.name.casefold()
    for owner in owners.get(kpi.entity, ()):
        name = name.replace(owner, " ")
    return set(_KPI.findall(name)) - {"of", "and", "the", "total"}


def _stance(low: str) -> str | None:
    against, in_favour = _has(_AGAINST, low), _has(_FOR, low)
    if against == in_favour:
        return None
    return "weakens" if against else "supports"


def _kinds(low: str) -> tuple[str, ...]:
    kinds = [
        kind for pattern, kind in ((_FILINGS, "filing"), (_PAPERS, "paper")) if _has(pattern, low)
    ]
    return tuple(kinds)


def _has(pattern: str, low: str) -> bool:
    return re.search(pattern, low) is not None
