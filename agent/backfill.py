"""`thesis backfill --batch`: a model's verdicts on the past, asked for in one batch at half price.

Three steps, each of which may die and be taken again: questions are noted before they are handed
over, a batch whose reply was lost is found by its mark, and its answers become calls, which are
never paid for twice, in the transaction that forgets the batch. The replay around it then finds the
answers like any others.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from agent import spending
from agent.errors import JudgeError
from agent.judge import llm, prompt
from agent.judge.account import BATCH_DISCOUNT, Later, Question, cost
from agent.judge.batches import Batch, Batches, State
from agent.judge.endpoint import Abilities, Call, Outcome, body
from agent.progress import Progress, silent
from agent.replay import Replay, replay
from agent.sources import Fetched
from agent.workspace import Workspace
from store import batches, calls

MOST = 5000
"""Questions to a batch: with the rules in each, about 150 of the 200 MB that a file may have."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """What a step did: the replay, and a line about every batch that was met."""

    replay: Replay
    lines: tuple[str, ...]
    waiting: bool


def run(
    workspace: Workspace,
    fetched: Fetched,
    source: str,
    now: datetime,
    progress: Progress = silent,
) -> Backfill:
    """Collect what is answered, replay with it, and hand over the questions that are new.

    Raises JudgeError when the endpoint cannot be asked; what was done before is kept.
    """
    lines = collect(workspace, now)
    later: Later = {}
    done = replay(workspace, fetched, source, progress, today=now, ask_at=now, later=later)
    if later:
        lines += [_hand_over(workspace, dict(part), now) for part in _parts(later)]
    with workspace.database.reading() as connection:
        waiting = bool(batches.open_ones(connection))
    return Backfill(done, tuple(lines), waiting)


def collect(workspace: Workspace, now: datetime) -> list[str]:
    """Take in the answers of every batch that has ended; a line about each batch."""
    with workspace.database.reading() as connection:
        rows = batches.open_ones(connection)
    if not rows:
        return []
    with Batches(llm.settings(workspace.config)) as server:
        return [_settle(workspace, server, row.mark, row.provider_id, now) for row in rows]


def _settle(
    workspace: Workspace, server: Batches, mark: str, provider_id: str, now: datetime
) -> str:
    """Bring one batch as far as it goes now."""
    batch = server.look(provider_id) if provider_id else server.find(mark)
    if batch is None:
        with workspace.database.writing() as connection:
            batches.close(connection, mark)
        return f"batch {mark} was never taken; its questions are asked anew"
    if not provider_id:
        with workspace.database.writing() as connection:
            batches.taken(connection, mark, batch.id)
    if batch.state is State.RUNNING:
        return f"batch {batch.id}: {batch.done} of {batch.total} done"
    return _take_in(workspace, server, mark, batch, now)


def _take_in(workspace: Workspace, server: Batches, mark: str, batch: Batch, now: datetime) -> str:
    """Answers become calls as the batch is forgotten, in one transaction."""
    answers = dict(server.collect(batch))
    _refuse_rejections(workspace, mark, batch, answers)
    price = llm.price_of(workspace.config)
    with workspace.database.writing() as connection:
        asked = batches.requests(connection, mark)
        spent = 0.0
        for key in asked.keys() & answers.keys():
            question = Question(asked[key].input_hash, asked[key].prompt_hash, asked[key].model)
            call = _priced(answers[key], cost(answers[key], price, BATCH_DISCOUNT))
            spent += call.cost
            calls.add(connection, spending.as_row(question, call, now, batch.id))
        batches.close(connection, mark)
    answered = len(asked.keys() & answers.keys())
    state = "failed" if batch.state is State.FAILED else "ended"
    return f"batch {batch.id} {state}: {answered} of {len(asked)} answered, ${spent:.4f}"


def _refuse_rejections(
    workspace: Workspace, mark: str, batch: Batch, answers: dict[str, Call]
) -> None:
    """A batch of nothing but rejections says something of our settings and nothing of the items."""
    if answers and all(call.outcome is Outcome.REJECTED for call in answers.values()):
        with workspace.database.writing() as connection:
            batches.close(connection, mark)
        raise JudgeError(
            f"the endpoint rejected all {len(answers)} questions of batch {batch.id}",
            'Set [judge] effort = "" or another model, and run this again; nothing was paid',
        )


def _priced(call: Call, dollars: float) -> Call:
    """As it is kept: nobody repairs an answer of a batch, so an unreadable one is the last word."""
    call = replace(llm.checked(call), cost=dollars)
    return replace(call, attempt=2) if call.outcome is Outcome.UNREADABLE else call


def _parts(later: Later) -> Iterator[tuple[tuple[Question, list[prompt.Message]], ...]]:
    """Questions in files that the other side takes."""
    left = iter(later.items())
    while part := tuple(islice(left, MOST)):
        yield part


def _hand_over(workspace: Workspace, later: Later, now: datetime) -> str:
    """Note the questions, hand them over, note who has them."""
    names = "\n".join(sorted(question.key for question in later))
    mark = hashlib.sha256(f"{now.isoformat()}\n{names}".encode()).hexdigest()[:24]
    wanted, shape = llm.settings(workspace.config), prompt.make(workspace.thesis).shape
    asked = {
        question.key: body(wanted, Abilities(), messages, shape)
        for question, messages in later.items()
    }
    rows = [
        {
            "key": question.key,
            "input_hash": question.input_hash,
            "prompt_hash": question.prompt_hash,
            "model": question.model,
        }
        for question in later
    ]
    with workspace.database.writing() as connection:
        batches.add(connection, mark, now, rows)
    with Batches(wanted) as server:
        batch = server.submit(asked, mark)
    with workspace.database.writing() as connection:
        batches.taken(connection, mark, batch.id)
    return f"handed over {len(rows)} questions as batch {batch.id}; run this again to collect it"
