"""`thesis index rebuild`: a new index from the vectors in SQL, or from new vectors altogether."""

from agent import embed
from agent.intake import text_of
from agent.pipeline import Pass
from agent.progress import Progress, silent
from agent.workspace import EMBEDDER_KEY, Workspace
from store import items, outbox, settings

CHUNK = 500


def rebuild(workspace: Workspace, *, embed_again: bool, progress: Progress = silent) -> int:
    """Empty the index and fill it again; returns how many vectors it was given.

    With `embed_again` every item gets a new vector from the configured embedder first: the way
    to change embedders. A crash half-way leaves SQL complete; run it again.
    """
    if embed_again:
        _embed_all(workspace, progress)
    workspace.index.clear()
    with workspace.database.writing() as connection:
        waiting = outbox.refill(connection)
    with Pass(workspace, progress):
        pass
    return waiting


def _embed_all(workspace: Workspace, progress: Progress) -> None:
    """Replace every vector in one transaction: two models' vectors never stand side by side."""
    embedder = embed.make(workspace.config)
    with workspace.database.writing() as connection:
        rows = items.with_text(connection)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            vectors = embedder.embed([text_of(item) for item in chunk])
            items.replace_vectors(connection, [item.number for item in chunk], vectors)
            progress("embed", len(chunk))
        settings.keep(connection, EMBEDDER_KEY, embedder.name)
