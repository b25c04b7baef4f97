import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent import config as configuration
from agent import workspace as workspaces
from agent.judge.local import LocalJudge
from store.database import writer_lock
from tests.command import Ran, thesis
from tests.fakes import item

ITEMS = [
    item("a", "DeepSeek trains a frontier model for 6 million dollars on 2,000 GPUs", "2025-01-27"),
    item("b", "Nvidia Blackwell is sold out for a year as GPU demand soars", "2025-01-28"),
    item("c", "A village bakery wins the county bread prize", "2025-01-28"),
    item("d", "英伟达股价因DeepSeek廉价模型暴跌 \u009b31m\u202e", "2025-01-28", lang="zh"),
    item("e", "Anthropic will train on a million TPUs in place of Nvidia GPUs", "2025-01-30"),
]
SCORE = "score low high prior as_of status pillars categories events publishers largest_share"
EXPLAIN = "as_of score prior_log_odds log_odds rows"
ROW = (
    "contribution event_id category stance severity weight strength reliability corroboration "
    "staleness storyline_rank cap half_life_days decay self_report owners cause claim quote "
    "quote_at judge model prompt_hash input_hash thesis_version row verdict item_id title url "
    "publisher published recorded kind happening"
)
LISTED = "id event_id title url publisher published first_seen state labels"
VERDICT = "id relevant p_relevant labels judge abstained reason"
LABEL = "category stance p severity"


@pytest.fixture(scope="module")
def fitted(local_judge: LocalJudge, judge_cache: Path) -> Callable[[Path], Path]:
    """Writes a configuration without sources whose judge need not be fitted again."""

    def write(folder: Path, text: str = "") -> Path:
        shutil.copytree(judge_cache, folder / "data" / "cache")
        path = folder / configuration.FILE_NAME
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def replayed(
    fitted: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Ran]:
    """A configuration whose data folder ITEMS were replayed into, and what replay said."""
    folder = tmp_path_factory.mktemp("replayed")
    file = folder / "items.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in ITEMS), encoding="utf-8")
    path = fitted(folder)
    return path, thesis("replay", file, "--config", path)


@pytest.fixture(scope="module")
def read(replayed: tuple[Path, Ran]) -> Callable[..., Ran]:
    """Runs a command that reads on what was replayed."""
    return lambda *arguments: thesis(*arguments, "--config", replayed[0])


def keys(row: dict[str, object]) -> str:
    return " ".join(row)


def one_line(ran: Ran, *words: str) -> None:
    """An expected failure: exit 1, one line on standard error, naming the thing."""
    assert ran.code == 1
    assert ran.out == ""
    assert ran.err.startswith("thesis: ")
    assert ran.err.count("\n") == 1
    assert [word for word in words if word not in ran.err] == []


# What replay, score, explain, items and classify answer


def test_replay_says_what_came_in_and_where_the_score_ended(replayed: tuple[Path, Ran]) -> None:
    _, ran = replayed
    assert (ran.code, ran.err) == (0, "")
    first, second = ran.out.splitlines()
    assert first == "5 new items, 0 known; 3 days"
    assert second.startswith("score ")
    assert "as of 2025-01-30" in second


def test_score_as_json_has_the_contracts_keys(read: Callable[..., Ran]) -> None:
    ran = read("score", "--json")
    assert ran.code == 0
    assert keys(ran.json) == SCORE
    assert ran.json["as_of"] == "2025-01-30T23:59:59.999999Z"
    assert ran.json["low"] <= ran.json["score"] <= ran.json["high"]
    assert len(ran.json["pillars"]) == 5
    assert len(ran.json["categories"]) == 12
    for part in ran.json["categories"].values():
        assert keys(part) == "log_odds low high events"


def test_pillars_and_categories_add_up_to_the_same(read: Callable[..., Ran]) -> None:
    answer = read("score", "--json").json
    parts = sum(part["log_odds"] for part in answer["categories"].values())
    assert sum(answer["pillars"].values()) == pytest.approx(parts, abs=1e-12)


def test_score_as_of_an_earlier_day_does_not_know_later_items(read: Callable[..., Ran]) -> None:
    before = read("score", "--json", "--as-of", "2025-01-26").json
    assert (before["score"], before["events"]) == (50.0, 0)
    first = read("score", "--json", "--as-of", "2025-01-27").json
    assert first["events"] == 1
    assert first["as_of"] == "2025-01-27T23:59:59.999999Z"
    assert read("score", "--json", "--as-of", "2025-01-27T12:00+01:00").json["as_of"] == (
        "2025-01-27T11:00:00Z"
    )


def test_explain_as_json_adds_up_to_the_score(read: Callable[..., Ran]) -> None:
    answer = read("explain", "--json").json
    assert keys(answer) == EXPLAIN
    assert answer["rows"]
    assert {keys(row) for row in answer["rows"]} == {ROW}
    assert {row["item_id"] for row in answer["rows"]} <= {"a", "b", "d", "e"}
    added = answer["prior_log_odds"] + sum(row["contribution"] for row in answer["rows"])
    assert added == pytest.approx(answer["log_odds"], abs=1e-9)
    assert answer["score"] == read("score", "--json").json["score"]


def test_explain_since_adds_up_to_the_change(read: Callable[..., Ran]) -> None:
    answer = read("explain", "--json", "--since", "2025-01-28").json
    assert (
        keys(answer)
        == "as_of score prior_log_odds log_odds since score_then change prior_change causes rows"
    )
    added = answer["prior_change"] + sum(row["contribution"] for row in answer["rows"])
    assert added == pytest.approx(answer["change"], abs=1e-9)
    assert {keys(row) for row in answer["rows"]} == {f"{ROW} new"}


def test_explain_narrows_to_a_category_and_to_an_item(read: Callable[..., Ran]) -> None:
    rows = read("explain", "--json").json["rows"]
    category = rows[0]["category"]
    kept = read("explain", "--json", "--category", category).json["rows"]
    assert kept == [row for row in rows if row["category"] == category]
    kept = read("explain", "--json", "--item", rows[0]["item_id"]).json["rows"]
    assert kept == [row for row in rows if row["event_id"] == rows[0]["event_id"]]
    assert read("explain", "--json", "--item", "c").json["rows"] == []


def test_items_as_json_has_the_contracts_keys_and_the_ids_given(read: Callable[..., Ran]) -> None:
    rows = read("items", "--json").json
    assert {keys(row) for row in rows} == {LISTED}
    assert sorted(row["id"] for row in rows) == ["a", "b", "c", "d", "e"]
    assert [row["first_seen"] for row in rows] == sorted(
        (row["first_seen"] for row in rows), reverse=True
    )
    assert {row["state"] for row in rows} == {"scored"}
    by_id = {row["id"]: row for row in rows}
    assert by_id["a"]["published"] == "2025-01-27T00:00:00Z"
    assert by_id["c"]["labels"] == []
    assert by_id["a"]["labels"]
    assert set(by_id["a"]["labels"][0]) == {*LABEL.split(), "quote"}


def test_items_are_narrowed_by_time_category_event_and_words(read: Callable[..., Ran]) -> None:
    def ids(*options: str) -> set[str]:
        return {row["id"] for row in read("items", "--json", *options).json}

    every = read("items", "--json").json
    first = next(row for row in every if row["id"] == "a")
    category = first["labels"][0]["category"]
    assert ids("--since", "2025-01-30") == {"e"}
    assert ids("--as-of", "2025-01-27") == {"a"}
    assert ids("--event", first["event_id"]) == {"a"}
    assert ids("--category", category) == {
        row["id"] for row in every if category in [one["category"] for one in row["labels"]]
    }
    assert ids("--match", "bread prize") == {"c"}
    assert ids("--match", 'bread" OR "Nvidia') == set()
    assert ids("--match", "") == {"a", "b", "c", "d", "e"}
    assert len(ids("--limit", "2")) == 2


def test_control_codes_reach_neither_the_table_nor_the_json(read: Callable[..., Ran]) -> None:
    for options in ([], ["--json"]):
        out = read("items", *options).out
        assert "英伟达" in out
        assert "\u009b" not in out
        assert "\u202e" not in out


def test_show_tells_why_an_item_is_in_its_event(read: Callable[..., Ran]) -> None:
    answer = read("show", "a", "--json").json
    assert answer["item"]["title"] == ITEMS[0]["title"]
    assert len(answer["verdicts"]) == 1
    assert [one["why"] for one in answer["event"]["members"]] != [""]
    event = read("show", answer["event"]["id"], "--json").json
    assert event["item"] is None
    assert event["event"] == answer["event"]


def test_history_has_one_row_a_day(read: Callable[..., Ran], tmp_path: Path) -> None:
    rows = read("history", "--json").json
    assert [row["as_of"][:10] for row in rows] == ["2025-01-27", "2025-01-28", "2025-01-30"]
    assert {keys(row) for row in rows} == {"as_of score low high status events publishers"}
    assert "2025-01-28" in read("history", "--plot").out
    ran = read("history", "--out", tmp_path / "score.png")
    assert (ran.code, ran.out, ran.err) == (0, "", f"Wrote {tmp_path / 'score.png'}\n")
    assert (tmp_path / "score.png").read_bytes()[1:4] == b"PNG"


def test_kpis_tells_of_every_figure_and_falsifier(read: Callable[..., Ran], tmp_path: Path) -> None:
    answer = read("kpis", "--json").json
    assert keys(answer) == "as_of kpis falsifiers"
    assert {keys(row) for row in answer["kpis"]} == {
        "id name entity unit description status fetched values"
    }
    assert {row["status"] for row in answer["falsifiers"]} == {"not yet reported"}
    assert {row["accession"] for row in answer["falsifiers"]} == {None}
    ran = read("kpis", "--out", tmp_path / "kpis.png")
    assert (ran.code, ran.out, ran.err) == (0, "", f"Wrote {tmp_path / 'kpis.png'}\n")
    assert (tmp_path / "kpis.png").read_bytes()[1:4] == b"PNG"


def test_status_counts_what_is_stored(read: Callable[..., Ran]) -> None:
    answer = read("status", "--json").json
    assert answer["items"] == {"scored": 5, "undated": 0}
    assert answer["index_waiting"] == 0
    assert answer["last_pass"] == "2025-01-30T23:59:59.999999Z"
    assert "days ago" in answer["status"]


def test_doctor_exits_with_1_when_something_is_wrong(read: Callable[..., Ran]) -> None:
    ran = read("doctor", "--json")
    assert ran.code == 1
    assert {keys(row) for row in ran.json} == {"check well found way_out"}
    assert [row["check"] for row in ran.json if not row["well"]] == ["sources"]
    assert "FIX  sources" in read("doctor").out


@pytest.mark.parametrize(
    "command", ["score", "explain", "items", "history", "status", "kpis", "show a"], ids=str
)
def test_every_command_that_reads_also_prints_for_people(
    command: str, read: Callable[..., Ran]
) -> None:
    ran = read(*command.split())
    assert (ran.code, ran.err) == (0, "")
    assert not ran.out.startswith(("{", "["))
    assert len(ran.out.splitlines()) >= 2


def test_classify_answers_each_line_in_order_and_stores_nothing(
    fitted: Callable[[Path], Path], tmp_path: Path, lines: Callable[..., Path]
) -> None:
    path = fitted(tmp_path)
    ran = thesis("classify", lines(*ITEMS, name="items.jsonl.gz"), "--config", path)
    assert (ran.code, ran.err) == (0, "")
    assert [row["id"] for row in ran.rows] == ["a", "b", "c", "d", "e"]
    assert {keys(row) for row in ran.rows} == {VERDICT}
    assert {keys(label) for row in ran.rows for label in row["labels"]} == {LABEL}
    assert [row["relevant"] for row in ran.rows if row["id"] in "ac"] == [True, False]
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["cache"]
    stdin = json.dumps(ITEMS[1]).encode()
    assert thesis("classify", "-", "--config", path, stdin=stdin).rows == [ran.rows[1]]


def test_classify_names_a_bad_line_and_answers_the_others(
    fitted: Callable[[Path], Path], tmp_path: Path, lines: Callable[..., Path]
) -> None:
    file = lines(ITEMS[0], "{not json", {"title": ""}, ITEMS[2])
    ran = thesis("classify", file, "--config", fitted(tmp_path))
    assert ran.code == 1
    assert [row["id"] for row in ran.rows] == ["a", "c"]
    assert f"{file}, line 2: not JSON" in ran.err
    assert f"{file}, line 3: title: is empty" in ran.err


# Writing commands


def test_import_keeps_what_is_good_and_says_what_is_not(
    fitted: Callable[[Path], Path], tmp_path: Path, lines: Callable[..., Path]
) -> None:
    path = fitted(tmp_path)
    file = lines(ITEMS[0], "[]", item("u", "An undated story", None), '{"title": "half \\ud83d"}')
    ran = thesis("import", file, "--config", path)
    assert ran.code == 1
    assert ran.out.splitlines()[0] == "3 new items, 0 known, 2 undated, 1 refused"
    assert "line 2" in ran.err
    assert "2 items have no date" in ran.err
    again = thesis("import", "-", "--config", path, stdin=json.dumps(ITEMS[0]).encode())
    assert again.code == 0
    assert again.out.startswith("0 new items, 1 known\n")
    titles = [row["title"] for row in thesis("items", "--json", "--config", path).json]
    assert "half ?" in titles


def test_run_looks_at_every_source_and_names_the_one_that_failed(
    fitted: Callable[[Path], Path], tmp_path: Path, lines: Callable[..., Path]
) -> None:
    lines(ITEMS[0], name="good.jsonl")
    sources = "".join(
        f'[[sources]]\nname = "{name}"\nkind = "file"\npath = "{name}.jsonl"\n'
        for name in ("gone", "good")
    )
    path = fitted(tmp_path, sources)
    ran = thesis("run", "--config", path)
    assert ran.code == 1
    assert ran.err.startswith("thesis: source 'gone': ")
    assert "1 new items, 0 known; looked at 1 of 2 sources" in ran.out
    assert "blind to 50% of the sources" in ran.out
    health = {one["name"]: one["health"] for one in _status(path)["sources"]}
    assert health == {"gone": "failing", "good": "ok"}
    lines(ITEMS[1], name="gone.jsonl")
    assert thesis("run", "--config", path).code == 0
    assert "blind" not in _status(path)["status"]


def test_refused_line_of_a_source_is_told_of_once(
    fitted: Callable[[Path], Path], tmp_path: Path, lines: Callable[..., Path]
) -> None:
    lines(ITEMS[0], "broken", name="mine.jsonl")
    path = fitted(tmp_path, '[[sources]]\nname = "mine"\nkind = "file"\npath = "mine.jsonl"\n')
    first = thesis("run", "--config", path)
    assert first.code == 1
    assert first.err.startswith("thesis: source 'mine', line 2: not JSON: expecting value. Correct")
    assert "1 new items, 0 known, 1 refused; looked at" in first.out
    second = thesis("run", "--config", path)
    assert (second.code, second.err) == (0, "")
    assert "0 new items, 1 known, 1 refused, as before; looked at" in second.out
    lines(ITEMS[0], "broken", "{}", name="mine.jsonl")
    third = thesis("run", "--config", path)
    assert third.code == 1
    assert third.err.startswith("thesis: source 'mine', line 3: title: field required. Correct")


def _status(path: Path) -> dict[str, object]:
    answer: dict[str, object] = thesis("status", "--json", "--config", path).json
    return answer


def test_a_second_writer_is_refused_and_named(
    tmp_path: Path, lines: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspaces, "PATIENCE", 0.0)
    path = tmp_path / configuration.FILE_NAME
    path.write_text("", encoding="utf-8")
    with writer_lock(tmp_path / "data"):
        ran = thesis("import", lines(ITEMS[0]), "--config", path)
    one_line(ran, "another thesis process (pid ", str(tmp_path / "data"))


def test_index_rebuild_counts_what_it_gave(replayed: tuple[Path, Ran], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(replayed[0].parent, folder)
    ran = thesis("index", "rebuild", "--config", folder / configuration.FILE_NAME)
    assert (ran.code, ran.out) == (0, "The index holds 5 vectors.\n")


def test_init_writes_a_folder_and_says_what_to_do_next(tmp_path: Path) -> None:
    ran = thesis("init", tmp_path / "mine")
    path = tmp_path / "mine" / "config.toml"
    assert ran.code == 0
    assert f"thesis run --config {path}" in ran.out
    one_line(thesis("init", tmp_path / "mine"), str(path), "exists already")


# Expected failures: one line, exit 1


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    path = tmp_path / configuration.FILE_NAME
    path.write_text("", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "command", ["score", "explain", "items", "history", "status", "kpis", "show x"]
)
def test_reading_before_anything_was_written_says_how_to_begin(command: str, empty: Path) -> None:
    one_line(thesis(*command.split(), "--config", empty), "no data", "thesis run")
    assert not (empty.parent / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["show", "nope"], "'nope'"),
        (["explain", "--item", "nope"], "'nope'"),
        (["explain", "--category", "nope"], "'nope'"),
        (["items", "--category", "nope"], "custom_silicon"),
        (["history", "--out", "/no/such/folder/score.png"], "/no/such/folder/score.png"),
        (["kpis", "--out", "/no/such/folder/kpis.png"], "/no/such/folder/kpis.png"),
    ],
)
def test_what_is_not_there_is_named(
    arguments: list[str], named: str, read: Callable[..., Ran]
) -> None:
    one_line(read(*arguments), named)


@pytest.mark.parametrize("command", ["import", "replay", "classify"])
def test_a_file_that_is_not_there_is_named(command: str, empty: Path) -> None:
    file = empty.parent / "none.jsonl"
    one_line(thesis(command, file, "--config", empty), str(file), "No such file")


def test_a_bad_configuration_or_thesis_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / configuration.FILE_NAME
    one_line(thesis("score", "--config", path), str(path), "thesis init")
    path.write_text("[judge]\ntreshold = 1\n", encoding="utf-8")
    one_line(thesis("run", "--config", path), "judge.treshold", "'threshold'")
    path.write_text('[thesis]\nfile = "mine.toml"\n', encoding="utf-8")
    (tmp_path / "mine.toml").write_text('id = "x"\ntitle = \n', encoding="utf-8")
    one_line(thesis("score", "--config", path), f"{tmp_path / 'mine.toml'}:2: ")


def test_a_damaged_database_is_an_error_of_ours(empty: Path) -> None:
    (empty.parent / "data").mkdir()
    (empty.parent / "data" / "thesiswatch.sqlite3").write_bytes(b"nonsense" * 999)
    one_line(thesis("score", "--config", empty), "damaged", "backup")


# Usage: exit 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        [],
        ["import"],
        ["show"],
        ["index"],
        ["score", "--nope"],
        ["items", "--limit", "0"],
        ["explain", "--limit", "many"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    ran = thesis(*arguments)
    assert ran.code == 2
    assert "Usage: thesis" in ran.out + ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "text", ["yesterday", "2025-13-01", "", "27.01.2025", "0001-01-01T00:00+14:00"]
)
def test_a_date_that_is_none_exits_with_2_and_shows_one_that_is(
    text: str, read: Callable[..., Ran]
) -> None:
    ran = read("score", "--as-of", text)
    assert ran.code == 2
    assert repr(text) in ran.err
    assert "2025-01-27" in ran.err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    ran = thesis("--help")
    assert ran.code == 0
    for command in (
        "init demo run import replay classify score history explain items show status doctor index"
    ).split():
        assert f"\n  {command} " in ran.out


@pytest.fixture(scope="module")
def module(replayed: tuple[Path, Ran]) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Runs `python -m agent` as a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agent", *map(str, arguments), "--config", replayed[0]]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_the_module_is_the_command(
    module: Callable[..., subprocess.CompletedProcess[str]], read: Callable[..., Ran]
) -> None:
    done = module("score", "--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, read("score", "--json").out, "")
    done = module("show", "nope")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == read("show", "nope").err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is full")
@pytest.mark.parametrize("closed", [False, True])
def test_output_that_nobody_takes_is_no_traceback(closed: bool) -> None:
    program = "from agent.cli import main; main()"
    given = [sys.executable, "-c", program, "status", "--help"]
    shell = 'exec "$@" >&-' if closed else 'exec "$@" > /dev/full'
    ran = subprocess.run(
        ["/bin/sh", "-c", shell, "sh", *given], capture_output=True, text=True, check=False
    )
    said = "" if closed else "thesis: standard output cannot be written: No space left on device\n"
    assert (ran.returncode, ran.stderr) == (0 if closed else 1, said)


def test_change_since_a_day_to_come_is_refused(read: Callable[..., Ran]) -> None:
    ran = read("explain", "--since", "2200-01-01")
    assert ran.code == 2
    assert "2200-01-01 is after the score that is explained" in ran.err
