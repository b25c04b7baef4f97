"""The judge that asks a language model, one item to a call, and checks every word it says."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.config import Config, PriceSection
from agent.errors import ConfigError, JudgeError
from agent.judge import answer, prompt
from agent.judge.account import Account, Question
from agent.judge.endpoint import OUTAGES, Abilities, Call, Endpoint, Outcome, Settings
from agent.judge.verdict import Judgeable, Missing, Vectors, Verdict
from agent.thesis import Thesis

FREE = PriceSection(input=0, cached=0, output=0)
_MISSING = {
    **dict.fromkeys(OUTAGES, Missing.OUTAGE),
    Outcome.BATCHED: Missing.BATCHED,
    Outcome.UNPAID: Missing.UNPAID,
    Outcome.UNRECORDED: Missing.UNRECORDED,
}


class LlmJudge:
    """See agent.judge.verdict.Judge; `account` holds what the calls cost.

    An item that gets no readable answer is an abstention with the reason; one that could not be
    asked about is `missing`.
    """

    name = "llm"

    def __init__(
        self,
        thesis: Thesis,
        settings: Settings,
        account: Account,
        at_once: int,
        rules: prompt.JudgePrompt | None = None,
    ) -> None:
        self.model = settings.model
        self.account = account
        self._thesis = thesis
        self._settings = settings
        self._at_once = at_once
        self._prompt = rules or prompt.make(thesis)
        self._abilities = Abilities()
        self._outages = 0
        self.prompt_hash = self._prompt.version
        self.prompt_text = self._prompt.text

    def judge(self, items: Sequence[Judgeable], vectors: Vectors | None = None) -> list[Verdict]:
        """Verdicts in order, several asked for at once; `vectors` are not looked at."""
        return asyncio.run(self._judge_all(items))

    def question(self, item: Judgeable) -> Question:
        """What an answer about `item` would be an answer to."""
        return Question(item.input_hash, self.prompt_hash, self.model)

    async def _judge_all(self, items: Sequence[Judgeable]) -> list[Verdict]:
        turn = asyncio.Semaphore(self._at_once)
        async with Endpoint(self._settings, self._abilities, self._outages) as endpoint:

            async def one(item: Judgeable) -> Verdict:
                async with turn:
                    return await self._judge_one(endpoint, item)

            found = await asyncio.gather(*(one(item) for item in items))
            self._abilities, self._outages = endpoint.abilities, endpoint.outages
        return list(found)

    async def _judge_one(self, endpoint: Endpoint, item: Judgeable) -> Verdict:
        if not item.text.strip():
            return answer.abstention(item, "no words to judge")
        call = self.account.recall(self.question(item).key) or await self._obtain(endpoint, item)
        if call.outcome is Outcome.UNREADABLE:
            return answer.abstention(item, f"the answer could not be read, twice: {call.detail}")
        if call.outcome is not Outcome.ANSWERED:
            return answer.abstention(item, call.detail, _MISSING.get(call.outcome))
        try:
            return answer.verdict(answer.read(call.text), item, self._thesis)
        except ValueError as error:
            return answer.abstention(item, f"the answer could not be read: {error}")

    async def _obtain(self, endpoint: Endpoint, item: Judgeable) -> Call:
        """Ask, and ask once more when the answer cannot be read."""
        messages = self._prompt.messages(item.text)
        call = await self._ask(endpoint, item, messages, attempt=1)
        if call.outcome is not Outcome.UNREADABLE:
            return call
        said = {"role": "assistant", "content": call.text}
        again = [*messages, said, self._prompt.repair(call.detail)]
        return await self._ask(endpoint, item, again, attempt=2)

    async def _ask(
        self, endpoint: Endpoint, item: Judgeable, messages: list[prompt.Message], attempt: int
    ) -> Call:
        tokens = sum(prompt.about_tokens(one["content"]) for one in messages)
        if refusal := self.account.refusal(tokens):
            return refusal
        if self.account.later is not None:
            self.account.later[self.question(item)] = messages
            return Call(Outcome.BATCHED, detail="it goes into a batch")
        call = await endpoint.ask(messages, self._prompt.shape)
        call = replace(checked(call), attempt=attempt)
        return self.account.settle(self.question(item), call, tokens)


def checked(call: Call) -> Call:
    """An answer that cannot be read is called so, with what is wrong with it."""
    if call.outcome is Outcome.ANSWERED:
        try:
            answer.read(call.text)
        except ValueError as error:
            return replace(call, outcome=Outcome.UNREADABLE, detail=str(error))
    return call


def is_wanted(config: Config) -> bool:
    """Whether a language model judges what passes the gate."""
    kind = config.judge.kind
    able = config.openai_api_key is not None or bool(config.judge.base_url)
    return kind == "llm" or (kind == "auto" and able)


def make(
    config: Config,
    thesis: Thesis,
    open_account: Callable[[PriceSection], Account],
    rules: prompt.JudgePrompt | None = None,
) -> LlmJudge:
    """The judge that config.toml describes, told the `rules` or else those that ship.

    Raises JudgeError without key and server, ConfigError when nobody knows what it costs.
    """
    wanted, key = config.judge, config.openai_api_key
    if key is None and not wanted.base_url:
        raise JudgeError(
            "the language model needs OPENAI_API_KEY, which is not set",
            "Set it in the environment or in .env, name your own server as [judge] base_url, or "
            "use the local judge",
        )
    account = open_account(price_of(config))
    return LlmJudge(thesis, settings(config), account, wanted.at_once, rules)


def settings(config: Config) -> Settings:
    """How to ask, as config.toml and the environment say."""
    wanted, key = config.judge, config.openai_api_key
    return Settings(
        model=wanted.model,
        base_url=wanted.base_url,
        key=key.get_secret_value() if key else "",
        effort=wanted.effort,
        timeout=wanted.timeout,
    )


def price_of(config: Config, model: str = "") -> PriceSection:
    """What a model, or else the judge's, costs; nothing on a server of one's own, unless a price
    is given."""
    wanted, name = config.judge, model or config.judge.model
    if found := wanted.prices.get(name):
        return found
    if wanted.base_url or os.environ.get("OPENAI_BASE_URL"):
        return FREE
    raise ConfigError(
        f"[judge] prices has no {name!r}, so nobody could keep its budget",
        "Add what it costs, in dollars per million tokens",
    )
