"""`thesis status` on one screen: what needs attention first."""

from collections.abc import Iterator, Sequence
from typing import Any

from agent.screen import columns, console, safe, sources

MOST_UNWELL = 5
"""Sources that are named; `thesis sources` has all of them."""


def show(answer: dict[str, Any]) -> None:
    """Print what agent.daemon.checkup found."""
    out = console()
    for one in answer["troubles"]:
        out.print(f"[red]{one['what']}[/red]: {safe(one['found'])}. {safe(one['way_out'])}")
    shown_score = "none" if answer["score"] is None else f"{answer['score']:.1f}"
    out.print(
        f"thesis {answer['thesis']} ({answer['thesis_version']})   data {safe(answer['data'])}"
    )
    out.print(
        f"score {shown_score}   last pass {_instant(answer['last_pass'])}   {answer['status']}"
    )
    out.print(_daemon(answer["daemon"]) + "   " + _disk(answer["disk"]))
    counts = ", ".join(f"{count:,} {state}" for state, count in sorted(answer["items"].items()))
    out.print(
        f"items: {counts}   ledger rows: {answer['ledger_rows']:,}   waiting for the index: "
        f"{answer['index_waiting']:,}   rejected input: {answer['rejected']:,}"
    )
    for line in _spending(answer["judge"]):
        out.print(line)
    for line in _alerted(answer["alerts"]):
        out.print(line)
    if any(one["started_at"] for one in answer["jobs"]):
        _jobs(answer["jobs"])
    _unwell(answer["sources"])


def _daemon(found: dict[str, Any]) -> str:
    if found["pid"] is None:
        return "daemon: none runs"
    return f"daemon: pid {found['pid']} since {_instant(found['since'])}"


def _disk(found: dict[str, Any]) -> str:
    kept = f" ({found['kept'] / 1e6:,.0f} MB of it kept by restores)" if found["kept"] else ""
    size = f"data: {found['total'] / 1e6:,.0f} MB{kept}, {found['free'] / 1e9:,.1f} GB free"
    if found["in_a_year"] is None:
        return size
    return f"{size}, {found['in_a_year'] / 1e6:,.0f} MB in a year at this pace"


def _jobs(rows: Sequence[dict[str, Any]]) -> None:
    """What each job did last, and when it runs next."""
    table = columns("job", "last (UTC)", "next (UTC)", "what came of it")
    for row in rows:
        next_at = _minute(row["next_at"]) if row["next_at"] else "when needed"
        said = f"[red]{safe(row['error'])}[/red]" if row["failures"] else safe(row["said"])
        table.add_row(row["job"], _minute(row["finished_at"]), next_at, said)
    console().print(table)


def _unwell(rows: Sequence[dict[str, Any]]) -> None:
    """The sources that do not do well; `thesis sources` has all of them."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["health"]] = counts.get(row["health"], 0) + 1
    told = ", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "none"
    console().print(f"sources: {told}   (`thesis sources` lists them)")
    bad = [row for row in rows if row["health"] not in ("ok", "never looked at")]
    if bad:
        sources(bad[:MOST_UNWELL])
    if len(bad) > MOST_UNWELL:
        console().print(f"and {len(bad) - MOST_UNWELL} more")


def _minute(at: str | None) -> str:
    return at[:16].replace("T", " ") if at else "never"


def _instant(at: str | None) -> str:
    """A minute that stands by itself."""
    return f"{_minute(at)} UTC" if at else "never"


def _alerted(found: dict[str, Any]) -> Iterator[str]:
    """What fires, and what could not be sent."""
    for one in found["firing"]:
        if one["inhibited_by"]:
            continue  # another one says the same
        what = f"{one['id']} {one['severity']}: {safe(one['headline'])}"
        yield f"[yellow]{one['state']}[/yellow] {what}"
    counts = found["messages"]
    if counts:
        told = ", ".join(f"{count:,} {state}" for state, count in sorted(counts.items()))
        yield f"messages: {told.replace('dead', 'given up')}"
    for one in found["unsent"]:
        state = "given up" if one["state"] == "dead" else f"tried {one['attempts']} times"
        yield f"[red]not sent ({state})[/red] {safe(one['subject'])}: {safe(one['error'])}"


def _spending(judge: dict[str, Any]) -> Iterator[str]:
    """Who judges, what it costs and what its gate misses; one line when no model was ever asked."""
    yield f"judge {judge['kind']} {safe(judge['model'])}".rstrip()
    if judge["kind"] == "local" and not judge["calls"]:
        return
    each = judge["cost_per_scored_event"]
    per_event = "" if each is None else f"   ${each:.4f} per scored event"
    yield (
        f"spent ${judge['cost_this_month']:.2f} of ${judge['monthly_budget']:.2f} this month, "
        f"${judge['cost']:.2f} in all: {judge['calls']:,} calls, {judge['cache_hits']:,} answers "
        f"known from before{per_event}"
    )
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(judge["gate"].items()))
    recall = judge["gate_recall"]
    keeps = (
        "what it misses is not known yet"
        if recall is None
        else f"it keeps about {recall['value']:.0%} of what matters ({recall['low']:.0%}-"
        f"{recall['high']:.0%}, {recall['of']} sampled)"
    )
    yield f"gate: {counts or 'nothing yet'}; {keeps}"
    same = judge["agreement"]
    if same["relevance"]["of"]:
        fronts = ", ".join(
            f"{safe(name)} {rate['value']:.0%} of {rate['of']}"
            for name, rate in same["by_category"].items()
        )
        whole = f"{same['relevance']['value']:.0%} of {same['relevance']['of']}"
        yield f"the local judge agrees with the model: relevance {whole}; {fronts}"
