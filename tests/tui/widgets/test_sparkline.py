from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from gradtop.tui.widgets.sparkline import sparkline

NAN = math.nan


def test_it_falls_by_decades() -> None:
    assert sparkline([0, 1, 2, 3], [1.0, 0.1, 0.01, 0.001], [0] * 4, 4) == "█▆▃▁"


def test_what_hardly_moves_is_drawn_flat() -> None:
    assert sparkline([0, 1, 2], [1.0, 1.05, 0.95], [0] * 3, 3) in {"▅▅▄", "▄▅▄", "▅▅▅"}


def test_zero_and_what_is_not_finite_have_marks_of_their_own() -> None:
    assert sparkline([0, 1, 2, 3], [1.0, 0.0, NAN, 1.0], [0, 0, 1, 0], 4) == "▅0×▅"


def test_few_measurements_fill_the_width() -> None:
    assert sparkline([0, 10], [1.0, 0.001], [0, 0], 6) == "█████▁"
    assert sparkline([5], [2.0], [0], 3) == "▅▅▅"
    assert sparkline([], [], [], 3) == ""


def test_up_to_an_end_that_lies_ahead_what_is_drawn_stays() -> None:
    values = [1.0, 0.02, 0.5, 0.05, 0.02]
    lines = [sparkline(range(count), values[:count], [0] * count, 10, 9) for count in (2, 3, 4, 5)]
    assert lines[-1] == "█▁▇▃▁     "
    assert [line.rstrip() for line in lines] == [lines[-1][:count] for count in (2, 3, 4, 5)]
    assert sparkline(range(10), [1.0] * 10, [0] * 10, 5, 9).strip() == "▅" * 5


def test_a_stretch_shows_the_mean_of_what_is_in_it() -> None:
    assert sparkline([0, 1, 2, 3], [1.0, 1.0, 1.0, 0.001], [0] * 4, 2) == "█▅"


@given(st.lists(st.tuples(st.floats(), st.booleans()), max_size=40), st.integers(0, 30))
def test_any_values_make_a_line_of_that_width(values: list[tuple[float, bool]], width: int) -> None:
    means = [value if math.isfinite(value) else NAN for value, _bad in values]
    line = sparkline([10.0 * index for index in range(len(values))], means, [int(bad) for _value, bad in values], width)
    assert len(line) == (width if values else 0)
