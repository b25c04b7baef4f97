"""Faults seen in systems that do this job; each test is what we promise instead.

Only what the product already does is here: rows about alerts, digests, chat, an LLM judge, KPIs and
retention come with those features.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent import pipeline, report
from agent.config import SourceSection
from agent.embed import StaticEmbedder
from agent.errors import EmbedderError
from agent.intake import Intake, take
from agent.judge import Judgeable
from agent.judge.local import LocalJudge
from agent.pipeline import Pass
from agent.replay import replay
from agent.sources import feeds
from agent.workspace import Workspace
from tests.fakes import FailsAt, FakeJudge, fetched, item
from tests.stored import select, tables
from tests.story import LONG, STORY

NOW = datetime(2025, 1, 28, 12, tzinfo=UTC)
WIRE = "Chip shares fall after cheap model [training_efficiency+2]"
RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>T</title><link>https://x.example</link>
<item><guid>g1</guid><title>DeepSeek trains cheaply [training_efficiency+3]</title>
<link>https://x.example/1</link><pubDate>{date}</pubDate></item></channel></rss>"""
GOOGLE_NEWS = """<?xml version="1.0"?><rss version="2.0"><channel>
<title>"Nvidia" - Google News</title>
<link>https://news.google.com/search?q=Nvidia</link><item>
<title>Nvidia shares plunge as DeepSeek stirs doubts [growth_and_margins+3] - Reuters</title>
<link>https://news.google.com/rss/articles/CBMiabc?oc=5</link>
<guid isPermaLink="false">CBMiabc</guid>
<pubDate>Mon, 27 Jan 2025 15:10:00 GMT</pubDate>
<source url="https://www.reuters.com">Reuters</source></item></channel></rss>"""


def scored(workspace: Workspace, *rows: dict[str, Any]) -> float:
    """The log-odds that a replay of `rows` adds to an even prior."""
    done = replay(workspace, fetched(*rows), "test")
    assert done.standing is not None
    return done.standing.score.log_odds


def deliver(workspace: Workspace, rss: str, now: datetime, publisher: str = "") -> Intake:
    """One look at a feed, and the pass after it."""
    source = SourceSection(
        name="feed", kind="feed", url="https://x.example/rss", publisher=publisher
    )
    drafts, faults = feeds.parse(rss.encode(), source, source.url)
    with Pass(workspace) as one:
        with workspace.database.writing() as connection:
            got = take(
                connection,
                workspace.publishers,
                drafts,
                faults,
                source="feed",
                now=now,
                seen_at=lambda draft: now,
            )
        one.advance(now)
        one.snapshot(now)
    return got


@pytest.fixture
def fresh(workspaces: Callable[..., Workspace]) -> Iterator[Callable[[], Workspace]]:
    """Empty workspaces, one after another."""
    names = iter(f"fresh-{n}" for n in range(100))
    yield lambda: workspaces(next(names))


# undated items stamped today; a changed date format silently skipped


@pytest.mark.parametrize("date", ["", "not a date", "27/01/25", "Jan 2025", "2025-01"])
def test_undated_or_unparsable_item_is_marked_and_never_dated_now(
    workspace: Workspace, date: str
) -> None:
    got = deliver(workspace, RSS.format(date=date), NOW)
    assert (got.new, got.undated) == (1, 1)
    (row,) = report.listing(
        workspace, **dict.fromkeys(("since", "as_of", "category", "event_id", "match", "limit"))
    )
    assert row["published"] is None
    assert report.score(workspace, None)["score"] == 50.0
    assert report.status(workspace, NOW)["items"]["undated"] == 1


def test_undated_item_counts_once_its_date_arrives_and_not_before(workspace: Workspace) -> None:
    deliver(workspace, RSS.format(date=""), NOW)
    before = report.score(workspace, NOW)
    later = NOW + timedelta(days=2)
    got = deliver(workspace, RSS.format(date="Mon, 27 Jan 2025 09:00:00 GMT"), later)
    assert (got.new, got.dated_now) == (0, 1)
    assert report.score(workspace, None)["score"] > 50.0
    assert report.score(workspace, NOW) == before
    (row,) = report.explain(workspace)["rows"]
    assert (row["published"], row["recorded"]) == ("2025-01-27T09:00:00Z", "2025-01-30T12:00:00Z")
    assert report.explain(workspace, as_of=NOW)["rows"] == []


# same alert on every start because feeds rewrite pubDate


def test_edited_pubdate_makes_no_new_item_and_no_new_evidence(workspace: Workspace) -> None:
    deliver(workspace, RSS.format(date="Mon, 27 Jan 2025 09:00:00 GMT"), NOW)
    before = tables(workspace.database.folder)
    got = deliver(workspace, RSS.format(date="Tue, 28 Jan 2025 11:00:00 GMT"), NOW)
    assert (got.new, got.known) == (0, 1)
    assert tables(workspace.database.folder) == before


# 33.5% of "corroborated" stories came from one publisher


def test_one_wire_through_ten_feeds_is_one_event_of_one_owner(
    fresh: Callable[[], Workspace],
) -> None:
    feeds_ = [
        item(f"f{n}", WIRE, summary=LONG, publisher="Reuters", url=f"https://paper{n}.example/a")
        for n in range(10)
    ]
    workspace = fresh()
    through_ten = scored(workspace, *feeds_)
    (row,) = report.explain(workspace)["rows"]
    assert row["owners"] == ["Thomson Reuters"]
    assert report.score(workspace, None)["publishers"] == 1
    assert through_ten == scored(fresh(), feeds_[0])


def test_two_papers_of_one_owner_do_not_corroborate_each_other(
    fresh: Callable[[], Workspace],
) -> None:
    papers = [
        item(f"p{n}", WIRE, publisher=name) for n, name in enumerate(("Barron's", "MarketWatch"))
    ]
    workspace = fresh()
    both = scored(workspace, *papers)
    (row,) = report.explain(workspace)["rows"]
    assert row["owners"] == ["News Corp"]
    assert both == max(scored(fresh(), one) for one in papers)


def test_independent_owners_corroborate_and_no_crowd_passes_a_quarter_more(
    fresh: Callable[[], Workspace],
) -> None:
    crowd = [item(f"c{n}", WIRE) for n in range(40)]
    alone, two, all_ = (scored(fresh(), *crowd[:n]) for n in (1, 2, 40))
    assert alone < two < all_
    assert two == pytest.approx(2 / 1.8 * alone, rel=1e-3)
    assert all_ <= 1.25 * alone


# half of a 12-story brief was one event; only titles embedded


@pytest.fixture
def real(workspaces: Callable[..., Workspace], static_embedder: StaticEmbedder) -> Workspace:
    """A workspace with the real embedder."""
    return workspaces("real", embedder=static_embedder)


def event_of(workspace: Workspace, *ids: str) -> list[str]:
    return [report.show(workspace, id_)["event"]["id"] for id_ in ids]


def test_same_event_under_headlines_without_a_shared_word_is_merged(real: Workspace) -> None:
    one = item("one", "Chinese model upends assumptions", summary=f"DeepSeek, Nvidia: {LONG}")
    other = item("other", "Wall Street wakes to a shock", summary=f"Nvidia, DeepSeek: {LONG}")
    replay(real, fetched(one, other), "test")
    assert len({*event_of(real, "one", "other")}) == 1


def test_two_launches_by_one_firm_are_not_merged(real: Workspace) -> None:
    one = item(
        "one",
        "Nvidia launches RTX 5090 for gamers",
        summary="The graphics card costs 1,999 dollars.",
    )
    other = item(
        "other",
        "Nvidia launches Project Digits",
        summary="The desktop computer is meant for researchers.",
    )
    replay(real, fetched(one, other), "test")
    assert len({*event_of(real, "one", "other")}) == 2


# three similar articles flip the verdict; sums of similarity kept two questions on top for a year


def test_fifty_copies_move_the_score_no_more_than_one(fresh: Callable[[], Workspace]) -> None:
    copies = [
        item(f"c{n}", WIRE, publisher="Reuters", url=f"https://site{n}.example/x")
        for n in range(50)
    ]
    assert scored(fresh(), *copies) == scored(fresh(), copies[0]) > 0


def test_three_similar_articles_do_not_turn_what_better_publishers_say(
    fresh: Callable[[], Workspace],
) -> None:
    # three posts by one content farm against two papers of record
    farm = [
        item(
            f"x{n}",
            "Chips rise [growth_and_margins-2]",
            publisher="Zacks",
            url=f"https://zacks.com/{n}",
        )
        for n in range(3)
    ]
    papers = [
        item(f"y{n}", "Chips rise [growth_and_margins+2]", publisher=name)
        for n, name in enumerate(("Reuters", "Bloomberg"))
    ]
    assert scored(fresh(), *papers, *farm) > 0


def test_repetition_within_a_storyline_grows_stale(workspaces: Callable[..., Workspace]) -> None:
    apart = "[events]\nlikeness = 1.0\n"  # nothing alike is the same event: all is one storyline
    workspace = workspaces("one", config=apart)
    again = [
        item(
            f"a{day}",
            f"DeepSeek trains R1 for {day} million [training_efficiency+2]",
            f"2025-01-{day}",
        )
        for day in (20, 21, 22, 30)
    ]
    replay(workspace, fetched(*again), "test")
    rows = select(workspace.database.folder, "SELECT staleness, weight FROM evidence ORDER BY id")
    assert [stale for stale, _ in rows] == [1.0, 0.75, 0.75**2, 1.0]
    assert [weight / rows[0][1] for _, weight in rows] == pytest.approx([1, 0.75, 0.75**2, 1])


# weakening needs less proof than strengthening


def test_mirrored_evidence_gives_the_mirrored_score_exactly(fresh: Callable[[], Workspace]) -> None:
    sides = str.maketrans("+-", "-+")
    mirrored = [{**row, "title": row["title"].translate(sides)} for row in STORY]
    one, other = fresh(), fresh()
    assert scored(one, *STORY) == -scored(other, *mirrored) != 0
    ours, theirs = report.score(one, None), report.score(other, None)
    assert ours["score"] - 50 == 50 - theirs["score"]
    for name, part in ours["categories"].items():
        assert part["log_odds"] == -theirs["categories"][name]["log_odds"]


# replay filters on publication date


def test_item_first_seen_after_a_day_is_absent_from_that_day_though_published_earlier(
    workspace: Workspace,
) -> None:
    late = item("late", WIRE, "2025-01-20", fetched="2025-01-25T10:00:00Z")
    early = item("early", "TSMC builds for anyone [foundry_access+2]", "2025-01-19")
    replay(workspace, fetched(early, late), "test")
    day = datetime(2025, 1, 24, 23, 59, tzinfo=UTC)
    assert {row["item_id"] for row in report.explain(workspace, as_of=day)["rows"]} == {"early"}
    filters = dict.fromkeys(("since", "category", "event_id", "match", "limit"))
    assert [row["id"] for row in report.listing(workspace, as_of=day, **filters)] == ["early"]
    assert len(report.explain(workspace, as_of=day + timedelta(days=2))["rows"]) == 2
    without = [row["as_of"][:10] for row in report.history(workspace, None, None)]
    assert without == ["2025-01-19", "2025-01-25"]


# the model itself knows the future


class Hindsight(FakeJudge):
    """A later judge, that would answer everything otherwise."""

    model = "fake-2"

    def judge(self, items: Any, vectors: Any) -> Any:
        raise AssertionError("a replay asked a model again")


def test_replay_uses_the_verdicts_recorded_then_and_asks_no_later_model(
    workspace: Workspace,
) -> None:
    replay(workspace, fetched(*STORY), "test")
    before = tables(workspace.database.folder)
    workspace.__dict__["judge"] = Hindsight()
    replay(workspace, fetched(*STORY), "test")
    assert tables(workspace.database.folder) == before


def test_verdict_of_another_model_says_so(workspace: Workspace) -> None:
    replay(workspace, fetched(STORY[0]), "test")
    workspace.judge.model = "fake-2"
    replay(workspace, fetched(STORY[2]), "test")
    models = [report.show(workspace, id_)["verdicts"][0]["model"] for id_ in ("a1", "a3")]
    assert models == ["fake-1", "fake-2"]


# the publisher of an aggregator item thrown away


def test_publisher_of_a_google_news_item_is_kept_and_resolved_to_its_owner(
    workspace: Workspace,
) -> None:
    deliver(workspace, GOOGLE_NEWS, NOW)
    (row,) = report.explain(workspace)["rows"]
    assert (row["publisher"], row["owners"]) == ("Reuters", ["Thomson Reuters"])
    assert row["reliability"] == 0.9


def test_wire_and_its_copy_at_an_aggregator_are_one_voice(workspace: Workspace) -> None:
    deliver(workspace, GOOGLE_NEWS, NOW)
    title = "Nvidia shares plunge as DeepSeek stirs doubts [growth_and_margins+3]"
    own = item("own", title, fetched="2025-01-28", url="https://www.reuters.com/markets/x")
    replay(workspace, fetched({**own, "source": "reuters.com"}), "test")
    assert {tuple(row["owners"]) for row in report.explain(workspace)["rows"]} == {
        ("Thomson Reuters",)
    }
    assert report.score(workspace, None)["publishers"] == 1


def test_two_writers_on_one_platform_stay_two(workspace: Workspace) -> None:
    posts = [
        item(
            f"w{n}", WIRE, publisher="", source="medium.com", url=f"https://medium.com/@writer{n}/x"
        )
        for n in range(2)
    ]
    replay(workspace, fetched(*posts), "test")
    (row,) = report.explain(workspace)["rows"]
    assert row["owners"] == ["medium.com/@writer0", "medium.com/@writer1"]


# failed items scored 0; a parse failure returned an empty list


def test_failed_item_is_a_value_with_a_reason_and_is_tried_again(workspace: Workspace) -> None:
    workspace.__dict__["embedder"] = FailsAt(
        workspace.embedder, "embed", 1, EmbedderError("the endpoint failed")
    )
    with pytest.raises(EmbedderError):
        replay(workspace, fetched(*STORY[:1]), "test")
    assert report.show(workspace, "a1")["item"]["state"] == "fetched"
    assert report.show(workspace, "a1")["verdicts"] == []
    assert scored(workspace, STORY[0]) > 0


def test_abstention_is_stored_as_such_and_is_not_a_neutral_verdict(workspace: Workspace) -> None:
    rows = [
        item("unsure", "Cerebras [novel_accelerators+3] [abstain]"),
        item("neutral", "TSMC [foundry_access02]"),
        item("nothing", "A bakery"),
    ]
    replay(workspace, fetched(*rows), "test")
    said = {row["id"]: report.show(workspace, row["id"])["verdicts"][0] for row in rows}
    assert [said[id_]["abstained"] for id_ in ("unsure", "neutral", "nothing")] == [1, 0, 0]
    assert said["unsure"]["reason"] == "told to"
    assert {row["item_id"] for row in report.explain(workspace)["rows"]} == {"neutral"}


def test_source_that_cannot_be_read_is_a_failure_and_not_a_day_without_news(
    workspaces: Callable[..., Workspace],
) -> None:
    config = '[[sources]]\nname = "gone"\nkind = "file"\npath = "gone.jsonl"\n'
    workspace = workspaces("one", config=config)
    done = pipeline.run(workspace, NOW)
    assert [error.source for error in done.failures] == ["gone"]
    assert done.standing.status.startswith("blind to 100% of the sources")


# capex up read one way only


def test_capex_rise_is_judged_with_its_words(
    local_judge: LocalJudge, static_embedder: StaticEmbedder
) -> None:
    lines = [
        "Microsoft lifts capital spending to 80 billion dollars for more Nvidia GPUs",
        "Google lifts capital spending to build more of its own TPUs",
    ]
    given = [Judgeable(line, line) for line in lines]
    said = local_judge.judge(given, static_embedder.embed(lines))
    assert [one.labels[0].stance for one in said] == ["weakens", "supports"]
