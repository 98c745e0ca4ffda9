"""How far an update moves the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median

from gradtop.trainer.analysis.findings.history import History
from gradtop.trainer.record.streams.registry import UPDATE_RATIO, of_parameter

ENOUGH = 3  # measurements


def late_ratios(run: History) -> Mapping[str, float]:
    """Of each matrix the median of update:weight in the second half of the run so far, where it was measured at least three times. Vectors begin at zero: their ratio says nothing."""
    layers, middle = run.layers, run.status.began + run.taken / 2
    found = {}
    for parameter in layers.parameters:
        if parameter.is_matrix and parameter.trainable:
            values = layers.track(of_parameter(UPDATE_RATIO, parameter.name)).since(middle)
            if len(values) >= ENOUGH:
                found[parameter.name] = median(values)
    return found


def late_ratio(run: History) -> float:
    """The median over the matrices; nan where it was not measured."""
    ratios = late_ratios(run)
    return median(ratios.values()) if ratios else math.nan


def some(names: list[str]) -> str:
    """stem.weight, head.weight and 3 more."""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f"{', '.join(names[:2])}{more}" if more or len(names) < 2 else " and ".join(names)
