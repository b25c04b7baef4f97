"""A conversation that is kept: each turn a stored row, taken up again where it was left."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from agent.chat.answer import Answer, Citation
from agent.chat.markdown import escaped, of_answer
from agent.chat.model import Turn
from agent.workspace import Workspace
from store import conversations

TITLE = "# What was asked about “{thesis}”\n"


class Session:
    """The turns so far; the first one that is added begins it in the database."""

    def __init__(self, workspace: Workspace, number: int | None = None) -> None:
        self._workspace = workspace
        self._number = number
        self.turns: list[tuple[str, Answer]] = []

    @classmethod
    def last(cls, workspace: Workspace) -> Self:
        """The one that was spoken in last, or a new one where there is none."""
        with workspace.database.reading() as connection:
            number = conversations.newest(connection, workspace.thesis.id)
            rows = conversations.turns(connection, number) if number is not None else []
        session = cls(workspace, number)
        session.turns = [
            (
                row.question,
                Answer(
                    row.answer,
                    tuple(Citation(**one) for one in row.citations),
                    row.refused,
                    row.mode,
                    tuple(row.notes),
                ),
            )
            for row in rows
        ]
        return session

    @property
    def before(self) -> Sequence[Turn]:
        """What was said, for a model."""
        return [Turn(question, answer.text) for question, answer in self.turns]

    def add(self, question: str, answer: Answer, now: datetime) -> None:
        """Keep a turn; it was said even where StoreError is raised because it cannot be kept."""
        self.turns.append((question, answer))
        row = answer.as_row()
        with self._workspace.database.writing() as connection:
            number = self._number or conversations.begin(connection, self._workspace.thesis.id, now)
            conversations.add(
                connection,
                {
                    "conversation_id": number,
                    "asked_at": now,
                    "question": question,
                    **{
                        name: row[name]
                        for name in ("answer", "citations", "refused", "mode", "notes")
                    },
                },
            )
        self._number = number

    def as_markdown(self) -> str:
        """Every turn with its sources, to be read or passed on."""
        parts = [TITLE.format(thesis=self._workspace.thesis.title)]
        for question, answer in self.turns:
            parts += [
                f"## {escaped(' '.join(question.split()))}\n",
                of_answer(answer.text),
                "",
            ]
            parts += [
                f"{one.n}. {escaped(one.title)} {escaped(one.publisher)} {one.published}: "
                + (f"<{one.url}>" if one.url else f"`{one.command}`")
                for one in answer.citations
            ]
            parts += [f"\n_{escaped(note)}_" for note in answer.notes] + [""]
        return "\n".join(parts)
