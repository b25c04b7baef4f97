"""One pass: idempotent, finished by the next one wherever it dies, blind where it cannot look."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent import indexing, pipeline, report
from agent import replay as replaying
from agent import thesis as theses
from agent.errors import EmbedderError, JudgeError, TextRefused
from agent.intake import take
from agent.pipeline import Pass
from agent.replay import replay
from agent.workspace import Workspace
from tests.conftest import fakes
from tests.fakes import FailsAt, FakeEmbedder, FakeJudge, fetched, item
from tests.stored import embedded, indexed, select, tables
from tests.story import STORY

NOW = datetime(2025, 2, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Refusing(FakeEmbedder):
    """Refuses every batch that has the word in it, as an endpoint's filter does."""

    def embed(self, texts: list[str]) -> np.ndarray:
        if any("unspeakable" in text for text in texts):
            raise TextRefused("the embedding endpoint refused a text: 400")
        return super().embed(texts)


def feed(folder: Path, name: str, *rows: dict[str, Any]) -> str:
    """A file source and its section of config.toml."""
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return f'[[sources]]\nname = "{name}"\nkind = "file"\npath = "{path}"\n'


def states(workspace: Workspace) -> dict[str, str]:
    return dict(select(workspace.database.folder, "SELECT id, state FROM item"))


def test_second_replay_changes_not_one_bit(workspace: Workspace) -> None:
    first = replay(workspace, fetched(*STORY), "story")
    before = tables(workspace.database.folder)
    second = replay(workspace, fetched(*STORY), "story")
    assert tables(workspace.database.folder) == before
    assert (second.intake.new, second.intake.known) == (0, len(STORY))
    assert second.standing == first.standing


def test_second_replay_asks_neither_judge_nor_embedder(workspace: Workspace) -> None:
    replay(workspace, fetched(*STORY), "story")
    judge, embedder = workspace.judge, workspace.embedder
    assert isinstance(judge, FakeJudge)
    assert isinstance(embedder, FakeEmbedder)
    asked = len(judge.asked), len(embedder.texts)
    assert asked == (len(STORY), len(STORY))
    replay(workspace, fetched(*STORY), "story")
    assert (len(judge.asked), len(embedder.texts)) == asked


@pytest.mark.parametrize(
    ("part", "method", "nth"),
    [
        ("embedder", "embed", 1),
        ("embedder", "embed", 4),
        ("mentions", "find", 3),
        ("mentions", "find", 17),
        ("mentions", "find", 30),
        ("judge", "judge", 1),
        ("judge", "judge", 5),
        ("publishers", "resolve", 9),
        ("publishers", "resolve", 21),
        ("publishers", "resolve", 26),
    ],
)
@pytest.mark.parametrize("stretch", [1, 5])
def test_pass_that_dies_in_any_stage_is_finished_by_the_next(
    workspaces: Callable[..., Workspace],
    told: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    method: str,
    nth: int,
    stretch: int,
) -> None:
    monkeypatch.setattr(replaying, "STRETCH", stretch)
    monkeypatch.setattr(pipeline, "CHUNK", 3)
    broken = workspaces("broken")
    faulty = FailsAt(getattr(broken, part), method, nth)
    broken.__dict__[part] = faulty
    with pytest.raises(RuntimeError, match=f"call {nth} of {method}"):
        replay(broken, fetched(*STORY), "story")
    assert faulty.failed
    undisturbed = tables(told.database.folder)
    assert tables(broken.database.folder) != undisturbed
    replay(broken, fetched(*STORY), "story")
    assert tables(broken.database.folder) == undisturbed
    assert broken.index.numbers == embedded(told.database.folder)


@pytest.mark.parametrize(
    ("part", "method", "nth"),
    [("embedder", "embed", nth) for nth in (1, 2, 4)]
    + [("mentions", "find", nth) for nth in (2, 8, 18, 25, 32)]
    + [("judge", "judge", nth) for nth in (1, 2, 4)],
)
def test_day_of_several_chunks_ends_the_same_wherever_it_dies(
    workspaces: Callable[..., Workspace],
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    method: str,
    nth: int,
) -> None:
    monkeypatch.setattr(pipeline, "CHUNK", 5)
    monkeypatch.setattr(indexing, "BATCH", 3)
    at_once = fetched(*({**row, "fetched": "2025-02-03"} for row in STORY))
    twin = workspaces("twin")
    replay(twin, at_once, "story")
    broken = workspaces("broken")
    broken.__dict__[part] = FailsAt(getattr(broken, part), method, nth)
    with pytest.raises(RuntimeError):
        replay(broken, at_once, "story")
    replay(broken, at_once, "story")
    assert tables(broken.database.folder) == tables(twin.database.folder)
    assert broken.index.numbers == twin.index.numbers == embedded(twin.database.folder)


def test_weak_labels_leave_no_trace_in_a_storyline_however_the_pass_went(
    workspaces: Callable[..., Workspace],
) -> None:
    class Unsure(FakeJudge):
        def judge(self, items: Any, vectors: Any) -> Any:
            from dataclasses import replace

            return [
                replace(one, labels=tuple(replace(label, p=0.2) for label in one.labels))
                if "million" in asked.text
                else one
                for asked, one in zip(items, super().judge(items, vectors), strict=True)
            ]

    rows = [
        item("a", "DeepSeek trains R1 for six million [training_efficiency+3]", "2025-01-20"),
        item("b", "DeepSeek trains R1 again, cheaper [training_efficiency+2]", "2025-01-22"),
    ]
    apart = "[events]\nlikeness = 1.0\n"  # alike is never the same event, only the same storyline
    undisturbed = workspaces("undisturbed", judge=Unsure(), config=apart)
    replay(undisturbed, fetched(*rows), "story")
    resumed = workspaces("resumed", judge=Unsure(), config=apart)
    for row in rows:
        replay(resumed, fetched(row), "story")
    storylines = select(resumed.database.folder, "SELECT storyline, count(*) FROM event")
    assert [count for _, count in storylines] == [2]
    assert (
        tables(undisturbed.database.folder)["evidence"]
        == tables(resumed.database.folder)["evidence"]
    )


def test_embedder_outage_loses_nothing_and_scores_nothing(workspace: Workspace) -> None:
    embedder = FailsAt(workspace.embedder, "embed", 1, EmbedderError("the endpoint failed"))
    workspace.__dict__["embedder"] = embedder
    with pytest.raises(EmbedderError):
        replay(workspace, fetched(STORY[0]), "story")
    assert states(workspace) == {"a1": "fetched"}
    assert report.history(workspace, None, None) == []
    replay(workspace, fetched(STORY[0]), "story")
    assert states(workspace) == {"a1": "scored"}


def test_judge_outage_leaves_items_waiting_not_neutral(workspace: Workspace) -> None:
    replay(workspace, fetched(STORY[0]), "story")
    before = report.score(workspace, None)
    workspace.__dict__["judge"] = FailsAt(workspace.judge, "judge", 1, JudgeError("gone"))
    with pytest.raises(JudgeError):
        replay(workspace, fetched(STORY[2]), "story")
    assert states(workspace) == {"a1": "scored", "a3": "grouped"}
    assert report.score(workspace, None) == before
    assert report.status(workspace, NOW)["items"]["grouped"] == 1


def test_refused_text_is_set_aside_alone_with_its_reason(workspace: Workspace) -> None:
    workspace.__dict__["embedder"] = Refusing()
    bad = item("bad", "An unspeakable thing [amd_stack+3]", "2025-01-20")
    replay(workspace, fetched(*STORY, bad), "story")
    assert {id_ for id_, state in states(workspace).items() if state != "scored"} == {"bad"}
    shown = report.show(workspace, "bad")
    assert shown["item"]["state"] == "quarantined"
    assert "refused a text" in shown["item"]["state_reason"]
    assert shown["verdicts"] == []
    assert report.status(workspace, NOW)["items"]["quarantined"] == 1


def test_abstention_makes_no_evidence(workspace: Workspace) -> None:
    replay(workspace, fetched(item("b3", "Cerebras [novel_accelerators+3] [abstain]")), "story")
    assert states(workspace) == {"b3": "scored"}
    assert select(workspace.database.folder, "SELECT * FROM evidence") == []
    assert report.score(workspace, None)["score"] == 50.0


def test_neutral_verdict_is_listed_and_adds_nothing(workspace: Workspace) -> None:
    replay(workspace, fetched(item("n", "TSMC on CoWoS [foundry_access02]")), "story")
    (row,) = report.explain(workspace)["rows"]
    assert (row["stance"], row["contribution"]) == ("neutral", 0.0)
    assert report.score(workspace, None)["score"] == 50.0


def test_every_verdict_says_who_judged_what_with_which_thesis(workspace: Workspace) -> None:
    replay(workspace, fetched(*STORY), "story")
    for row in STORY:
        (said,) = report.show(workspace, row["id"])["verdicts"]
        assert (said["judge"], said["model"], said["prompt_hash"]) == ("fake", "fake-1", "orders")
        assert said["thesis_version"] == workspace.thesis.version
        assert said["input_hash"]


def test_corroboration_restates_the_event_and_keeps_the_first_row(workspace: Workspace) -> None:
    replay(workspace, fetched(*STORY), "story")
    (event,) = {report.show(workspace, id_)["event"]["id"] for id_ in ("c1", "c2", "c3")}
    rows = select(
        workspace.database.folder,
        f"SELECT cause, json_array_length(owners), weight FROM evidence WHERE event_id='{event}'",
    )
    assert [row[:2] for row in rows] == [("new evidence", 1), ("corroboration", 2)]
    assert 1.0 < rows[1][2] / rows[0][2] <= 1.25


def test_run_takes_every_source_and_scores(workspaces: Callable[..., Workspace], tmp_path: Path):
    workspace = workspaces("one", config=feed(tmp_path, "wire", *STORY[:4]))
    done = pipeline.run(workspace, NOW)
    assert (done.intake.new, done.failures) == (4, ())
    assert set(states(workspace).values()) == {"scored"}
    assert report.score(workspace, None)["as_of"] == "2025-02-10T12:00:00Z"
    assert done.standing.score.events == 3
    (source,) = report.status(workspace, NOW)["sources"]
    assert (source["health"], source["items"], source["failures"]) == ("ok", 4, 0)


def test_items_of_a_run_are_first_seen_at_the_run(
    workspaces: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = workspaces("one", config=feed(tmp_path, "wire", STORY[0]))
    pipeline.run(workspace, NOW)
    shown = report.show(workspace, "a1")["item"]
    assert (shown["published"], shown["first_seen"]) == (
        "2025-01-20T00:00:00Z",
        "2025-02-10T12:00:00Z",
    )


def test_failing_source_shows_widens_the_band_and_never_moves_the_score(
    workspaces: Callable[..., Workspace], tmp_path: Path
) -> None:
    good = feed(tmp_path, "wire", *STORY)
    dead = '[[sources]]\nname = "dead"\nkind = "file"\npath = "nowhere.jsonl"\n'
    seeing = pipeline.run(workspaces("seeing", config=good), NOW).standing
    workspace = workspaces("blind", config=good + dead)
    done = pipeline.run(workspace, NOW)
    blind = done.standing
    assert [error.source for error in done.failures] == ["dead"]
    assert blind.score.log_odds == seeing.score.log_odds
    assert blind.score.low < seeing.score.low < seeing.score.high < blind.score.high
    assert blind.status == "blind to 50% of the sources; uncalibrated"
    shown = {source["name"]: source for source in report.status(workspace, NOW)["sources"]}
    assert shown["dead"]["health"] == "failing"
    assert shown["dead"]["failures"] == 1
    assert "nowhere.jsonl cannot be read" in shown["dead"]["error"]
    assert shown["wire"]["health"] == "ok"


def test_source_that_recovers_is_well_again_and_the_band_narrows(
    workspaces: Callable[..., Workspace], tmp_path: Path
) -> None:
    good = feed(tmp_path, "wire", *STORY)
    late = f'[[sources]]\nname = "late"\nkind = "file"\npath = "{tmp_path}/late.jsonl"\n'
    workspace = workspaces("one", config=good + late)
    pipeline.run(workspace, NOW)
    pipeline.run(workspace, NOW.replace(hour=13))
    shown = report.status(workspace, NOW)["sources"][1]
    assert (shown["failures"], shown.get("last_success")) == (2, None)
    (tmp_path / "late.jsonl").write_text("", encoding="utf-8")
    standing = pipeline.run(workspace, NOW.replace(hour=14)).standing
    shown = report.status(workspace, NOW.replace(hour=14))["sources"][1]
    assert (shown["health"], shown["failures"], shown["error"]) == ("ok", 0, "")
    assert standing.status == "uncalibrated"


def test_silent_source_widens_the_band_and_never_moves_the_score(
    workspaces: Callable[..., Workspace], tmp_path: Path
) -> None:
    """It brought news every day for a week and then answers with nothing for three."""
    config = feed(tmp_path, "wire", *STORY)
    workspace = workspaces("one", config=config)
    path = tmp_path / "wire.jsonl"
    for n, row in enumerate(STORY[:8]):
        path.write_text(json.dumps(row), encoding="utf-8")
        pipeline.run(workspace, NOW + n * DAY)
    path.write_text("", encoding="utf-8")
    after = [pipeline.run(workspace, NOW + (7 + days) * DAY).standing for days in (1, 3)]
    assert [one.status for one in after] == [
        "uncalibrated",
        "blind to 100% of the sources; uncalibrated",
    ]
    (row,) = report.status(workspace, NOW + 10 * DAY)["sources"]
    assert row["health"] == "silent"
    assert row["why"].startswith("nothing for 3.0 days, never before for more than 1.0 days")
    widths = [one.score.high - one.score.low for one in after]
    assert widths[0] < widths[1]


def test_source_that_fails_today_does_not_blind_a_replay_of_the_past(
    workspaces: Callable[..., Workspace],
) -> None:
    dead = '[[sources]]\nname = "dead"\nkind = "file"\npath = "nowhere.jsonl"\n'
    workspace = workspaces("one", config=dead)
    replay(workspace, fetched(*STORY), "story")
    before = tables(workspace.database.folder)["snapshot"]
    pipeline.run(workspace, NOW)
    replay(workspace, fetched(*STORY), "story")
    assert tables(workspace.database.folder)["snapshot"][: len(before)] == before


def test_pass_over_nothing_says_there_is_no_evidence_yet(workspace: Workspace) -> None:
    with Pass(workspace) as one:
        one.advance(NOW)
        standing = one.snapshot(NOW)
    assert standing.score.score == standing.score.low == standing.score.high == 50.0
    assert standing.status == "no evidence yet; uncalibrated"


def test_second_pass_over_the_same_instant_replaces_its_snapshot(workspace: Workspace) -> None:
    for _ in range(2):
        with Pass(workspace) as one:
            one.snapshot(NOW)
    assert len(report.history(workspace, None, None)) == 1


def test_silence_lets_the_score_drift_back_to_the_prior(workspace: Workspace) -> None:
    replay(workspace, fetched(STORY[0]), "story")
    with Pass(workspace) as one:
        later = [one.snapshot(NOW.replace(month=month)).score.score for month in (2, 4, 6, 8)]
    assert later == sorted(later, reverse=True)
    assert later[0] > later[-1] > 50.0


def test_index_holds_what_sql_holds_and_a_dead_pass_leaves_it_to_the_next(
    workspaces: Callable[..., Workspace],
) -> None:
    workspace = workspaces("one", real_index=True)
    folder = workspace.database.folder
    with pytest.raises(KeyboardInterrupt), Pass(workspace) as one:
        with workspace.database.writing() as connection:
            take(
                connection,
                workspace.publishers,
                fetched(*STORY).drafts,
                (),
                source="story",
                now=NOW,
                seen_at=lambda draft: NOW,
            )
        one.advance(NOW)
        raise KeyboardInterrupt
    assert report.status(workspace, NOW)["index_waiting"] == len(STORY)
    with Pass(workspace):
        pass
    assert report.status(workspace, NOW)["index_waiting"] == 0
    assert indexed(folder, "fake-64") == embedded(folder)


def test_progress_counts_every_item_through_every_stage(workspace: Workspace) -> None:
    moved: dict[str, int] = {}

    def progress(stage: str, count: int) -> None:
        moved[stage] = moved.get(stage, 0) + count

    replay(workspace, fetched(*STORY), "story", progress)
    assert moved == dict.fromkeys(("embed", "group", "judge", "score", "replay"), len(STORY))


def test_score_is_kept_on_after_a_replay_of_today_that_closed_its_day(
    workspace: Workspace,
) -> None:
    replay(workspace, fetched(*STORY), "story")
    noon = datetime(2025, 2, 3, 12, tzinfo=UTC)  # the replay's last day, which it ended
    hour = timedelta(hours=1)
    assert pipeline.score(workspace, noon, hour) is not None
    assert pipeline.score(workspace, noon + hour / 2, hour) is None
    assert pipeline.score(workspace, noon + hour, hour) is not None


def test_score_is_kept_at_once_by_another_version_of_the_thesis(workspace: Workspace) -> None:
    replay(workspace, fetched(*STORY), "story")
    noon, hour = datetime(2025, 2, 4, 12, tzinfo=UTC), timedelta(hours=1)
    assert pipeline.score(workspace, noon, hour) is not None
    edited = theses.parse(workspace.thesis.text, path=workspace.thesis.path, version="edited")
    again = Workspace(workspace.config, edited, workspace.database)
    again.__dict__.update(fakes())
    found = pipeline.score(again, noon + hour / 2, hour)
    assert found is not None
    assert found.thesis.version == "edited"
