"""What a range test suggests, against curves worked out by hand and against slow, plain readings of the rules."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradtop.trainer.jobs.lr_range.suggest import (
    METHODS,
    Smoothing,
    gradient,
    minimum,
    slide,
    spaced,
    steep,
    suggest,
    usable,
    valley,
)

DECADES = [10.0**power for power in range(-6, 4)]


def test_learning_rates_go_from_the_first_to_the_last_in_equal_ratios() -> None:
    assert spaced(1e-4, 1.0, 5) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])


def test_the_first_average_is_the_first_loss_and_the_next_weighs_by_the_decay() -> None:
    smoothing = Smoothing(0.5)
    assert smoothing.add(4.0) == pytest.approx(4.0)
    # (0.5 · 0.5 · 4 + 0.5 · 1) / (1 - 0.5²)
    assert smoothing.add(1.0) == pytest.approx(2.0)


def test_without_decay_nothing_is_smoothed() -> None:
    smoothing = Smoothing(0.0)
    assert [smoothing.add(value) for value in (3.0, 1.0, 2.0)] == [3.0, 1.0, 2.0]


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=40), st.floats(0.01, 0.999))
def test_the_average_is_the_weighted_mean_of_all_losses(losses: list[float], decay: float) -> None:
    smoothing = Smoothing(decay)
    newest = [smoothing.add(loss) for loss in losses][-1]
    weights = [decay ** (len(losses) - 1 - index) for index in range(len(losses))]
    assert newest == pytest.approx(np.average(losses, weights=weights), rel=1e-6, abs=1e-6)


def test_the_first_tenth_and_the_last_five_are_left_out() -> None:
    values = [float(index) for index in range(60)]
    lrs, losses = usable(values, values, steps=100)
    assert lrs == losses == values[10:55]


def test_after_a_nan_nothing_counts_and_it_takes_the_place_of_the_end() -> None:
    values = [float(index) for index in range(60)]
    assert usable(values, [*values[:50], *[math.nan] * 10], steps=100)[1] == values[10:50]
    # At the very end of the test the five that are left out are not all NaN.
    assert usable(values, [*values[:58], math.nan, math.nan], steps=60)[1] == values[6:55]


def test_the_valley_of_a_falling_curve_is_at_half_of_it() -> None:
    # Nine falling losses: a third is three, half a third one and a half; 9 - 1 - 9 + 3 + 1.
    assert valley(DECADES[:9], [9.0, 8, 7, 6, 5, 4, 3, 2, 1]) == DECADES[3]


def test_the_valley_leaves_out_what_rises_before_and_after() -> None:
    losses = [5.0, 6, 7, 6, 5, 4, 3, 2, 8, 9]
    # 7 6 5 4 3 2, the sixth of which is at 7: 7 - 6 + 2 + 1.
    assert valley(DECADES, losses) == DECADES[4]


def test_of_two_valleys_of_one_length_the_first_counts() -> None:
    assert valley(DECADES[:6], [3.0, 2, 1, 3, 2, 1]) == valley(DECADES[:3], [3.0, 2, 1])


def test_the_steepest_place_is_where_the_loss_falls_most() -> None:
    assert steep(DECADES[:5], [5.0, 4.9, 3.0, 2.5, 9.0]) == DECADES[1]


def test_the_minimum_is_divided_by_ten() -> None:
    assert minimum(DECADES[:5], [5.0, 4.0, 1.0, 1.5, 9.0]) == pytest.approx(DECADES[2] / 10)


def test_an_even_slope_gives_the_left_end_of_the_first_interval() -> None:
    losses = [20.0 - index for index in range(20)]
    lrs = spaced(1e-6, 1.0, 20)
    assert slide(lrs, losses) == lrs[4]


def test_the_interval_slides_until_both_its_ends_slope_alike() -> None:
    # Flat, but for the last three losses: the last four slopes differ from those fifteen steps before.
    losses = [1.0] * 27 + [2.0, 4.0, 8.0]
    assert gradient(losses)[-5:] == [0.0, 0.5, 1.5, 3.0, 4.0]
    lrs = spaced(1e-6, 1.0, 30)
    assert slide(lrs, losses) == lrs[30 - 16 - 3]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 15, 16])
def test_few_points_give_what_they_can(count: int) -> None:
    lrs, losses = spaced(1e-6, 1.0, 20)[:count], [float(20 - index) for index in range(count)]
    found = {method for method, rule in zip(METHODS, (valley, steep, minimum, slide), strict=True) if rule(lrs, losses) is not None}
    wanted = set() if not count else {"valley", "minimum"} if count == 1 else set(METHODS) - ({"slide"} if count < 16 else set())
    assert found == wanted


def test_a_test_that_has_hardly_begun_suggests_nothing() -> None:
    assert suggest([1e-7, 2e-7], [2.3, 2.3], steps=100) == []


def curve(fall: float, *, lucky: float = 0.0) -> list[float]:
    """A hundred smoothed losses: flat and noisy, from the sixtieth to the eightieth falling, then rising; and one lucky batch in the flat part."""
    drawn = random.Random(3)
    levels = [2.3 - fall * min(max(index - 60, 0), 20) / 20 + 0.2 * max(index - 88, 0) for index in range(100)]
    return [level + drawn.gauss(0, 0.004) - (lucky if 30 <= index < 34 else 0) for index, level in enumerate(levels)]


def test_a_lucky_batch_where_the_loss_stands_still_is_not_the_steepest_place() -> None:
    lrs = spaced(1e-7, 10.0, 100)
    found = {each.method: each.x for each in suggest(lrs, curve(1.0), 100)}
    assert lrs[60] <= found["steep"] <= lrs[80]
    losses = curve(1.0, lucky=0.2)
    assert steep(lrs, losses) == lrs[29]
    found = {each.method: each.x for each in suggest(lrs, losses, 100)}
    assert "steep" not in found
    assert lrs[60] <= found["valley"] <= lrs[80]


def test_a_place_from_which_the_loss_diverges_at_once_is_still_the_steepest() -> None:
    losses = [2.33] * 50 + [2.33 - 0.2 * (index / 20) ** 3 for index in range(21)] + [2.3, 2.6, 3.0, 3.4, 4.0]
    lrs = spaced(1e-7, 10.0, len(losses))
    found = {each.method: each.x for each in suggest(lrs, losses, len(losses))}
    assert found["steep"] == lrs[69]


def test_of_a_curve_that_does_not_fall_nothing_is_suggested() -> None:
    assert suggest(spaced(1e-7, 10.0, 100), curve(0.0), 100) == []


# Slow, plain readings of the same rules.


def longest_fall(losses: Sequence[float]) -> tuple[int, int]:
    """Length and last index of the longest falling subsequence that ends first, tried out from the longest down."""
    for length in range(len(losses), 1, -1):
        ends = [
            chosen[-1]
            for chosen in itertools.combinations(range(len(losses)), length)
            if all(losses[a] > losses[b] for a, b in itertools.pairwise(chosen))
        ]
        if ends:
            return length, min(ends)
    return 1, 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 9).map(float), min_size=3, max_size=10))
def test_the_valley_is_that_of_all_subsequences(losses: list[float]) -> None:
    length, last = longest_fall(losses)
    lrs = spaced(1e-6, 1.0, len(losses))
    begin = last - length if length > 1 else 0
    share = length / 3 if length > 1 else 0
    assert valley(lrs, losses) == lrs[max(begin + int(share) + int(share / 2), 0)]


@given(st.lists(st.floats(0.01, 10), min_size=20, max_size=60))
def test_steep_minimum_and_slide_agree_with_numpy(losses: list[float]) -> None:
    lrs = np.array(spaced(1e-7, 10.0, len(losses)))
    values = np.array(losses)
    assert steep(list(lrs), losses) == lrs[np.argmin(np.diff(values) / np.diff(np.log(lrs)))]
    assert minimum(list(lrs), losses) == lrs[np.argmin(values)] / 10
    slopes = np.gradient(values)
    assert gradient(losses) == pytest.approx(list(slopes))
    apart = [index for index in range(len(losses) - 16, -1, -1) if abs(slopes[index + 15] - slopes[index]) > 0.005]
    walked = list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(apart, range(len(losses) - 16, -1, -1), strict=False)))
    assert slide(list(lrs), losses) == (lrs[walked[-1][0]] if walked else lrs[len(losses) - 16])
