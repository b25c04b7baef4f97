"""A person's word stands over every judge's, for the whole event, and both rows stay visible."""

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import pipeline, report, review_page, reviewing
from agent.config import FILE_NAME
from agent.errors import StoreBusy, ThesiswatchError
from agent.intake import take
from agent.judge import Label
from agent.replay import replay
from agent.reviewing import Decision
from agent.workspace import Workspace
from tests.command import thesis
from tests.fakes import fetched, item
from tests.stored import select, tables
from tests.story import STORY

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
WRONG = "Zinc prices rise [interconnect+3]"


def rows(workspace: Workspace) -> list[dict[str, Any]]:
    found = report.explain(workspace, since=None, as_of=None, category=None, item_id=None)
    return list(found["rows"])


def keys(text: str) -> Callable[[], str]:
    left = list(text)
    return lambda: left.pop(0) if left else "q"


@pytest.fixture
def judged(workspace: Workspace) -> Workspace:
    """Three copies of one event that the judge takes for decisive, and the rest of a story."""
    copies = [item(name, WRONG, "2025-02-20") for name in ("za", "zb", "zc")]
    replay(workspace, fetched(*STORY, *copies), "story")
    return workspace


def test_rejected_event_stops_counting_and_both_rows_stay(judged: Workspace) -> None:
    folder = judged.database.folder
    kept = tables(folder)["evidence"]
    (before,) = [row for row in rows(judged) if row["item_id"] == "za"]
    done = reviewing.decide(judged, Decision("za", note="zinc is no interconnect"), NOW)
    assert done.after < done.before
    assert tables(folder)["evidence"][: len(kept)] == kept
    assert done.rows == 1
    query = "SELECT cause, stance, weight FROM evidence ORDER BY id DESC LIMIT 1"
    assert select(folder, query) == [("correction", "neutral", 0.0)]
    assert before["contribution"] > 0
    after = [row for row in rows(judged) if row["event_id"] == before["event_id"]]
    assert [row["contribution"] for row in after] == [0.0]
    said = report.show(judged, "za")["verdicts"][-1]
    assert (said["judge"], said["reason"]) == ("you", "zinc is no interconnect")
    assert report.show(judged, "zb")["verdicts"][-1]["reason"] == "reports the same event as 'za'"


def test_correction_is_as_of_its_day(judged: Workspace) -> None:
    day_before = report.score(judged, NOW - timedelta(days=1))
    reviewing.decide(judged, Decision("za"), NOW)
    assert report.score(judged, NOW - timedelta(days=1)) == day_before


def test_changed_label_counts_for_all_of_its_event(judged: Workspace) -> None:
    labels = (Label("growth_and_margins", "weakens", 1.0, 1),)
    reviewing.decide(judged, Decision("zb", labels), NOW)
    found = [row for row in rows(judged) if row["contribution"] and row["item_id"][0] == "z"]
    assert [(row["item_id"], row["category"], row["stance"]) for row in found] == [
        ("zb", "growth_and_margins", "weakens")
    ]
    assert len(found[0]["owners"]) == 3


def test_copy_that_comes_later_goes_by_the_correction(judged: Workspace) -> None:
    reviewing.decide(judged, Decision("za"), NOW - timedelta(days=8))
    late = fetched(item("zd", WRONG, "2025-02-21"))
    with judged.database.writing() as connection:
        take(
            connection,
            judged.publishers,
            late.drafts,
            (),
            source="s",
            now=NOW,
            seen_at=lambda draft: NOW - timedelta(days=8),
        )
    with pipeline.Pass(judged) as one:
        one.advance(NOW)
    said = report.show(judged, "zd")["verdicts"][-1]
    assert (said["judge"], said["relevant"]) == ("you", False)
    assert not [row for row in rows(judged) if row["contribution"] and row["item_id"][0] == "z"]


def test_second_thoughts_stand_over_the_first(judged: Workspace) -> None:
    reviewing.decide(judged, Decision("za"), NOW)
    labels = (Label("interconnect", "supports", 1.0, 3),)
    reviewing.decide(judged, Decision("za", labels), NOW + timedelta(minutes=1))
    assert [row for row in rows(judged) if row["contribution"] and row["item_id"] == "za"]


def test_queue_holds_the_weightiest_and_the_undecided_and_not_what_was_reviewed(
    judged: Workspace,
) -> None:
    cases = reviewing.queue(judged, 40)
    weights = [abs(case.contribution) for case in cases if case.contribution]
    assert weights == sorted(weights, reverse=True)
    assert any("abstained" in case.why for case in cases)
    assert "za" in [case.item_id for case in cases]
    reviewing.decide(judged, Decision("za"), NOW)
    assert "za" not in [case.item_id for case in reviewing.queue(judged, 40)]
    assert len(reviewing.queue(judged, 2)) == 2


@pytest.mark.parametrize(
    "wrong", [Decision("nobody"), Decision("za", (Label("x", "weakens", 1, 1),))]
)
def test_decision_on_what_is_not_there_changes_nothing(judged: Workspace, wrong: Decision) -> None:
    before = tables(judged.database.folder)
    with pytest.raises(ThesiswatchError, match="no judged item|no category"):
        reviewing.decide(judged, wrong, NOW)
    assert tables(judged.database.folder) == before


def test_keys_are_answers(judged: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    cases = reviewing.queue(judged, 4)
    made: list[Decision] = []

    def decide(decision: Decision) -> reviewing.Outcome:
        made.append(decision)
        return reviewing.Outcome(1, 50.0, 51.0)

    names = {category.id: category.name for category in judged.thesis.categories}
    typed = keys("xa" + "nr" + "s" + "c\x1b" + "cbw3")
    tally = review_page.run(cases, names, decide, typed, lambda label: "a note")
    assert (tally.accepted, tally.rejected, tally.changed, tally.skipped) == (1, 1, 1, 1)
    accepted, rejected, changed = made
    assert accepted.labels == reviewing.as_judged(cases[0].shown)
    assert (rejected.labels, rejected.note) == ((), "a note")
    second = list(names)[1]
    assert changed.labels == (Label(second, "weakens", 1.0, 3),)
    shown = capsys.readouterr().out
    assert "1 of 4" in shown
    assert "[a] accept" in shown
    assert "taken back" in shown


def test_leaving_keeps_what_was_decided(judged: Workspace) -> None:
    cases = reviewing.queue(judged, 4)
    made: list[Decision] = []

    def decide(decision: Decision) -> reviewing.Outcome:
        made.append(decision)
        return reviewing.Outcome(0, 50.0, 50.0)

    review_page.run(cases, {}, decide, keys("rq"), lambda label: "")
    assert len(made) == 1


def test_decision_that_could_not_be_kept_is_said_and_may_be_made_again(
    judged: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[Any] = [StoreBusy("somebody is writing", "Try later"), None]

    def decide(decision: Decision) -> reviewing.Outcome:
        if (error := answers.pop(0)) is not None:
            raise error
        return reviewing.Outcome(1, 50.0, 51.0)

    tally = review_page.run(reviewing.queue(judged, 1), {}, decide, keys("rr"), lambda label: "")
    assert tally.rejected == 1
    assert "somebody is writing" in capsys.readouterr().out


def test_command_takes_keys_from_a_real_terminal(
    workspaces: Callable[..., Workspace], tmp_path: Path
) -> None:
    replay(workspaces("one"), fetched(item("za", WRONG, "2025-02-20")), "story")
    workspaces.close("one")  # type: ignore[attr-defined]
    config = tmp_path / "one" / FILE_NAME
    assert '"why"' in thesis("review", "--json", "--config", config).out
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from agent import cli; cli.main()", "review"]
    with subprocess.Popen(
        [*command, "--config", str(config)], stdin=theirs, stdout=theirs, stderr=theirs
    ) as running:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the other end is closed when the command ends
            while chunk := os.read(ours, 4096):
                seen += chunk
                if b"quit" in seen:
                    time.sleep(0.3)  # a terminal drops what is typed before it listens
                    os.write(ours, b"r")
        assert running.wait(30) == 0
    os.close(ours)
    assert b"1 rejected" in seen
    assert "There is nothing to review." in thesis("review", "--config", config).out


def test_without_a_terminal_it_says_so_in_a_line(told: Workspace) -> None:
    config = told.config.folder / FILE_NAME
    done = subprocess.run(
        [sys.executable, "-m", "agent", "review", "--config", str(config)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,  # or /dev/tty is that of whoever runs the tests
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "thesis: there is no terminal to read keys from. Run `thesis review` in one; "
        "`thesis review --json` gives the cases to a script\n"
    )
