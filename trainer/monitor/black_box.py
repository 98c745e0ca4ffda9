"""The last steps before something went wrong."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Sequence

from torch import nn

from gradtop.trainer.monitor.instruments.norms import Sample
from gradtop.trainer.monitor.instruments.steps import CLIPPED_AT, GRAD_NORM_AT, LOSS_AT, LR_AT, StepRow
from gradtop.trainer.record.streams.registry import CLIPPED, GRAD_NORM, LAYERS, LOSS, LR, STEP, STEPS

KEPT = 256
REPORTED_STEPS = 32
REPORTED_SAMPLES = 8
REPORTED_PARAMETERS = 12
DEVIATIONS = 10.0
MIN_RISE = 0.05
MIN_LOSSES = 64  # before a spike can be distinguished from the start of a training


class BlackBox:
    """Keeps the last 256 steps and the last 256 samples of norms, on the host."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        """`names`: of the trainable parameters, in the order of the samples."""
        self._names = tuple(names)
        self.steps: deque[StepRow] = deque(maxlen=KEPT)
        self.samples: deque[Sample] = deque(maxlen=KEPT)
        self._beginning, self._beginning_steps = 0.0, 0

    def add_steps(self, rows: Sequence[StepRow]) -> None:
        self.steps.extend(rows[-KEPT:])
        for row in rows[: MIN_LOSSES - self._beginning_steps]:
            self._beginning_steps += 1
            if math.isfinite(row[LOSS_AT]):
                self._beginning += (abs(row[LOSS_AT]) - self._beginning) / self._beginning_steps

    def add_sample(self, sample: Sample) -> None:
        """Keep a sample of norms; one of other parameters than those before begins anew."""
        if sample.names != self._names:
            self._names = sample.names
            self.samples.clear()
        self.samples.append(sample)

    def spike(self, loss: float) -> str:
        """Why this loss is a spike against the steps that are kept; "" where it is none.

        It stands more than 10 deviations above their mean and above all of them, by more than a twentieth of what the
        loss was in the beginning: the losses of memorised batches jump by any factor.
        """
        before = [row[LOSS_AT] for row in self.steps if math.isfinite(row[LOSS_AT])]
        if len(before) < MIN_LOSSES or not math.isfinite(loss) or loss - max(before) <= self._beginning * MIN_RISE:
            return ""
        mean = statistics.fmean(before)
        deviation = statistics.pstdev(before, mean)
        if loss <= mean + DEVIATIONS * deviation:
            return ""
        return f"the loss rose to {loss:.4g}, from {mean:.4g} ± {deviation:.2g} in the last {len(before)} steps"

    def culprit(self, step: int) -> tuple[str, bool]:
        """The parameter that went wrong first, as far as the samples up to this step show, and whether it is certain.

        Backward runs from the last module to the first and carries a bad value along, so where gradients are not finite
        it is the last module with one; else it is the parameter whose gradient grew most against its own median.
        """
        samples = [sample for sample in self.samples if sample.step <= step]
        for sample in samples:
            bad = [name for name, norm in zip(self._names, sample.gradients, strict=True) if not math.isfinite(norm)]
            if bad:
                return first_of_last_module(bad), True
        if len(samples) < 2 or not self._names:
            return "", False
        growth = self._growth(samples)
        largest = max(growth)
        return (self._names[growth.index(largest)] if largest > 1 else ""), False

    def report(self, step: int, what: str, parameter: str, *, wrong: bool) -> dict[str, object]:
        """A few kB of plain values: the last steps, and the norms of the parameters whose gradients grew most.

        `parameter` went `wrong` first, or else only its gradient grew most.
        """
        steps = [row for row in self.steps if row[0] <= step][-REPORTED_STEPS:]
        samples = [sample for sample in self.samples if sample.step <= step]
        return {
            "step": step,
            "what": what,
            "parameter": parameter,
            "wrong": wrong,
            STEPS: {
                STEP: [row[0] for row in steps],
                LOSS: [short(row[LOSS_AT]) for row in steps],
                LR: [short(row[LR_AT]) for row in steps],
                GRAD_NORM: [short(row[GRAD_NORM_AT]) for row in steps],
                CLIPPED: [short(row[CLIPPED_AT]) for row in steps],
            },
            LAYERS: {
                STEP: [sample.step for sample in samples[-REPORTED_SAMPLES:]],
                GRAD_NORM: {
                    self._names[place]: [short(sample.gradients[place]) for sample in samples[-REPORTED_SAMPLES:]]
                    for place in self._worst(samples, parameter)
                },
            },
        }

    def _worst(self, samples: Sequence[Sample], parameter: str) -> list[int]:
        if not samples:
            return []
        growth = self._growth(samples)
        places = sorted(range(len(self._names)), key=lambda place: (self._names[place] != parameter, -growth[place]))
        return sorted(places[:REPORTED_PARAMETERS])

    def _growth(self, samples: Sequence[Sample]) -> list[float]:
        """The newest norm of each parameter in medians of those before."""
        newest = samples[-1].gradients
        found = []
        for place, norm in enumerate(newest):
            before = [sample.gradients[place] for sample in samples[:-1] if math.isfinite(sample.gradients[place])]
            median = statistics.median(before) if before else 0.0
            found.append(math.inf if not math.isfinite(norm) else norm / median if median else 0.0)
        return found


def wrong_parameter(model: nn.Module) -> str:
    """The parameter that went wrong first by the gradients that are there now; "" where all are finite or gone."""
    bad = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and not bool(parameter.grad.isfinite().all())
    ]
    return first_of_last_module(bad) if bad else ""


def first_of_last_module(names: Sequence[str]) -> str:
    module = names[-1].rpartition(".")[0]
    return next(name for name in names if name.rpartition(".")[0] == module)


def short(value: float) -> float:
    """The value with five significant digits."""
    return float(f"{value:.5g}")
