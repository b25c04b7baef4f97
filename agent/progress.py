"""How a long job tells how far it is, without knowing who listens."""

from collections.abc import Callable

Progress = Callable[[str, int], None]
"""Called with a stage's name and how many items it has just moved on."""


def silent(stage: str, count: int) -> None:
    """A Progress that shows nothing."""
