import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.numerals import fixed, signed, whole


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (39_331_000_000.0, "39,331,000,000"),
        (130_497_000_000.0, "130,497,000,000"),
        (73.04, "73.04"),
        (-2.5, "-2.5"),
        (0.0, "0"),
    ],
)
def test_reported_figure_is_written_in_full(value: float, shown: str) -> None:
    assert whole(value) == shown


@given(st.integers(-(10**14), 10**14))
def test_no_digit_of_a_whole_figure_is_lost(value: int) -> None:
    assert int(whole(float(value)).replace(",", "")) == value


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (1.26, 1, "+1.3"),
        (-1.26, 1, "-1.3"),
        (-0.04, 1, "0.0"),
        (0.004, 2, "0.00"),
        (10.0, 1, "+10.0"),
    ],
)
def test_sign_stands_before_what_is_not_nothing(value: float, decimals: int, shown: str) -> None:
    assert signed(value, decimals) == shown


def test_score_has_one_decimal() -> None:
    assert fixed(49.96) == "50.0"
