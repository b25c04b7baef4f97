"""Asks a language model for the opening words of a digest; what does not hold is dropped.

Nothing depends on it: without a model, an answer or a sentence that holds, the template's words
stand. It is asked once for the same facts, and every call is a stored row.
"""

import asyncio
import hashlib
from dataclasses import replace
from datetime import datetime

from agent import prompts, spending
from agent.digest import lead
from agent.digest.facts import Facts
from agent.errors import ConfigError
from agent.judge import llm
from agent.judge.account import Account, Question
from agent.judge.endpoint import Abilities, Call, Endpoint, Outcome
from agent.judge.prompt import Message, about_tokens
from agent.notices import plain
from agent.workspace import Workspace

PURPOSE = "digest"
PROMPT = "digest_lead"
LANGUAGES = {"en": "English", "zh": "Chinese"}
LONGEST = 600
"""Characters of an event that the model is given."""


def with_lead(workspace: Workspace, facts: Facts, language: str, ask_at: datetime | None) -> Facts:
    """`facts` with the opening sentences of a model that hold.

    Asked at `ask_at`; without it only what was answered before counts.
    """
    events = (*facts.supporting, *facts.against)
    if not events or not llm.is_wanted(workspace.config):
        return facts
    rules = prompts.load(PROMPT)
    told = "\n".join(
        f"{n}. {plain(lead.words_of(event), LONGEST)}" for n, event in enumerate(events, start=1)
    )
    digest = hashlib.sha256(f"{language}\n{told}".encode()).hexdigest()
    text = rules.render(language=LANGUAGES[language], code=digest[:16], events=told)
    question = Question(digest, rules.version, workspace.config.judge.model)
    try:
        price = llm.price_of(workspace.config)
    except ConfigError:
        return facts
    account = spending.open_account(
        workspace.database, workspace.config, ask_at, None, price, PURPOSE
    )
    call = account.recall(question.key) or _ask(workspace, account, question, text)
    try:
        found = (
            lead.read(call.text) if call.outcome is Outcome.ANSWERED else lead.Lead(sentences=[])
        )
    except ValueError:
        return facts
    return replace(facts, lead=lead.holding(found, events, workspace.mentions))


def _ask(workspace: Workspace, account: Account, question: Question, text: str) -> Call:
    tokens = about_tokens(text)
    if refusal := account.refusal(tokens):
        return refusal
    messages: list[Message] = [{"role": "user", "content": text}]
    call = asyncio.run(_call(workspace, messages))
    if call.outcome is Outcome.ANSWERED:
        try:
            lead.read(call.text)
        except ValueError as error:
            call = replace(call, outcome=Outcome.UNREADABLE, detail=str(error))
    return account.settle(question, call, tokens)


async def _call(workspace: Workspace, messages: list[Message]) -> Call:
    async with Endpoint(llm.settings(workspace.config), Abilities(), 0) as endpoint:
        return await endpoint.ask(messages, lead.shape())
