"""Pictures for mails: the same bytes for the same figures, no ground of their own."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from agent import small_charts

PNG = b"\x89PNG"
ROWS = [(f"2025-01-{day:02}", 50.0 + day, 45.0 + day, 55.0 + day) for day in range(1, 29)]
PRICES = [(datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=n), 140.0 - n) for n in range(28)]
SERIES = [(f"2025-01-{day:02}", day % 4, None if day < 9 else 1.5) for day in range(1, 29)]
STRIP = [(f"2025-01-{day:02}", (0.1 * day, -0.2)) for day in range(1, 29)]


def pixels(picture: bytes) -> Any:
    import matplotlib.image as images

    return images.imread(BytesIO(picture))


def test_same_figures_are_the_same_bytes_and_others_are_not() -> None:
    one = small_charts.path(ROWS, PRICES, "NVDA")
    assert one == small_charts.path(ROWS, PRICES, "NVDA")
    assert one != small_charts.path(ROWS)
    assert one != small_charts.path([*ROWS[:-1], ("2025-01-28", 20.0, 15.0, 25.0)], PRICES, "NVDA")
    assert small_charts.events(SERIES) != small_charts.events([*SERIES[:-1], ("2025-01-28", 9, 1)])


@pytest.mark.parametrize(
    "picture",
    [
        small_charts.path(ROWS, PRICES, "NVDA close (USD)"),
        small_charts.fronts(["one front", "another"], STRIP),
        small_charts.events(SERIES),
    ],
    ids=["path", "fronts", "events"],
)
def test_picture_shows_on_white_as_on_black(picture: bytes) -> None:
    assert picture.startswith(PNG)
    found = pixels(picture)
    alpha = found[:, :, 3]
    assert alpha[0, 0] == 0  # the reader's own ground
    inks = found[alpha > 0.95][:, :3]
    light = inks @ np.array([0.2126, 0.7152, 0.0722])
    text = inks[
        (np.abs(inks - inks.mean(axis=1, keepdims=True)).max(axis=1) < 0.06) & (light < 0.9)
    ]
    assert len(text) > 100
    assert 0.35 < float(np.median(text)) < 0.65


@pytest.mark.parametrize("count", [1, 2])
def test_few_days_are_still_a_picture(count: int) -> None:
    assert small_charts.path(ROWS[:count]).startswith(PNG)
    assert small_charts.fronts(["a", "b"], STRIP[:count]).startswith(PNG)
    assert small_charts.events(SERIES[:count]).startswith(PNG)


def test_word_of_the_user_is_not_read_as_a_formula() -> None:
    assert small_charts.path(ROWS, PRICES, r"From $4tn to \frac{1}{ $1tn").startswith(PNG)
