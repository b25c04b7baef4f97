"""`thesis ask` and `thesis chat`: parse, call one function, print."""

import sys
from typing import Annotated

import typer

from agent.options import DEFAULT_CONFIG, AsOf, ConfigPath, Json, end_of, now

Continue = Annotated[bool, typer.Option("--continue", help="Go on with the last conversation.")]


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION|-", help="What to ask.")],
    as_of: AsOf = None,
    continue_: Continue = False,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Answer a question from the stored evidence, each sentence cited, or say what is lacking."""
    from contextlib import closing

    from agent import chat_page as page
    from agent import screen
    from agent.chat.answering import Chat
    from agent.chat.sessions import Session
    from agent.errors import StoreError
    from agent.workspace import reading

    asked = sys.stdin.read() if question == "-" else question
    if not asked.strip():
        raise typer.BadParameter("the question is empty")
    with reading(config) as workspace, closing(Chat(workspace)) as chat:
        session = Session.last(workspace) if continue_ else Session(workspace)
        at = now()
        answer = chat.ask(asked, at, as_of=end_of(as_of), before=session.before)
        if as_json:
            print(screen.as_json(answer.as_row(), indent=2), flush=True)
        else:
            page.show(answer)
        try:
            session.add(asked.strip(), answer, at)
        except StoreError as error:
            print(f"thesis: the answer was not kept: {error}", file=sys.stderr)


def chat(
    as_of: AsOf = None, continue_: Continue = False, config: ConfigPath = DEFAULT_CONFIG
) -> None:
    """Ask one question after the other; /help says what else there is."""
    from contextlib import closing

    from agent import chat_terminal as terminal
    from agent.chat.answering import Chat
    from agent.chat.sessions import Session
    from agent.workspace import reading

    with reading(config) as workspace, closing(Chat(workspace)) as talk:
        session = Session.last(workspace) if continue_ else Session(workspace)
        terminal.run(talk, session, now, end_of(as_of))


def register(app: typer.Typer) -> None:
    """Put the commands where the others are."""
    app.command()(ask)
    app.command()(chat)
