"""Answers a question from what is stored: by a language model that is checked, or without one.

Nothing that does not lead back to a stored row reaches whoever asks.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from agent import spending
from agent.chat import model, phrases, plain
from agent.chat.answer import MODEL, Answer, cited
from agent.chat.catalogue import Catalogue
from agent.chat.checking import Checker, Kept, bare, words_of
from agent.chat.model import Limits, Spoken, Stopped, Turn
from agent.chat.phrases import Phrases
from agent.chat.question import Asked, Intent, understand
from agent.chat.retrieval import Retriever
from agent.chat.tools import Tools
from agent.errors import ConfigError
from agent.grounding import closest
from agent.judge import llm
from agent.judge.account import Account
from agent.judge.endpoint import Settings
from agent.workspace import Workspace
from store import ledger

PURPOSE = "chat"
STALE = timedelta(days=2)
"""A last pass so long ago is what "yesterday" is counted from."""
LONGEST = 2000
"""Characters of a question that are read."""

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Showing:
    """Where an answer appears while it is made: checked words, and what is being looked up."""

    words: Show = lambda text: None
    step: Show = lambda text: None


class Chat:
    """Answers questions over one workspace; keeps the index open between them until `close`."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._retriever = Retriever(workspace)

    @property
    def uses_model(self) -> bool:
        """Whether a language model words the answers."""
        return llm.is_wanted(self.workspace.config)

    def close(self) -> None:
        """Let go of the index."""
        self._retriever.close()

    def ask(
        self,
        question: str,
        now: datetime,
        *,
        as_of: datetime | None = None,
        before: Sequence[Turn] = (),
        showing: Showing | None = None,
    ) -> Answer:
        """The answer as of `as_of`, or else `now`; `before` are the turns of the conversation."""
        question = question.encode("utf-8", "replace").decode()  # half an emoji is a question mark
        question = " ".join(question.split())[:LONGEST]
        words, showing = phrases.of(question), showing or Showing()
        tools = self._tools(words, now, as_of)
        if not self.uses_model:
            return self._plainly(tools, question, showing)
        try:
            account = self._account(now)
            return asyncio.run(self._by_model(tools, question, before, account, showing))
        except (Stopped, ConfigError) as stop:
            why = stop.why if isinstance(stop, Stopped) else stop.message
            answer = self._plainly(self._tools(words, now, as_of), question, showing)
            return replace(answer, notes=(words.say("no_model", reason=why), *answer.notes))

    def look(self, asked: Asked, now: datetime, *, as_of: datetime | None = None) -> Answer:
        """What is stored on something that needs no understanding; no model is asked."""
        return plain.answer(self._tools(phrases.of(asked.text), now, as_of), asked)

    def today(self, now: datetime, as_of: datetime | None = None) -> date:
        """The day that "yesterday" is counted from: the last pass' where that is long ago."""
        at = as_of or now
        with self.workspace.database.reading() as connection:
            last = ledger.snapshot_before(connection, self.workspace.thesis.id, as_of)
        if as_of is None and last is not None and now - last.as_of > STALE:
            at = last.as_of
        return at.astimezone(self.workspace.config.alerts.zone).date()

    def _plainly(self, tools: Tools, question: str, showing: Showing) -> Answer:
        asked = understand(question, self.workspace.thesis, tools.today)
        answer = plain.answer(tools, asked)
        note = self._counted_from(tools)
        told = asked.span is not None or asked.intent is Intent.CHANGE
        if note and told:
            answer = replace(answer, notes=(*answer.notes, note))
        showing.words(answer.text)
        return answer

    async def _by_model(
        self,
        tools: Tools,
        question: str,
        before: Sequence[Turn],
        account: Account,
        showing: Showing,
    ) -> Answer:
        """Raises Stopped when nothing that holds was said and the model could not go on."""
        chosen, code = self.workspace.config.chat, secrets.token_hex(6)
        checker = Checker(tools.shelf, self.workspace.mentions)
        said, notes = _Said(showing), list[str]()
        spoken = model.converse(
            question,
            before,
            Catalogue(tools, code),
            model.system_prompt(self.workspace.thesis, tools.words, tools.today.isoformat(), code),
            self._settings(),
            Limits(chosen.steps, chosen.seconds, chosen.tokens),
            account,
        )
        try:
            async for one in spoken:
                _hear(one, checker, said, showing)
                if one.cut:
                    notes.append(tools.words.say("broke_off", reason=one.cut))
        except Stopped as stop:
            checker.forget()
            if not said.kept:
                raise
            notes.append(tools.words.say("broke_off", reason=stop.why))
        if not (said.kept or checker.dropped):
            raise Stopped(notes[0] if notes else "it said nothing")
        return _answer(tools, said.kept, checker, notes)

    def _tools(self, words: Phrases, now: datetime, as_of: datetime | None) -> Tools:
        return Tools(
            self.workspace, self._retriever, words, as_of or now, as_of, self.today(now, as_of)
        )

    def _counted_from(self, tools: Tools) -> str:
        zone = self.workspace.config.alerts.zone
        if tools.today == tools.now.astimezone(zone).date():
            return ""
        return tools.words.say("counted_from", day=tools.today)

    def _settings(self) -> Settings:
        chosen = self.workspace.config.chat
        settings = llm.settings(self.workspace.config)
        return replace(settings, model=chosen.model or settings.model)

    def _account(self, now: datetime) -> Account:
        config = self.workspace.config
        price = llm.price_of(config, config.chat.model)
        return spending.open_account(
            self.workspace.database, config, now, None, price, PURPOSE, config.chat.tokens
        )


class _Said:
    """The sentences that hold, shown as they come."""

    def __init__(self, showing: Showing) -> None:
        self.kept: list[Kept] = []
        self._showing = showing

    def say(self, one: Kept) -> None:
        gap = "" if not self.kept else "\n" if one.starts_line else " "
        self.kept.append(one)
        self._showing.words(gap + one.text)


def _hear(one: Spoken, checker: Checker, said: _Said, showing: Showing) -> None:
    if one.tool:
        showing.step(one.tool)
    for kept in checker.feed(one.words) if one.words else ():
        said.say(kept)
    if one.cut:
        checker.forget()
    elif one.ends:
        for kept in checker.finish():
            said.say(kept)


def _answer(tools: Tools, kept: Sequence[Kept], checker: Checker, notes: list[str]) -> Answer:
    """What was said and holds; a refusal when nothing does."""
    words = tools.words
    left_out = _left_out(words, checker)
    if not kept:
        found = words.say("said_nothing" if left_out else "nothing", reason="")
        return Answer(found, (), True, MODEL, (*notes, *left_out))
    text = kept[0].text
    for one in kept[1:]:
        text += ("\n" if one.starts_line else " ") + one.text
    notes += left_out
    if trouble := tools.retriever.trouble:
        notes.append(words.say("words_only", reason=trouble))
    numbers = [n for one in kept for n in one.cited]
    return Answer(
        text, cited(tools.shelf, numbers, _quotes(tools, kept)), False, MODEL, tuple(notes)
    )


def _quotes(tools: Tools, kept: Sequence[Kept]) -> dict[int, str]:
    """For each source the words of it that the first sentence on it comes closest to."""
    found: dict[int, str] = {}
    for one in kept:
        for n in one.cited:
            source = tools.shelf.get(n)
            if source is not None and n not in found:
                lines = " ".join(source.lines)
                found[n] = lines or closest(bare(one.text), words_of(source))
    return found


def _left_out(words: Phrases, checker: Checker) -> list[str]:
    silence = words.say("nothing", reason="")
    count = sum(bare(one.text) != silence for one in checker.dropped)
    if not count:
        return []
    return [words.say("dropped_one") if count == 1 else words.say("dropped", count=count)]
