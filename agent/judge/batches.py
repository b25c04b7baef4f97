"""Many questions in one file, answered within a day at half the price: OpenAI's Batch API.

A batch carries our own mark, so that one whose reply was lost is found again and not paid twice. No
message of the server is repeated: it may hold the key.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from agent.errors import JudgeError
from agent.judge.endpoint import NO_KEY, Call, Outcome, Settings, failed, read_completion

if TYPE_CHECKING:
    from openai.types import Batch as Told

ENDPOINT: Final = "/v1/chat/completions"
WINDOW: Final = "24h"
MARK = "thesiswatch"
"""The name under which a batch carries our mark."""


class State(StrEnum):
    """How far a batch is; `ended` also when it was cut short: what was answered is paid for."""

    RUNNING = "running"
    ENDED = "ended"
    FAILED = "failed"


_STATES = {
    "completed": State.ENDED,
    "expired": State.ENDED,
    "cancelled": State.ENDED,
    "failed": State.FAILED,
}


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the other side tells it: `done` of `total` questions, and its files' ids."""

    id: str
    state: State
    done: int
    total: int
    files: tuple[str, ...]


class Batches:
    """Hands batches over and collects them; use it as a context manager.

    Every method raises JudgeError when the other side refuses or cannot be reached.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from openai import OpenAI

        wanted = self._settings
        self._client: OpenAI = self._stack.enter_context(
            OpenAI(
                api_key=wanted.key or NO_KEY,
                base_url=wanted.base_url or None,
                timeout=wanted.timeout,
                max_retries=wanted.retries,
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def submit(self, questions: Mapping[str, Mapping[str, Any]], mark: str) -> Batch:
        """Hand over request bodies by their names.

        Only the file may be sent twice: a batch whose reply is lost is looked for by its `mark`.
        """
        lines = (
            {"custom_id": name, "method": "POST", "url": ENDPOINT, "body": dict(body)}
            for name, body in questions.items()
        )
        data = "".join(json.dumps(line) + "\n" for line in lines).encode()
        with _translated("hand over a batch"):
            file = self._client.files.create(file=(f"{mark}.jsonl", data), purpose="batch")
            told = self._client.with_options(max_retries=0).batches.create(
                input_file_id=file.id,
                endpoint=ENDPOINT,
                completion_window=WINDOW,
                metadata={MARK: mark},
            )
        return _batch(told)

    def find(self, mark: str) -> Batch | None:
        """The batch with this mark, wherever it stands in the list."""
        with _translated("list the batches"):
            for told in self._client.batches.list(limit=100):
                if (told.metadata or {}).get(MARK) == mark:
                    return _batch(told)
        return None

    def look(self, id_: str) -> Batch:
        """How far a batch is."""
        with _translated("look at a batch"):
            return _batch(self._client.batches.retrieve(id_))

    def collect(self, batch: Batch) -> Iterator[tuple[str, Call]]:
        """(name, call) of every question that has an answer or an error; the others have none."""
        for file in batch.files:
            with _translated("fetch a batch's answers"):
                text = self._client.files.content(file).text
            for line in text.splitlines():
                if found := _answer(line):
                    yield found


class _translated:
    """Errors of the SDK as ours, without what the server said."""

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import openai

        if not isinstance(error, openai.OpenAIError):
            return
        status = getattr(error, "status_code", None)
        what = f"answered {status}" if status else f"could not be reached: {type(error).__name__}"
        raise JudgeError(
            f"could not {self._doing}: the endpoint {what}",
            "Check OPENAI_API_KEY and [judge] base_url, and whether it has a Batch API; run the "
            "same command again: nothing is paid twice",
        ) from error


def _batch(told: "Told") -> Batch:
    counts = told.request_counts
    return Batch(
        id=told.id,
        state=_STATES.get(told.status, State.RUNNING),
        done=(counts.completed + counts.failed) if counts else 0,
        total=counts.total if counts else 0,
        files=tuple(file for file in (told.output_file_id, told.error_file_id) if file),
    )


def _answer(line: str) -> tuple[str, Call] | None:
    """What a line of an answer file says; None when it cannot be told of what.

    None too for a question that was not put: an expired batch lists them without a response.
    """
    from openai.types.chat import ChatCompletion

    try:
        row = json.loads(line)
        name = str(row["custom_id"])
        if row["response"] is None:
            return None
    except (ValueError, KeyError, TypeError):
        return None
    try:
        status = int(row["response"]["status_code"])
        if status != 200:
            return name, failed(status)
        return name, read_completion(ChatCompletion.construct(**row["response"]["body"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return name, Call(Outcome.EMPTY, detail="the batch has no answer that can be read")
