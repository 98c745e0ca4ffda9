"""What was measured of a method and an amount, and what is measured next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gradtop.trainer.analysis.formatting import significant
from gradtop.trainer.record.streams.registry import (
    ACCURACY,
    BASE_BATCH_LATENCY,
    BASE_LATENCY,
    BATCH_LATENCY,
    COMPRESSED_BYTES,
    DIFFERENCE,
    FILE_BYTES,
    LATENCY,
    LOSS,
    NONZERO,
    PARAMETER_COUNT,
    SCORE,
)

# Of the pruned model: loss, accuracy and the monitored metric; parameters, and those that are not zero; bytes of the weights in a file, and
# compressed; seconds of a forward pass of one sample and of a batch, each with that of the unpruned model; how far outputs are from those
# of a model with zeros in place of what was removed.
FIGURES = (LOSS, ACCURACY, SCORE, PARAMETER_COUNT, NONZERO, FILE_BYTES, COMPRESSED_BYTES, LATENCY, BASE_LATENCY, BATCH_LATENCY, BASE_BATCH_LATENCY, DIFFERENCE)
WHOLE = ""  # the method of the unpruned model


@dataclass(frozen=True, slots=True)
class PruneTrial:
    """`figures` as FIGURES names them, NaN where it failed with `error`; `layers`, of each the weights that are not zero."""

    method: str
    amount: float
    figures: tuple[float, ...] = (math.nan,) * len(FIGURES)
    layers: tuple[int, ...] = ()
    error: str = ""

    def of(self, figure: str) -> float:
        return self.figures[FIGURES.index(figure)]


def whole_of(trials: Sequence[PruneTrial]) -> PruneTrial | None:
    """The measurement of the unpruned model."""
    return next((each for each in trials if each.method == WHOLE and not each.error), None)


def amounts_left(trials: Sequence[PruneTrial], methods: Sequence[str], amounts: Sequence[float]) -> list[tuple[str, float]]:
    """The unpruned model first, then every method with each amount, the smaller ones first. Of a method that failed no larger amounts."""
    done = {(each.method, each.amount) for each in trials}
    failed = {each.method for each in trials if each.error}
    every = [(WHOLE, 0.0), *((method, amount) for amount in sorted(set(amounts)) for method in methods)]
    return [each for each in every if each not in done and each[0] not in failed]


def sparsity(trial: PruneTrial, whole: PruneTrial) -> float:
    """The share of the model's parameters that are zero or gone."""
    return 1 - trial.of(NONZERO) / whole.of(PARAMETER_COUNT) if whole.of(PARAMETER_COUNT) > 0 else math.nan


def layer_sparsity(nonzero: int, weights: int) -> float:
    """The share of a layer's weights that are zero or gone."""
    return 1 - nonzero / weights if weights else math.nan


def choice_text(method: str, amount: float) -> str:
    """global_l1 50 %."""
    return f"{method} {significant(100 * amount)} %" if method else "unpruned"
