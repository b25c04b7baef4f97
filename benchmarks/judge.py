"""The local judge beside a bare scikit-learn TF-IDF + logistic regression on the same items."""

import time

from agent import embed
from agent import thesis as theses
from agent.judge import Judgeable, exemplars, local
from benchmarks import archive

MOST = 10_000


def run() -> None:
    """Print items per second of both, embedding included in ours, and the time to fit."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    thesis = theses.load(theses.BUNDLED / "nvda_short_case" / theses.THESIS_FILE)
    lines = exemplars.load(thesis)
    texts = [embed.as_text(row["title"], row.get("summary") or "") for row in archive.rows()[:MOST]]
    embedder = embed.StaticEmbedder()
    local.fit(lines[:: len(lines) // 2000], thesis, embedder)  # imports and warms up
    started = time.perf_counter()
    fitted = local.fit(lines, thesis, embedder)
    print(f"fit on {len(lines):,} exemplars: {time.perf_counter() - started:.2f} s (under 2)")
    judge = local.LocalJudge(thesis, *fitted, "bench", threshold=0.5, margin=0.0)
    peer = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=200))
    peer.fit([line.text for line in lines], [bool(line.marks) for line in lines])

    started = time.perf_counter()
    judge.judge([Judgeable(str(i), text) for i, text in enumerate(texts)], embedder.embed(texts))
    ours = len(texts) / (time.perf_counter() - started)
    started = time.perf_counter()
    peer.predict_proba(texts)
    theirs = len(texts) / (time.perf_counter() - started)
    outputs = len(fitted[0].bias)
    print(f"judge {ours:,.0f} items/s ({outputs} outputs)")
    print(f"TF-IDF + logistic regression {theirs:,.0f} items/s (1 output)")
    print(f"ratio {ours / theirs:.2f}")
