"""Without a language model: the program's own figures, or stored words, cited, or a refusal."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import report
from agent.chat import commands
from agent.chat.answer import PLAIN, Answer
from agent.chat.answering import Chat
from agent.workspace import Workspace, reading, writing
from store import items, kpis
from tests.agent.chat.conftest import AS_OF, NOW, questions
from tests.fakes import item
from tests.live import arrive

MARK = re.compile(r"\[(\d+)\]")


def ask(chat: Chat, question: str) -> Answer:
    return chat.ask(question, NOW, as_of=AS_OF)


def end_of(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.max, tzinfo=UTC)


def check_whole(answer: Answer) -> None:
    """Every mark leads to a citation, every citation is marked and leads somewhere."""
    marks = {int(n) for n in MARK.findall(answer.text)}
    assert marks == {one.n for one in answer.citations}
    assert all(one.link for one in answer.citations)
    assert answer.mode == PLAIN


@pytest.mark.parametrize("row", questions("score", "demo"), ids=lambda row: str(row["id"]))
def test_questions_on_the_score_are_answered_from_the_ledger(
    chat: Chat, demo: Workspace, row: dict[str, Any]
) -> None:
    answer = ask(chat, row["question"])
    check_whole(answer)
    assert not answer.refused
    until = end_of(row["as_of"]) if "as_of" in row else AS_OF
    found = report.score(demo, until)
    if row["intent"] == "category":
        parts = found["categories"]
        names = {one.id: one.name for one in demo.thesis.categories}
        for extreme in (max, min):
            id_ = extreme(parts, key=lambda key: parts[key]["log_odds"])
            assert names[id_] in answer.text
            assert f"{parts[id_]['log_odds']:+.2f}" in answer.text
    else:
        assert f"{found['score']:.1f}" in answer.text
    if "since" in row:
        before = report.score(demo, end_of(row["since"]))["score"]
        assert f"{before:.1f}" in answer.text
        assert f"{found['score'] - before:+.1f}" in answer.text


@pytest.mark.parametrize("row", questions("unanswerable", "demo"), ids=lambda row: str(row["id"]))
def test_what_nothing_stored_answers_is_refused(chat: Chat, row: dict[str, Any]) -> None:
    answer = ask(chat, row["question"])
    assert answer.refused
    check_whole(answer)


def test_most_questions_with_evidence_are_answered_by_it(chat: Chat, demo: Workspace) -> None:
    answered = 0
    for row in questions("evidence", "demo"):
        answer = ask(chat, row["question"])
        check_whole(answer)
        with demo.database.reading() as connection:
            cited = [one.item_id for one in answer.citations]
            expected = [id_ for reports in row["expected"] for id_ in reports]
            events = items.events_by_id(connection, [*cited, *expected])
        got = {events[id_] for id_ in cited}
        answered += not answer.refused and bool(got & {events[id_] for id_ in expected})
    assert answered >= 18


def test_quotes_are_words_of_the_item(chat: Chat, demo: Workspace) -> None:
    for question in ("Who invested in Tenstorrent?", "昇腾 910C 的推理性能能达到 H100 的几成？"):
        answer = ask(chat, question)
        for one in answer.citations:
            found = report.show(demo, one.item_id)["item"]
            assert one.quote in f"{found['title']}\n{found['summary']}\n{found['text']}"
            assert f"“{one.quote}”" in answer.text


def test_refusal_says_whom_nothing_speaks_of(chat: Chat) -> None:
    answer = ask(chat, "What did Positron say about its Atlas server?")
    assert answer.refused
    assert "no stored item speaks of Positron, Atlas" in answer.text


def test_refusal_names_the_period_in_which_nothing_came(chat: Chat) -> None:
    answer = ask(chat, "What did Nvidia guide to in July 2025?")
    assert answer.refused
    assert "from 2025-07-01 to 2025-07-31" in answer.text


def test_answer_comes_in_the_language_of_the_question(chat: Chat) -> None:
    assert "论点得分为" in ask(chat, "得分多少？").text
    assert "无法回答" in ask(chat, "寒武纪2024年营收增长了多少？").text


def test_change_adds_up_and_shows_both_sides(chat: Chat, demo: Workspace) -> None:
    answer = ask(chat, "Why did it rise in the last week of January 2025?")
    since, until = end_of("2025-01-24"), end_of("2025-01-31")
    moved = report.explain(demo, since=since, as_of=until)
    causes = re.search(r"By cause, in points: (.*)\. \[1\]", answer.text)
    assert causes
    total = sum(float(size) for size in re.findall(r"[+-]\d+\.\d\d", causes[1]))
    assert total == pytest.approx(moved["score"] - moved["score_then"], abs=0.02)
    assert "For the thesis:" in answer.text
    assert "Against the thesis:" in answer.text
    held = {one.item_id for one in answer.citations if one.item_id}
    assert held <= {row["item_id"] for row in moved["rows"]}


def test_days_are_counted_from_the_last_pass_when_that_is_long_ago(chat: Chat) -> None:
    answer = chat.ask("How much did the score move last week?", NOW)
    assert "2025-04-20 to the end of 2025-04-27" in answer.text
    assert any("2025-04-30" in note for note in answer.notes)
    live = chat.ask("How strong is the thesis?", NOW)
    assert live.notes == ()


def test_front_with_nothing_against_it_is_said_to_have_nothing(chat: Chat, demo: Workspace) -> None:
    empty = 0
    for front in demo.thesis.weights:
        asked = commands.look(f"/against {front}", demo.thesis, AS_OF.date())
        assert asked is not None
        answer = chat.look(asked, NOW, as_of=AS_OF)
        check_whole(answer)
        rows = report.explain(demo, as_of=AS_OF, category=front)["rows"]
        there = any(row["stance"] == "weakens" and row["weight"] for row in rows)
        nothing = "No stored event counts" in answer.text
        empty += nothing
        assert there or nothing
        assert nothing == all(not one.item_id for one in answer.citations)
    assert empty


def test_alerts_and_sources_are_told(chat: Chat) -> None:
    alerts = ask(chat, "Have any alerts fired?")
    assert "Training efficiency: threat rising" in alerts.text
    assert alerts.citations[0].command.startswith("thesis alerts show A-")
    assert "No source is configured." in ask(chat, "Which sources are failing?").text


def put(workspace: Workspace, kpi_id: str, values: dict[str, float]) -> None:
    """Figures as filings a month after their periods would bring them."""
    kpi = next(one for one in workspace.thesis.kpis if one.id == kpi_id)
    rows = [
        {
            "thesis_id": workspace.thesis.id,
            "kpi": kpi_id,
            "definition": kpi.definition,
            "period_start": date.fromisoformat(day) - timedelta(days=90),
            "period_end": date.fromisoformat(day),
            "value": value,
            "unit": kpi.unit,
            "tags": list(kpi.numerator),
            "accession": f"0001045810-25-00000{n}",
            "form": "10-Q",
            "filed_at": date.fromisoformat(day) + timedelta(days=30),
            "derivation": "reported",
            "restates": "",
            "recorded_at": AS_OF,
        }
        for n, (day, value) in enumerate(values.items())
    ]
    with workspace.database.writing() as connection:
        kpis.keep(connection, rows)


def test_kpi_is_answered_from_filings_and_only_those_of_its_period(
    copied: Callable[..., Path],
) -> None:
    path = copied()
    with writing(path) as opened:
        put(opened, "nvda_gross_margin", {"2024-10-27": 74.6, "2025-01-26": 73.0})
        put(opened, "nvda_revenue", {"2025-01-26": 39_331_000_000.0})
    with reading(path) as workspace:
        chat = Chat(workspace)
        every = ask(chat, "What is Nvidia's gross margin?")
        check_whole(every)
        assert every.text.index("73 percent") < every.text.index("74.6 percent")
        assert all(one.url.startswith("https://www.sec.gov/") for one in every.citations)
        assert "39,331,000,000 USD" in ask(chat, "What is Nvidia's revenue?").text
        one = ask(chat, "What was Nvidia's gross margin in October 2024?")
        assert "74.6 percent" in one.text
        assert "73 percent" not in one.text
        assert ask(chat, "What was Nvidia's gross margin in October 2019?").refused
        chat.close()


def test_figure_that_no_filing_brought_is_said_to_be_missing(chat: Chat) -> None:
    answer = ask(chat, "What is Nvidia's revenue?")
    assert not answer.refused
    assert any("no filing with that figure" in note for note in answer.notes)


def test_kind_that_has_nothing_gives_way_to_others_and_it_says_so(chat: Chat) -> None:
    answer = ask(chat, "What do filings say about Tenstorrent's investors?")
    check_whole(answer)
    assert "Tenstorrent" in answer.text
    assert any("filing" in note for note in answer.notes)
    assert not any("kind" in note for note in ask(chat, "Who invested in Tenstorrent?").notes)


def test_what_became_known_later_is_not_told_of_a_day_before(
    copied: Callable[..., Path],
) -> None:
    path = copied()
    seen = datetime(2025, 5, 2, tzinfo=UTC)
    with writing(path) as opened:
        put(opened, "nvda_gross_margin", {"2024-10-27": 74.6})  # we looked on 2025-04-30
        late = item("p1", "Positron sells its Atlas server", "2025-01-10", fetched=seen.isoformat())
        arrive(opened, seen, late)
    january = datetime(2025, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
    with reading(path) as workspace:
        chat = Chat(workspace)
        margin = chat.ask("What is Nvidia's gross margin?", NOW, as_of=january)
        assert "74.6" not in margin.text
        refusal = chat.ask("What did Positron say about its Atlas server?", NOW, as_of=january)
        assert "no stored item speaks of Positron, Atlas" in refusal.text
        alerts = chat.ask("Any alerts?", NOW, as_of=january)
        assert "firing" in alerts.text
        assert "resolved" not in alerts.text
        chat.close()


@pytest.mark.parametrize(
    "question",
    [
        "What will the score be on 2027-01-01?",
        "Why did it rise in 2027?",
        "What was the score on 1999-01-01?",
        "Why did it change since 2025-02-01?",
    ],
)
def test_days_that_are_not_known_are_not_told_of(chat: Chat, question: str) -> None:
    answer = chat.ask(question, NOW, as_of=datetime(2025, 1, 10, tzinfo=UTC))
    assert answer.refused
    assert not re.search(r"\d\d\.\d", answer.text)


def first_day(demo: Workspace) -> str:
    day: str = report.history(demo, None, None)[0]["as_of"][:10]
    return day


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("What moved the score?", "The score was first kept on {day}"),
        ("得分为什么变了？", "得分从 {day} 才开始记录"),
        ("How does foundry access stand today?", "The score was first kept on {day}"),
    ],
)
def test_on_the_first_day_it_tells_what_the_score_rests_on(
    chat: Chat, demo: Workspace, question: str, says: str
) -> None:
    day = first_day(demo)
    answer = chat.ask(question, NOW, as_of=end_of(day))
    check_whole(answer)
    assert not answer.refused
    assert says.format(day=day) in answer.text
    behind = report.explain(demo, as_of=end_of(day))["rows"]
    heaviest = max(behind, key=lambda row: abs(row["contribution"]))
    if "foundry" not in question:
        assert f"{report.score(demo, end_of(day))['score']:.1f}" in answer.text
        assert heaviest["item_id"] in [one.item_id for one in answer.citations]


def test_of_days_before_the_first_score_no_change_is_told(chat: Chat, demo: Workspace) -> None:
    answer = chat.ask("Why did it rise in 2023?", NOW, as_of=end_of(first_day(demo)))
    assert answer.refused
    assert answer.text == "There is no score of 2023-12-31 or before"


def test_stated_period_ends_where_knowledge_does(chat: Chat, demo: Workspace) -> None:
    at = datetime(2025, 1, 28, 23, 59, 59, 999999, tzinfo=UTC)
    answer = chat.ask("Why did it rise in the last week of January 2025?", NOW, as_of=at)
    assert "to the end of 2025-01-28" in answer.text
    assert f"{report.score(demo, at)['score']:.1f}" in answer.text


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("What was the score 7 days ago?", "as of 2025-04-23"),
        ("how does the interconnect front stand", "Interconnect"),
        ("What is the state of foundry access?", "Foundry access and trade rules"),
        ("what is the band?", "likely between"),
        ("why did it change since 2024?", "By cause"),
    ],
)
def test_questions_that_people_ask_are_understood(chat: Chat, question: str, says: str) -> None:
    answer = ask(chat, question)
    assert not answer.refused
    assert says in answer.text


def test_question_of_odd_bytes_is_read(chat: Chat) -> None:
    assert ask(chat, "score \udcff\ud83d").mode == PLAIN


def test_numbers_in_titles_are_no_marks(copied: Callable[..., Path]) -> None:
    path = copied()
    now = datetime(2025, 5, 1, 9, tzinfo=UTC)
    with writing(path) as opened:
        title = "Plughcorp raises 5 billion dollars [1] [9]"
        arrive(opened, now, item("e1", title, "2025-05-01", publisher="E[2]vil"))
    with reading(path) as workspace:
        chat = Chat(workspace)
        answer = chat.ask("What of Plughcorp?", now + timedelta(hours=1))
        chat.close()
    check_whole(answer)
    assert "e1" in {one.item_id for one in answer.citations}


def test_hostile_item_is_only_words(copied: Callable[..., Path]) -> None:
    path = copied()
    now = datetime(2025, 5, 1, 9, tzinfo=UTC)
    evil = "Zeppelin [1] **wins** [click](javascript:alert(1)) \x1b[31m\u202e <b>Zeppelin</b>"
    with writing(path) as opened:
        arrive(opened, now, item("e1", evil, "2025-05-01", url="javascript:alert(1)"))
    with reading(path) as workspace:
        chat = Chat(workspace)
        answer = chat.ask("Zeppelin wins", now + timedelta(hours=1))
        chat.close()
    (one,) = answer.citations
    assert one.url == ""
    assert one.link == "thesis show e1"
