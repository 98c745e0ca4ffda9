from __future__ import annotations

import math
import time
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gradtop.tui.widgets.axis import (
    Axis,
    RowScale,
    along,
    along_decades,
    fitted,
    in_bars,
    kept_in_rows,
    linear,
    logarithmic,
)
from gradtop.tui.widgets.ruler import Ruler

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ORDINARY = st.floats(-1e12, 1e12)


def mantissa(step: float) -> float:
    return step / 10.0 ** math.floor(math.log10(step) + 1e-9)


@given(ORDINARY, ORDINARY, st.integers(1, 20))
def test_ticks_are_one_two_or_five_apart_and_no_more_than_asked_for(a: float, b: float, most: int) -> None:
    low, high = sorted((a, b))
    scale = linear(low, high, most)
    assert scale.at(low) >= -1e-8
    assert scale.at(high) <= 1 + 1e-8
    assert len(scale.ticks) <= most + 2
    values = [value for value, _label in scale.ticks]
    for one, other in pairwise(values):
        assert min(abs(mantissa(other - one) - nice) for nice in (1, 2, 5, 10)) < 1e-3
    labels = [label for _value, label in scale.ticks]
    assert len(set(labels)) == len(labels)


@given(FINITE, FINITE, st.integers(1, 20), st.booleans())
def test_any_finite_data_has_a_scale(a: float, b: float, most: int, log: bool) -> None:
    low, high = sorted((a, b))
    assume(not log or low > 0)
    scale = fitted(low, high, log=log, most=most)
    assert scale.low < scale.high
    assert math.isfinite(scale.low)
    assert math.isfinite(scale.high)
    assert log or -1e-8 <= scale.at(low) <= scale.at(high) <= 1 + 1e-8
    assert all(math.isfinite(value) for value, _label in scale.ticks)


def test_a_range_stays_while_the_data_fits_and_fills_half_of_it() -> None:
    first = fitted(0.1, 2.3, log=False, most=5)
    assert fitted(0.1, 2.1, log=False, most=5, old=first) is first
    assert fitted(0.1, 2.9, log=False, most=5, old=first) is not first
    assert fitted(0.1, 0.4, log=False, most=5, old=first).high < 1
    assert fitted(0.1, 2.3, log=True, most=5, old=first).log


def test_data_that_grow_out_of_a_range_get_room_and_so_leave_it_seldom() -> None:
    rows = RowScale(10, 4)
    axis, moved = kept_in_rows(4.0, 4.0, rows), 0
    for step in range(1, 200):
        before, axis = axis, kept_in_rows(4.0 - 0.01 * step, 4.0, rows, old=axis)
        assert axis.low < 4.0 - 0.01 * step + 1e-5
        moved += axis is not before
    assert moved < 16


def test_zero_is_taken_in_where_it_is_near() -> None:
    assert linear(0.1, 2.3, 5).low == 0
    assert linear(0.9, 1.0, 5).low > 0.5


@pytest.mark.parametrize(("low", "high", "labels"), [(0.5, 20, ["0.5", "1", "2", "5", "10", "20"]), (1e-8, 1e4, ["1e-8", "1e-6", "1e-4", "0.01", "1", "100", "1e4"])])
def test_a_logarithmic_axis_marks_decades_and_between_them_where_there_is_room(low: float, high: float, labels: list[str]) -> None:
    assert [label for _value, label in logarithmic(low, high, 6).ticks] == labels


def test_on_a_logarithmic_axis_what_is_not_positive_lies_at_the_bottom() -> None:
    scale = logarithmic(0.1, 10, 5)
    assert scale.at(0.0) == 0
    assert scale.at(-3.0) == 0


@given(st.floats(0, 1e9), st.floats(0.1, 1e9), st.integers(1, 300))
def test_labels_along_the_bottom_do_not_touch(low: float, span: float, width: int) -> None:
    assume(low + span > low)
    scale = along(low, low + span, width)
    assert (scale.low, scale.high) == (low, low + span)
    if len(scale.ticks) > 1:
        step = scale.ticks[1][0] - scale.ticks[0][0]
        longest = max(len(label) for _value, label in scale.ticks)
        assert step / span * width >= longest + 2.9


def test_an_axis_of_no_length_is_no_trouble() -> None:
    assert along(5, 5, 40).high == 6
    assert along(math.nan, math.inf, 40) == along(0, 1, 40)
    for low, high in ((2.0**53, 2.0**53), (2.0**53, 2.0**53 + 2), (1e300, 1e300), (-1.7e308, 1.7e308)):
        for scale in (along(low, high, 40), along_decades(low, high, 40)):
            assert scale.low < scale.high
    assert Axis(0, 1).label_width == 0


def test_a_logarithmic_axis_along_the_bottom_has_exactly_its_range_and_decades_for_labels() -> None:
    x = along_decades(1e-7, 10.0, 120)
    assert [label for _, label in x.ticks] == ["1e-7", "1e-6", "1e-5", "1e-4", "1e-3", "0.01", "0.1", "1", "10"]
    assert [x.at(value) for value in (1e-7, 1e-3, 10.0)] == pytest.approx([0.0, 0.5, 1.0])
    assert [x.value(share) for share in (0.0, 0.5, 1.0)] == pytest.approx([1e-7, 1e-3, 10.0])


@given(st.floats(1e-9, 1.0), st.floats(1.001, 1e12), st.integers(5, 200))
def test_its_labels_lie_within_it_and_do_not_touch(low: float, ratio: float, width: int) -> None:
    x = along_decades(low, low * ratio, width)
    shares = [x.at(value) for value, _ in x.ticks]
    assert all(-1e-6 <= share <= 1 + 1e-6 for share in shares)
    assert len(x.ticks) <= max(1, width // 9) + 1


def test_where_no_logarithm_can_be_the_axis_is_linear() -> None:
    assert not along_decades(0.0, 1.0, 80).log


@pytest.mark.parametrize("rows", [2, 3, 5, 8, 15, 40])
@pytest.mark.parametrize("most", [1e-9, 0.3, 1.0, 7.0, 115.0, 3.7e6])
def test_counts_stand_at_the_tops_of_rows_equally_far_apart(most: float, rows: int) -> None:
    axis = in_bars(most, rows)
    assert axis.low == 0
    assert most <= axis.high * (1 + 1e-9)
    assert most >= axis.high / 5
    places = [axis.at(value) * rows for value, _label in axis.ticks]
    assert places == pytest.approx([round(place) for place in places])
    assert len({round(b - a) for a, b in pairwise(places)}) <= 1
    assert in_bars(0.9 * most, rows, axis) is axis


@pytest.mark.parametrize("seconds", [0.5, 40, 3600, 5 * 3600, 3 * 86400, 200 * 86400])
def test_a_clock_has_round_times_of_day_and_names_each_day_once(seconds: float) -> None:
    noon = time.mktime((2026, 11, 25, 12, 0, 0, 0, 0, -1))
    axis = Ruler("clock").axis(noon, noon + seconds, 100)
    assert (axis.low, axis.high) == (noon, noon + seconds)
    labels = [label for _at, label in axis.ticks]
    assert labels
    days = [label[:6] for label in labels if label[0].isalpha() or " " in label]
    assert len(set(days)) == len(days)
    for at, label in axis.ticks:
        assert noon <= at <= noon + seconds
        assert label.endswith(time.strftime("%H:%M", time.localtime(at))) or ":" not in label or label.count(":") == 2
    assert Ruler("clock").text(noon) == "25 Nov 12:00:00"
