"""The score's path as a picture: in the terminal (plotext) or a PNG file (matplotlib)."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.errors import ThesiswatchError

Point = tuple[datetime, float]
INK, BAND, PRICE = "#1f3a5f", "#9db8d9", "#b5651d"


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
    plotext.title("thesis strength, 0-100, with its 10-90% band")
    return str(plotext.build())


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
    import logging

    import matplotlib as mpl

    logging.getLogger("matplotlib").setLevel(logging.WARNING)
    mpl.use("Agg")
    from matplotlib import pyplot

    days = [_at(row) for row in history]
    figure, axis = pyplot.subplots(figsize=(10, 4.8), dpi=120)
    axis.fill_between(
        days,
        [row["low"] for row in history],
        [row["high"] for row in history],
        color=BAND,
        alpha=0.5,
        linewidth=0,
        label="10-90% band",
    )
    axis.plot(days, [row["score"] for row in history], color=INK, linewidth=1.8, label="score")
    axis.axhline(50, color="#888888", linewidth=0.8, linestyle=":")
    axis.set_ylabel("thesis strength (0-100)")
    axis.set_title(title, loc="left", fontsize=11, parse_math=False)
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
    figure.autofmt_xdate(rotation=0, ha="center")
    figure.tight_layout()
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        reason = error.strerror or error
        raise ThesiswatchError(f"{path} cannot be written: {reason}", "Name another") from error
    finally:
        pyplot.close(figure)


def _at(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["as_of"])
