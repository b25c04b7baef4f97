"""The `thesis alerts` commands: parse, call one function, print."""

from typing import Annotated

import typer

from agent.options import DEFAULT_CONFIG, ConfigPath, Json, Lines, now

app = typer.Typer(
    help="Alerts: what fired, on what, and who was told.",
    rich_markup_mode=None,
    invoke_without_command=True,
)
Name = Annotated[str, typer.Argument(metavar="ID", help="An alert's id.")]
Which = Annotated[str, typer.Argument(metavar="ID|CATEGORY", help="An alert's id, or a category.")]
Days = Annotated[float, typer.Argument(metavar="DAYS", min=0.01, max=3650, help="For how long.")]


@app.callback()
def alerts(
    context: typer.Context,
    ack: Annotated[str | None, typer.Option("--ack", metavar="ID", help="Acknowledge it.")] = None,
    snooze_: Annotated[
        tuple[str, float] | None,
        typer.Option("--snooze", metavar="CATEGORY DAYS", help="Keep its alerts back."),
    ] = None,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Alerts: what fired, on what, and who was told."""
    if context.invoked_subcommand:
        return
    if ack:
        acknowledge(ack, config)
    if snooze_:
        snooze(snooze_[0], snooze_[1], config)
    if not (ack or snooze_):
        list_(as_json, config)


@app.command("list")
def list_(as_json: Json = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Every alert, the latest first."""
    from agent import hearing, screen
    from agent.workspace import reading

    with reading(config) as workspace:
        rows = hearing.table(workspace, now())
    _print_json(rows) if as_json else screen.alerts(rows)


@app.command()
def show(id_: Name, as_json: Json = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """One alert whole: figures, sources, the other side, and what became of it."""
    from agent import hearing, screen
    from agent.workspace import reading

    with reading(config) as workspace:
        answer = hearing.show(workspace, id_, now())
    _print_json(answer) if as_json else screen.alert(answer)


@app.command("ack")
def acknowledge(id_: Name, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Say that an alert was heard: it is not told again."""
    from agent import hearing
    from agent.workspace import writing

    with writing(config) as workspace:
        hearing.acknowledge(workspace, id_, now())
    print(f"{id_} is acknowledged.")


@app.command()
def snooze(which: Which, days: Days, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Keep an alert, or all alerts of a category, back for some days."""
    from agent import hearing
    from agent.workspace import writing

    with writing(config) as workspace:
        until = hearing.snooze(workspace, which, days, now())
    print(f"{which} is kept back until {until:%Y-%m-%d %H:%M} UTC.")


@app.command()
def silence(
    match: Annotated[
        str, typer.Argument(metavar="CATEGORY|RULE|*", help="What to keep back; * is everything.")
    ] = "",
    days: Annotated[float, typer.Option("--days", min=0.01, max=3650, help="For how long.")] = 1.0,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever asks later.")] = "",
    end: Annotated[
        int | None, typer.Option("--end", help="End the silence of this number.")
    ] = None,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Tell nobody of alerts that match, yet to come ones too; without arguments, what is silent."""
    from agent import hearing, screen
    from agent.workspace import reading, writing

    if end is not None:
        with writing(config) as workspace:
            hearing.end_silence(workspace, end, now())
        print(f"Silence {end} has ended.")
    elif match:
        with writing(config) as workspace:
            number, until = hearing.silence(workspace, match, days, reason, now())
        print(f"Silence {number}: {match} until {until:%Y-%m-%d %H:%M} UTC.")
    else:
        with reading(config) as workspace:
            rows = hearing.silences(workspace, now())
        _print_json(rows) if as_json else screen.silences(rows)


@app.command()
def test(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="A channel of config.toml.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Send a marked sample over a channel now."""
    from agent import delivery
    from agent.workspace import read_settings

    delivery.sample(*read_settings(config), channel, now())
    print(f"A sample was sent over {channel!r}.")


@app.command()
def deliver(
    dead: Annotated[bool, typer.Option("--dead", help="Also what was given up.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Send what waits in the outbox, without a pass over the sources."""
    import sys

    from agent import delivery
    from agent.workspace import writing

    with writing(config) as workspace:
        if dead:
            delivery.revive(workspace, now())
        done = delivery.deliver(workspace, now())
    for failure in done.failures:
        print(f"thesis: {failure}", file=sys.stderr)
    print(f"{done.sent} sent, {done.waiting} waiting, {done.dead} given up")
    if done.failures or done.dead:
        raise typer.Exit(1)


@app.command()
def simulate(file: Lines, as_json: Json = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Replay items in a folder of its own and say when which rule would have fired."""
    from agent import screen, simulating
    from agent.sources import files
    from agent.workspace import read_settings

    settings, thesis = read_settings(config)
    fetched = files.fetch(file, file)
    with screen.progress("replay", 2 * len(fetched.drafts), "judge", "replay") as progress:
        rows = simulating.run(settings, thesis, fetched, file, now(), progress)
    _print_json(rows) if as_json else screen.simulated(rows)
    screen.faults(file, fetched.faults)
    if fetched.faults:
        raise typer.Exit(1)


def _print_json(answer: object) -> None:
    from agent import screen

    print(screen.as_json(answer, indent=2))
