"""A slash command asks for what it says, and one that cannot be read says what can."""

from datetime import date, timedelta

import pytest

from agent.chat.commands import COMMANDS, look, split
from agent.chat.question import Asked, Intent
from agent.errors import ThesiswatchError
from agent.thesis import Thesis

TODAY = date(2025, 4, 30)


def looked(line: str, thesis: Thesis) -> Asked:
    found = look(line, thesis, TODAY)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("/why 7d", ("/why", "7d")),
        ("  /why   last week  ", ("/why", "last week")),
        ("/help", ("/help", "")),
        ("", ("", "")),
    ],
)
def test_command_is_split_from_its_argument(line: str, parts: tuple[str, str]) -> None:
    assert split(line) == parts


@pytest.mark.parametrize(
    ("line", "intent"),
    [
        ("/score", Intent.SCORE),
        ("/why", Intent.CHANGE),
        ("/for", Intent.STANDING),
        ("/against", Intent.STANDING),
        ("/fronts", Intent.FRONTS),
        ("/kpis", Intent.KPIS),
        ("/alerts", Intent.ALERTS),
        ("/sources", Intent.HEALTH),
    ],
)
def test_command_asks_for_what_it_says(line: str, intent: Intent, thesis: Thesis) -> None:
    assert looked(line, thesis).intent == intent


@pytest.mark.parametrize("line", ["/show 3", "/open 1", "/export a.md", "/new", "/help", "/quit"])
def test_command_that_shows_nothing_stored_asks_for_nothing(line: str, thesis: Thesis) -> None:
    assert look(line, thesis, TODAY) is None


def test_every_command_is_offered_once_with_a_meaning(thesis: Thesis) -> None:
    names = [one.name for one in COMMANDS]
    assert len(set(names)) == len(names)
    for one in COMMANDS:
        assert one.name.startswith("/")
        assert one.meaning
        look(one.name, thesis, TODAY)


@pytest.mark.parametrize("line", ["/nothing", "/scores", "/", "", "score"])
def test_unknown_command_says_where_the_known_ones_are(line: str, thesis: Thesis) -> None:
    with pytest.raises(ThesiswatchError, match=r"there is no command.*See /help"):
        look(line, thesis, TODAY)


@pytest.mark.parametrize(
    ("line", "first", "last"),
    [
        ("/score 2025-01-27", date(2025, 1, 27), date(2025, 1, 27)),
        ("/score yesterday", date(2025, 4, 29), date(2025, 4, 29)),
        ("/fronts 2025-01-27", date(2025, 1, 27), date(2025, 1, 27)),
        ("/why last week", date(2025, 4, 21), date(2025, 4, 27)),
        ("/why 上周", date(2025, 4, 21), date(2025, 4, 27)),
    ],
)
def test_period_of_a_command_is_read(line: str, first: date, last: date, thesis: Thesis) -> None:
    span = looked(line, thesis).span
    assert span is not None
    assert (span.first, span.last) == (first, last)


def test_why_without_a_period_is_of_the_last_seven_days(thesis: Thesis) -> None:
    plain, said = looked("/why", thesis).span, looked("/why 7d", thesis).span
    assert plain is not None
    assert said is not None
    assert (plain.first, plain.last) == (said.first, said.last) == (TODAY - timedelta(6), TODAY)


def test_score_without_a_day_is_of_no_period(thesis: Thesis) -> None:
    assert looked("/score", thesis).span is None
    assert looked("/fronts", thesis).span is None


@pytest.mark.parametrize("line", ["/why soon", "/score AMD", "/fronts 2025-13-45"])
def test_argument_that_is_no_period_is_refused(line: str, thesis: Thesis) -> None:
    with pytest.raises(ThesiswatchError, match=r"is no day or period.*7d"):
        look(line, thesis, TODAY)


@pytest.mark.parametrize(("name", "stance"), [("/for", "supports"), ("/against", "weakens")])
def test_side_has_a_stance_and_any_front(name: str, stance: str, thesis: Thesis) -> None:
    plain = looked(name, thesis)
    assert (plain.stance, plain.category) == (stance, None)
    for front in thesis.categories:
        for words in (front.id, front.id.replace("_", " "), front.name, front.name.upper()):
            found = looked(f"{name} {words}", thesis)
            assert (found.stance, found.category) == (stance, front.id)


def test_beginning_of_a_front_is_enough(thesis: Thesis) -> None:
    assert looked("/for custom", thesis).category == "custom_silicon"
    assert looked("/against AMD", thesis).category == "amd_stack"


def test_unknown_front_is_refused_with_the_known_ones(thesis: Thesis) -> None:
    with pytest.raises(ThesiswatchError, match=r"there is no front 'weather'.*custom_silicon"):
        look("/for weather", thesis, TODAY)


def test_only_sides_have_a_stance(thesis: Thesis) -> None:
    for name in ("/score", "/why", "/fronts", "/kpis", "/alerts", "/sources"):
        assert looked(name, thesis).stance is None


def test_kpis_are_all_of_the_thesis(thesis: Thesis) -> None:
    assert looked("/kpis", thesis).kpis == tuple(one.id for one in thesis.kpis)
    assert looked("/score", thesis).kpis == ()
