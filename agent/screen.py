"""How answers look in a terminal. Text from the web is shown without markup or control codes."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from agent import terminal
from agent.errors import ItemError
from agent.progress import Progress, silent
from agent.sources import Fault

MOST_FAULTS = 10
MOST_EVENTS = 15


def console() -> Any:
    """Standard output; wide when it is not a terminal, so that pipes get whole lines."""
    from agent.console import Console

    return Console(sys.stdout, None if sys.stdout.isatty() else 160)


@contextmanager
def progress(label: str, total: int | None, *stages: str) -> Iterator[Progress]:
    """A bar on standard error that counts `stages`; nothing when that is no terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from agent.console import Console

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(
        *columns,
        console=Console(sys.stderr),
        transient=True,
        redirect_stdout=False,  # or rich reads colours and links out of what others print meanwhile
        redirect_stderr=False,
    ) as bar:
        task = bar.add_task(label, total=total)

        def advance(name: str, count: int) -> None:
            if name in (stages or (label,)):
                bar.advance(task, count)

        yield advance


def safe(text: str | None) -> str:
    """Text from outside, harmless to a terminal and to rich."""
    from rich.markup import escape

    return escape(stripped(text or ""))


def stripped(text: str) -> str:
    """Text from outside on one line, without what steers a terminal."""
    return terminal.one_line(text)


def as_json(answer: Any, indent: int | None = None) -> str:
    """JSON in which whatever could steer a terminal is spelled as an escape; nothing is lost."""
    import json

    text = json.dumps(answer, ensure_ascii=False, indent=indent)
    return terminal.STEERING.sub(lambda match: json.dumps(match[0])[1:-1], text)


def score(answer: dict[str, Any], names: dict[str, str]) -> None:
    """The score, then what each category adds."""
    out = console()
    out.print(
        f"[bold]{answer['score']:.1f}[/bold] of 100   band {answer['low']:.1f} to "
        f"{answer['high']:.1f}   prior {answer['prior']:.0f}   as of {answer['as_of']}"
    )
    out.print(
        f"{answer['events']:,} events, {answer['publishers']:,} publishers, largest event "
        f"{answer['largest_share']:.0%} of the weight   status: {answer['status']}"
    )
    table = columns("category", ">adds", ">low", ">high", ">events", "")
    widest = max((abs(part["log_odds"]) for part in answer["categories"].values()), default=0.0)
    for id_, part in sorted(answer["categories"].items(), key=lambda pair: -pair[1]["log_odds"]):
        table.add_row(
            safe(names.get(id_, id_)),
            f"{part['log_odds']:+.3f}",
            f"{part['low']:+.3f}",
            f"{part['high']:+.3f}",
            str(part["events"]),
            _bar(part["log_odds"], widest),
        )
    out.print(table)
    out.print("in log-odds; + makes the thesis stronger")


def evidence(answer: dict[str, Any], limit: int) -> None:
    """Ledger rows, largest first, each with its source."""
    out = console()
    if "since" in answer:
        out.print(
            f"{answer['score_then']:.1f} -> {answer['score']:.1f} of 100 between "
            f"{answer['since']} and {answer['as_of']} ({answer['change']:+.3f} log-odds)"
        )
        causes = answer["causes"].items()
        out.print("by cause: " + ", ".join(f"{name} {size:+.3f}" for name, size in causes))
    else:
        from_rows = answer["log_odds"] - answer["prior_log_odds"]
        out.print(
            f"{answer['score']:.1f} of 100 as of {answer['as_of']}: prior "
            f"{answer['prior_log_odds']:+.3f}, rows {from_rows:+.3f} log-odds"
        )
    rows = answer["rows"]
    table = columns(">adds", "category", "stance", ">owners", "source")
    for row in rows[:limit]:
        source = (
            f"{safe(row['title'])}\n[dim]{safe(row['publisher'])}, "
            f"{(row['published'] or '')[:10]}, {safe(row['url']) or 'no link'}, "
            f"event {row['event_id']}[/dim]"
        )
        table.add_row(
            f"{row['contribution']:+.4f}",
            row["category"],
            f"{row['stance']} {row['severity']}",
            str(len(row["owners"])),
            source,
        )
    out.print(table)
    if len(rows) > limit:
        rest = sum(row["contribution"] for row in rows[limit:])
        out.print(f"and {len(rows) - limit:,} more rows adding {rest:+.4f}; --limit shows more")


def without(answer: dict[str, Any]) -> None:
    """The score with and without what was left out."""
    out = console()
    for one in answer["without"]:
        out.print(f"without the {one['kind']} {safe(one['name'])}")
    for name, place in (("with", ""), ("without", "_without")):
        score, low, high = (answer[f"{part}{place}"] for part in ("score", "low", "high"))
        out.print(f"{name:>8}  {score:.1f} of 100   band {low:.1f} to {high:.1f}")
    out.print(
        f"{answer['rows']:,} rows differ, {answer['change']:+.3f} log-odds as of {answer['as_of']}"
    )


def across(answer: dict[str, Any]) -> None:
    """What would take the score to the other side of 50."""
    out = console()
    gone = answer["without_events"]
    lead = f"{answer['score']:.1f} of 100 as of {answer['as_of']}"
    after = f"{answer['score_without']:.1f}"
    if answer["crosses"]:
        out.print(f"{lead}; without these {len(gone):,} events it would be {after}:")
    else:
        out.print(f"{lead}; without all that supports its side it would be {after}:")
    table = columns(">", "event", "what happened")
    for n, one in enumerate(gone[:MOST_EVENTS], 1):
        table.add_row(str(n), one["event_id"], safe(one["title"]))
    out.print(table)
    if len(gone) > MOST_EVENTS:
        out.print(f"and {len(gone) - MOST_EVENTS:,} more; --json has them all")
    out.print(
        f"or so many new decisive reports ({answer['decisive_nats']:.2f} nats each) for the other "
        "side:"
    )
    counts = columns("category", ">new events")
    for name, count in answer["new_events"].items():
        counts.add_row(safe(name), "it cannot do it alone" if count is None else f"{count:,}")
    each = answer["new_events_on_each"]
    counts.add_row("each of them", "not even all do" if each is None else f"{each:,}")
    out.print(counts)


def backtest(answer: dict[str, Any]) -> None:
    """What the score's history shows of the price, first in words."""
    out = console()
    out.print(f"[bold]{answer['word']}[/bold]   {answer['from']} to {answer['to']}")
    for sentence in answer["sentences"]:
        out.print(sentence)
    if answer["warning"]:
        out.print(f"[yellow]{answer['warning']}[/yellow]")
    table = columns(">score first by", ">correlation", ">low", ">high")
    for one in answer["lags"]:
        low, high = one["interval"]
        if one["lag"] % 5 == 0 or abs(one["lag"]) < 3:
            figures = (f"{size:+.2f}" for size in (one["correlation"], low, high))
            table.add_row(f"{one['lag']} days", *figures)
    out.print(table)
    around = columns(">trading days after a spike", ">mean abnormal return", ">low", ">high")
    for one in answer["event_study"]["windows"]:
        ends = one["interval"] or (None, None)
        cells = ("-" if size is None else f"{size:+.1%}" for size in (one["mean"], *ends))
        around.add_row(f"{one['first']} to {one['last']}", *cells)
    out.print(around)
    spikes = columns("spike", "fired on", ">events", ">expected", ">owners")
    for one in answer["spikes"]:
        expected = "learning" if one["expected"] is None else f"{one['expected']:.1f}"
        counts = (str(one["observed"]), expected, str(one["owners"]))
        spikes.add_row(safe(one["category"]), one["fired_on"], *counts)
    out.print(spikes)


def forecasts(answer: dict[str, Any], summary: str) -> None:
    """Dated questions, and how well the score told those that came out."""
    out = console()
    table = columns("id", "by", ">posed", ">now", "came out", "question")
    for one in answer["questions"]:
        word = {True: "yes", False: "no", None: "open"}[one["came_true"]]
        if one["overdue"]:
            word = "[yellow]due: `thesis forecast resolve`[/yellow]"
        chances = (f"{one[name]:.0%}" for name in ("probability", "probability_last"))
        table.add_row(safe(one["id"]), one["by"], *chances, word, safe(one["text"]))
    out.print(table)
    out.print(summary)
    for one in answer["reliability"]:
        said, true = one["said"], one["true"]
        out.print(f"said {said:.0%}: {true:.0%} of {one['items']} came true")


def verification(file: str, answer: dict[str, Any]) -> None:
    """Whether a pack holds."""
    out = console()
    for fault in answer["faults"]:
        out.print(f"[red]FAULT[/red] {safe(fault)}")
    if answer["faults"]:
        out.print(f"{safe(file)} does not hold: {len(answer['faults']):,} faults")
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in answer["counts"].items())
    out.print(f"{safe(file)} holds: {counts} checked")
    out.print(f"its score is {answer['score']:.1f} as of {answer['as_of']}, computed from it alone")
    out.print(f"seal {answer['seal']}")


def items(rows: Sequence[dict[str, Any]]) -> None:
    """Items, newest first."""
    table = columns("seen", "id", "publisher", "title", "labels")
    for row in rows:
        labels = ", ".join(f"{one['category']} {one['stance']}" for one in row["labels"])
        table.add_row(
            row["first_seen"][:10],
            safe(row["id"]),
            safe(row["publisher"]),
            safe(row["title"]),
            labels,
        )
    console().print(table)


def history(rows: Sequence[dict[str, Any]]) -> None:
    """One line per kept score."""
    table = columns("as of", ">score", ">low", ">high", ">events", ">publishers")
    for row in rows:
        table.add_row(
            row["as_of"][:16],
            *(f"{row[name]:.2f}" for name in ("score", "low", "high")),
            f"{row['events']:,}",
            f"{row['publishers']:,}",
        )
    console().print(table)


def shown(answer: dict[str, Any]) -> None:
    """One item with its verdicts, and its event with why each member is in it."""
    out = console()
    for line in _item(answer["item"]) if answer["item"] else ():
        out.print(line)
    for one in answer["verdicts"]:
        for line in verdict(one):
            out.print(line)
    if event := answer["event"]:
        frozen = f"frozen from {event['frozen'][:10]} on"
        out.print(f"\nevent {event['id']}, opened {event['opened']}, {frozen}")
        for one in event["regroupings"]:
            moved = f"{one['from']} -> {one['to']}"
            out.print(f"{one['kind']} {one['at'][:16]}: {moved}, {safe(one['why'])}")
        table = columns("seen", "publisher", "title", "why it is in this event")
        for one in event["members"]:
            table.add_row(
                one["first_seen"][:16], safe(one["publisher"]), safe(one["title"]), safe(one["why"])
            )
        out.print(table)


def _item(item: Mapping[str, Any]) -> Iterator[str]:
    """What an item says, where it is from, and how far it has come."""
    yield f"[bold]{safe(item['title'])}[/bold]"
    dated = item["published"] or "undated: kept, never scored"
    yield (
        f"{safe(item['publisher'])} (owner {safe(item['owner'])}), {dated}, first seen "
        f"{item['first_seen']}\n{safe(item['url']) or 'no link'}"
    )
    for name in ("summary", "note"):
        if item[name]:
            yield safe(item[name])
    if item["text_hash"]:
        yield f"its text was trimmed for its age; the SHA-256 of it was {item['text_hash']}"
    for passage in item["not_judged"]:
        yield f"[yellow]speaks to a machine, not judged: {safe(passage)}[/yellow]"
    yield f"state {item['state']} {safe(item['state_reason'])}".rstrip()


def verdict(row: Mapping[str, Any]) -> Iterator[str]:
    """A verdict in a line, and a line for each of its labels."""
    held = "relevant" if row["relevant"] else "not relevant"
    late = ", with hindsight" if row["hindsight"] else ""
    said = "abstained" if row["abstained"] else held
    yield f"{row['judge']} ({row['prompt_hash']}){late}: {said}, {safe(row['reason'])}"
    for label in row["labels"]:
        yield "  " + _label(label)


def _label(label: dict[str, Any]) -> str:
    """A label with the words that prove it, or what is wrong with it."""
    said = f"{label['category']} {label['stance']}, severity {label['severity']}"
    parts = [f"{safe(said)}, p {label['p']:.2f}"]
    if label.get("claim"):
        parts.append(f"bears on {safe(label['claim'])}")
    if label.get("quote"):
        parts.append(f'"{safe(label["quote"])}"')
    if label.get("fault"):
        parts.append(f"[yellow]not scored: {safe(label['fault'])}[/yellow]")
    return "; ".join(parts)


def told(id_: str, telling: str, severity: str, headline: str) -> str:
    """An alert on one line of plain text."""
    return f"alert {id_} {telling}, {severity}: {stripped(headline)}"


def alerts(rows: Sequence[dict[str, Any]]) -> None:
    """Every alert in a line or two."""
    out = console()
    if not rows:
        out.print("No alert has fired.")
    for row in rows:
        when = (row["fired_at"] or row["began_at"])[:16].replace("T", " ")
        over = f" until {row['resolved_at'][:10]}" if row["resolved_at"] else ""
        beside = f"   inhibited by {row['inhibited_by']}" if row["inhibited_by"] else ""
        beside += "   replayed" if row["replayed"] else ""
        out.print(f"{row['id']}   {when}{over}   {row['severity']}   {row['state']}{beside}")
        out.print(f"   {safe(row['headline'])}")


def alert(answer: dict[str, Any]) -> None:
    """One alert with its sources."""
    out = console()
    alerts([answer])
    if answer["score_after"] is not None and answer["score_before"] is not None:
        out.print(
            f"   score {answer['score_before']:.1f} before, {answer['score_after']:.1f} after"
        )
    out.print("\nwhat it rests on")
    _alert_sources(answer["evidence"])
    for claim in answer["claims"]:
        how = "" if claim["by"] == "judge" else ", the nearest in wording"
        out.print(f"the essay: {safe(claim['text'])} ({safe(claim['id'])}{how})")
    out.print("\nthe other side" + ("" if answer["against"] else ": nothing in 30 days"))
    _alert_sources(answer["against"])
    for change in answer["changes"]:
        out.print(f"{change['at'][:16].replace('T', ' ')}   {safe(change['change'])}")
    for one in answer["messages"]:
        out.print(f"message to {one['channel']}: {one['state']} {safe(one['error'])}".rstrip())


def _alert_sources(rows: Sequence[dict[str, Any]]) -> None:
    out = console()
    for one in rows:
        more = f" and {len(one['owners']) - 1} more" if len(one["owners"]) > 1 else ""
        out.print(f"   {one['published']}   {safe(one['publisher'])}{more}: {safe(one['title'])}")
        if one["quote"]:
            out.print(f"      “{safe(one['quote'])}”")
        out.print(f"      {safe(one['link'])}", soft_wrap=True)


def silences(rows: Sequence[dict[str, Any]]) -> None:
    """What is kept back."""
    out = console()
    if not rows:
        out.print("Nothing is silenced.")
    for row in rows:
        why = f"   {safe(row['reason'])}" if row["reason"] else ""
        out.print(f"{row['id']}   {safe(row['match'])} until {row['until'][:16]}{why}")


def simulated(rows: Sequence[dict[str, Any]]) -> None:
    """What would have fired."""
    out = console()
    kept_back = sum(bool(row["inhibited_by"]) for row in rows)
    out.print(f"{len(rows)} alerts would have fired, {kept_back} of them inhibited by another")
    for row in rows:
        over = row["resolved_at"][:10] if row["resolved_at"] else "still firing"
        beside = f"   inhibited by {row['inhibited_by']}" if row["inhibited_by"] else ""
        out.print(f"{row['fired_at'][:10]} to {over}   {row['rule']}   {row['severity']}{beside}")
        out.print(f"   {safe(row['headline'])}")
        for one in row["events"][:3]:
            out.print(f"   {one['published']}   {safe(one['publisher'])}: {safe(one['title'])}")


def estimate(answer: dict[str, Any]) -> None:
    """What a run would cost, in a few lines."""
    out = console()
    out.print(f"about {answer['new_items']:,} new items, {answer['backlog']:,} waiting from before")
    if answer["judge"] == "local":
        out.print("the local judge judges them: $0.00")
        return
    basis = "measured here" if answer["measured"] else "before any was measured here"
    out.print(
        f"about {answer['calls']:,} calls of {safe(answer['model'])}, {answer['tokens_in']:,} "
        f"tokens in ({answer['tokens_cached']:,} cached), {answer['tokens_out']:,} out ({basis}): "
        f"${answer['cost']:.2f}"
    )
    out.print(
        f"a run may spend ${answer['run_budget']:.2f}; ${answer['left_this_month']:.2f} are left "
        "of this month's budget"
    )


def sources(rows: Sequence[dict[str, Any]]) -> None:
    """The health of each source, and what to do about those that are not well."""
    table = columns(
        "source", "health", ">items", ">a week", "read (UTC)", "what is wrong and what to do"
    )
    for one in rows:
        table.add_row(
            safe(one["name"]),
            one["health"],
            str(one["items"]),
            f"{one['items_a_week']:.1f}",
            (one.get("last_success") or "never")[:16].replace("T", " "),
            safe(one["why"]),
        )
    console().print(table)


def trials(rows: Sequence[dict[str, Any]]) -> None:
    """What each source has right now, or why that cannot be said and what to do."""
    table = columns(
        "source", ">seconds", ">entries", "newest (UTC)", "what is wrong and what to do"
    )
    for one in rows:
        table.add_row(
            safe(one["name"]),
            f"{one['seconds']:.1f}",
            "-" if one["error"] else str(one["entries"]),
            (one["newest"] or "no date")[:16].replace("T", " ") if one["entries"] else "-",
            safe(one["error"]),
        )
    console().print(table)


def found_feed(found: Any) -> None:
    """A feed that was found, and the newest of what it lists."""
    out = console()
    out.print(f"{safe(found.url)}: {len(found.drafts)} entries")
    table = columns("published", "publisher", "title")
    for one in found.drafts[:MOST_FAULTS]:
        when = f"{one.published:%Y-%m-%d %H:%M}" if one.published else "no date"
        table.add_row(when, safe(one.publisher or "-"), safe(one.title))
    out.print(table)


def kpis(answer: dict[str, Any], limit: int) -> None:
    """The newest periods of each figure with the filing they are from, then the falsifiers."""
    out = console()
    table = columns("figure", "period to", ">value", "accession", "filed", "how", "restated")
    for kpi in answer["kpis"]:
        name = safe(kpi["name"])
        periods: dict[str, list[dict[str, Any]]] = {}
        for one in kpi["values"]:
            periods.setdefault(one["period_end"], []).append(one)
        for end, (first, *later) in list(periods.items())[: -limit - 1 : -1]:
            restated = [f"{_amount(r)} in {r['accession']}, {r['filed']}" for r in later]
            told = (first["accession"], first["filed"], first["derivation"], "\n".join(restated))
            table.add_row(name, end, _amount(first), *map(safe, told))
            name = ""
        if kpi["status"] != "ok":
            table.add_row(name, "", "", "", "", f"[yellow]{safe(kpi['status'])}[/yellow]", "")
    out.print(table)
    rulings = columns("falsifier", "status", "on", "why", "accession")
    for one in answer["falsifiers"]:
        status = one["status"] + ("" if one["final"] or one["status"] != "false" else " so far")
        cells = (one["id"], status, one["on"], one["reason"], one["accession"])
        rulings.add_row(*map(safe, cells))
    out.print(rulings)


def judges(rows: Sequence[dict[str, Any]]) -> None:
    """Judges side by side: the figures, then each category's share of right answers."""
    out = console()
    table = columns("", *(f">{row['judge']}" for row in rows))
    for name, pick in _FIGURES.items():
        table.add_row(name, *(f"{pick(row):.3f}" for row in rows))
    for name in ("items", "relevant", "abstained", "unlabelled"):
        table.add_row(name, *(str(row[name]) for row in rows))
    for step, one in enumerate(rows[0]["gate"]):
        recalls = (f"{row['gate'][step]['recall']:.3f}" for row in rows)
        table.add_row(f"recall of the likeliest {one['pass']:.0%}", *recalls)
    out.print(table)
    by_category = columns("right of all, by category", *(f">{row['judge']}" for row in rows))
    for name in rows[0]["primary"]["by_category"]:
        shares = (row["primary"]["by_category"][name] for row in rows)
        cells = (
            f"{round(one['value'] * one['of'])} of {one['of']} ({one['low']:.2f}-{one['high']:.2f})"
            for one in shares
        )
        by_category.add_row(name, *cells)
    out.print(by_category)
    for row in rows:
        _stances(out, row)
        if row["spent"]:
            out.print(f"{safe(row['judge'])}: {row['spent']}")


_FIGURES: dict[str, Any] = {
    "relevance precision": lambda row: row["relevance"]["precision"],
    "relevance recall": lambda row: row["relevance"]["recall"],
    "relevance F1": lambda row: row["relevance"]["f1"],
    "primary-category accuracy": lambda row: row["primary"]["accuracy"],
    "primary-category macro-F1": lambda row: row["primary"]["macro_f1"],
    "stance macro-F1": lambda row: row["stance"]["macro_f1"],
    "Brier score of relevance": lambda row: row["probabilities"]["brier"],
    "expected calibration error": lambda row: row["probabilities"]["calibration_error"],
}


def _stances(out: Any, row: dict[str, Any]) -> None:
    """Which stance was said where which was true."""
    found = row["stance"]["confusion"]
    table = columns(f"true stance ({row['judge']})", *(f">said {name}" for name in found))
    for name, counts in found.items():
        table.add_row(name, *(str(n) for n in counts.values()))
    out.print(table)


def _amount(one: dict[str, Any]) -> str:
    """A figure with its unit; dollars in millions, as filings have them."""
    if one["unit"] == "USD":
        return f"${one['value'] / 1e6:,.0f}M"
    return f"{one['value']:.2f}%" if one["unit"] == "percent" else f"{one['value']:.1f} days"


def findings(rows: Sequence[Any]) -> None:
    """The doctor's list."""
    out = console()
    for row in rows:
        mark = "[green]ok  [/green]" if row.well else "[red]FIX [/red]"
        out.print(f"{mark} {row.check:<12} {safe(row.found)}")
        if row.way_out:
            out.print(f"                  -> {safe(row.way_out)}")


def faults(source: str, rows: Sequence[Fault]) -> None:
    """What could not be taken, on standard error."""
    for fault in rows[:MOST_FAULTS]:
        said = f"{source}, line {fault.line}: {fault.reason}. {fault.way_out}"
        print(stripped(said), file=sys.stderr)
    if len(rows) > MOST_FAULTS:
        print(f"and {len(rows) - MOST_FAULTS:,} more like these", file=sys.stderr)


def refused(errors: Sequence[ItemError]) -> None:
    """What sources brought that could not be taken, on standard error."""
    for error in errors[:MOST_FAULTS]:
        print(stripped(f"thesis: {error}"), file=sys.stderr)
    if len(errors) > MOST_FAULTS:
        print(f"and {len(errors) - MOST_FAULTS:,} more like these", file=sys.stderr)


def _bar(value: float, widest: float, width: int = 24) -> str:
    length = round(width * abs(value) / widest) if widest else 0
    color = "red" if value > 0 else "green"
    return f"[{color}]{'█' * length}[/{color}]"


def columns(*names: str) -> Any:
    """A table that breaks what is too long and cuts nothing; ">" begins a column of numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(
            name.lstrip(">"),
            justify="right" if name.startswith(">") else "left",
            overflow="fold",
        )
    return table
