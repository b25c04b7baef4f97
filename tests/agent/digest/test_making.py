"""A digest of stored days: its numbers are the ledger's, and it reads as it did then."""

import html as html_
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from agent import regrouping, report, reviewing
from agent import thesis as theses
from agent.channels.email import compose
from agent.digest import making, sending
from agent.errors import ThesiswatchError
from agent.replay import replay
from agent.reviewing import Decision
from agent.workspace import Workspace
from tests.agent.test_notices import Page
from tests.command import thesis as command
from tests.fakes import fetched, item
from tests.hook_server import CHANNEL
from tests.live import arrive
from tests.story import STORY

NOW = datetime(2025, 2, 10, 12, tzinfo=UTC)
DAY = date(2025, 1, 24)


@pytest.fixture
def workspace(workspaces: Callable[..., Workspace]) -> Workspace:
    opened: Workspace = workspaces("digest")
    replay(opened, fetched(*STORY), "story")
    return opened


def made(workspace: Workspace, day: date = DAY, now: datetime = NOW) -> Any:
    return making.make(workspace, day, now)


def test_every_number_of_the_page_is_the_ledgers(workspace: Workspace) -> None:
    digest = made(workspace)
    until = datetime(2025, 1, 24, 23, 59, 59, 999999, tzinfo=UTC)
    now, before = (report.standing_at(workspace, until - n * timedelta(days=1)) for n in (0, 1))
    page = digest.parcel.html
    score = re.search(r'<h1 id="score"[^>]*>([\d.]+)', page)
    change = re.search(r'id="change"[^>]*>([+\u2212\d.]+)', page)
    assert score is not None
    assert change is not None
    assert score[1] == f"{now.score.score:.1f}"
    moved = now.score.score - before.score.score
    assert float(change[1].replace("\u2212", "-")) == pytest.approx(moved, abs=0.05)
    table = page[page.index('id="fronts"') :]
    cells = [re.sub(r"<[^>]+>", "", row) for row in re.findall(r"<tr>.*?</tr>", table, re.DOTALL)]
    parts = now.score.categories
    for one in workspace.thesis.categories:
        (cell,) = [
            text for text in cells if one.name.replace("'", "&#39;") in text or one.name in text
        ]
        shown = re.search(r"[+\u2212]?\d\.\d\d", cell)
        assert shown is not None
        value = float(shown[0].replace("\u2212", "-"))
        assert value == pytest.approx(parts[one.id].log_odds, abs=0.005)


NUMBER = re.compile(r"[+\u2212]?\d[\d,]*(?:\.\d+)?")


def numbers(text: str) -> set[str]:
    return set(NUMBER.findall(text))


def shown(points: float, decimals: int = 1) -> str:
    return f"{points:+.{decimals}f}".replace("-", "\u2212")


def test_no_number_of_the_mail_is_from_anywhere_but_the_ledger(workspace: Workspace) -> None:
    """Every figure that the mail shows, by place where it has one, found again from the rows."""
    digest = made(workspace)
    mail = message_from_bytes(
        bytes(compose(digest.parcel, "x", "a@b.example", ("a@b.example",))), policy=policy.default
    )
    body = mail.get_body(("html",))
    assert body is not None
    text = Page(re.sub(r"<style>.*?</style>", "", body.get_content(), flags=re.DOTALL)).text
    since = datetime(2025, 1, 23, 23, 59, 59, 999999, tzinfo=UTC)
    until = since + timedelta(days=1)
    answer = report.explain(workspace, since=since, as_of=until)
    found = report.score(workspace, until)
    rate = (answer["score"] - answer["score_then"]) / answer["change"]
    by_row: dict[tuple[str, str], float] = {}
    by_front: dict[str, float] = {}
    for row in answer["rows"]:
        by_row[row["event_id"], row["category"]] = rate * row["contribution"]
        by_front[row["category"]] = by_front.get(row["category"], 0.0) + rate * row["contribution"]
    pillars: dict[str, float] = {}
    for category, points in by_front.items():
        pillar = workspace.thesis.pillar_of[category]
        pillars[pillar] = pillars.get(pillar, 0.0) + points
    expected = {f"{found[name]:.1f}" for name in ("score", "low", "high")}
    expected |= {shown(answer["score"] - answer["score_then"])}
    expected |= {shown(rate * size) for size in answer["causes"].values()}
    expected |= {shown(points) for points in (*by_front.values(), *pillars.values())}
    expected |= {shown(points, 2) for points in by_row.values()}
    expected |= {shown(part["log_odds"], 2) for part in found["categories"].values()} | {"0.00"}
    expected |= {shown(size, 2) for size in found["pillars"].values()}
    expected |= {"3"}  # items of that day
    expected |= {str(len(row["owners"]) - 1) for row in answer["rows"]}  # "and 2 more"
    told = (*digest.facts.supporting, *digest.facts.against, *digest.facts.reading)
    for one in told:
        expected |= numbers(f"{one.title} {one.publisher} {one.published} {one.excerpt}")
    expected |= numbers("2025-01-24 2025-01-24")  # the day, and the command below
    assert numbers(text) <= expected, numbers(text) - expected
    for one in (*digest.facts.supporting, *digest.facts.against):
        place = text.index(one.title)
        after = text[place + len(one.title) :][:200]
        name = next(x.name for x in workspace.thesis.categories if x.id == one.category)
        assert f"{name} {shown(by_row[one.event_id, one.category], 2)}" in after, one.title
    table = body.get_content().split('id="fronts"')[1]
    for category in workspace.thesis.categories:  # each in its own line, and in its own column
        row_ = next(r for r in table.split("</tr>") if category.name in html_.unescape(r))
        cells = [re.sub(r"<[^>]+>", "", cell) for cell in row_.split("</td>")]
        assert cells[1] == shown(found["categories"][category.id]["log_odds"], 2).replace(
            "+0.00", "0.00"
        ).replace("\u22120.00", "0.00")
        moved = shown(by_front.get(category.id, 0.0))
        assert cells[2] == ("" if moved.strip("+\u2212") == "0.0" else moved)


def test_event_shows_how_its_item_begins_where_no_judge_said_what_happened(
    workspaces: Callable[..., Workspace],
) -> None:
    opened = workspaces("begins")
    words = "The firm says 400 chips run at half the power. It sells none of them yet."
    row = {**STORY[11], "summary": words}
    replay(opened, fetched(STORY[0], row), "story")
    (one,) = [one for one in made(opened).facts.supporting if one.item_id == "d3"]
    assert one.excerpt == "The firm says 400 chips run at half the power."
    assert one.excerpt in made(opened).parcel.text


def test_replay_does_not_pretend_that_sources_were_looked_at(workspace: Workspace) -> None:
    digest = made(workspace)
    assert digest.facts.coverage.sources == 0
    assert "No source was looked at" in digest.parcel.text


def test_causes_and_fronts_add_up_to_the_change(workspace: Workspace) -> None:
    facts = made(workspace).facts
    assert sum(one.points for one in facts.causes) == pytest.approx(facts.change, abs=1e-9)
    assert sum(one.points for one in facts.fronts) == pytest.approx(facts.change, abs=1e-9)
    assert sum(one.points for one in facts.pillars) == pytest.approx(facts.change, abs=1e-9)
    assert sum(one.log_odds for one in facts.pillars) == pytest.approx(
        sum(one.log_odds for one in facts.fronts)
    )


def test_only_what_came_that_day_is_news(workspace: Workspace) -> None:
    facts = made(workspace).facts
    assert "d3" in {one.item_id for one in facts.supporting}
    assert "f1" not in {one.item_id for one in facts.supporting}
    assert not [one for one in (*facts.supporting, *facts.against) if one.published > "2025-01-24"]
    assert facts.coverage.items == 3


def test_digest_of_a_past_day_reads_as_it_did_then(workspace: Workspace) -> None:
    before = made(workspace)
    reviewing.decide(workspace, Decision("d3"), NOW)
    one, other = (
        row["event_id"]
        for row in report.explain(workspace)["rows"]
        if row["item_id"] in ("b1", "e2")
    )
    regrouping.merge(workspace, one, other, NOW + timedelta(hours=1))
    arrive(workspace, NOW + timedelta(hours=2))
    after = made(workspace, now=NOW + timedelta(days=1))
    assert after.facts == before.facts
    assert after.parcel == before.parcel


def test_digest_that_was_sent_is_given_as_it_was_sent(
    workspaces: Callable[..., Workspace],
) -> None:
    opened = workspaces("kept", config='[digest]\nchannels = ["chat"]\n' + CHANNEL)
    replay(opened, fetched(*STORY), "story")
    sent = making.make(opened, DAY, NOW)
    sending.send(opened, sent, NOW)
    with opened.database.writing() as connection:
        connection.exec_driver_sql("UPDATE item SET title = 'something else', summary = 'x'")
    again = making.make(opened, DAY, NOW + timedelta(days=9))
    assert again.parcel == replace(sent.parcel, made_at=again.parcel.made_at)
    assert again.facts == sent.facts
    other = making.make(opened, date(2025, 1, 27), NOW)
    assert other.facts.first_day == "2025-01-27"  # whatever was sent before


def test_event_that_was_restated_the_same_day_is_still_news(workspace: Workspace) -> None:
    day = NOW.date()
    came = item("x1", "Broadcom wins a third customer [custom_silicon+2]", day.isoformat())
    arrive(workspace, NOW, came)
    same = item("x2", "Marvell books a new customer [custom_silicon+2]", day.isoformat())
    arrive(workspace, NOW + timedelta(hours=1), same)
    events = {row["item_id"]: row["event_id"] for row in report.explain(workspace)["rows"]}
    regrouping.merge(workspace, events["x1"], events["x2"], NOW + timedelta(hours=2))
    arrive(workspace, NOW + timedelta(hours=3))
    facts = made(workspace, day, NOW + timedelta(hours=4)).facts
    assert {one.item_id for one in facts.supporting} & {"x1", "x2"}


def test_front_that_the_thesis_no_longer_has_breaks_nothing(workspace: Workspace) -> None:
    text = workspace.thesis.path.read_text(encoding="utf-8")
    edited = theses.parse(
        text.replace("custom_silicon", "own_chips"), path=workspace.thesis.path, version="edited"
    )
    later = Workspace(workspace.config, edited, workspace.database)
    later.__dict__.update(
        {name: getattr(workspace, name) for name in ("embedder", "judge", "index")}
    )
    arrive(later, NOW)
    facts = made(later, NOW.date(), NOW).facts
    assert sum(one.points for one in facts.causes) == pytest.approx(facts.change, abs=1e-9)


def test_past_digest_names_the_reports_that_were_in_the_event_then(
    workspaces: Callable[..., Workspace],
) -> None:
    opened = workspaces("then")
    bare = {**STORY[2], "url": None}  # its own page is not known: another report's is shown
    replay(opened, fetched(STORY[0], bare, STORY[11]), "story")
    before = made(opened, date(2025, 1, 20))
    events = {row["item_id"]: row["event_id"] for row in report.explain(opened)["rows"]}
    regrouping.merge(opened, events["d3"], events["a3"], NOW)
    arrive(opened, NOW + timedelta(hours=1))
    after = made(opened, date(2025, 1, 20), NOW + timedelta(days=1))
    assert after.facts == before.facts
    assert after.parcel == before.parcel


def test_dates_that_no_calendar_has_are_refused(workspace: Workspace) -> None:
    for day in (date.min, date.max):
        with pytest.raises(ThesiswatchError, match=r"no digest can be of|no score of|not come"):
            making.make(workspace, day, NOW)
    config = workspace.config.folder / "config.toml"
    assert command("digest", "--date", "2025-01-24T23:30", "--config", config).code == 2


def test_day_with_a_change_of_clocks_is_covered_whole(workspaces: Callable[..., Workspace]) -> None:
    opened = workspaces("zone", config='[alerts]\ntimezone = "America/New_York"\n')
    for day, hours in ((date(2025, 3, 9), 23), (date(2024, 11, 3), 25), (date(2025, 3, 10), 24)):
        since, until = making.span(opened, day, NOW + timedelta(days=99))
        assert until - since == timedelta(hours=hours)


def test_correction_is_told_on_the_day_it_was_made(workspace: Workspace) -> None:
    reviewing.decide(workspace, Decision("d3"), NOW)
    arrive(workspace, NOW + timedelta(minutes=1))
    facts = made(workspace, NOW.date(), NOW + timedelta(hours=1)).facts
    assert sum(count for _, count in facts.restated) > 0
    assert any(one.id == "correction" for one in facts.causes)


def test_first_digest_has_nothing_to_compare_with(workspace: Workspace) -> None:
    digest = made(workspace, date(2025, 1, 20))
    assert digest.facts.before is None
    assert "no earlier digest" in digest.parcel.text
    assert "(+" not in digest.parcel.subject


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2025, 2, 11), "has not come yet"),
        (date(2025, 1, 19), "no score of .* `thesis digest --date 2025-01-20`"),
    ],
)
def test_day_without_a_digest_is_named(workspace: Workspace, day: date, said: str) -> None:
    with pytest.raises(ThesiswatchError, match=said):
        made(workspace, day)


def test_day_is_that_of_the_users_zone(workspaces: Callable[..., Workspace]) -> None:
    opened = workspaces("far", config='[alerts]\ntimezone = "Asia/Shanghai"\n')
    since, until = making.span(opened, DAY, NOW)
    assert since == datetime(2025, 1, 23, 15, 59, 59, 999999, tzinfo=UTC)
    assert until == datetime(2025, 1, 24, 15, 59, 59, 999999, tzinfo=UTC)
    late = datetime(2025, 2, 9, 20, tzinfo=UTC)
    assert making.yesterday(opened, late) == date(2025, 2, 9)


def test_zone_in_which_a_day_has_not_come_is_named(workspaces: Callable[..., Workspace]) -> None:
    opened = workspaces("west", config='[alerts]\ntimezone = "America/Los_Angeles"\n')
    evening_there = datetime(2025, 1, 25, 3, tzinfo=UTC)
    with pytest.raises(
        ThesiswatchError, match="2025-01-25 has not come yet in America/Los_Angeles"
    ):
        making.span(opened, date(2025, 1, 25), evening_there)


def test_day_that_is_not_over_is_told_up_to_now(workspace: Workspace) -> None:
    noon = datetime(2025, 1, 24, 12, tzinfo=UTC)
    assert making.span(workspace, DAY, noon)[1] == noon


def test_language_is_a_setting(workspaces: Callable[..., Workspace]) -> None:
    opened = workspaces("zh", config='[digest]\nlanguage = "zh"\n')
    replay(opened, fetched(*STORY), "story")
    digest = made(opened)
    assert digest.parcel.text.startswith("论点")
    assert '<html lang="zh"' in digest.parcel.html


def test_prices_that_cannot_be_read_are_left_out_and_said(
    workspaces: Callable[..., Workspace],
) -> None:
    opened = workspaces("prices", config='[prices]\nfile = "nowhere.csv"\n')
    replay(opened, fetched(*STORY), "story")
    digest = made(opened)
    assert "nowhere.csv" in digest.note
    assert "score" in digest.parcel.images


def test_files_are_a_mail_a_page_a_text_and_pictures(
    workspace: Workspace, tmp_path: Path, workspaces: Callable[..., Workspace]
) -> None:
    config = workspace.config.folder / "config.toml"
    workspaces.close("digest")  # type: ignore[attr-defined]
    out = tmp_path / "out"
    done = command("digest", "--date", DAY, "--out", out, "--config", config)
    assert done.code == 0, done.err
    names = {path.name for path in out.iterdir()}
    stem = f"digest-{DAY}"
    assert names == {
        f"{stem}{end}" for end in (".eml", ".html", ".txt", "-score.png", "-fronts.png")
    }
    mail = message_from_bytes((out / f"{stem}.eml").read_bytes(), policy=policy.default)
    cids = {part["content-id"].strip("<>") for part in mail.walk() if part["content-id"]}
    html = mail.get_body(("html",))
    assert html is not None
    assert {name.removeprefix("cid:") for name in Page(html.get_content()).pictures} == cids
    assert "cid:" not in (out / f"{stem}.html").read_text(encoding="utf-8")


def test_command_prints_text_or_json(
    workspace: Workspace, workspaces: Callable[..., Workspace]
) -> None:
    config = workspace.config.folder / "config.toml"
    workspaces.close("digest")  # type: ignore[attr-defined]
    shown = command("digest", "--date", DAY, "--config", config)
    assert (shown.code, "FOR THE THESIS" in shown.out) == (0, True)
    answer = command("digest", "--date", DAY, "--json", "--config", config).json
    assert {"score", "causes", "supporting", "against", "coverage"} <= set(answer)
    assert command("digest", "--date", "soon", "--config", config).code == 2
