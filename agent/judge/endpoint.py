"""An OpenAI-compatible chat endpoint: one question in, what came of it out.

The SDK waits and tries again on 429 (as long as Retry-After says), 5xx and lost connections. What
an endpoint cannot do (strict schemas, JSON mode, an effort setting) is found out by its first
refusal and not tried again. No message of the endpoint is repeated: it may hold the key.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from agent.judge.prompt import Message

if TYPE_CHECKING:
    from openai import APIStatusError
    from openai.types.chat import ChatCompletion

ANSWER_TOKENS = 1200
"""Room for three labels with their quotes, and for a little thinking."""
HOPELESS = 3
"""Outages in a row after which nobody is asked any more."""
NO_KEY = "none"
"""What servers of one's own get when no key is set: the SDK insists on one."""


class Outcome(StrEnum):
    """What came of a call."""

    ANSWERED = "answered"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    FILTERED = "filtered"
    EMPTY = "empty"
    TIMED_OUT = "timed out"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"
    UNREADABLE = "unreadable"
    NOT_ASKED = "not asked"
    BATCHED = "batched"
    UNPAID = "unpaid"
    UNRECORDED = "unrecorded"


OUTAGES = frozenset({Outcome.TIMED_OUT, Outcome.UNAVAILABLE, Outcome.NOT_ASKED})
"""Outcomes that say nothing of the item: it is worth asking again."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what it took and what came of it; `detail` says more for a person.

    `cost` in dollars; `attempt` 2 asks again after an answer that could not be read.
    """

    outcome: Outcome
    text: str = ""
    detail: str = ""
    model: str = ""
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    milliseconds: int = 0
    cost: float = 0.0
    attempt: int = 1

    @property
    def settled(self) -> bool:
        """Whether asking the same again would only cost the same again."""
        again = self.outcome is Outcome.UNREADABLE and self.attempt == 1
        return self.outcome not in OUTAGES and not again


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an endpoint takes: `mode` is "schema", "json" or "text", each a fallback of the last.

    `usage` is whether it counts the tokens of a streamed answer.
    """

    mode: str = "schema"
    effort: bool = True
    new_limit: bool = True
    usage: bool = True

    def without(self, complaint: str) -> "Abilities | None":
        """What is left when it complains of a parameter by name; None when of none we sent."""
        said = complaint.casefold()
        if "reasoning" in said and self.effort:
            return replace(self, effort=False)
        if "max_completion_tokens" in said and self.new_limit:
            return replace(self, new_limit=False)
        if "stream_options" in said and self.usage:
            return replace(self, usage=False)
        named = any(name in said for name in ("response_format", "json_schema", "json_object"))
        if named and self.mode != "text":
            return replace(self, mode="json" if self.mode == "schema" else "text")
        return None


@dataclass(frozen=True, slots=True)
class Settings:
    """How to ask: the model, `timeout` in seconds, an effort ("" to leave it out), retries."""

    model: str
    base_url: str
    key: str
    effort: str
    timeout: float
    retries: int = 2


class Endpoint:
    """Asks; use it as an asynchronous context manager, in one event loop."""

    def __init__(
        self, settings: Settings, abilities: Abilities | None = None, outages: int = 0
    ) -> None:
        self.abilities = abilities or Abilities()
        self.outages = outages
        self._settings = settings
        self._tried = asyncio.Event()
        self._first = asyncio.Lock()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        from openai import AsyncOpenAI

        wanted = self._settings
        self._client: AsyncOpenAI = await self._stack.enter_async_context(
            AsyncOpenAI(
                api_key=wanted.key or NO_KEY,
                base_url=wanted.base_url or None,
                timeout=wanted.timeout,
                max_retries=wanted.retries,
            )
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def ask(self, messages: Sequence[Message], shape: Mapping[str, Any]) -> Call:
        """What came of one question; the first one goes alone, to learn what the endpoint takes."""
        if self._tried.is_set():
            return await self._ask(messages, shape)
        async with self._first:
            found = await self._ask(messages, shape)
            if found.outcome not in OUTAGES:
                self._tried.set()
            return found

    async def _ask(self, messages: Sequence[Message], shape: Mapping[str, Any]) -> Call:
        if self.outages >= HOPELESS:
            return Call(Outcome.NOT_ASKED, detail="the endpoint was out; it was not asked again")
        started = time.perf_counter()
        found = await self._request(messages, shape)
        self.outages = self.outages + 1 if found.outcome in OUTAGES else 0
        return replace(found, milliseconds=round(1000 * (time.perf_counter() - started)))

    async def _request(self, messages: Sequence[Message], shape: Mapping[str, Any]) -> Call:
        while True:
            used = self.abilities
            try:
                asked = body(self._settings, used, messages, shape)
                return read_completion(await self._client.chat.completions.create(**asked))
            except failures() as error:
                call, less = outcome_of(error, used)
                if less is None:
                    return call
                self.abilities = less


def body(
    settings: Settings, abilities: Abilities, messages: Sequence[Message], shape: Mapping[str, Any]
) -> dict[str, Any]:
    """The body of one question, the same whether it is asked now or in a batch."""
    limit = "max_completion_tokens" if abilities.new_limit else "max_tokens"
    asked: dict[str, Any] = {"model": settings.model, "messages": list(messages)}
    asked[limit] = ANSWER_TOKENS
    if settings.effort and abilities.effort:
        asked["reasoning_effort"] = settings.effort
    if abilities.mode == "schema":
        said = {"name": "judgement", "strict": True, "schema": dict(shape)}
        asked["response_format"] = {"type": "json_schema", "json_schema": said}
    elif abilities.mode == "json":
        asked["response_format"] = {"type": "json_object"}
    return asked


def failed(status: int) -> Call:
    """The call that an endpoint answered with this status."""
    if status in (400, 413, 422):
        return Call(Outcome.REJECTED, detail=f"the endpoint rejected the request with {status}")
    hint = {401: "; check OPENAI_API_KEY", 404: "; check [judge] model and base_url"}
    return Call(Outcome.UNAVAILABLE, detail=f"the endpoint answered {status}{hint.get(status, '')}")


def http_client(settings: Settings) -> Any:
    """A connection pool of one's own, to be closed in the event loop that it was used in."""
    import openai

    return openai.DefaultAsyncHttpxClient(timeout=settings.timeout)


def failures() -> tuple[type[Exception], ...]:
    """What talking to an endpoint through the SDK raises, in the midst of an answer too."""
    import httpx
    import openai

    return (openai.OpenAIError, httpx.HTTPError, ValueError, TypeError, AttributeError)


def outcome_of(error: Exception, used: Abilities) -> tuple[Call, Abilities | None]:
    """The call that ended so, and what to try with instead; None when that would not help."""
    import openai

    if isinstance(error, openai.APITimeoutError):
        return Call(Outcome.TIMED_OUT, detail="the endpoint did not answer in time"), None
    if isinstance(error, openai.APIStatusError):
        return failed(error.status_code), used.without(_complaint(error))
    detail = f"the endpoint could not be reached: {type(error).__name__}"
    return Call(Outcome.UNAVAILABLE, detail=detail), None


def read_completion(answer: "ChatCompletion") -> Call:
    """What a 200 says."""
    used = answer.usage
    cached = used.prompt_tokens_details if used else None
    call = Call(
        Outcome.ANSWERED,
        model=str(answer.model or ""),
        tokens_in=used.prompt_tokens if used else 0,
        tokens_cached=(cached.cached_tokens or 0) if cached else 0,
        tokens_out=used.completion_tokens if used else 0,
    )
    if not answer.choices:
        return replace(call, outcome=Outcome.EMPTY, detail="the endpoint answered with no choice")
    choice = answer.choices[0]
    if choice.message.refusal:
        return replace(call, outcome=Outcome.REFUSED, detail="the model refused to judge it")
    if choice.finish_reason == "content_filter":
        return replace(call, outcome=Outcome.FILTERED, detail="a content filter stopped the answer")
    if choice.finish_reason == "length":
        return replace(call, outcome=Outcome.TRUNCATED, detail="the answer was cut off")
    if not choice.message.content:
        return replace(call, outcome=Outcome.EMPTY, detail="the endpoint answered with no words")
    return replace(call, text=choice.message.content)


def _complaint(error: "APIStatusError") -> str:
    """What a refusal says of our parameters; compatible servers say it with 500 too."""
    return str(error.body or error.message) if error.status_code in (400, 422, 500) else ""
