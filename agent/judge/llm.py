"""The judge that asks a language model, one item to a call, and checks every word it says."""

import asyncio
from collections.abc import Sequence

from agent.config import Config
from agent.errors import JudgeError
from agent.judge import answer, prompt
from agent.judge.endpoint import OUTAGES, Abilities, Call, Endpoint, Outcome, Settings
from agent.judge.verdict import Judgeable, Vectors, Verdict
from agent.thesis import Thesis


class LlmJudge:
    """See agent.judge.verdict.Judge; `calls` holds what every call cost, in the order they ended.

    An item that gets no readable answer is an abstention with the reason; one that could not be
    asked about is `waiting`.
    """

    name = "llm"

    def __init__(self, thesis: Thesis, settings: Settings, at_once: int) -> None:
        self.model = settings.model
        self.calls: list[Call] = []
        self._thesis = thesis
        self._settings = settings
        self._at_once = at_once
        self._prompt = prompt.make(thesis)
        self._abilities = Abilities()
        self.prompt_hash = self._prompt.version

    def judge(self, items: Sequence[Judgeable], vectors: Vectors) -> list[Verdict]:
        """Verdicts in order, several asked for at once; `vectors` are not looked at."""
        return asyncio.run(self._judge_all(items))

    async def _judge_all(self, items: Sequence[Judgeable]) -> list[Verdict]:
        turn = asyncio.Semaphore(self._at_once)
        async with Endpoint(self._settings, self._abilities) as endpoint:

            async def one(item: Judgeable) -> Verdict:
                async with turn:
                    return await self._judge_one(endpoint, item)

            found = await asyncio.gather(*(one(item) for item in items))
            self._abilities = endpoint.abilities
        return list(found)

    async def _judge_one(self, endpoint: Endpoint, item: Judgeable) -> Verdict:
        """Ask, and ask once more when the answer cannot be read."""
        if not item.text.strip():
            return answer.abstention(item, "no words to judge")
        messages = self._prompt.messages(item.text)
        call = await self._ask(endpoint, messages)
        fault = ""
        for is_last in (False, True):
            if call.outcome is not Outcome.ANSWERED:
                waiting = call.outcome in OUTAGES
                return answer.abstention(item, call.detail, waiting=waiting)
            try:
                return answer.verdict(answer.read(call.text), item, self._thesis)
            except ValueError as error:
                fault = str(error)
            if not is_last:
                said = {"role": "assistant", "content": call.text}
                call = await self._ask(endpoint, [*messages, said, self._prompt.repair(fault)])
        return answer.abstention(item, f"the answer could not be read, twice: {fault}")

    async def _ask(self, endpoint: Endpoint, messages: list[prompt.Message]) -> Call:
        call = await endpoint.ask(messages, self._prompt.shape)
        self.calls.append(call)
        return call


def make(config: Config, thesis: Thesis) -> LlmJudge:
    """The judge that config.toml describes. Raises JudgeError without key and server."""
    wanted, key = config.judge, config.openai_api_key
    if key is None and not wanted.base_url:
        raise JudgeError(
            "the language model needs OPENAI_API_KEY, which is not set",
            "Set it in the environment or in .env, name your own server as [judge] base_url, or "
            "use the local judge",
        )
    settings = Settings(
        model=wanted.model,
        base_url=wanted.base_url,
        key=key.get_secret_value() if key else "",
        effort=wanted.effort,
        timeout=wanted.timeout,
    )
    return LlmJudge(thesis, settings, wanted.at_once)
