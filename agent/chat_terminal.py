"""The chat on a terminal: a line is asked for, an answer is shown as its sentences hold.

Ctrl-C stops an answer and not the program; lines, not whole screens, so that it works over ssh and
in 80 columns. Questions from a pipe are answered one a line.
"""

import sys
import webbrowser
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import chat_page as page
from agent import screen
from agent.chat import commands
from agent.chat.answer import Answer, Citation
from agent.chat.answering import Chat, Showing
from agent.chat.sessions import Session
from agent.errors import ThesiswatchError
from agent.terminal import behind
from store import private

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

HISTORY = "chat_history"
EXPORT = "conversation.md"
Clock = Callable[[], datetime]


class Terminal:
    """One run of the chat."""

    def __init__(
        self, chat: Chat, session: Session, clock: Clock, as_of: datetime | None = None
    ) -> None:
        self._chat = chat
        self._session = session
        self._clock = clock
        self._as_of = as_of
        self._out = screen.console()

    def take(self, line: str) -> bool:
        """Do what a line says; False when it says to leave."""
        name, rest = commands.split(line)
        if name in ("/quit", "/exit"):
            return False
        try:
            if line.startswith("/"):
                self._obey(line, name, rest)
            elif line.strip():
                self._ask(line)
        except ThesiswatchError as error:
            self._say(str(error))
        except KeyboardInterrupt:
            self._say("stopped")
        return True

    def greet(self) -> None:
        """Say what this is, and what was said before."""
        mode = (
            "a language model words the answers" if self._chat.uses_model else "no language model"
        )
        title = screen.safe(self._chat.workspace.thesis.title)
        self._out.print(f"[bold]{title}[/bold]: ask, or /help. ({mode})")
        if self._session.turns:
            question, _ = self._session.turns[-1]
            count = len(self._session.turns)
            self._say(f"Going on after {count} questions; the last one was: {question}")

    def _ask(self, question: str) -> None:
        at = self._clock()
        answer = self._answered(question, at)
        self._session.add(question.strip(), answer, at)

    def _answered(self, question: str, at: datetime) -> Answer:
        """Shows sentences as they come, then the whole with its sources."""
        from rich.live import Live

        said: list[str] = []
        with Live(
            console=self._out,
            transient=True,
            vertical_overflow="visible",
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:

            def words(text: str) -> None:
                said.append(text)
                live.update(page.words("".join(said)))

            def step(tool: str) -> None:
                if not said:
                    live.update(f"[dim]… {screen.safe(tool.replace('_', ' '))}[/dim]")

            answer = self._chat.ask(
                question,
                at,
                as_of=self._as_of,
                before=self._session.before,
                showing=Showing(words, step),
            )
        self._show(answer)
        return answer

    def _show(self, answer: Answer) -> None:
        if not sys.stdout.isatty():
            page.show(answer)
            return
        self._out.print(page.words(answer.text))
        self._out.print(page.sources(answer))
        for note in answer.notes:
            self._say(note)

    def _obey(self, line: str, name: str, rest: str) -> None:
        at = self._clock()
        asked = commands.look(line, self._chat.workspace.thesis, self._chat.today(at, self._as_of))
        if asked is not None:
            answer = self._chat.look(asked, at, as_of=self._as_of)
            self._show(answer)
            self._session.add(line.strip(), answer, at)
            return
        doing = {
            "/show": lambda: self._show_source(rest),
            "/open": lambda: self._open(rest),
            "/export": lambda: self._export(rest),
            "/new": self._renew,
            "/help": self._help,
        }
        doing[name]()

    def _show_source(self, rest: str) -> None:
        from agent import report

        one = self._source(rest)
        if one.item_id:
            screen.shown(report.show(self._chat.workspace, one.item_id))
        else:
            self._say(f"{one.quote or one.title}\n{one.command}")

    def _open(self, rest: str) -> None:
        one = self._source(rest)
        if not one.page:
            raise ThesiswatchError(f"source {one.n} has no page", f"See `{one.command}`")
        self._say(one.page)
        if not webbrowser.open(one.page):
            raise ThesiswatchError("no browser could be opened", "Open the address by hand")

    def _source(self, rest: str) -> Citation:
        known = self._session.turns[-1][1].citations if self._session.turns else ()
        for one in known:
            if rest.strip(" []") == str(one.n):
                return one
        numbers = ", ".join(str(one.n) for one in known) or "none"
        raise ThesiswatchError(f"the last answer has no source {rest!r}", f"It has {numbers}")

    def _export(self, rest: str) -> None:
        path = Path(rest or EXPORT).expanduser()
        try:
            with path.open("x", encoding="utf-8") as out:
                out.write(self._session.as_markdown())
        except OSError as error:
            reason = error.strerror or error
            raise ThesiswatchError(f"{path} cannot be written: {reason}", "Name another") from error
        self._say(f"Wrote {path}")

    def _renew(self) -> None:
        self._session = Session(self._chat.workspace)
        self._say("A new conversation.")

    def _help(self) -> None:
        for one in commands.COMMANDS:
            self._say(f"{(one.name + ' ' + one.argument).ljust(18)} {one.meaning}")

    def _say(self, text: str) -> None:
        self._out.print(page.plain(text), style="dim", markup=False)


def run(chat: Chat, session: Session, clock: Clock, as_of: datetime | None = None) -> None:
    """Ask and answer until the user leaves."""
    terminal = Terminal(chat, session, clock, as_of)
    if not sys.stdin.isatty():
        for line in sys.stdin:
            if not terminal.take(line):
                return
        return
    terminal.greet()
    prompt = _prompt(chat)
    while True:
        try:
            line = prompt.prompt("> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if not terminal.take(line):
            return


def _prompt(chat: Chat) -> "PromptSession[str]":
    """A line with history, completion of commands, and more lines with Alt-Enter."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import create_output

    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    path = chat.workspace.database.folder / HISTORY
    private.make_file(path)
    return PromptSession(
        output=create_output(behind(sys.stdout)),
        history=FileHistory(str(path)),
        auto_suggest=AutoSuggestFromHistory(),
        completer=_completer(chat),
        complete_while_typing=True,
        multiline=True,
        prompt_continuation="  ",
        key_bindings=keys,
    )


def _completer(chat: Chat) -> Any:
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document

    fronts = list(chat.workspace.thesis.weights)

    class Commands(Completer):
        """Slash commands, and fronts behind those that take one."""

        def get_completions(self, document: Document, event: CompleteEvent) -> Any:
            line = document.text_before_cursor
            if not line.startswith("/"):
                return
            name, gap, rest = line.partition(" ")
            if not gap:
                for one in commands.COMMANDS:
                    if one.name.startswith(name):
                        display = f"{one.name} {one.argument}"
                        yield Completion(
                            one.name, -len(name), display=display, display_meta=one.meaning
                        )
            elif name in ("/for", "/against"):
                for front in fronts:
                    if front.startswith(rest):
                        yield Completion(front, -len(rest))

    return Commands()
