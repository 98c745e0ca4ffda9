"""The last steps before something went wrong."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Sequence

from torch import nn

from gradtop.trainer.analysis.spikes import initial_loss, spike_in
from gradtop.trainer.monitor.instruments.norms import NormSample
from gradtop.trainer.monitor.instruments.steps import CLIPPED_AT, GRAD_NORM_AT, LOSS_AT, LR_AT, StepRow
from gradtop.trainer.record.streams.registry import CLIPPED, GRAD_NORM, LAYERS, LOSS, LR, STEP, STEPS

KEPT = 256
REPORTED_STEPS = 32
REPORTED_SAMPLES = 8
REPORTED_PARAMETERS = 12
FIRST = 3  # losses that tell where the loss began


class BlackBox:
    """Keeps the last 256 steps and the last 256 samples of norms, on the host."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        """`names`: of the trainable parameters, in the order of the samples."""
        self._names = tuple(names)
        self.steps: deque[StepRow] = deque(maxlen=KEPT)
        self._losses: deque[float] = deque(maxlen=KEPT)  # of these steps
        self.samples: deque[NormSample] = deque(maxlen=KEPT)
        self.first: list[float] = []  # the first losses of the run, from its beginning in whatever process

    def add_steps(self, rows: Sequence[StepRow]) -> None:
        self.steps.extend(rows[-KEPT:])
        self._losses.extend([row[LOSS_AT] for row in rows[-KEPT:]])
        if len(self.first) < FIRST:
            self.first += [row[LOSS_AT] for row in rows if math.isfinite(row[LOSS_AT])][: FIRST - len(self.first)]

    def add_sample(self, sample: NormSample) -> None:
        """Keep a sample of norms; one of other parameters than those before begins anew."""
        if sample.names != self._names:
            self._names = sample.names
            self.samples.clear()
        self.samples.append(sample)

    def spike(self, rows: Sequence[StepRow], chance: float) -> str:
        """Why the losses of these steps are a spike against the steps that are kept, by the definition of the finding; "" where they are none.

        `chance` is the loss of a constant prediction, NaN where it is not known.
        """
        if not self.first:
            return ""
        new, before = [row[LOSS_AT] for row in rows if math.isfinite(row[LOSS_AT])], list(filter(math.isfinite, self._losses))
        initial = initial_loss(self.first)
        found = spike_in(new, before, max(initial, chance) if initial > 0 and chance == chance else initial)
        return f"the loss rose to {found[1]:.4g}, from {found[0]:.4g} before" if found is not None else ""

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

    def _worst(self, samples: Sequence[NormSample], parameter: str) -> list[int]:
        if not samples:
            return []
        growth = self._growth(samples)
        places = sorted(range(len(self._names)), key=lambda place: (self._names[place] != parameter, -growth[place]))
        return sorted(places[:REPORTED_PARAMETERS])

    def _growth(self, samples: Sequence[NormSample]) -> list[float]:
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
