"""An answer on a screen or in a pipe: its words, and the numbered panel of its sources.

Words from outside are shown without markup or control codes; links are spelled out.
"""

import sys
from typing import Any

from agent import screen
from agent.chat.answer import Answer, Citation
from agent.chat.markdown import of_answer


def show(answer: Answer) -> None:
    """Print an answer: a page on a terminal, plain lines into a pipe."""
    if sys.stdout.isatty():
        out = screen.console()
        out.print(words(answer.text))
        out.print(sources(answer))
    else:
        print(plain(answer.text))
        for line in _lines(answer):
            print(line)
    for note in answer.notes:
        print(plain(f"note: {note}"), file=sys.stderr)


def words(text: str) -> Any:
    """Checked words as Markdown in which only our own bullets are markup."""
    from rich.markdown import Markdown

    return Markdown(of_answer(plain(text)), hyperlinks=False)


def sources(answer: Answer) -> Any:
    """The panel of sources, a title and a line with its link for each; nothing when none is cited.

    A terminal that knows links opens the whole address of one that is cut to fit.
    """
    from rich.panel import Panel
    from rich.style import Style
    from rich.table import Table
    from rich.text import Text

    if not answer.citations:
        return Text()
    table = Table.grid(padding=(0, 1))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column()
    for one in answer.citations:
        table.add_row(f"[{one.n}]".replace("[", r"\["), Text(screen.stripped(_title(one))))
        style = Style(dim=True, link=one.page or None)
        table.add_row("", Text(screen.stripped(one.link), style, no_wrap=True, overflow="ellipsis"))
    return Panel(table, title="sources", title_align="left", border_style="dim", padding=(0, 1))


def plain(text: str) -> str:
    """Text without what steers a terminal; lines stay lines."""
    return "\n".join(screen.stripped(line) for line in text.split("\n"))


def _lines(answer: Answer) -> list[str]:
    return [screen.stripped(f"[{one.n}] {_title(one)} {one.link}") for one in answer.citations]


def _title(one: Citation) -> str:
    who = ", ".join(filter(None, (one.publisher, one.published)))
    return f"{one.title} ({who})" if who else one.title
