"""The judge that needs no key: how good, how stable, and what it does with nothing to go on."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import JudgeSection
from agent.embed import StaticEmbedder, as_text
from agent.errors import JudgeError
from agent.evaluation import calibration_error, reliability
from agent.judge import Judgeable, Verdict, exemplars, gate, local
from agent.judge.exemplars import STANCES, Exemplar, Mark
from agent.judge.local import LocalJudge
from agent.thesis import Thesis
from tests.story import LONG

LINES = [
    "DeepSeek trains R1 for six million dollars on 2,048 H800s. Rivals spend far more.",
    "Nvidia says Blackwell is sold out for a year. Demand exceeds supply, says Jensen Huang.",
    "Google rents TPU pods to Anthropic in a deal worth billions.",
    "Meta raises its capital expenditure to 65 billion dollars to buy more Nvidia GPUs.",
    "A bakery in Lyon wins a prize for its croissants.",
    "英伟达 H20 对华出口被禁",
    "AMD ROCm 6.3 runs DeepSeek on MI300X at twice the speed.",
    "Nvidia",
    LONG,
]
POOR_CACHES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "garbage": lambda data: b"not a cache at all",
    "cut short": lambda data: data[: len(data) // 2],
    "cut at the end": lambda data: data[:-100],
    "head only": lambda data: data[:64],
    "a flipped bit": lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
    "zeros": lambda data: bytes(len(data)),
}


def content(said: Verdict) -> tuple[Any, ...]:
    """All of a verdict but the id it is answered under."""
    return said.relevant, said.p_relevant, said.labels, said.abstained, said.reason


def test_gold_lines_are_judged_no_worse_than_promised(
    ask: Callable[..., list[Verdict]], shared: Path
) -> None:
    lines = (shared / "gold" / "dev_gold.jsonl").read_text(encoding="utf-8").splitlines()
    gold = [json.loads(line) for line in lines]
    said = ask(*(as_text(row["title"], row["summary"] or "") for row in gold))
    truth = [row["relevant"] for row in gold]
    assert f1(truth, [one.relevant for one in said], True) >= 0.80
    both = [
        (row["labels"][0], one.labels[0])
        for row, one in zip(gold, said, strict=True)
        if row["relevant"] and one.labels
    ]
    assert len(both) >= 180
    right = [mark["category"] == label.category for mark, label in both]
    assert sum(right) / len(right) >= 0.80
    meant, found = [mark["stance"] for mark, _ in both], [label.stance for _, label in both]
    assert sum(f1(meant, found, side) for side in STANCES) / 3 >= 0.62
    chances = [one.p_relevant for one in said]
    assert calibration_error(reliability(truth, chances)) <= 0.06


@pytest.mark.uncounted
def test_gate_keeps_what_matters_of_a_general_stream(
    ask: Callable[..., list[Verdict]], shared: Path
) -> None:
    with gzip.open(shared / "news/headlines_2024-01_2025-04.jsonl.gz", "rt", encoding="utf-8") as f:
        stream = [as_text(row["title"], row.get("summary") or "") for row in map(json.loads, f)]
    lines = (shared / "gold" / "dev_gold.jsonl").read_text(encoding="utf-8").splitlines()
    gold = [row for row in map(json.loads, lines) if row["relevant"]]
    matters = ask(*(as_text(row["title"], row["summary"] or "") for row in gold))
    threshold = JudgeSection().gate
    said = [one for n in range(0, len(stream), 2000) for one in ask(*stream[n : n + 2000])]
    assert passing(said, threshold) <= 0.08
    assert passing(matters, threshold) >= 0.97


def passing(said: list[Verdict], threshold: float) -> float:
    passed = [
        gate.decide(one.id, one.promise or 0.0, threshold=threshold, sample=0.0) for one in said
    ]
    return passed.count(gate.Gate.PASSED) / len(passed)


def f1(truth: list[Any], said: list[Any], value: Any) -> float:
    hits = sum(a == b == value for a, b in zip(truth, said, strict=True))
    return 2 * hits / (truth.count(value) + said.count(value))


def test_plain_cases_go_to_their_front_and_side(ask: Callable[..., list[Verdict]]) -> None:
    efficiency, demand, tpu, _, bakery, *_ = ask(*LINES)
    first = [(one.labels[0].category, one.labels[0].stance) for one in (efficiency, demand, tpu)]
    assert first == [
        ("training_efficiency", "supports"),
        ("growth_and_margins", "weakens"),
        ("custom_silicon", "supports"),
    ]
    assert not bakery.relevant
    assert bakery.labels == ()


def test_rise_in_capex_is_judged_with_its_words(ask: Callable[..., list[Verdict]]) -> None:
    said = ask(
        "Microsoft lifts capital spending to 80 billion dollars for more Nvidia GPUs",
        "Google lifts capital spending to build more of its own TPUs",
    )
    assert [(one.labels[0].category, one.labels[0].stance) for one in said] == [
        ("capex_payback", "weakens"),
        ("custom_silicon", "supports"),
    ]


@settings(max_examples=40, deadline=None)
@given(batch=st.lists(st.sampled_from(LINES), min_size=1, max_size=40))
def test_answer_is_the_same_to_the_bit_whatever_the_batch(
    ask: Callable[..., list[Verdict]], batch: list[str]
) -> None:
    alone = {line: content(ask(line)[0]) for line in set(batch)}
    assert [content(one) for one in ask(*batch)] == [alone[line] for line in batch]


def test_answer_is_the_same_to_the_bit_in_a_batch_of_hundreds(
    ask: Callable[..., list[Verdict]], thesis: Thesis
) -> None:
    texts = [one.text for one in exemplars.load(thesis)[::13]]
    assert len(texts) > 400
    whole = [content(one) for one in ask(*texts)]
    cut = [content(one) for n in range(0, len(texts), 7) for one in ask(*texts[n : n + 7])]
    assert whole == cut
    assert whole[::-1] == [content(one) for one in ask(*texts[::-1])]


def test_answers_come_in_order_under_the_ids_they_were_asked(
    local_judge: LocalJudge, static_embedder: StaticEmbedder
) -> None:
    given = [Judgeable(f"id {n}", line) for n, line in enumerate(LINES)]
    said = local_judge.judge(given, static_embedder.embed(LINES))
    assert [one.id for one in said] == [one.id for one in given]
    assert [one.input_hash for one in said] == [one.input_hash for one in given]


def test_nothing_to_judge_is_no_verdict(local_judge: LocalJudge) -> None:
    assert local_judge.judge([], np.zeros((0, 256), dtype=np.float32)) == []


@pytest.mark.parametrize("text", ["", ". ", "12,345.6%", "?!", "🚀🚀"])
def test_text_without_words_is_an_abstention_with_its_reason(
    ask: Callable[..., list[Verdict]], text: str
) -> None:
    (said,) = ask(text)
    assert (said.abstained, said.relevant, said.labels) == (True, False, ())
    assert said.reason == "no words to judge"


def test_text_of_unknown_words_is_judged_and_is_not_relevant(
    ask: Callable[..., list[Verdict]],
) -> None:
    (said,) = ask("Zxqv wkjh pflmb")
    assert not said.relevant


def test_verdict_near_the_threshold_is_an_abstention_that_keeps_its_leads(
    thesis: Thesis, static_embedder: StaticEmbedder, judge_cache: Path, local_judge: LocalJudge
) -> None:
    given, vectors = [Judgeable("a", LINES[0])], static_embedder.embed(LINES[:1])
    (sure,) = local_judge.judge(given, vectors)
    close = local.make(
        thesis, static_embedder, judge_cache, threshold=sure.p_relevant - 0.01, margin=0.02
    )
    assert close.prompt_hash != local_judge.prompt_hash
    (said,) = close.judge(given, vectors)
    assert (said.abstained, said.labels, said.p_relevant) == (True, sure.labels, sure.p_relevant)
    assert said.reason.endswith("is too close to the threshold to say")


def test_probabilities_are_probabilities_and_labels_are_the_thesis(
    ask: Callable[..., list[Verdict]], thesis: Thesis
) -> None:
    texts = [one.text for one in exemplars.load(thesis)[::17]]
    for said in ask(*texts):
        assert 0 <= said.p_relevant <= 1
        assert len(said.labels) <= local.MOST_LABELS
        assert len({label.category for label in said.labels}) == len(said.labels)
        for label in said.labels:
            assert label.category in thesis.weights
            assert label.stance in STANCES
            assert 0 <= label.p <= 1
            assert label.severity in (1, 2, 3)


def test_fit_read_from_the_cache_answers_as_the_fresh_one(
    ask: Callable[..., list[Verdict]],
    thesis: Thesis,
    static_embedder: StaticEmbedder,
    judge_cache: Path,
) -> None:
    before = sorted(judge_cache.iterdir())
    again = local.make(thesis, static_embedder, judge_cache, threshold=0.5, margin=0.03)
    given = [Judgeable(str(n), line) for n, line in enumerate(LINES)]
    assert again.judge(given, static_embedder.embed(LINES)) == ask(*LINES)
    assert sorted(judge_cache.iterdir()) == before


@pytest.fixture(scope="module")
def small(
    thesis: Thesis, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Thesis, Callable[[Path], LocalJudge]]:
    """The thesis with a tenth of its exemplars, which is fitted in no time, and its maker."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copytree(thesis.path.parent, folder, dirs_exist_ok=True)
    for path in (folder / "exemplars").iterdir():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[::20]), encoding="utf-8")
    cut = thesis.model_copy(update={"path": folder / thesis.path.name})
    embedder = StaticEmbedder()
    return cut, lambda cache: local.make(cut, embedder, cache, threshold=0.5, margin=0.03)


@pytest.mark.parametrize("damage", POOR_CACHES.values(), ids=POOR_CACHES)
def test_damaged_cache_is_fitted_and_written_again(
    small: tuple[Thesis, Callable[[Path], LocalJudge]],
    static_embedder: StaticEmbedder,
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
) -> None:
    _, make = small
    given, vectors = [Judgeable("a", LINES[0])], static_embedder.embed(LINES[:1])
    said = make(tmp_path).judge(given, vectors)
    (path,) = tmp_path.iterdir()
    good = path.read_bytes()
    path.write_bytes(damage(good))
    assert make(tmp_path).judge(given, vectors) == said
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert len(path.read_bytes()) == len(good)


def test_other_exemplars_are_another_judge(
    small: tuple[Thesis, Callable[[Path], LocalJudge]], local_judge: LocalJudge, tmp_path: Path
) -> None:
    _, make = small
    other = make(tmp_path)
    assert (other.name, other.model) == (local_judge.name, local_judge.model)
    assert other.prompt_hash != local_judge.prompt_hash


def test_fitting_twice_gives_the_same_judge_to_the_bit(
    small: tuple[Thesis, Callable[[Path], LocalJudge]],
    static_embedder: StaticEmbedder,
    tmp_path: Path,
) -> None:
    _, make = small
    given, vectors = (
        [Judgeable(str(n), line) for n, line in enumerate(LINES)],
        static_embedder.embed(LINES),
    )
    one, other = make(tmp_path / "one"), make(tmp_path / "other")
    assert one.judge(given, vectors) == other.judge(given, vectors)


def test_category_without_an_exemplar_cannot_be_judged(
    thesis: Thesis, static_embedder: StaticEmbedder
) -> None:
    lines = [
        Exemplar(f"A chip of kind {n}", (Mark("custom_silicon", "supports", 2),)) for n in range(40)
    ]
    lines += [Exemplar(f"A cake of kind {n}", ()) for n in range(40)]
    with pytest.raises(JudgeError, match="no exemplar bears on the category 'novel_accelerators'"):
        local.fit(lines, thesis, static_embedder)
