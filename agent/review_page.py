"""The terminal page of `thesis review`: a case at a time, a key for every answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent import screen
from agent.errors import ThesiswatchError
from agent.judge import Label
from agent.reviewing import Case, Decision, Outcome, as_judged

Read = Callable[[], str]
"""Gives the next key."""
Decide = Callable[[Decision], Outcome]
KEYS = "[a] accept   [c] change   [r] reject: not relevant   [n] note   [s] skip   [q] quit"
STANCES = {"s": "supports", "w": "weakens", "n": "neutral"}
BACK = ("\x1b", "\x7f", "\b")
QUIT = ("q", "\x03", "\x04", "")
LONGEST = 1500
"""Letters of a text that are shown."""


@dataclass(slots=True)
class Tally:
    """What was done, for the last line."""

    accepted: int = 0
    changed: int = 0
    rejected: int = 0
    skipped: int = 0
    rows: int = 0


def run(
    cases: Sequence[Case],
    names: Mapping[str, str],
    decide: Decide,
    read: Read,
    ask: Callable[[str], str],
) -> Tally:
    """Go through `cases`; `names` are the categories', `read` gives keys and `ask` a line."""
    tally = Tally()
    for n, case in enumerate(cases, start=1):
        _show(case, n, len(cases))
        note = ""
        while True:
            key = read().lower()
            if key in QUIT:
                return tally
            if key == "s":
                tally.skipped += 1
                break
            if key == "n":
                note = ask("Note")
            labels = _answer(key, case, names, read)
            if labels is not None and (done := _decided(decide, case, labels, note)):
                _count(tally, key)
                tally.rows += done.rows
                break
    return tally


def next_key() -> str:
    """The next key that is pressed. Raises ThesiswatchError where there is no terminal."""
    import click

    try:
        return click.getchar()
    except OSError as error:
        raise ThesiswatchError(
            "there is no terminal to read keys from",
            "Run `thesis review` in one; `thesis review --json` gives the cases to a script",
        ) from error


def _decided(decide: Decide, case: Case, labels: tuple[Label, ...], note: str) -> Outcome | None:
    """What came of a decision; None when it could not be kept, which is said."""
    out = screen.console()
    try:
        done = decide(Decision(case.item_id, labels, note))
    except ThesiswatchError as error:
        out.print(f"[red]not kept: {screen.safe(str(error))}[/red]")
        return None
    change = f"{done.before:.2f} -> {done.after:.2f}"
    out.print(f"kept: {done.rows} ledger rows restated, score {change}")
    return done


def _answer(key: str, case: Case, names: Mapping[str, str], read: Read) -> tuple[Label, ...] | None:
    """The labels that a key stands for; None when it stands for none."""
    if key == "a":
        return as_judged(case.shown)
    if key == "r":
        return ()
    if key == "c":
        label = _change(names, read)
        return None if label is None else (label,)
    return None


def _change(names: Mapping[str, str], read: Read) -> Label | None:
    """A label put together by three keys; None when one of them takes it back."""
    out = screen.console()
    letters = dict(zip("abcdefghijklmnopqrstuvwxyz", names, strict=False))
    choices = "   ".join(f"\\[{key}] {screen.safe(names[id_])}" for key, id_ in letters.items())
    out.print(f"front:  {choices}")
    category = _choose(letters, read)
    if category is None:
        return None
    out.print(f"{screen.safe(names[category])}:  \\[s] supports   \\[w] weakens   \\[n] neutral")
    stance = _choose(STANCES, read)
    if stance is None:
        return None
    out.print(f"{stance}, severity:  \\[1] talk   \\[2] matters   \\[3] decisive")
    severity = _choose({"1": "1", "2": "2", "3": "3"}, read)
    return None if severity is None else Label(category, stance, 1.0, int(severity))


def _choose(choices: Mapping[str, str], read: Read) -> str | None:
    while (key := read().lower()) not in choices:
        if key in BACK or key in QUIT[1:]:
            screen.console().print("taken back")
            return None
    return choices[key]


def _count(tally: Tally, key: str) -> None:
    tally.accepted += key == "a"
    tally.changed += key == "c"
    tally.rejected += key == "r"


def _show(case: Case, n: int, of: int) -> None:
    out, item = screen.console(), case.shown["item"]
    out.rule(f"{n} of {of}")
    dated = item["published"] or "undated"
    out.print(f"[bold]{screen.safe(item['title'])}[/bold]")
    out.print(f"{screen.safe(item['publisher'])}, {dated}\n{screen.safe(item['url'])}")
    text = item["summary"] or item["text"]
    if text:
        out.print(screen.safe(text[:LONGEST]) + (" ..." if len(text) > LONGEST else ""))
    for passage in item["not_judged"]:
        out.print(f"[yellow]speaks to a machine, not judged: {screen.safe(passage)}[/yellow]")
    members = len(case.shown["event"]["members"]) if case.shown["event"] else 1
    out.print(f"why you see it: {screen.safe(case.why)}; {members} in its event")
    for line in _verdicts(case.shown["verdicts"]):
        out.print(line)
    out.print(f"[dim]{screen.safe(KEYS)}[/dim]")


def _verdicts(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for row in rows:
        yield from screen.verdict(row)
