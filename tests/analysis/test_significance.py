from __future__ import annotations

import math

import pytest

from gradtop.trainer.analysis.significance import half_width, moments, quantile, two_sided, welch


def test_welch_agrees_with_published_figures() -> None:
    """Student's distribution from its closed forms for 1 and 2 degrees of freedom, and the usual table's 5 % points."""
    for t in (0.1, 1.0, 7.5):
        assert two_sided(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t), rel=1e-12)
        assert two_sided(t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), rel=1e-10)
    for degrees, point in ((4, 2.776445), (10, 2.228139), (30, 2.042272), (1000, 1.962339)):
        assert two_sided(point, degrees) == pytest.approx(0.05, rel=1e-5)


def test_a_difference_is_told_from_the_noise_of_the_seeds() -> None:
    clear = welch([0.50, 0.51, 0.49, 0.50], [0.40, 0.41, 0.39, 0.42])
    assert clear is not None
    assert clear.exceeds_noise
    assert clear.difference == pytest.approx(-0.095)
    unclear = welch([0.50, 0.60, 0.40], [0.45, 0.58, 0.39])
    assert unclear is not None
    assert not unclear.exceeds_noise
    assert unclear.p == pytest.approx(welch([0.45, 0.58, 0.39], [0.50, 0.60, 0.40]).p)  # type: ignore[union-attr]


def test_equal_variances_and_sizes_give_the_degrees_of_students_test() -> None:
    found = welch([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    assert found is not None
    assert found.degrees == pytest.approx(4)
    assert found.t == pytest.approx(math.sqrt(1.5))
    assert found.p == pytest.approx(0.28786, rel=1e-4)


@pytest.mark.parametrize(("one", "other"), [([1.0], [2.0, 3.0]), ([1.0, math.nan], [2.0, 3.0]), ([1.0, 1.0], [2.0, 2.0]), ([], [])])
def test_nothing_is_claimed_where_there_is_no_noise_to_measure(one: list[float], other: list[float]) -> None:
    assert welch(one, other) is None


def test_figures_of_any_size_give_a_probability() -> None:
    found = welch([1e-160, 2e-160, 3e-160], [2e-150, 3e-150])
    assert found is None or 0 <= found.p <= 1
    found = welch([1e308, -1e308], [1e308, 1e307])
    assert found is None or 0 <= found.p <= 1
    assert welch([1.7e308, 1e308, -1.7e308], [1.7e308, 1.7e308, 0.0]) is None


def test_means_and_deviations_of_figures_whose_sum_no_float_holds() -> None:
    assert moments([1.7e308] * 3) == pytest.approx((1.7e308, 0.0))
    assert moments([1e200, 3e200]) == pytest.approx((2e200, 2**0.5 * 1e200))
    assert moments([2.5]) == (2.5, 0.0)


def test_the_interval_of_a_mean_is_that_of_students_table() -> None:
    for degrees, point in ((1, 12.7062), (4, 2.776445), (30, 2.042272)):
        assert quantile(0.05, degrees) == pytest.approx(point, rel=1e-5)
    assert quantile(0.01, 4) == pytest.approx(4.604095, rel=1e-5)
    assert half_width([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2.776445 * math.sqrt(2.5 / 5), rel=1e-5)
    assert half_width([2.0, 2.0]) == 0
    assert math.isnan(half_width([1.0]))
