"""What a question is about, in words: its telling words, its names and its figures. Pure."""

import re
from collections.abc import Iterable

from agent.entities import Mentions
from agent.thesis import Entity, Thesis

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_CJK = re.compile(r"[\u3400-\u9fff]+")
EMPTY = frozenset(
    """
    a about after again against ago all also am among an and any anybody anyone anything are
    around as ask at be because been before being below best between both but by came can
    cause come could day days did do does doing done down during each else even ever every
    few find for from further gave get give given go going got had has have he her here him
    his how i if in instead into is it its itself just know last latest least less like
    likely list look lot made make many matter may me mean mention mentioned mentions might
    month months more most much must my near need new news no nor not now of off on once one
    only or other our out over past please point report reported reports said same say
    saying says see seem seems seen she should show since so some somebody someone something
    still such take tell than that the their them then there these they thing things think
    this those through time to today told too under until up us use used very was way we
    week weeks well went were what whatever when where whether which while who whom whose
    why will with within without would year years yes yesterday yet you your evidence
    article articles item items story stories source sources publish published happen
    happened happening
    thesis
    """.split()
)
"""Words of a question that say nothing of what is asked for."""
EMPTY_CJK = re.compile(
    r"什么|怎么|怎样|为什么|为何|哪些|哪个|哪家|是否|有没有|有无|多少|如何|请问|告诉|关于|以及|还是|可以|现在|"
    r"最近|今天|昨天|上周|本周|上个月|这个月|今年|去年|的|了|吗|呢|在|是|有|和|与|对|从|到|被|把|谁|这|那|年|月|日"
)
"""Characters of a Chinese question that say nothing of what is asked for."""


def words(text: str) -> list[str]:
    """The telling words of a text, lower case, each once, in order; Chinese left out."""
    found = [match[0].casefold() for match in _WORD.finditer(_CJK.sub(" ", text))]
    found = [re.sub(r"['’]s$", "", word) for word in found]
    return list(dict.fromkeys(word for word in found if word not in EMPTY and len(word) > 1))


def chinese(text: str) -> list[str]:
    """The runs of Chinese in a text without what only asks."""
    return [run for part in _CJK.findall(text) for run in EMPTY_CJK.split(part) if run]


class Names:
    """The thesis' entities as a question may call them."""

    def __init__(self, thesis: Thesis) -> None:
        self._mentions = Mentions(thesis.entities)
        self._entities = {one.id: one for one in thesis.entities}

    def find(self, text: str) -> list[Entity]:
        """The entities that a text names, in the thesis' order."""
        found = self._mentions.find(text)
        return [one for id_, one in self._entities.items() if id_ in found]

    def ids(self, text: str) -> frozenset[str]:
        """Ids of the entities that a text names."""
        return self._mentions.find(text)

    def called(self, ids: Iterable[str]) -> list[Entity]:
        """Entities by their ids."""
        return [self._entities[id_] for id_ in sorted(ids)]


def phrases(entities: Iterable[Entity]) -> list[str]:
    """Every name of these in Latin letters, for a search that must find them all."""
    names = [name for one in entities for name in one.names if not _CJK.search(name)]
    return list(dict.fromkeys(name.casefold() for name in names))


def phrases_cjk(entities: Iterable[Entity]) -> list[str]:
    """Every Chinese name of these."""
    return list(dict.fromkeys(name for one in entities for name in one.names if _CJK.search(name)))
