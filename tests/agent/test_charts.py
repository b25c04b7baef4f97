import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent import charts
from agent.errors import ThesiswatchError

PNG = b"\x89PNG\r\n\x1a\n"


def path_of(*scores: float) -> list[dict[str, Any]]:
    return [
        {"as_of": f"2025-01-{20 + i}T23:59:59Z", "score": x, "low": x - 5, "high": x + 5}
        for i, x in enumerate(scores)
    ]


def drawn(rows: list[dict[str, Any]], path: Path, **more: Any) -> bytes:
    charts.as_png(rows, path, title="A thesis", **more)
    return path.read_bytes()


def pixels(data: bytes, path: Path) -> Any:
    from matplotlib import image

    path.write_bytes(data)
    return image.imread(path)


def test_a_png_is_written_and_shows_the_path(tmp_path: Path) -> None:
    from matplotlib import colors

    data = drawn(path_of(50, 55, 62), tmp_path / "score.png")
    assert data.startswith(PNG)
    picture = pixels(data, tmp_path / "again.png")
    assert picture.shape[:2] == (576, 1200)
    ink = [abs(picture[:, :, i] - colors.to_rgb(charts.INK)[i]) < 0.05 for i in range(3)]
    assert (ink[0] & ink[1] & ink[2]).sum() > 500


def test_another_path_is_another_picture(tmp_path: Path) -> None:
    first = drawn(path_of(50, 55, 62), tmp_path / "a.png")
    assert drawn(path_of(50, 55, 62), tmp_path / "b.png") == first
    assert drawn(path_of(50, 45, 38), tmp_path / "c.png") != first


def test_prices_stand_beside_the_score(tmp_path: Path) -> None:
    prices = [(datetime(2025, 1, 20 + i, tzinfo=UTC), 140.0 - 10 * i) for i in range(3)]
    plain = drawn(path_of(50, 55, 62), tmp_path / "a.png")
    both = drawn(path_of(50, 55, 62), tmp_path / "b.png", prices=prices, price_label="close")
    assert both != plain


@pytest.mark.parametrize("rows", [[], path_of(50)])
def test_few_points_are_still_a_picture(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    assert drawn(rows, tmp_path / "score.png").startswith(PNG)


def test_dollar_signs_in_a_title_are_no_formula(tmp_path: Path) -> None:
    charts.as_png(path_of(50, 51), tmp_path / "a.png", title=r"From $4tn to \frac{1}{ $1tn")
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)


def test_it_is_a_png_whatever_the_file_is_called(tmp_path: Path) -> None:
    assert drawn(path_of(50, 51), tmp_path / "score.picture").startswith(PNG)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ThesiswatchError, match=r"no/score\.png cannot be written: No such"):
        charts.as_png(path_of(50), tmp_path / "no" / "score.png", title="A thesis")


def test_the_terminal_plot_has_dates_scores_and_the_width_asked_for() -> None:
    text = charts.in_terminal(path_of(50, 55, 62), 80)
    assert "2025-01-20" in text
    assert "2025-01-22" in text
    assert "67" in text  # the band's upper end
    assert "thesis strength" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_the_terminal_plot_carries_no_colour_into_a_pipe() -> None:
    text = charts.in_terminal(path_of(50, 55, 62), 80)
    assert "\x1b" not in text


@pytest.mark.parametrize("rows", [[], path_of(50)])
def test_few_points_can_be_plotted(rows: list[dict[str, Any]]) -> None:
    assert "thesis strength" in charts.in_terminal(rows, 80)


def test_the_axis_of_a_single_day_is_that_day() -> None:
    assert re.findall(r"\d{4}-\d\d-\d\d", charts.in_terminal(path_of(50), 80)) == ["2025-01-20"]


def kpi(*values: float, status: str = "ok", unit: str = "USD") -> dict[str, Any]:
    rows = [
        {"period_end": f"2025-0{i + 1}-28", "value": value, "restates": None}
        for i, value in enumerate(values)
    ]
    return {"name": "Sales of $4tn or $1tn", "unit": unit, "status": status, "values": rows}


def kpi_chart(path: Path, *kpis: dict[str, Any]) -> bytes:
    charts.kpis_as_png(kpis, path, title="A thesis")
    return path.read_bytes()


def test_figures_are_drawn_a_panel_each(tmp_path: Path) -> None:
    one = kpi_chart(tmp_path / "a.png", kpi(1e9, 2e9, 3e9))
    assert one.startswith(PNG)
    assert kpi_chart(tmp_path / "b.png", kpi(1e9, 2e9, 2e9)) != one
    four = pixels(kpi_chart(tmp_path / "c.png", *[kpi(1e9, 2e9)] * 4), tmp_path / "d.png")
    assert four.shape[0] > pixels(one, tmp_path / "e.png").shape[0]


def test_a_restated_figure_is_marked_beside_the_first(tmp_path: Path) -> None:
    plain, restated = kpi(1e9, 2e9, 3e9), kpi(1e9, 2e9, 3e9)
    restated["values"].append({"period_end": "2025-02-28", "value": 2.5e9, "restates": "a"})
    assert kpi_chart(tmp_path / "a.png", plain) != kpi_chart(tmp_path / "b.png", restated)


@pytest.mark.parametrize("shown", [(), (kpi(),), (kpi(5.0, unit="days"),)])
def test_few_figures_are_still_a_picture(shown: tuple[Any, ...], tmp_path: Path) -> None:
    assert kpi_chart(tmp_path / "a.png", *shown).startswith(PNG)


def test_a_figure_that_is_not_there_says_why_in_its_panel(tmp_path: Path) -> None:
    silent = kpi_chart(tmp_path / "a.png", kpi(status=""))
    told = kpi_chart(tmp_path / "b.png", kpi(status="failing: $source$ 'x' https://" + "y" * 400))
    assert told != silent


def test_a_chart_of_figures_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ThesiswatchError, match=r"no/k\.png cannot be written: No such"):
        charts.kpis_as_png([kpi(1.0)], tmp_path / "no" / "k.png", title="A thesis")
