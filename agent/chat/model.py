"""The conversation of a language model with the tools. The only importer of langchain.

The model chooses where to look and words the answer; agent.chat.checking decides what of it is
shown. Steps, seconds and money are limited, and every call is a stored row.
"""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agent import prompts
from agent.chat.catalogue import Catalogue
from agent.chat.phrases import Phrases
from agent.judge import endpoint
from agent.judge.account import Account, Question
from agent.judge.endpoint import Abilities, Call, Outcome, Settings
from agent.judge.prompt import about_tokens
from agent.thesis import Thesis

if TYPE_CHECKING:
    from langchain.agents.middleware import AgentMiddleware
    from langchain_core.messages import BaseMessage
    from langchain_openai import ChatOpenAI

PROMPT = "chat"
LANGUAGES = {"en": "English", "zh": "Chinese"}
CUT = {"length": "it was cut off", "content_filter": "a content filter stopped it"}
"""Why a message ended before its end, by what the endpoint calls it."""
_OUTCOMES = {"length": Outcome.TRUNCATED, "content_filter": Outcome.FILTERED}
REMEMBERED = 3
"""Turns before that the model is told of."""


class Stopped(Exception):
    """The conversation was stopped; `why` is for a person."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls of the model, seconds in all, and tokens of one answer."""

    steps: int
    seconds: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked and answered before."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words as they come, or with `tool` what is being looked up; `ends` a message, which was `cut`
    off when that says why."""

    words: str = ""
    tool: str = ""
    ends: bool = False
    cut: str = ""


class _Failed(Exception):
    """A call came to nothing; `less` is what to try with instead, or None."""

    def __init__(self, call: Call, less: Abilities | None) -> None:
        super().__init__(call.detail)
        self.call = call
        self.less = less


def system_prompt(thesis: Thesis, words: Phrases, today: str, code: str) -> tuple[str, str]:
    """What the model is told first, and the version of these rules."""
    rules = prompts.load(PROMPT)
    fronts = "\n".join(f"- {one.id}: {one.name}" for one in thesis.categories)
    text = rules.render(
        today=today,
        thesis=thesis.title,
        fronts=fronts,
        code=code,
        language=LANGUAGES[words.language],
        nothing=words.say("nothing", reason=""),
    )
    return text, rules.version


async def converse(
    question: str,
    before: Sequence[Turn],
    catalogue: Catalogue,
    rules: tuple[str, str],
    settings: Settings,
    limits: Limits,
    account: Account,
) -> AsyncIterator[Spoken]:
    """The model's words as it speaks them. Raises Stopped when it cannot, or may not, go on."""
    from langchain_core.messages import AIMessage, HumanMessage

    messages: list[BaseMessage] = []
    for turn in before[-REMEMBERED:]:
        messages += [HumanMessage(turn.question), AIMessage(turn.answer)]
    messages.append(HumanMessage(question))
    spoken = False
    less: Abilities | None = Abilities()
    while less is not None:
        abilities, less = less, None
        keeper = _Keeper(account, settings.model, rules, limits, abilities)
        try:
            async with asyncio.timeout(limits.seconds):
                async for one in _stream(messages, catalogue, rules[0], settings, keeper):
                    spoken = True
                    yield one
        except TimeoutError as error:
            raise Stopped(f"it took longer than {limits.seconds:g} seconds") from error
        except _Failed as error:
            if error.less is None or spoken:
                raise Stopped(error.call.detail) from error
            less = error.less
        finally:
            keeper.close()


async def _stream(
    messages: Sequence["BaseMessage"],
    catalogue: Catalogue,
    rules: str,
    settings: Settings,
    keeper: "_Keeper",
) -> AsyncIterator[Spoken]:
    from langchain.agents import create_agent
    from langchain_core.messages import AIMessageChunk
    from langsmith import configure

    configure(enabled=False)  # else LANGSMITH_TRACING, set for another program, sends all of it off
    given: Any = {"messages": list(messages)}
    limit: Any = {"recursion_limit": 4 * keeper.limits.steps + 4}
    async with endpoint.http_client(settings) as client:
        agent = create_agent(
            _chat_model(settings, keeper, client),
            catalogue.tools(),
            system_prompt=rules,
            middleware=[_middleware(keeper)],
        )
        async for chunk, _ in agent.astream(given, limit, stream_mode="messages"):
            if isinstance(chunk, AIMessageChunk):
                for one in _heard(chunk):
                    yield one


def _heard(chunk: Any) -> Iterator[Spoken]:
    """What a piece of a message says."""
    for call in chunk.tool_call_chunks:
        if call.get("name"):
            yield Spoken(tool=str(call["name"]))
    if text := chunk.text:
        yield Spoken(words=str(text))
    if reason := chunk.response_metadata.get("finish_reason"):
        yield Spoken(ends=True, cut=CUT.get(reason, ""))


def _chat_model(settings: Settings, keeper: "_Keeper", client: Any) -> "ChatOpenAI":
    from langchain_openai import ChatOpenAI

    abilities, tokens = keeper.abilities, keeper.limits.tokens
    more: dict[str, Any] = {"extra_body": {"max_tokens": tokens}}
    if abilities.new_limit:
        more = {"max_tokens": tokens}  # which it calls max_completion_tokens
    if settings.effort and abilities.effort:
        more["reasoning_effort"] = settings.effort
    return ChatOpenAI(
        model=settings.model,
        base_url=settings.base_url or None,
        api_key=settings.key or endpoint.NO_KEY,
        timeout=settings.timeout,
        max_retries=settings.retries,
        use_responses_api=False,
        streaming=True,
        stream_usage=abilities.usage,
        http_async_client=client,
        **more,
    )


class _Keeper:
    """Keeps the limits of one answer, and a row of every call."""

    def __init__(
        self,
        account: Account,
        model: str,
        rules: tuple[str, str],
        limits: Limits,
        abilities: Abilities,
    ) -> None:
        self.limits = limits
        self.abilities = abilities
        self._account = account
        self._model = model
        self._rules = rules
        self._steps = 0
        self._open: tuple[Question, int, float] | None = None

    def begin(self, said: str) -> bool:
        """Put the price of a call aside; whether it is the last one. Raises Stopped."""
        if self._steps >= self.limits.steps:
            raise Stopped(f"no answer after {self._steps} steps")
        self._steps += 1
        tokens = about_tokens(self._rules[0] + said)
        if refusal := self._account.refusal(tokens):
            raise Stopped(refusal.detail)
        digest = hashlib.sha256(f"{secrets.token_hex(8)} {said}".encode()).hexdigest()
        question = Question(digest, self._rules[1], self._model)
        self._open = (question, tokens, time.perf_counter())
        return self._steps == self.limits.steps

    def end(self, call: Call) -> None:
        """Keep a call that was begun."""
        if self._open is not None:
            question, tokens, began = self._open
            self._open = None
            took = round(1000 * (time.perf_counter() - began))
            self._account.settle(question, replace(call, milliseconds=took), tokens)

    def close(self) -> None:
        """Keep a call that was stopped: it may have been answered, and billed."""
        self.end(Call(Outcome.TIMED_OUT, detail="it was stopped before it ended"))


def _middleware(keeper: _Keeper) -> "AgentMiddleware[Any, Any]":
    from langchain.agents.middleware import AgentMiddleware
    from langchain.agents.middleware.types import ModelRequest, ModelResponse

    class Kept(AgentMiddleware[Any, Any]):
        """Every call goes by the keeper; the last one has no tools left but to answer."""

        async def awrap_model_call(
            self,
            request: ModelRequest[Any],
            handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
        ) -> ModelResponse[Any]:
            said = [one.model_dump() for one in request.messages]
            shapes = [getattr(one, "args", {}) for one in request.tools]
            is_last = keeper.begin(json.dumps([said, shapes], default=str))
            try:
                response = await handler(request.override(tools=[]) if is_last else request)
            except endpoint.failures() as error:
                call, less = endpoint.outcome_of(error, keeper.abilities)
                keeper.end(call)
                raise _Failed(call, less) from error
            keeper.end(_call_of(response.result[-1]))
            return response

    return Kept()


def _call_of(message: Any) -> Call:
    """A message as a call: what it took, and what it said or asked for."""
    used = message.usage_metadata or {}
    asked = [{"tool": one["name"], **one["args"]} for one in message.tool_calls]
    text = str(message.text) or (json.dumps(asked, ensure_ascii=False) if asked else "")
    reason = message.response_metadata.get("finish_reason")
    outcome = _OUTCOMES.get(reason, Outcome.ANSWERED if text else Outcome.EMPTY)
    return Call(
        outcome,
        text=text,
        model=str(message.response_metadata.get("model_name", "")),
        tokens_in=used.get("input_tokens", 0),
        tokens_cached=(used.get("input_token_details") or {}).get("cache_read", 0) or 0,
        tokens_out=used.get("output_tokens", 0),
    )
