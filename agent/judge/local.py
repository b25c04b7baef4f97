"""The judge that needs no key: linear models fitted on the thesis' exemplars.

Ridge regressions over one kernel: one says whether an item is relevant, one per category whether
it bears on it, three per category give the stance, one the severity. Fitting takes a second and
is cached by hash; judging needs numpy alone and gives an item the same answer to the bit
whatever batch it comes in.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from agent.errors import JudgeError
from agent.judge import exemplars, features
from agent.judge.exemplars import STANCES, Exemplar
from agent.judge.verdict import Judgeable, Label, Vectors, Verdict
from agent.thesis import Thesis
from store import private
from store.swap import swap_in

METHOD = "ridge-4"
"""Changes when the code below would give other answers: part of the cache key."""
EMBEDDING_WEIGHT = 1.5
"""Words weigh 1: the embedding carries synonyms, the words carry names and direction."""
PENALTY = 1.0
"""Ridge penalty of relevance, categories and severity; flat between 1 and 3 in cross-validation."""
STANCE_PENALTY = 3.0
"""Stance has fewer lines to each answer than relevance and is harder: it is shrunk more."""
LATER_MARK = 0.6
"""What a mark after a line's first one teaches about its category: the first must win."""
OWN_STANCE = 2.0
"""Weight of what a category alone teaches about stance, beside what all of them teach together:
a price rise is good news in one category and bad news in another."""
EVENING = 0.65
"""Rare stances count more: each mark by its stance's share to minus this power; 1 is balanced."""
RELEVANT_SHARE = 0.42
"""Probabilities are calibrated for this share of relevant items among those that name an entity
or are relevant: a little under half of what keyword search brings up, whatever the exemplars."""
NAMED, LIKE_A_CATEGORY, USUAL = 0.3, 2.0, -1.045
"""What a named entity, and a category that fits fully, add to an item's margin of relevance for
the gate, and where to start from: most of the world is about nobody the thesis knows, and words
alone do not say so. A promise of 0.5 is reached by one in twelve of a general news stream."""
SECOND_LABEL = 0.40
"""A category beside the first is named from this probability on."""
MOST_LABELS = 3
NEAR_ENOUGH = 1e-3
"""Relative residual at which the iteration for relevance stops; finer changes no verdict."""

Matrix = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Fit:
    """Weights of every output: relevance, categories, each category's stances, severity.

    `words` (features, outputs), `embedding` (dimension, outputs), `bias` (outputs,);
    `slope` and `offset` calibrate relevance.
    """

    words: Matrix
    embedding: Matrix
    bias: Matrix
    slope: float
    offset: float


class LocalJudge:
    """See agent.judge.verdict.Judge; never abstains without saying why."""

    name = "local"

    def __init__(
        self,
        thesis: Thesis,
        fit: Fit,
        vocabulary: features.Vocabulary,
        prompt_hash: str,
        *,
        threshold: float,
        margin: float,
    ) -> None:
        self.model = METHOD
        self.prompt_hash = prompt_hash
        self._categories = [category.id for category in thesis.categories]
        self._fit = fit
        self._vocabulary = vocabulary
        self._threshold = threshold
        self._margin = margin

    def judge(self, items: Sequence[Judgeable], vectors: Vectors) -> list[Verdict]:
        """Verdicts in order; `vectors` (n, d) are the items' embeddings."""
        if not items:
            return []
        rows = self._vocabulary.rows([item.text for item in items])
        outputs = self._outputs(rows, vectors)
        promises = self._promises(rows, outputs)
        parts = zip(items, outputs, promises, strict=True)
        return [self._verdict(item, row, promise) for item, row, promise in parts]

    def _outputs(self, rows: features.Sparse, vectors: Vectors) -> Matrix:
        fit = self._fit
        sums = np.zeros((len(vectors), len(fit.bias)))
        filled = np.flatnonzero(np.diff(rows.starts))
        if len(filled):
            weighted = fit.words[rows.columns] * rows.values[:, None]
            sums[filled] = np.add.reduceat(weighted, rows.starts[filled], axis=0)
        dense = np.einsum("nd,dk->nk", vectors.astype(np.float64), fit.embedding)
        total: Matrix = sums + dense + fit.bias
        return total

    def _promises(self, rows: features.Sparse, outputs: Matrix) -> list[float]:
        """What each item promises a dearer judge, in [0, 1]."""
        named = np.zeros(len(outputs))
        lengths = np.diff(rows.starts)
        owners = np.repeat(np.arange(len(outputs)), lengths)
        named[owners[rows.columns >= len(self._vocabulary.words)]] = 1.0
        best = outputs[:, 1 : 1 + len(self._categories)].max(axis=1)
        margins = USUAL + outputs[:, 0] + NAMED * named + LIKE_A_CATEGORY * best
        found = np.round(_logistic(self._fit.slope * margins + self._fit.offset), 6)
        return [float(one) for one in found]

    def _verdict(self, item: Judgeable, output: Matrix, promise: float) -> Verdict:
        if not any(character.isalpha() for character in item.text):
            return Verdict(item.id, False, 0.0, (), True, "no words to judge", item.input_hash)
        p = round(float(_logistic(self._fit.slope * output[0] + self._fit.offset)), 6)
        relevant = p >= self._threshold
        close = abs(p - self._threshold) < self._margin
        labels = self._labels(output) if relevant or close else ()
        reason = f"p = {p:.2f}" + (" is too close to the threshold to say" if close else "")
        return Verdict(
            item.id, relevant, p, labels, close, reason, item.input_hash, promise=promise
        )

    def _labels(self, output: Matrix) -> tuple[Label, ...]:
        count = len(self._categories)
        chances = np.round(np.clip(output[1 : 1 + count], 0.0, 1.0), 6)
        ranked = sorted(range(count), key=lambda i: (-round(float(output[1 + i]), 6), i))
        chosen = [i for i in ranked[:MOST_LABELS] if i == ranked[0] or chances[i] >= SECOND_LABEL]
        severity = int(np.clip(round(float(output[-1])), 1, 3))
        stances = np.clip(output[1 + count : -1].reshape(count, len(STANCES)), 0.01, 1.0)
        labels = []
        for i in chosen:
            sides = stances[i] / stances[i].sum()
            best = int(np.argmax(np.round(sides, 6)))
            p = round(float(chances[i] * sides[best]), 6)
            labels.append(Label(self._categories[i], STANCES[best], p, severity))
        return tuple(labels)


def make(
    thesis: Thesis,
    embedder: Any,
    cache: Path,
    *,
    threshold: float,
    margin: float,
    learned: Sequence[Exemplar] = (),
) -> LocalJudge:
    """The local judge of `thesis`, fitted now or read from `cache` (a folder).

    It learns from the thesis' exemplars and from the lines that were `learned` since. Raises
    ThesisFileError when the exemplars cannot teach it, JudgeError when fitting fails.
    """
    lines = [*exemplars.load(thesis), *learned]
    names = [category.id for category in thesis.categories]
    known = json.dumps([names, *(entity.model_dump() for entity in thesis.entities)])
    key = f"{METHOD} {embedder.name} {exemplars.digest(lines)} {known}"
    path = cache / f"judge-{_short_hash(key)}.npz"
    found = _read(path, thesis)
    if found is None:
        found = fit(lines, thesis, embedder)
        with suppress(OSError):  # no room or no right to keep it: it is fitted again next time
            _write(path, *found)
    prompt_hash = _short_hash(f"{key} {threshold} {margin}")
    return LocalJudge(thesis, *found, prompt_hash, threshold=threshold, margin=margin)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def fit(
    lines: Sequence[Exemplar], thesis: Thesis, embedder: Any
) -> tuple[Fit, features.Vocabulary]:
    """Fit every model on `lines`; deterministic."""
    import scipy.sparse

    texts = [line.text for line in lines]
    vocabulary = features.learn(texts, thesis)
    rows = vocabulary.rows(texts)
    words = scipy.sparse.csr_matrix(
        (rows.values, rows.columns, rows.starts), shape=(len(texts), rows.width)
    )
    dense = np.column_stack([EMBEDDING_WEIGHT * embedder.embed(texts), np.ones(len(texts))])
    truth = np.array([1.0 if line.marks else -1.0 for line in lines])
    table = scipy.sparse.hstack([words, scipy.sparse.csr_matrix(dense)]).tocsr()
    weights = _weights(lines)
    relevance = _fit_relevance(table, truth, weights)
    named = words[:, len(vocabulary.words) :].getnnz(axis=1) > 0
    slope, offset = _calibrate(table, truth, named, _halves(texts))
    marked = np.flatnonzero(truth > 0)
    words, dense, lines = words[marked], dense[marked], [lines[i] for i in marked.tolist()]
    kernel = _kernel(words.astype(np.float32), dense.astype(np.float32))
    categories, severity = _fit_categories(kernel, lines, thesis)
    shares = np.column_stack([categories, _fit_stances(kernel, lines, thesis), severity])
    found = np.column_stack([relevance, np.vstack([words.T @ shares, dense.T @ shares])])
    embedding = EMBEDDING_WEIGHT * found[rows.width : -1]
    return Fit(found[: rows.width], embedding, found[-1], slope, offset), vocabulary


def _weights(lines: Sequence[Exemplar]) -> Any:
    """What each line weighs, or None where all weigh the same."""
    found = np.array([line.weight for line in lines])
    return None if (found == 1).all() else found.astype(np.float32)


def _kernel(words: Any, dense: Any) -> Any:
    """Inner products of the lines, (lines, lines)."""
    return (words @ words.T).toarray() + dense @ dense.T


def _fit_relevance(table: Any, truth: Matrix, weights: Any = None) -> Matrix:
    """Ridge weights of (words, dense): there are too many lines for a kernel."""
    from sklearn.linear_model import Ridge

    ridge = Ridge(alpha=PENALTY, solver="sparse_cg", tol=NEAR_ENOUGH, fit_intercept=False)
    return np.asarray(ridge.fit(table, truth, weights).coef_, dtype=np.float64)


def _solve(kernel: Any, targets: Any, penalty: float, weight: Any = None) -> Matrix:
    """Kernel ridge regression: each line's share in the weights, (lines, targets)."""
    from sklearn.kernel_ridge import KernelRidge

    ridge = KernelRidge(alpha=penalty, kernel="precomputed")
    ridge.fit(kernel, targets.astype(np.float32), sample_weight=weight)
    return np.asarray(ridge.dual_coef_, dtype=np.float64)


def _fit_categories(
    kernel: Any, lines: Sequence[Exemplar], thesis: Thesis
) -> tuple[Matrix, Matrix]:
    """Shares for the categories and for severity."""
    codes = _codes(thesis)
    targets = np.zeros((len(lines), len(codes) + 1))
    for row, line in zip(targets, lines, strict=True):
        row[[codes[mark.category] for mark in line.marks[1:]]] = LATER_MARK
        row[[codes[mark.category] for mark in line.marks[:1]]] = 1.0
        row[-1] = line.marks[0].severity
    for category, code in codes.items():
        if not targets[:, code].any():
            raise JudgeError(
                f"no exemplar bears on the category {category!r}",
                "Write some in exemplars/*.jsonl beside the thesis file",
            )
    shares = _solve(kernel, targets, PENALTY, _weights(lines))
    return shares[:, :-1], shares[:, -1:]


def _fit_stances(kernel: Any, lines: Sequence[Exemplar], thesis: Thesis) -> Matrix:
    """Shares for every category's three stances, (lines, categories x 3), from every mark.

    The kernel of two marks grows by OWN_STANCE where they name the same category: one model for
    all of them and a smaller correction for each.
    """
    codes = _codes(thesis)
    marks = [(i, mark) for i, line in enumerate(lines) for mark in line.marks]
    line = np.array([i for i, _ in marks])
    code = np.array([codes[mark.category] for _, mark in marks])
    said = np.array([STANCES.index(mark.stance) for _, mark in marks])
    taught = np.bincount(said, minlength=len(STANCES)) / len(said)
    weight = taught[said] ** -EVENING * np.array([lines[i].weight for i, _ in marks])
    same = np.where(code[:, None] == code, np.float32(1 + OWN_STANCE), np.float32(1))
    block = kernel[np.ix_(line, line)] * same
    solved = _solve(
        block,
        np.eye(len(STANCES))[said],
        STANCE_PENALTY,
        (weight / weight.mean()).astype(np.float32),
    )
    shares = np.zeros((len(lines), len(codes), len(STANCES)))
    np.add.at(shares, line, solved[:, None, :])
    np.add.at(shares, (line, code), OWN_STANCE * solved)
    return shares.reshape(len(lines), -1)


def _codes(thesis: Thesis) -> dict[str, int]:
    return {category.id: i for i, category in enumerate(thesis.categories)}


def _halves(texts: Sequence[str]) -> Any:
    """True for about half of the texts, by hash: files are in story order."""
    return np.array([hashlib.sha256(text.encode()).digest()[0] % 2 == 0 for text in texts])


def _calibrate(table: Any, truth: Matrix, named: Any, first: Any) -> tuple[float, float]:
    """Platt's slope and offset for relevance, each half of the lines judged by the other.

    Off-topic lines count only if they name an entity: the others are far from the border and
    would make the slope too sure of itself.
    """
    from sklearn.linear_model import LogisticRegression

    margins = np.zeros(len(truth))
    for half in (first, ~first):
        margins[~half] = table[~half] @ _fit_relevance(table[half], truth[half])
    relevant = truth > 0
    close = named & ~relevant
    used = relevant | (close if close.any() else ~relevant)
    relevant, margins = relevant[used], margins[used]
    counts = np.where(relevant, relevant.sum(), (~relevant).sum())
    weight = len(counts) * np.where(relevant, RELEVANT_SHARE, 1 - RELEVANT_SHARE) / counts
    platt = LogisticRegression(C=1e6).fit(margins[:, None], relevant, sample_weight=weight)
    return float(platt.coef_[0, 0]), float(platt.intercept_[0])


def _logistic(values: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-np.clip(values, -30, 30)))


def _write(path: Path, fit: Fit, vocabulary: features.Vocabulary) -> None:
    """Keep the fit; written beside and moved into place, so that a crash leaves no half file."""
    private.make_folder(path.parent)
    draft = path.with_suffix(".draft.npz")
    with open(draft, "wb", opener=private.opener) as out:
        np.savez(
            out,
            words=fit.words,
            embedding=fit.embedding,
            bias=fit.bias,
            platt=np.array([fit.slope, fit.offset]),
            vocabulary=np.array(vocabulary.words),
            idf=np.array(vocabulary.idf),
        )
    swap_in(draft, path)


def _read(path: Path, thesis: Thesis) -> tuple[Fit, features.Vocabulary] | None:
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
            vocabulary = features.Vocabulary(
                [str(word) for word in kept["vocabulary"]],
                [float(value) for value in kept["idf"]],
                thesis,
            )
            slope, offset = (float(value) for value in kept["platt"])
            arrays = {name: kept[name] for name in ("words", "embedding", "bias")}
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None  # a damaged cache is only a slow start: it is fitted and written again
    return Fit(**arrays, slope=slope, offset=offset), vocabulary
