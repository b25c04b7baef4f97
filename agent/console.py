"""rich's console, through which the program draws and no text steers. See agent.terminal.

Colours, tables and bars are rich's own; what stands in them may be anybody's.
"""

from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console as RichConsole
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from agent import terminal


class Console(RichConsole):
    """Draws on `stream`; words in colons are words and no pictures."""

    def __init__(self, stream: TextIO, width: int | None = None) -> None:
        super().__init__(file=terminal.behind(stream), width=width, highlight=False, emoji=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As rich does, every piece of text and every address of a link harmless."""
        for text, style, control in super().render(renderable, options):
            if control:
                yield Segment(text, style, control)
            else:
                yield Segment(terminal.harmless(text), _with_harmless_link(style))


def _with_harmless_link(style: Any) -> Any:
    link = style and style.link
    return style.update_link(terminal.harmless(link)) if link else style
