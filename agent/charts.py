"""The score's path and the figures as pictures: in the terminal (plotext) or PNG (matplotlib)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from textwrap import fill
from typing import Any

from agent.errors import ThesiswatchError

Point = tuple[datetime, float]
PANELS_ABREAST = 3
INK, BAND, PRICE, SPIKE = "#1f3a5f", "#9db8d9", "#b5651d", "#b03030"
BESIDE = timedelta(days=12)
"""Marks so close together are named at different heights."""
RESTATED = {"color": PRICE, "marker": "x", "linestyle": "none"}


def in_terminal(history: Sequence[dict[str, Any]], width: int, height: int = 18) -> str:
    """The path with its band as text, `width` columns wide."""
    import plotext

    days = [_at(row).strftime("%Y-%m-%d") for row in history]
    plotext.clear_figure()
    plotext.date_form("Y-m-d")
    plotext.theme("clear")
    plotext.plotsize(width, height)
    for name, marker in (("high", "·"), ("low", "·"), ("score", "braille")):
        plotext.plot(days, [row[name] for row in history], marker=marker, label=None)
    if len(set(days)) == 1:
        plotext.xticks(days[:1])  # or it draws a century around the one day
    plotext.title("thesis strength, 0-100, with its 10-90% band")
    return str(plotext.uncolorize(plotext.build()))


def as_png(
    history: Sequence[dict[str, Any]],
    path: Path,
    *,
    title: str,
    prices: Sequence[Point] = (),
    price_label: str = "",
) -> None:
    """Write the path with its band, and prices on a second axis where given.

    Raises ThesiswatchError when the file cannot be written.
    """
    figure, axis = loaded().subplots(figsize=(10, 4.8), dpi=120)
    _path(axis, history, prices, price_label)
    axis.set_title(title, loc="left", fontsize=11)
    figure.autofmt_xdate(bottom=0.1, rotation=0, ha="center")
    _save(figure, path)


def backtest_as_png(answer: dict[str, Any], path: Path, *, title: str) -> None:
    """Write the score with its band over the price, spikes marked, and the lags below.

    Raises ThesiswatchError when the file cannot be written.
    """
    pyplot = loaded()
    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(11, 7.4), dpi=120, height_ratios=(5, 2.2), layout="constrained"
    )
    closes = [(datetime.fromisoformat(day), close) for day, close in answer["closes"]]
    history = [row for row in answer["history"] if row["as_of"] >= answer["from"]]
    _path(above, history, closes, answer["label"])
    _mark(above, [one for one in answer["spikes"] if one["fired_on"] >= answer["from"]])
    above.set_title(f"{title}: {answer['word']}", loc="left", fontsize=11)
    lags = answer["lags"]
    at = [one["lag"] for one in lags]
    sizes = [one["correlation"] for one in lags]
    reach = [[abs(one["interval"][i] - one["correlation"]) for one in lags] for i in (0, 1)]
    below.bar(at, sizes, color=[INK if lag > 0 else BAND for lag in at], width=0.7)
    below.errorbar(at, sizes, yerr=reach, fmt="none", ecolor="#888888", elinewidth=0.8)
    below.axhline(0, color="#888888", linewidth=0.8)
    below.set_xlabel("trading days by which the score moved first (dark) or the price did (light)")
    below.set_ylabel("correlation, 90%")
    below.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _path(
    axis: Any, history: Sequence[dict[str, Any]], prices: Sequence[Point], price_label: str
) -> None:
    """The score with its band, and prices on a second axis where given."""
    days = [_at(row) for row in history]
    lows, highs = ([row[name] for row in history] for name in ("low", "high"))
    axis.fill_between(days, lows, highs, color=BAND, alpha=0.5, linewidth=0, label="10-90% band")
    axis.plot(days, [row["score"] for row in history], color=INK, linewidth=1.8, label="score")
    axis.axhline(50, color="#888888", linewidth=0.8, linestyle=":")
    axis.set_ylabel("thesis strength (0-100)")
    axis.grid(axis="y", color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axis.get_legend_handles_labels()
    if prices:
        other = axis.twinx()
        other.plot(*zip(*prices, strict=True), color=PRICE, linewidth=1.0, label=price_label)
        other.set_ylabel(price_label, color=PRICE)
        other.spines[["top"]].set_visible(False)
        more = other.get_legend_handles_labels()
        handles, labels = handles + more[0], labels + more[1]
    axis.legend(handles, labels, frameon=False, fontsize=8, loc="upper left")


def _mark(axis: Any, spikes: Sequence[dict[str, Any]]) -> None:
    """A line for each day on which something spiked, named at its foot or, close by, its head."""
    by_day: dict[str, list[str]] = {}
    for one in spikes:
        by_day.setdefault(one["fired_on"], []).append(one["category"])
    style = {"rotation": 90, "fontsize": 6.5, "ha": "right", "color": SPIKE}
    last: datetime | None = None
    at_foot = True
    for day, names in by_day.items():
        at = datetime.fromisoformat(day)
        at_foot = not at_foot if last and at - last < BESIDE else True
        axis.axvline(at, color=SPIKE, linewidth=0.8, linestyle="--", alpha=0.7)
        place = {"y": 0.02, "va": "bottom"} if at_foot else {"y": 0.98, "va": "top"}
        words = f"spike: {', '.join(names)}"
        axis.text(at, s=words, transform=axis.get_xaxis_transform(), **place, **style)
        last = at


def kpis_as_png(kpis: Sequence[dict[str, Any]], path: Path, *, title: str) -> None:
    """Write a panel for each figure of `thesis kpis`: originals joined, restatements as marks.

    Raises ThesiswatchError when the file cannot be written.
    """
    pyplot = loaded()
    rows = max(1, -(-len(kpis) // PANELS_ABREAST))
    figure, axes = pyplot.subplots(
        rows, PANELS_ABREAST, figsize=(12, 0.6 + 2.3 * rows), dpi=120, squeeze=False
    )
    for axis, kpi in zip_longest(axes.flat, kpis):
        if kpi is None:
            axis.set_visible(False)
        else:
            _panel(axis, kpi)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.tight_layout()
    _save(figure, path)


def judges_as_png(rows: Sequence[dict[str, Any]], path: Path, *, title: str) -> None:
    """Write reliability and risk over coverage of every judge, and the first one's confusion.

    Raises ThesiswatchError when the file cannot be written.
    """
    pyplot = loaded()
    figure, (calibration, risk, table) = pyplot.subplots(1, 3, figsize=(15, 5.6), dpi=120)
    calibration.plot([0, 1], [0, 1], color="#888888", linewidth=0.8, linestyle=":")
    for row in rows:
        bins, risks = row["probabilities"]["reliability"], row["risk_coverage"]
        said, true = [one["said"] for one in bins], [one["true"] for one in bins]
        calibration.plot(said, true, marker="o", label=row["judge"])
        coverage = [one["coverage"] for one in risks]
        risk.plot(coverage, [one["risk"] for one in risks], marker="o", label=row["judge"])
    calibration.set(title="reliability", xlabel="said probability", ylabel="share relevant")
    risk.set(
        title="risk over coverage", xlabel="share answered", ylabel="share wrong", ylim=(0, None)
    )
    risk.legend(frameon=False, fontsize=8)
    _confusion(table, rows[0]["primary"]["confusion"], rows[0]["judge"])
    for axis in (calibration, risk):
        axis.grid(color="#dddddd", linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.tight_layout()
    _save(figure, path)


def _confusion(axis: Any, found: dict[str, dict[str, int]], judge: str) -> None:
    names = list(found)
    counts = [list(row.values()) for row in found.values()]
    axis.imshow(counts, cmap="Blues")
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            if count:
                ink = "white" if count > max(map(max, counts)) / 2 else INK
                axis.text(x, y, count, ha="center", va="center", fontsize=7, color=ink)
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    axis.set_yticks(range(len(names)), names, fontsize=7)
    axis.set_ylabel("true")
    axis.set_title(f"primary category as said by {judge}", fontsize=9)


def _panel(axis: Any, kpi: dict[str, Any]) -> None:
    from matplotlib.dates import ConciseDateFormatter

    scale, unit = (1e9, "USD bn") if kpi["unit"] == "USD" else (1, kpi["unit"])
    for restated, style in ((False, {"color": INK, "marker": "."}), (True, RESTATED)):
        shown = [one for one in kpi["values"] if bool(one["restates"]) is restated]
        days = [datetime.fromisoformat(one["period_end"]) for one in shown]
        axis.plot(days, [one["value"] / scale for one in shown], linewidth=1.2, **style)
    axis.set_title(f"{kpi['name']} ({unit})", loc="left", fontsize=8)
    if kpi["values"]:
        axis.xaxis.set_major_formatter(ConciseDateFormatter(axis.xaxis.get_major_locator()))
    else:
        axis.set(xticks=(), yticks=())
        words = fill(kpi["status"], 50, max_lines=4)
        place = {"transform": axis.transAxes, "ha": "center", "va": "center"}
        axis.text(0.5, 0.5, words, fontsize=7, **place)
    axis.tick_params(labelsize=7)
    axis.grid(axis="y", color="#dddddd", linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)


def loaded() -> Any:
    """matplotlib's pyplot, drawing into memory."""
    import logging

    import matplotlib as mpl

    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    mpl.use("Agg")
    mpl.rcParams["text.parse_math"] = False  # a dollar sign is a dollar sign
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> None:
    """Write and close a figure."""
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        reason = error.strerror or error
        raise ThesiswatchError(f"{path} cannot be written: {reason}", "Name another") from error
    finally:
        loaded().close(figure)


def _at(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["as_of"])
