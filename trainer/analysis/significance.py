"""Whether two configurations differ by more than their seeds do: Welch's t-test, in the standard library."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradtop.trainer.named_tuple import NamedTuple

LEVEL = 0.05
TERMS = 500  # of the continued fraction, far more than it needs
LEAST = 1e-300  # in place of a zero, which the fraction would be divided by
NAME = "Welch's t-test"
ASSUMPTIONS = "assumes independent runs and approximately normal values; variances may differ"


class SampleStatistics(NamedTuple):
    """`deviation` is the sample standard deviation (n - 1)."""

    n: int
    mean: float
    deviation: float


class Welch(NamedTuple):
    """`difference` is the second mean minus the first; `p` is two-sided."""

    samples: tuple[SampleStatistics, SampleStatistics]
    difference: float
    t: float
    degrees: float
    p: float

    @property
    def exceeds_noise(self) -> bool:
        return self.p < LEVEL


def welch(one: Sequence[float], other: Sequence[float]) -> Welch | None:
    """Welch (1947), with the degrees of freedom of Satterthwaite; None where a sample has fewer than two finite values, or none varies."""
    found = [[value for value in each if math.isfinite(value)] for each in (one, other)]
    if min(map(len, found)) < 2:
        return None
    first, second = (_sample(values) for values in found)
    errors = [each.deviation / math.sqrt(each.n) for each in (first, second)]
    error = math.hypot(*errors)
    difference = second.mean - first.mean
    if not (error > 0 and math.isfinite(error) and math.isfinite(difference)):
        return None
    t = difference / error
    shares = [(each / error) ** 2 for each in errors]  # the variances themselves could underflow
    degrees = 1 / sum(share * share / (each.n - 1) for share, each in zip(shares, (first, second), strict=True))
    return Welch((first, second), difference, t, degrees, two_sided(t, degrees))


def half_width(values: Sequence[float], level: float = LEVEL) -> float:
    """Of Student's confidence interval of the mean, such as mean ± half its width; NaN of fewer than two values."""
    if len(values) < 2:
        return math.nan
    return quantile(level, len(values) - 1) * moments(values)[1] / math.sqrt(len(values))


def quantile(level: float, degrees: float) -> float:
    """The t that |T| of Student's distribution exceeds with probability `level`."""
    low, high = 0.0, 1.0
    while two_sided(high, degrees) > level:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, degrees) > level else (low, middle)
    return high


def moments(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (0 of one value), also where a sum of the values or of their squares outgrows a float."""
    mean = math.fsum(value / len(values) for value in values)
    return mean, math.hypot(*(value - mean for value in values)) / math.sqrt(max(1, len(values) - 1))


def _sample(values: Sequence[float]) -> SampleStatistics:
    return SampleStatistics(len(values), *moments(values))


def two_sided(t: float, degrees: float) -> float:
    """The probability that |T| of Student's distribution is at least as large."""
    return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by Lentz's continued fraction (Numerical Recipes, 6.4)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, TERMS):
        for factor in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 / _away_from_zero(1 + factor * d)
            c = _away_from_zero(1 + factor / c)
            found *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * found


def _away_from_zero(value: float) -> float:
    return value if abs(value) > LEAST else LEAST
