"""A row of bars over steps, on a log scale of its own. No widget here."""

from __future__ import annotations

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
ZERO, BAD, NONE = "0", "×", " "
LEAST = 1.0  # decades from the lowest bar to the highest: what moves less is drawn flat, in the middle


def sparkline(x: Sequence[float], values: Sequence[float], nonfinite: Sequence[int], width: int) -> str:
    """One character for each of `width` equal stretches of steps: a bar, 0 for zero, × where something was not finite.

    `values` are nan where there is no finite one. A stretch in which nothing was measured shows what was before it.
    """
    if not x or width < 1:
        return ""
    first, span = x[0], max(x[-1] - x[0], 1e-9)
    cells: list[list[int]] = [[] for _ in range(width)]
    for index, step in enumerate(x):
        cells[min(width - 1, int((step - first) / span * width))].append(index)
    logs = [math.log10(value) if value > 0 else math.nan for value in values]
    finite = [value for value in logs if value == value]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    if high - low < LEAST:
        middle = (low + high) / 2
        low, high = middle - LEAST / 2, middle + LEAST / 2
    drawn, last = [], NONE
    for cell in cells:
        last = _character(cell, logs, values, nonfinite, low, high) if cell else last
        drawn.append(last)
    return "".join(drawn)


def _character(
    cell: Sequence[int], logs: Sequence[float], values: Sequence[float], nonfinite: Sequence[int], low: float, high: float
) -> str:
    if any(nonfinite[index] for index in cell):
        return BAD
    known = [logs[index] for index in cell if logs[index] == logs[index]]
    if not known:
        return ZERO if any(values[index] == 0 for index in cell) else NONE
    share = (sum(known) / len(known) - low) / (high - low)
    return BARS[min(len(BARS) - 1, int(share * len(BARS)))]
