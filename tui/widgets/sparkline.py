"""A row of bars over steps, on a log scale of its own. No widget here."""

from __future__ import annotations

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
ZERO, BAD, NONE = "0", "×", " "
PARTS = 4  # the range of the bars ends at quarters of a decade
LEAST = 1.0  # decades from the lowest bar to the highest: what moves less is drawn flat, in the middle


def sparkline(x: Sequence[float], values: Sequence[float], nonfinite: Sequence[int], width: int, end: float | None = None) -> str:
    """One character for each of `width` equal stretches of steps up to `end` (else the last): a bar, 0 for zero, × for what is not finite.

    `values` are nan where there is no finite one. A stretch in which nothing was measured shows what was before it. Neither the
    stretches nor the range of the bars follow each new value: what is drawn once stays as it is for a while.
    """
    if not x or width < 1:
        return ""
    last_step = x[-1] if end is None else max(end, x[-1])
    first, span = x[0], max(last_step - x[0], 1e-9)
    cells: list[list[int]] = [[] for _ in range(width)]
    for index, step in enumerate(x):
        cells[min(width - 1, int((step - first) / span * width))].append(index)
    logs = [math.log10(value) if value > 0 else math.nan for value in values]
    finite = [value for value in logs if value == value]
    least, most = min(finite, default=0.0), max(finite, default=0.0)
    low, high = math.floor(PARTS * least) / PARTS, math.ceil(PARTS * most) / PARTS
    if most - least < LEAST:
        middle = round(PARTS * (least + most) / 2) / PARTS
        low, high = middle - LEAST / 2, middle + LEAST / 2
    drawn, last = [], NONE
    seen = 1 + max(index for index, cell in enumerate(cells) if cell)
    for cell in cells[:seen] if end is not None else cells:
        last = _character(cell, logs, values, nonfinite, low, high) if cell else last
        drawn.append(last)
    return "".join(drawn).ljust(width)


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
