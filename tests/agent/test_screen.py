import io
import json
import re
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import screen, status_page
from agent.sources import Fault

EVIL = (
    "Evil \x1b[31mred\x1b]0;owned\x07 \x9b2J [bold red]loud[/bold red] [link=https://evil.example]"
    "click[/link] [/] \u202egnp.exe\u2066 \x08\x7f tail\\"
)
SHOWN = "[bold red]loud[/bold red] [link=https://evil.example]click[/link] [/]"
STEERING = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
    r"|[\ufff9-\ufffb\U000e0000-\U000e007f]"
)
STANDING = {"score": 51.0, "low": 49.0, "high": 53.0, "prior": 50.0, "as_of": "2025-01-28"}


def printed(show: Callable[..., None], *values: Any) -> str:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        show(*values)
    return out.getvalue()


def joined(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def row(**more: Any) -> dict[str, Any]:
    return {
        "contribution": 0.0224,
        "category": "custom_silicon",
        "stance": "supports",
        "severity": 2,
        "owners": ["Thomson Reuters", "Bloomberg L.P."],
        "title": EVIL,
        "publisher": EVIL,
        "published": "2025-01-27T00:00:00Z",
        "url": f"https://evil.example/{EVIL}",
        "event_id": "e1",
        **more,
    }


def shown_evidence() -> str:
    answer = {**STANDING, "log_odds": 0.04, "prior_log_odds": 0.0, "rows": [row()]}
    return printed(screen.evidence, answer, 20)


def shown_items() -> str:
    one = {"first_seen": "2025-01-27T00:00:00Z", "id": EVIL, "publisher": EVIL, "title": EVIL}
    return printed(screen.items, [{**one, "labels": []}])


def shown_item() -> str:
    outside = ("title", "publisher", "owner", "url", "summary", "note", "state_reason")
    item = dict.fromkeys(outside, EVIL)
    item |= {"published": None, "first_seen": "2025-01-27", "state": "quarantined"}
    item |= {"not_judged": [EVIL], "text_hash": "9f86d081"}
    verdict = {"labels": [], "abstained": True, "relevant": False, "judge": "local"}
    label = {"category": EVIL, "stance": EVIL, "severity": 2, "p": 0.9}
    label |= {"claim": EVIL, "quote": EVIL, "fault": EVIL}
    verdict |= {"prompt_hash": "abc", "reason": EVIL, "hindsight": True, "labels": [label]}
    member = {"first_seen": "2025-01-27T00:00", "publisher": EVIL, "title": EVIL, "why": EVIL}
    moved = {"kind": "merge", "at": "2025-01-27", "from": "e2", "to": "e1", "why": EVIL}
    event = {"id": "e1", "opened": "2025-01-27", "frozen": "2025-02-10", "regroupings": [moved]}
    event["members"] = [member]
    return printed(screen.shown, {"item": item, "verdicts": [verdict], "event": event})


def shown_kpis() -> str:
    value = {"period_end": "2026-01-25", "unit": "USD", "filed": "2026-02-25", "restates": None}
    value |= {"value": 68.127e9, "accession": EVIL, "derivation": EVIL}
    again = {**value, "value": 68.5e9, "restates": EVIL}
    kpi = {"name": EVIL, "status": EVIL, "values": [value, again]}
    ruling = {"id": EVIL, "status": "false", "final": False, "on": "2026-02-25"}
    ruling |= {"reason": EVIL, "accession": EVIL}
    return printed(screen.kpis, {"kpis": [kpi], "falsifiers": [ruling]}, 6)


def shown_status() -> str:
    source = {"name": EVIL, "health": "failing", "items": 3, "items_a_week": 1.5, "why": EVIL}
    answer = {"thesis": "t", "thesis_version": "v", "score": None, "last_pass": None}
    answer |= {"status": "no pass yet", "data": "/home/me/[data]", "items": {"scored": 1}}
    answer |= {"ledger_rows": 0, "index_waiting": 0, "rejected": 0, "sources": [source]}
    answer |= {"judge": {"kind": "local", "model": EVIL, "calls": 0}}
    firing = {"id": "A-1", "state": "firing", "severity": "critical", "headline": EVIL}
    firing["inhibited_by"] = ""
    unsent = {"state": "waiting", "attempts": 2, "subject": EVIL, "error": EVIL}
    answer |= {"alerts": {"firing": [firing], "messages": {"waiting": 1}, "unsent": [unsent]}}
    answer |= {"troubles": [{"what": "edit", "found": EVIL, "way_out": EVIL}]}
    answer |= {"daemon": {"pid": 7, "since": "2025-01-27T08:00:00Z", "version": EVIL}}
    answer |= {"disk": {"total": 12_345_678, "kept": 0, "free": 9_876_543_210, "in_a_year": None}}
    job = {"job": "feeds", "started_at": "2025-01-27T08:00:00Z", "finished_at": None}
    job |= {"next_at": None, "failures": 3, "error": EVIL, "said": EVIL}
    answer |= {"jobs": [job, {**job, "failures": 0}]}
    return printed(status_page.show, answer)


def shown_simulated() -> str:
    one = {"published": "2025-01-27", "publisher": EVIL, "title": EVIL}
    alert = {"fired_at": "2025-01-27", "resolved_at": None, "rule": "spike", "severity": "warning"}
    return printed(
        screen.simulated, [alert | {"inhibited_by": "", "headline": EVIL, "events": [one]}]
    )


def shown_findings() -> str:
    finding = SimpleNamespace(check="index", well=False, found=EVIL, way_out=EVIL)
    return printed(screen.findings, [finding])


@pytest.mark.parametrize(
    "show",
    [
        shown_evidence,
        shown_items,
        shown_item,
        shown_status,
        shown_findings,
        shown_kpis,
        shown_simulated,
    ],
)
def test_text_from_the_web_cannot_steer_the_terminal_or_be_markup(show: Callable[[], str]) -> None:
    text = show()
    assert STEERING.search(text) is None
    assert "[bold red]" in text
    assert "[link=" in text


def test_what_a_title_says_is_shown_whole() -> None:
    assert SHOWN in joined(shown_item())
    assert joined(shown_findings()).count(SHOWN) == 2


def test_brackets_in_a_path_or_a_category_name_are_kept() -> None:
    assert "/home/me/[data]" in shown_status()
    part = {"log_odds": 0.1, "low": 0.0, "high": 0.2, "events": 1}
    answer = {**STANDING, "events": 1, "publishers": 1, "largest_share": 1.0, "status": "ok"}
    answer["categories"] = {"custom_silicon": part}
    names = {"custom_silicon": "Own silicon [ASIC]"}
    assert "Own silicon [ASIC]" in printed(screen.score, answer, names)


@given(st.text())
def test_safe_text_renders_as_itself_without_what_steers(text: str) -> None:
    from rich.text import Text

    plain = Text.from_markup(screen.safe(text) + "[dim]end[/dim]").plain
    on_one_line = re.sub(r"[\t-\r\x1c-\x1e\x85\u2028\u2029]+", " ", text)
    assert plain == STEERING.sub("", on_one_line) + "end"


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_loses_nothing_and_steers_nothing(value: Any) -> None:
    text = screen.as_json(value)
    assert json.loads(text) == value
    assert STEERING.search(text) is None


def test_json_keeps_chinese_readable() -> None:
    assert screen.as_json({"title": "台积电 \x9b"}) == '{"title": "台积电 \\u009b"}'


def test_rows_beyond_the_limit_are_counted_and_summed() -> None:
    rows = [row(contribution=0.5), row(contribution=0.2), row(contribution=-0.1)]
    answer = {**STANDING, "log_odds": 0.6, "prior_log_odds": 0.0, "rows": rows}
    text = printed(screen.evidence, answer, 1)
    assert "+0.5000" in text
    assert "+0.2000" not in text
    assert "and 2 more rows adding +0.1000" in text


def test_an_undated_item_is_said_to_be_so_and_a_missing_link_too() -> None:
    assert "undated: kept, never scored" in shown_item()
    answer = {**STANDING, "log_odds": 0.0, "prior_log_odds": 0.0, "rows": [row(url=None)]}
    assert "no link" in printed(screen.evidence, answer, 20)


def test_item_whose_text_was_trimmed_says_so_with_its_hash() -> None:
    assert "trimmed for its age; the SHA-256 of it was 9f86d081" in joined(shown_item())


def test_times_of_the_status_say_that_they_are_of_utc() -> None:
    shown = shown_status()
    assert "since 2025-01-27 08:00 UTC" in shown
    assert "last pass never" in shown
    for column in ("last (UTC)", "next (UTC)", "read (UTC)"):
        assert column in shown


def test_a_source_that_never_answered_says_never() -> None:
    assert "never" in shown_status()


def test_faults_are_named_by_line_and_cut_after_ten() -> None:
    faults = [Fault(line, "not JSON", "Correct it", "{") for line in range(1, 14)]
    text = printed(screen.faults, "items.jsonl", faults)
    assert "items.jsonl, line 10: not JSON. Correct it" in text
    assert "line 11" not in text
    assert "and 3 more like these" in text


def test_progress_is_silent_where_nobody_watches() -> None:
    out = io.StringIO()
    with redirect_stderr(out), screen.progress("score", 3) as advance:
        advance("score", 1)
    assert out.getvalue() == ""


def test_lines_in_a_pipe_are_not_cut_at_eighty_columns() -> None:
    assert screen.console().width == 160


def kpi_of(unit: str, *figures: float) -> dict[str, Any]:
    """A figure's rows, one for each of the years from 2021 on."""
    names = dict.fromkeys(("accession", "filed", "derivation"), "-")
    rows = [
        {**names, "period_end": f"{2021 + i}-01-31", "value": value, "unit": unit, "restates": None}
        for i, value in enumerate(figures)
    ]
    return {"name": "Sales", "status": "ok", "values": rows}


def test_figures_carry_their_unit_and_the_newest_come_first() -> None:
    kpis = [
        kpi_of("USD", 1e9, 81.615e9),
        kpi_of("percent", 71.234),
        kpi_of("days", 114.71),
    ]
    text = printed(screen.kpis, {"kpis": kpis, "falsifiers": []}, 6)
    assert text.index("$81,615M") < text.index("$1,000M") < text.index("71.23%")
    assert "114.7 days" in text


def test_as_many_periods_are_shown_as_asked_for_and_restatements_are_none_of_them() -> None:
    kpi = kpi_of("USD", 1e6, 2e6, 3e6)
    kpi["values"].append({**kpi["values"][2], "value": 4e6, "accession": "b", "restates": "-"})
    text = printed(screen.kpis, {"kpis": [kpi], "falsifiers": []}, 2)
    assert "2023-01-31" in text
    assert "2022-01-31" in text
    assert "2021-01-31" not in text
    assert "$4M in b" in text


@pytest.mark.parametrize(
    ("status", "final", "said"),
    [("false", False, "false so far"), ("false", True, "false "), ("true", True, "true ")],
)
def test_false_is_told_from_false_so_far(status: str, final: bool, said: str) -> None:
    ruling = {"id": "F-01", "status": status, "final": final, "on": "2027-01-01"}
    ruling |= {"reason": "why", "accession": None}
    text = printed(screen.kpis, {"kpis": [], "falsifiers": [ruling]}, 6)
    assert said in text
    assert ("so far" in text) is (not final)
