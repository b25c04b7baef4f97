"""An alert's life: once, only with sources, kept back when asked, over when it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent import alerts, signals
from agent.alerts import Alert, Case, Change, Evidence, Silence, Status, Telling
from agent.signals import Direction, Rule, Severity, Signal

NOW = datetime(2025, 1, 27, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEEP, REPEAT = 3 * DAY, 7 * DAY


def source(n: int = 1, *owners: str) -> Evidence:
    return Evidence(
        f"i{n}", f"Title {n}", "P", f"https://p.example/{n}", owners=owners or ("a", "b")
    )


CASE = Case("Something rose", (source(),))


def signal(**changed: Any) -> Signal:
    made = Signal(
        Rule.SPIKE, "c", Direction.RISING, Severity.WARNING, True, True, began=NOW, since=NOW
    )
    return replace(made, **changed)


def pending(case: Case = CASE, **changed: Any) -> Alert:
    return alerts.open_("A-1", signal(**changed), case, NOW)


def firing(**changed: Any) -> Alert:
    alert, change = alerts.advance(pending(), signal(), NOW, KEEP)
    assert change is Change.FIRED
    return replace(alert, **changed)


def test_alert_without_evidence_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="has no evidence"):
        replace(firing(), case=Case("Just a number"))
    with pytest.raises(ValueError, match="has no evidence"):
        Alert(
            "A-2",
            Rule.SPIKE,
            "c",
            Direction.RISING,
            Severity.WARNING,
            Status.FIRING,
            NOW,
            NOW,
            Case("x"),
        )


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://a/b"]
)
def test_evidence_leads_to_the_web_or_to_what_is_stored(url: str) -> None:
    with pytest.raises(ValueError, match="no web address"):
        Evidence("i", "t", "p", url)
    with pytest.raises(ValueError, match="leads nowhere"):
        Evidence("", "t", "p", "")
    assert Evidence("i", "t", "p").link == "thesis show i"
    assert Evidence("source s", "t", "p", shown_by="thesis sources").link == "thesis sources"
    assert Evidence("i", "t", "p", "http://a.example/").link == "http://a.example/"


def test_sound_reason_fires_at_once() -> None:
    alert = firing()
    assert (alert.status, alert.fired_at, alert.state(NOW)) == (Status.FIRING, NOW, "firing")


@pytest.mark.parametrize("rule", [Rule.SPIKE, Rule.LEVEL, Rule.MOVE])
def test_single_publisher_never_alerts(rule: Rule) -> None:
    alone = pending(Case("x", tuple(source(n, "one") for n in range(9))), rule=rule)
    later = NOW
    for _ in range(30):
        later += DAY
        alone, change = alerts.advance(alone, signal(rule=rule), later, KEEP)
        assert change is Change.NONE
    unsound, change = alerts.advance(pending(), signal(sound=False), NOW, KEEP)
    assert (unsound.status, change) == (Status.PENDING, Change.NONE)


def test_filing_and_own_affairs_need_no_second_publisher() -> None:
    case = Case("x", (source(1, "sec"),))
    for rule in (Rule.FALSIFIER, Rule.BLIND, Rule.BUDGET):
        _, change = alerts.advance(pending(case, rule=rule), signal(rule=rule), NOW, KEEP)
        assert change is Change.FIRED


def test_reason_that_must_be_held_waits_and_lapses_when_it_passes() -> None:
    held = {"rule": Rule.BLIND, "hold": timedelta(hours=6)}
    alert, change = alerts.advance(pending(**held), signal(**held), NOW + timedelta(hours=5), KEEP)
    assert (alert.status, change) == (Status.PENDING, Change.NONE)
    assert alerts.advance(alert, signal(**held), NOW + timedelta(hours=6), KEEP)[1] is Change.FIRED
    gone = signal(active=False, lasting=False, **held)
    assert alerts.advance(alert, gone, NOW + timedelta(hours=6), KEEP)[1] is Change.LAPSED


def test_what_could_not_be_looked_at_changes_nothing() -> None:
    alert = firing()
    assert alerts.advance(alert, None, NOW + 30 * DAY, KEEP) == (alert, Change.NONE)


def test_alert_goes_on_for_three_days_after_its_reason() -> None:
    alert, calm = firing(), signal(active=False, lasting=False)
    for hours, change in ((71, Change.NONE), (72, Change.RESOLVED)):
        after, found = alerts.advance(alert, calm, NOW + timedelta(hours=hours), KEEP)
        assert found is change
    assert (after.status, after.resolved_at) == (Status.RESOLVED, NOW + 3 * DAY)


def test_reason_that_comes_and_goes_does_not_flap() -> None:
    alert, told = firing(), []
    for n in range(20):
        now = NOW + n * timedelta(hours=12)
        alert, change = alerts.advance(alert, signal(active=False, lasting=n % 4 == 0), now, KEEP)
        told.append(change)
    assert set(told) == {Change.NONE}


def test_hysteresis_holds_between_half_and_whole() -> None:
    alert, change = alerts.advance(firing(), signal(active=False), NOW + 30 * DAY, KEEP)
    assert (alert.active_at, change) == (NOW + 30 * DAY, Change.NONE)


def test_moment_is_over_after_the_days_it_is_kept() -> None:
    once = signal(rule=Rule.LEVEL, moment=True)
    alert, _ = alerts.advance(pending(rule=Rule.LEVEL), once, NOW, KEEP)
    _, change = alerts.advance(alert, once, NOW + 3 * DAY, KEEP)
    assert change is Change.RESOLVED


def test_severity_only_rises() -> None:
    grave, _ = alerts.advance(firing(), signal(severity=Severity.CRITICAL), NOW + DAY, KEEP)
    assert grave.severity is Severity.CRITICAL
    again, _ = alerts.advance(grave, signal(), NOW + 2 * DAY, KEEP)
    assert again.severity is Severity.CRITICAL


def test_over_is_over() -> None:
    withdrawn = alerts.withdraw(firing(), NOW)
    assert alerts.advance(withdrawn, signal(), NOW + DAY, KEEP) == (withdrawn, Change.NONE)


def test_episode_has_one_name_whenever_it_is_looked_at() -> None:
    later = signal(figures={"statistic": 9.0}, severity=Severity.CRITICAL)
    assert alerts.id_of("t", signal()) == alerts.id_of("t", later)
    others = [signal(began=NOW + DAY), signal(subject="d"), signal(direction=Direction.COLLAPSING)]
    assert (
        len({alerts.id_of("t", one) for one in [signal(), *others]} | {alerts.id_of("u", signal())})
        == 5
    )


def test_told_once_then_again_after_a_week_if_there_is_news() -> None:
    alert = firing()
    assert alerts.to_tell(alert, NOW, REPEAT, news=True) is Telling.FIRED
    told = replace(alert, told_at=NOW, sent=1)
    for days, news, telling in ((6, True, None), (7, False, None), (7, True, Telling.REPEATED)):
        now = NOW + days * DAY
        goes_on = replace(told, active_at=now)
        assert alerts.to_tell(goes_on, now, REPEAT, news) is telling
    assert alerts.to_tell(told, NOW + 7 * DAY, REPEAT, news=True) is None  # its reason has passed


def test_what_was_kept_back_too_long_is_not_told_late() -> None:
    assert alerts.to_tell(firing(), NOW + 2 * DAY, REPEAT, news=True) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"acknowledged_at": NOW}, "acknowledged"),
        ({"snoozed_until": NOW + DAY}, "snoozed until 2025-01-28"),
        ({"snoozed_until": NOW}, ""),
        ({}, ""),
    ],
)
def test_what_a_person_said_keeps_it_back(changed: dict[str, Any], why: str) -> None:
    assert alerts.kept_back(firing(**changed), [], [], NOW) == why


@pytest.mark.parametrize(
    ("match", "holds"), [("c", True), ("spike", True), ("*", True), ("d", False), ("level", False)]
)
def test_silence_covers_a_category_a_rule_or_all(match: str, holds: bool) -> None:
    silence = Silence(1, match, NOW + DAY)
    assert bool(alerts.kept_back(firing(), [], [silence], NOW)) == holds
    assert not alerts.kept_back(firing(), [], [silence], NOW + DAY)


def test_whole_thesis_is_kept_back_while_a_front_says_the_same() -> None:
    front, whole = firing(id="A-front"), firing(id="A-whole", subject="")
    both = [front, whole]
    assert alerts.inhibitor(whole, both) == "A-front"
    assert alerts.inhibitor(front, both) == ""
    other_way = replace(front, direction=Direction.COLLAPSING)
    assert alerts.inhibitor(whole, [other_way, whole]) == ""
    assert alerts.inhibitor(whole, [replace(front, status=Status.RESOLVED), whole]) == ""


def test_level_keeps_the_move_to_it_back_and_all_sources_every_group() -> None:
    level, move = (
        firing(id="L", rule=Rule.LEVEL, subject="50"),
        firing(id="M", rule=Rule.MOVE, subject=""),
    )
    assert alerts.inhibitor(move, [level, move]) == "L"
    every, group = firing(id="E", rule=Rule.BLIND, subject=""), firing(id="G", rule=Rule.BLIND)
    assert alerts.inhibitor(group, [every, group]) == "E"
    assert alerts.inhibitor(every, [every, group]) == ""


def test_quiet_matter_gives_no_reason() -> None:
    calm = signals.quiet(firing().key, NOW)
    assert (calm.key, calm.active, calm.lasting) == (firing().key, False, False)
