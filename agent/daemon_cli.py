"""`thesis start` and `thesis status`: parse, call one function, print."""

from typing import Annotated

import typer

from agent.options import DEFAULT_CONFIG, ConfigPath, Json, now


def start(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """The daemon: look at every source when it is due, and tell what there is to tell."""
    from agent import scheduler

    scheduler.serve(config, now)


def status(
    alive: Annotated[
        bool, typer.Option("--alive", help="Only whether a daemon shows signs of life.")
    ] = False,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Jobs, backlog, sources, spend, index, disk; exit code 1 when something needs attention."""
    if alive:
        from agent import config as configuration
        from agent.daemon import pulse

        is_alive = pulse.is_alive(configuration.data_folder_of(config), now())
        raise typer.Exit(0 if is_alive else 1)
    from agent import screen, status_page
    from agent.daemon import checkup
    from agent.workspace import reading

    with reading(config) as workspace:
        answer = checkup.examine(workspace, now())
    print(screen.as_json(answer, indent=2)) if as_json else status_page.show(answer)
    if answer["troubles"]:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Put the commands where the others are."""
    for command in (start, status):
        app.command()(command)
