"""The `thesis` command: parse, call one function, print.

Nothing slow is imported before a command needs it.
"""

import codecs
import errno
import sys
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent import alerts_cli, chat_cli, daemon_cli, terminal, upkeep_cli
from agent.clock import NOTED
from agent.options import (
    DEFAULT_CONFIG,
    MOST_ROWS,
    AsOf,
    CategoryOption,
    ConfigPath,
    Json,
    Limit,
    Lines,
    Since,
    a_day,
    end_of,
    now,
    start_of,
)

if TYPE_CHECKING:
    from agent.intake import Intake
    from agent.workspace import Workspace

app = typer.Typer(
    name="thesis",
    help="Watch an investment thesis: evidence in, a score you can take apart out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
index = typer.Typer(help="The vector index.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(index, name="index")
app.add_typer(alerts_cli.app, name="alerts")
forecast = typer.Typer(help="Dated questions.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(forecast, name="forecast")
audit = typer.Typer(help="Audit packs.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(audit, name="audit")
event = typer.Typer(help="Events by hand.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(event, name="event")
source = typer.Typer(help="The list of sources.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(source, name="source")


class EffectKind(StrEnum):
    """What coming true does to the thesis."""

    SUPPORTS = "supports"
    WEAKENS = "weakens"


class Outcome(StrEnum):
    """How a question came out."""

    YES = "yes"
    NO = "no"


class JudgeKind(StrEnum):
    """Who may be asked by name."""

    LOCAL = "local"
    LLM = "llm"


UNPRINTABLE = (errno.ENOSPC, errno.EIO, errno.EBADF)
"""What a full disk or a terminal that is gone says to whoever prints."""
INTERRUPTED = 130
"""How Typer leaves after Ctrl-C."""


def main() -> None:
    """Entry point: an error of ours is one line on standard error and exit code 1."""
    from agent.errors import ThesiswatchError

    terminal.open_missing()
    _speak_utf8()
    terminal.guard()
    try:
        try:
            app(prog_name="thesis")
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in UNPRINTABLE:
            raise
        print(f"thesis: standard output cannot be written: {error.strerror}", file=sys.stderr)
        terminal.forget_output()
        sys.exit(1)
    except ThesiswatchError as error:
        print(terminal.one_line(f"thesis: {error}"), file=sys.stderr)
        sys.exit(1)
    except SystemExit as left:
        if left.code == INTERRUPTED:
            print("thesis: stopped; what was done is kept, run again to finish", file=sys.stderr)
        raise


def _speak_utf8() -> None:
    """Pipes and files get UTF-8 on every system; a screen that lacks a character shows another."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write.")] = Path(),
) -> None:
    """Write config.toml, an editable copy of the default thesis, and a data folder."""
    from agent import setup

    path = setup.initialise(folder)
    print(f"Wrote {path} and {folder / setup.THESIS_FOLDER}/.")
    print(f"Next: edit the sources in {path}, then `thesis run --config {path}`.")


@app.command()
def demo() -> None:
    """Replay the bundled archive offline in a temporary folder, and show what comes out."""
    from agent.demo import show

    show.run()


@app.command()
def run(
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what it would cost, and do nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the estimate as JSON.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """One pass over the configured sources."""
    from agent import pipeline, screen
    from agent.workspace import writing

    if estimate:
        _estimate(config, as_json)
        return
    with writing(config) as workspace:
        total = len(workspace.config.sources)
        with screen.progress("collect", total) as progress:
            report = pipeline.run(workspace, _instant(workspace), progress)
    for failure in (*report.failures, *report.unread):
        print(f"thesis: {failure}", file=sys.stderr)
    screen.refused(report.intake.refused)
    looked = f"looked at {total - len(report.failures)} of {total} sources"
    again = ", as before" if report.intake.faults and not report.intake.refused else ""
    print(f"{_counted(report.intake)}{again}; {looked}")
    print(_ended(report.standing))
    if report.index_anew:
        print("the vector index could not be used and was made anew from the database")
    if report.spent:
        print(report.spent)
    _tell(report.told, report.delivered)
    unwell = report.failures or report.unread or report.intake.refused or report.delivered.failures
    if unwell or report.standing.sight.waiting:
        raise typer.Exit(1)


def _tell(told: Sequence[Any], delivered: Any) -> None:
    """The alerts that somebody is told of, and what could not be sent."""
    from agent import screen

    for one in told:
        print(screen.told(one.alert.id, one.telling, one.alert.severity, one.alert.case.headline))
    for failure in delivered.failures:
        print(f"thesis: {failure}", file=sys.stderr)


def _estimate(config: Path, as_json: bool) -> None:
    from contextlib import closing, nullcontext

    from agent import estimate, screen
    from agent.workspace import read_settings
    from store.database import exists, open_to_read

    loaded, thesis = read_settings(config)
    folder = loaded.data_folder
    with closing(open_to_read(folder)) if exists(folder) else nullcontext() as database:
        answer = estimate.of_run(loaded, thesis, database, now())
    _print_json(answer) if as_json else screen.estimate(answer)


@app.command("import")
def import_(file: Lines, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Take items from JSON Lines as if a source delivered them now."""
    from agent import pipeline, screen
    from agent.intake import take
    from agent.sources import files
    from agent.workspace import writing

    fetched = files.fetch(file, file)
    with (
        writing(config) as workspace,
        screen.progress("score", len(fetched.drafts)) as progress,
        pipeline.Pass(workspace, progress, ask_at=(at := _instant(workspace))) as one,
    ):
        with workspace.database.writing() as connection:
            got = take(
                connection,
                workspace.publishers,
                fetched.drafts,
                fetched.faults,
                source=file,
                now=at,
                seen_at=lambda draft: at,
            )
        one.advance(at)
        standing = one.snapshot(at)
        told, delivered = pipeline.tell(workspace, at)
    print(_counted(got))
    print(_ended(standing))
    if one.spent:
        print(one.spent)
    _tell(told, delivered)
    _exit_on_faults(file, got)
    if delivered.failures:
        raise typer.Exit(1)


@app.command()
def replay(file: Lines, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Run items from JSON Lines day by day, the clock set to each day; no model is asked."""
    _replay(file, config, asking=False)


@app.command()
def backfill(
    file: Lines,
    batch: Annotated[
        bool, typer.Option("--batch", help="Ask in a batch, at half price, within a day.")
    ] = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """A replay in which the language model is asked, with hindsight; its verdicts say so."""
    if not batch:
        _replay(file, config, asking=True)
        return
    from agent import backfill as backfills
    from agent import screen
    from agent.sources import files
    from agent.workspace import writing

    fetched = files.fetch(file, file)
    with (
        writing(config) as workspace,
        screen.progress("replay", 2 * len(fetched.drafts), "judge", "replay") as progress,
    ):
        done = backfills.run(workspace, fetched, file, now(), progress)
    for line in done.lines:
        print(line)
    _replayed(done.replay)
    _exit_on_faults(file, done.replay.intake)


def _replay(file: str, config: Path, *, asking: bool) -> None:
    from agent import replay as replays
    from agent import screen
    from agent.sources import files
    from agent.workspace import writing

    fetched, at = files.fetch(file, file), now()
    with (
        writing(config) as workspace,
        screen.progress("replay", 2 * len(fetched.drafts), "judge", "replay") as progress,
    ):
        done = replays.replay(
            workspace, fetched, file, progress, today=at, ask_at=at if asking else None
        )
    _replayed(done)
    _exit_on_faults(file, done.intake)


def _replayed(done: Any) -> None:
    print(f"{_counted(done.intake)}; {done.days} days")
    if done.standing:
        print(_ended(done.standing))
    if done.spent:
        print(done.spent)


@app.command()
def classify(
    file: Lines,
    judge: Annotated[
        JudgeKind, typer.Option(help="Who judges; llm asks the model in [judge].")
    ] = JudgeKind.LOCAL,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Judge items from JSON Lines and print a verdict a line; nothing is stored."""
    from agent import classify as classifying
    from agent import screen
    from agent.sources import files
    from agent.workspace import read_settings

    loaded, thesis = read_settings(config)
    fetched = files.fetch(file, file)
    classifier = classifying.Classifier(loaded, thesis, judge)
    for answer in classifier.classify(fetched.drafts):
        print(screen.as_json(answer))
    if spent := classifier.spent():
        print(spent, file=sys.stderr)
    screen.faults(file, fetched.faults)
    if fetched.faults:
        raise typer.Exit(1)


@app.command(name="eval")
def evaluate(
    gold: Annotated[str, typer.Argument(metavar="GOLD|-", help="Labelled items, JSON Lines.")],
    judge: Annotated[
        list[JudgeKind] | None, typer.Option(help="Whom to grade; give it again to compare.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write a PNG chart here.")] = None,
    prompts: Annotated[
        list[Path] | None, typer.Option(help="Grade the model with prompt files from here, too.")
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Weigh the evidence by what was measured.")
    ] = False,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """How good a judge is, against items labelled by hand; stores nothing but --calibrate."""
    from agent import charts, grading, screen
    from agent.workspace import read_settings

    loaded, thesis = read_settings(config)
    judges = judge or ([] if prompts else [JudgeKind.LOCAL])
    graded, faults = grading.grade(loaded, thesis, gold, judges, prompts or [])
    rows = [one.as_row() for one in graded]
    if out is not None:
        charts.judges_as_png(rows, out, title=f"{thesis.title}: judges against labels by hand")
        print(f"Wrote {out}", file=sys.stderr)
    _print_json(rows) if as_json else screen.judges(rows)
    if calibrate:
        _calibrate(config, graded, gold)
    screen.faults(gold, faults)
    if faults:
        raise typer.Exit(1)


def _calibrate(config: Path, graded: Sequence[Any], gold: str) -> None:
    from agent import recalibrating
    from agent.workspace import writing

    with writing(config) as workspace:
        done = recalibrating.keep(workspace, graded, gold, _instant(workspace))
    change = f"{done.before:.1f} -> {done.after.score.score:.1f}"
    print(f"Restated {done.rows} ledger rows; today's score {change}", file=sys.stderr)


@app.command()
def score(as_of: AsOf = None, as_json: Json = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """How strong the thesis is, with its band and what each category adds."""
    from agent import report, screen
    from agent.workspace import reading

    with reading(config) as workspace:
        answer = report.score(workspace, end_of(as_of))
        names = {category.id: category.name for category in workspace.thesis.categories}
    _print_json(answer) if as_json else screen.score(answer, names)


@app.command()
def history(
    plot: Annotated[bool, typer.Option("--plot", help="Draw it in the terminal.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write a PNG chart here.")] = None,
    since: Since = None,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """The score's path over time."""
    from agent import charts, report, screen
    from agent.workspace import reading

    with reading(config) as workspace:
        rows = report.history(workspace, start_of(since), None)
        title = workspace.thesis.title
    if out is not None:
        charts.as_png(rows, out, title=title)
        print(f"Wrote {out}", file=sys.stderr)
    if as_json:
        _print_json(rows)
    elif plot:
        print(charts.in_terminal(rows, screen.console().width))
    elif out is None:
        screen.history(rows)


@app.command()
def explain(
    since: Since = None,
    as_of: AsOf = None,
    category: CategoryOption = None,
    item: Annotated[str | None, typer.Option("--item", help="Only this item's event.")] = None,
    limit: Limit = 20,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """The ledger rows behind the score or, with --since, behind its change."""
    from agent import report, screen
    from agent.workspace import reading

    begin, end = start_of(since), end_of(as_of)
    if begin and begin > (end or now()):
        raise typer.BadParameter(f"{since} is after the score that is explained")
    with reading(config) as workspace:
        answer = report.explain(workspace, since=begin, as_of=end, category=category, item_id=item)
    _print_json(answer) if as_json else screen.evidence(answer, limit)


@app.command()
def whatif(
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="EVENT|CATEGORY|PUBLISHER", help="Leave this out; may be repeated."),
    ] = None,
    as_of: AsOf = None,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """The score without some of its evidence; without options, what would take it across 50."""
    from agent import report, screen, whatif
    from agent.workspace import reading

    with reading(config) as workspace:
        found = report.standing_at(workspace, end_of(as_of))
        if without:
            answer = whatif.without(workspace, found, without)
        else:
            answer = whatif.across(workspace, found)
    if as_json:
        _print_json(answer)
    elif without:
        screen.without(answer)
    else:
        screen.across(answer)


@app.command()
def backtest(
    prices: Annotated[
        Path | None, typer.Option("--prices", help="A CSV of daily closes, not [prices].")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write a PNG chart here.")] = None,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Hold the score's history against prices, and say what that shows, if anything."""
    from agent import backtesting, charts, screen
    from agent import prices as closes
    from agent.workspace import reading

    with reading(config) as workspace:
        found = closes.load(workspace.config, prices)
        answer = backtesting.run(workspace, found, workspace.config.prices.label)
        title = workspace.thesis.title
    if out is not None:
        charts.backtest_as_png(answer, out, title=title)
        print(f"Wrote {out}", file=sys.stderr)
    _print_json(answer) if as_json else screen.backtest(answer)


@app.command()
def items(
    since: Since = None,
    as_of: AsOf = None,
    category: CategoryOption = None,
    event: Annotated[str | None, typer.Option("--event", help="Only this event's.")] = None,
    match: Annotated[str | None, typer.Option("--match", help="Only with these words.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, max=MOST_ROWS, help="At most so many.")
    ] = None,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Stored items, newest first (40 unless --limit or --json says otherwise)."""
    from agent import report, screen
    from agent.workspace import reading

    with reading(config) as workspace:
        rows = report.listing(
            workspace,
            since=start_of(since),
            as_of=end_of(as_of),
            category=category,
            event_id=event,
            match=match,
            limit=limit if as_json or limit else 40,
        )
    _print_json(rows) if as_json else screen.items(rows)


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="An item's or event's id.")],
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """One item or event: what was said of it, and why it is where it is."""
    from agent import report, screen
    from agent.workspace import reading

    with reading(config) as workspace:
        answer = report.show(workspace, id_)
    _print_json(answer) if as_json else screen.shown(answer)


@app.command()
def review(limit: Limit = 20, as_json: Json = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Confirm or correct verdicts, a key for each, the weightiest and the undecided first."""
    from dataclasses import asdict

    from agent import review_page, reviewing
    from agent.workspace import reading, writing

    with reading(config) as workspace:
        cases = reviewing.queue(workspace, limit)
        names = {category.id: category.name for category in workspace.thesis.categories}
    if as_json:
        _print_json([asdict(case) for case in cases])
        return
    if not cases:
        print("There is nothing to review.")
        return

    def decide(decision: reviewing.Decision) -> reviewing.Outcome:
        with writing(config) as opened:
            return reviewing.decide(opened, decision, _instant(opened))

    done = review_page.run(cases, names, decide, review_page.next_key, typer.prompt)
    print(
        f"{done.accepted} accepted, {done.changed} changed, {done.rejected} rejected, "
        f"{done.skipped} skipped; {done.rows} ledger rows restated"
    )


@app.command()
def digest(
    day: Annotated[
        str | None, typer.Option("--date", help="The digest of this day; yesterday's without.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write .eml, .html, .txt and .png here.")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Open it in a browser.")] = False,
    weekly: Annotated[bool, typer.Option("--weekly", help="The seven days up to it.")] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Send it to the channels of [digest] now.")
    ] = False,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Is the thesis stronger or weaker than the day before, and why: as a mail would say it."""
    from dataclasses import asdict

    from agent.digest import files, making, sending
    from agent.digest.schedule import Kind
    from agent.workspace import reading, writing

    with (writing if send else reading)(config) as workspace:
        at = a_day(day) if day else making.yesterday(workspace, now())
        kind = Kind.WEEKLY if weekly else Kind.DAILY
        made = making.make(workspace, at, now(), kind, ask=send)
        told = sending.send_now(workspace, made, now()) if send else None
    if made.note:
        print(f"thesis: {made.note}", file=sys.stderr)
    if out is not None:
        for path in files.write(made, out):
            print(f"Wrote {path}", file=sys.stderr)
    if preview:
        files.open_page(made)
    if as_json:
        _print_json(asdict(made.facts))
    elif told is None and out is None and not preview:
        print(f"{made.parcel.subject}\n\n{made.parcel.text}")
    if told is not None:
        print("\n".join([made.parcel.subject, *told.lines]), file=sys.stderr)
        if not told.is_sent:
            raise typer.Exit(1)


chat_cli.register(app)


@app.command()
def kpis(
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=MOST_ROWS, help="Periods of each to show.")
    ] = 6,
    out: Annotated[Path | None, typer.Option("--out", help="Write a PNG chart here.")] = None,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Figures from filings, each with the filing it is from, and the falsifiers they decide."""
    from agent import charts, kpi_report, screen
    from agent.workspace import reading

    with reading(config) as workspace:
        answer = kpi_report.table(workspace, now())
        title = workspace.thesis.title
    if out is not None:
        charts.kpis_as_png(answer["kpis"], out, title=title)
        print(f"Wrote {out}", file=sys.stderr)
    if as_json:
        _print_json(answer)
    elif out is None:
        screen.kpis(answer, limit)


daemon_cli.register(app)


@app.command()
def sources(
    check: Annotated[bool, typer.Option("--check", help="Try them all now; keep nothing.")] = False,
    as_json: Json = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """The configured sources: health and what each brings; with --check what each has right now."""
    from agent import collecting, report, screen
    from agent.workspace import read_settings, reading

    if not check:
        with reading(config) as workspace:
            rows = report.source_table(workspace, now())
        _print_json(rows) if as_json else screen.sources(rows)
        return
    settings, thesis = read_settings(config)
    with screen.progress("check", len(settings.sources)) as progress:
        tried = collecting.try_out(settings, thesis.entities, progress)
        trials = [report.trial(one) for one in tried]
    _print_json(trials) if as_json else screen.trials(trials)
    if any(one["error"] for one in trials):
        raise typer.Exit(1)


@app.command()
def doctor(as_json: Json = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Check configuration, data, clock, keys, index, daemon and messages; say what to do."""
    from dataclasses import asdict

    from agent import doctor as checks
    from agent import screen

    findings = checks.examine(config, now())
    _print_json([asdict(one) for one in findings]) if as_json else screen.findings(findings)
    if not all(one.well for one in findings):
        raise typer.Exit(1)


upkeep_cli.register(app)


@source.command("add")
def add(
    url: Annotated[str, typer.Argument(help="A feed, or a page that has one.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call it.")] = None,
    publisher: Annotated[str, typer.Option("--publisher", help="Its only writer.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Add it without asking.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Find the feed of a page, show what it would bring, and add it to config.toml."""
    from agent import config as configuration
    from agent import screen, subscriptions

    found = subscriptions.find(configuration.load(config), url)[0]
    screen.found_feed(found)
    try:
        agreed = yes or typer.confirm(f"Add it to {config}?")
    except typer.Abort:
        print("\nNothing was added; --yes adds it without asking", file=sys.stderr)
        raise typer.Exit(1) from None
    if not agreed:
        return
    chosen = subscriptions.as_source(found, name, publisher)
    new = subscriptions.add(config, [chosen])
    print(f"Added {new[0].name!r} to {config}." if new else f"It is in {config} already.")


@source.command("import")
def import_sources(
    file: Annotated[Path, typer.Argument(help="An OPML file.")], config: ConfigPath = DEFAULT_CONFIG
) -> None:
    """Add the feeds of an OPML file, as other readers export it, to config.toml."""
    from agent import subscriptions

    new = subscriptions.take_opml(config, file)
    print(f"Added {len(new):,} sources to {config}. Try them with `thesis sources --check`.")


@source.command("export")
def export_sources(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write the feeds of config.toml to standard output as OPML."""
    from agent import config as configuration
    from agent.sources import opml

    print(opml.write(configuration.load(config).sources).decode(), end="")


@forecast.command("list")
def list_(as_json: Json = False, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Every dated question, what the score says of it, and how well it told those that came out."""
    from agent import forecasts, screen
    from agent.workspace import reading

    with reading(config) as workspace:
        answer = forecasts.table(workspace, now())
    _print_json(answer) if as_json else screen.forecasts(answer, forecasts.in_words(answer))


@forecast.command("pose")
def pose(
    text: Annotated[str, typer.Argument(help="What is to come true, in a sentence.")],
    by: Annotated[str, typer.Option("--by", help="The last day on which it may.")],
    effect: Annotated[
        EffectKind, typer.Option("--effect", help="What that does to the thesis.")
    ] = EffectKind.SUPPORTS,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Pose a question of your own; what the score says of it today is kept."""
    from agent import forecasts
    from agent.workspace import writing

    day = end_of(by)
    assert day is not None
    with writing(config) as workspace:
        told = forecasts.pose(workspace, text, effect.value, day.date(), now())
    print(f"{told['id']}: the score gives it {told['probability']:.0%}")


@forecast.command("resolve")
def resolve(
    question: Annotated[str, typer.Argument(metavar="ID", help="The question's id.")],
    outcome: Annotated[Outcome, typer.Argument(help="Whether it came true.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Say how a question came out that no filing decides."""
    from agent import forecasts
    from agent.workspace import writing

    with writing(config) as workspace:
        forecasts.resolve(workspace, question, outcome is Outcome.YES, now())
    print(f"{question} came out {outcome.value}.")


@audit.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="Where to write it.")],
    as_of: AsOf = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Write everything a score rests on into one sealed file."""
    from agent import auditing, pack, report
    from agent.workspace import reading

    with reading(config) as workspace:
        found = report.standing_at(workspace, end_of(as_of))
        data = auditing.export(workspace, found)
    _write(file, data)
    print(f"Wrote {file}: score {found.score.score:.1f} as of {found.as_of:%Y-%m-%d}.")
    print(f"Its seal, to be kept elsewhere: {pack.seal_of(data)}")


@audit.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE.zip", help="An audit pack.")],
    seal: Annotated[
        str | None, typer.Option("--seal", help="The seal it was exported with.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check every byte, quote and figure of a pack, and compute its score again from it alone."""
    from dataclasses import asdict

    from agent import screen, verifying

    answer = asdict(verifying.verify(_read(file), seal))
    _print_json(answer) if as_json else screen.verification(str(file), answer)
    if answer["faults"]:
        raise typer.Exit(1)


@event.command("merge")
def merge(
    one: Annotated[str, typer.Argument(metavar="EVENT", help="An event's id.")],
    other: Annotated[str, typer.Argument(metavar="EVENT", help="Another's.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Make one event of two that report the same happening; the ledger is restated."""
    from agent import regrouping
    from agent.workspace import writing

    with writing(config) as workspace:
        before, after = regrouping.merge(workspace, one, other, _instant(workspace))
    print(f"Merged; score {before:.1f} -> {after:.1f}")


@event.command("split")
def split(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="An item's id.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Give an item that reports something else an event of its own; the ledger is restated."""
    from agent import regrouping
    from agent.workspace import writing

    with writing(config) as workspace:
        before, after = regrouping.split(workspace, item, _instant(workspace))
    print(f"Split; score {before:.1f} -> {after:.1f}")


@index.command("rebuild")
def rebuild(
    embed_again: Annotated[
        bool, typer.Option("--embed-again", help="New vectors first: to change embedders.")
    ] = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Make the vector index anew from the database."""
    from agent import reindex, screen
    from agent.workspace import writing

    with writing(config) as workspace, screen.progress("embed", None) as progress:
        count = reindex.rebuild(workspace, embed_again=embed_again, progress=progress)
    print(f"The index holds {count:,} vectors.")


def _instant(workspace: "Workspace") -> datetime:
    """The instant to work at: none before that of the last work, by whatever it was done."""
    from agent.daemon import situation

    wall = now()
    with workspace.database.writing() as connection:
        at, dropped = situation.begin(connection, workspace.thesis.id, wall)
    if dropped:
        said = "the clock was ahead before: the scores it kept then are dropped"
        print(f"thesis: {said} ({dropped:,})", file=sys.stderr)
    if at - wall > NOTED:
        shows, last = (f"{one:%Y-%m-%d %H:%M} UTC" for one in (wall, at))
        said = f"the clock shows {shows}, the last work was done at {last}"
        print(f"thesis: {said}: what is done now is dated so, too", file=sys.stderr)
    return at


def _counted(got: "Intake") -> str:
    parts = [f"{got.new:,} new items", f"{got.known:,} known"]
    if got.undated:
        parts.append(f"{got.undated:,} undated")
    if got.dated_now:
        parts.append(f"{got.dated_now:,} given the date they lacked")
    if got.faults:
        parts.append(f"{len(got.faults):,} refused")
    return ", ".join(parts)


def _ended(standing: Any) -> str:
    found = standing.score
    return (
        f"score {found.score:.1f} (band {found.low:.1f} to {found.high:.1f}) from "
        f"{found.events:,} events as of {standing.as_of:%Y-%m-%d}; {standing.status}"
    )


def _exit_on_faults(source: str, got: "Intake") -> None:
    """Everything good is in by now; what was not, or cannot count, is said with exit code 1."""
    from agent import screen

    screen.faults(source, got.faults)
    if got.undated:
        print(
            f"{source}: {got.undated:,} items have no date that can be read. They are kept, marked "
            'undated and not scored; import them again with "published" to let them count',
            file=sys.stderr,
        )
    if got.faults or got.undated:
        raise typer.Exit(1)


def _read(file: Path) -> bytes:
    from agent.errors import ThesiswatchError

    try:
        return file.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise ThesiswatchError(f"{file} cannot be read: {reason}", "Check its name") from error


def _write(file: Path, data: bytes) -> None:
    from agent.errors import ThesiswatchError

    try:
        file.write_bytes(data)
    except OSError as error:
        reason = error.strerror or error
        raise ThesiswatchError(f"{file} cannot be written: {reason}", "Name another") from error


def _print_json(answer: dict[str, Any] | Sequence[dict[str, Any]]) -> None:
    from agent import screen

    print(screen.as_json(answer, indent=2))
