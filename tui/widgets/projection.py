"""From the bins of a series to the dots of a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradtop.tui.widgets.axis import Axis
from gradtop.tui.widgets.braille import DotColumn

if TYPE_CHECKING:
    from gradtop.tui.widgets.chart import Drawable
    from gradtop.tui.widgets.ruler import Ruler


def project(series: Drawable, ruler: Ruler, x_scale: Axis, y_scale: Axis, columns: int, rows: int) -> list[DotColumn]:
    """Bins gathered into columns of dots, their values turned into rows of dots."""
    x0, per_x = x_scale.low, columns / (x_scale.high - x_scale.low)
    log, low, per_y, top = y_scale.log, y_scale.low, (rows - 1) / (y_scale.high - y_scale.low), rows - 1
    points: list[DotColumn] = []
    log10 = math.log10

    def dot(value: float) -> int:
        """The row of a value; the edge where it lies outside, which also takes what overflowed."""
        share = (value - low) * per_y
        return int(share + 0.5) if 0 <= share <= top else top if share > top else 0

    def add(column: int, least: float, most: float, mean: float, gap: bool) -> None:
        if log:
            least, most, mean = (log10(v) if v > 0 else low for v in (least, most, mean))
        points.append((column, dot(least), dot(most), dot(mean), gap))

    xs = series.x if ruler.is_plain else [ruler.value(x) for x in series.x]
    if x_scale.log:
        xs = [log10(x) if x > 0 else -math.inf for x in xs]
    now, count, gap, break_before = -1, 0, False, False
    least = most = total = 0.0
    for x, a, b, m, bad in zip(xs, series.low, series.high, series.mean, series.nonfinite, strict=True):
        if bad or m != m:
            break_before = break_before or bool(bad)
            if m != m:
                continue
        column = int((x - x0) * per_x) if x > -math.inf else -1
        if column >= columns:
            column = columns - 1 if (x - x0) * per_x <= columns * (1 + 1e-9) else -1
        if column == now >= 0:
            count += 1
            total += m
            if a < least:  # noqa: PLR1730 - a call per bin would be felt here
                least = a
            if b > most:  # noqa: PLR1730
                most = b
            continue
        if count:
            add(now, least, most, total / count, gap)
        if column < 0:
            count, now = 0, -1
            continue
        now, count, gap, break_before = column, 1, break_before and now >= 0, False
        least, most, total = a, b, m
    if count:
        add(now, least, most, total / count, gap)
    return points
