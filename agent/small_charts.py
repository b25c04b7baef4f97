"""Pictures for a mail: small, read on a phone, on white as on black.

They have no ground of their own and inks that show on both, because a mail's reader chooses the
ground. The same figures give the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from agent.charts import Point, loaded

INK, BAND, PRICE, PALE, LINE = "#2f7ed8", "#2f7ed8", "#c8742a", "#7d8896", "#8b95a34d"
ENGLISH = {"score": "score", "band": "10-90%"}
CHINESE = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei",
    "WenQuanYi Micro Hei", "SimHei", "Arial Unicode MS",
)  # fmt: skip
WIDTH = 4.6
"""Inches for the 552 pixels of a mail: 8 points are 13 pixels there, and 8 on a phone."""
STYLE = {
    "font.size": 8,
    "text.color": PALE,
    "axes.labelcolor": PALE,
    "axes.edgecolor": LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


def path(
    rows: Sequence[tuple[str, float, float, float]],
    prices: Sequence[Point] = (),
    price_label: str = "",
    legend: Mapping[str, str] = ENGLISH,
) -> bytes:
    """The score with its band, and prices on a second axis; rows are (day, score, low, high).

    `legend` names "score" and "band"; in English where no font on this machine can write it.
    """
    with _axis(2.3) as (figure, axis):
        days = [datetime.fromisoformat(day) for day, *_ in rows]
        scores, lows, highs = ([row[n] for row in rows] for n in (1, 2, 3))
        words = legend if _can_write("".join(legend.values())) else ENGLISH
        style = {"color": BAND, "alpha": 0.22, "linewidth": 0}
        axis.fill_between(days, lows, highs, label=words["band"], **style)
        axis.plot(days, scores, color=INK, linewidth=2.0, label=words["score"])
        axis.grid(axis="y")
        handles, labels = axis.get_legend_handles_labels()
        if prices:
            other = axis.twinx()
            other.plot(
                [at.replace(tzinfo=None) for at, _ in prices],
                [close for _, close in prices],
                color=PRICE,
                linewidth=1.0,
                label=price_label,
            )
            other.tick_params(colors=PRICE)
            more = other.get_legend_handles_labels()
            handles, labels = handles + more[0], labels + more[1]
        _legend(axis, handles, labels)
        _few_dates(axis)
        return _bytes(figure)


def fronts(names: Sequence[str], strip: Sequence[tuple[str, Sequence[float]]]) -> bytes:
    """A row a front and a column a day, coloured by the log-odds it adds; rows (day, log-odds)."""
    import numpy as np

    values = np.array([sizes for _, sizes in strip]).T
    with _axis(0.4 + 0.21 * len(names)) as (figure, axis):
        most = max(float(np.abs(values).max()), 0.01)
        shown = axis.imshow(values, cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto")
        axis.set_yticks(range(len(names)), names)
        days = range(0, len(strip), max(len(strip) // 3, 1))
        axis.set_xticks(days, [strip[n][0][5:] for n in days])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        bar = figure.colorbar(shown, ax=axis, pad=0.03, fraction=0.06, ticks=(-most, 0, most))
        bar.ax.set_yticklabels([f"{-most:.2f}", "0", f"{most:+.2f}"])
        bar.ax.tick_params(length=0)
        bar.outline.set_visible(False)
        return _bytes(figure)


def events(series: Sequence[tuple[str, int, float | None]]) -> bytes:
    """Events a day as bars, and what was to be expected as a line; rows of (day, events, m0)."""
    with _axis(1.7) as (figure, axis):
        half = timedelta(hours=12)  # a bar stands over its whole day
        days = [datetime.fromisoformat(day) + half for day, _, _ in series]
        axis.bar(days, [count for _, count, _ in series], width=0.9, color=INK, label="new events")
        usual = [float("nan") if one is None else one for _, _, one in series]
        axis.plot(days, usual, color=PRICE, linewidth=1.2, label="usual", drawstyle="steps-mid")
        axis.set_ylim(bottom=0)
        axis.yaxis.get_major_locator().set_params(integer=True)
        _legend(axis, *axis.get_legend_handles_labels())
        _few_dates(axis)
        return _bytes(figure)


@contextmanager
def _axis(height: float) -> Iterator[tuple[Any, Any]]:
    """An empty figure of so many inches; closed at the end, drawn or not."""
    pyplot = loaded()
    with pyplot.rc_context({**STYLE, "font.family": ["DejaVu Sans", *_chinese()]}):
        figure, axis = pyplot.subplots(figsize=(WIDTH, height), dpi=240, layout="constrained")
        try:
            yield figure, axis
        finally:
            pyplot.close(figure)


def _can_write(text: str) -> bool:
    return text.isascii() or bool(_chinese())


@cache
def _chinese() -> list[str]:
    """Fonts on this machine that can write Chinese."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return [name for name in CHINESE if name in there][:1]


def _legend(axis: Any, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Above the picture, where it hides nothing."""
    place = {"loc": "lower left", "bbox_to_anchor": (-0.02, 0.99), "borderpad": 0}
    axis.legend(handles, labels, ncols=len(labels), columnspacing=1.2, handlelength=1.4, **place)


def _few_dates(axis: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=6)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _bytes(figure: Any) -> bytes:
    """PNG; without the name of what drew it, which would change with its version."""
    import io

    picture = io.BytesIO()
    figure.savefig(picture, format="png", transparent=True, metadata={"Software": None})
    return picture.getvalue()
