"""What must hold of drafts once they are stored, whatever they were made of."""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from agent.intake import take
from agent.sources import Draft, Fault
from agent.workspace import Workspace

NOW = datetime(2025, 2, 1, 12, tzinfo=UTC)
_STORED = "SELECT title, published_at, first_seen_at FROM item WHERE id = :id"
_COUNT = "SELECT count(*) FROM item"

Take = Callable[[Sequence[Draft], Sequence[Fault]], None]


class _Forget(Exception):
    """Rolls a transaction back, so that the next example finds the database empty."""


def is_plain(*texts: str) -> bool:
    """Whether texts can be stored and hold no control character."""
    return all(unicodedata.category(one) not in ("Cc", "Cs") for text in texts for one in text)


def take_and_forget(workspace: Workspace) -> Take:
    """Takes drafts into a real database, twice, checks what is there, and rolls back."""

    def take_(drafts: Sequence[Draft], faults: Sequence[Fault]) -> None:
        try:
            with workspace.database.writing() as connection:
                _check(connection, workspace, drafts, faults)
                raise _Forget
        except _Forget:
            pass

    return take_


def _check(
    connection: Any, workspace: Workspace, drafts: Sequence[Draft], faults: Sequence[Fault]
) -> None:
    for draft in drafts:
        assert is_plain(draft.id, draft.title, draft.summary, draft.publisher, draft.lang)
        assert is_plain(draft.url or "", draft.text.replace("\n", "").replace("\t", ""))
        assert draft.id
        assert draft.title
    for again in (False, True):
        got = take(
            connection,
            workspace.publishers,
            drafts,
            faults,
            source="s",
            now=NOW,
            seen_at=lambda _: NOW,
        )
        clashes = len(got.faults) - len(faults)
        assert got.new + got.known + got.dated_now + clashes == len(drafts)
        assert got.new == 0 or not again
    _is_there_once(connection, drafts)


def _is_there_once(connection: Any, drafts: Sequence[Draft]) -> None:
    """Every id, seen now, with a date that one of its drafts gave or with none."""
    assert connection.execute(text(_COUNT)).scalar_one() == len({draft.id for draft in drafts})
    given: dict[str, set[str | None]] = {}
    for draft in drafts:
        at = draft.published and draft.published.strftime("%Y-%m-%d %H:%M:%S.%f")
        given.setdefault(draft.id, set()).add(at)
    for id_, dates in given.items():
        row = connection.execute(text(_STORED), {"id": id_}).one()
        assert row.published_at in dates
        assert row.first_seen_at == "2025-02-01 12:00:00.000000"
