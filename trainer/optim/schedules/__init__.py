"""Learning-rate schedules, one module for each kind; no torch."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, ClassVar, Literal

from gradtop.trainer.declare import Kind, setting
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.optim.turn import Turn as Turn

Unit = Literal["epochs", "steps"]

UNIT = "Unit of the lengths of this schedule."
MIN_LR = "Learning rate at the last step."
GAMMA = "Multiplicative factor of learning rate decay."

# Of more turning points than these, evenly chosen ones are named.
MOST_TURNS = 500


class Span(NamedTuple):
    """What a schedule spans: a run of `steps` optimizer steps, `steps_per_epoch` of them in an epoch."""

    steps: int
    steps_per_epoch: int


class Phase(NamedTuple):
    """A scheduler from optimizer step `first` (counted from 0) on: a class of torch.optim.lr_scheduler, or package.module:class."""

    first: int
    scheduler: str
    arguments: Mapping[str, Any]


class ScheduleConfig(Kind, defer_build=True):
    """How the learning rate develops from the first step to the last."""

    package = "gradtop.trainer.optim.schedules"
    # What its scheduler knows besides the step, in words; a fork of the same kind takes it over.
    history: ClassVar[str] = ""
    # What its decay is as long as: then a run that ends with a high learning rate misses it.
    decays_over: ClassVar[Literal["run", "cycle", ""]] = ""

    @abstractmethod
    def phases(self, span: Span, lr: float) -> list[Phase]:
        """The schedulers, one after the other, of a run whose full learning rate is `lr`."""

    @abstractmethod
    def turns(self, span: Span) -> list[Turn]:
        """The turning points in order; some may lie past the end."""

    def turns_within(self, span: Span) -> list[Turn]:
        """The turning points that a run takes: those before its last step."""
        return [turn for turn in self.turns(span) if 0 < turn.step < span.steps]

    def misfits(self, lr: float, *, epochs: int, steps: int, steps_per_epoch: int) -> Iterator[tuple[str, str]]:
        """(field, sentence) of what does not fit a run of `epochs`, or of `steps` where that is not 0.

        `steps_per_epoch` is 0 where it is not known.
        """
        del epochs, steps, steps_per_epoch
        lowest = getattr(self, "min_lr", 0.0)
        if lowest > lr:
            yield "min_lr", f"must not exceed optimizer.lr, which is {lr:g}; it is {lowest:g}"


class WarmUp(ScheduleConfig):
    """A warm-up before the schedule proper, of so many steps or of so many epochs."""

    warmup_steps: int = setting(0, help="Warm-up steps; 0 disables warm-up.", unit="steps", effect="fork", ge=0, le=1_000_000_000)
    warmup_epochs: float = setting(0.0, help="Warm-up in epochs, which may be fractional, instead of warmup_steps.", unit="epochs", effect="fork", ge=0, le=1_000_000)
    warmup_start: float = setting(0.01, help="Learning rate at the first warm-up step, as a fraction of lr.", effect="fork", gt=0, le=1)
    warmup_shape: Literal["linear", "cosine"] = setting("linear", help="Linear or cosine warm-up.", effect="fork")

    def warmup(self, span: Span) -> int:
        """Steps of the warm-up, at most those of the run."""
        return min(self.warmup_steps or round(self.warmup_epochs * span.steps_per_epoch), span.steps)

    def phases(self, span: Span, lr: float) -> list[Phase]:
        warm = self.warmup(span)
        main = self.main(warm, span, lr)
        # A scheduler that begins with the run takes the warm-up into itself.
        return [*self.warmup_phase(warm), *main] if main[0].first == warm else main

    def warmup_phase(self, steps: int) -> list[Phase]:
        """Its first step takes `warmup_start` of the learning rate, the step after its last one all of it."""
        if not steps:
            return []
        if self.warmup_shape == "linear":
            return [Phase(0, "LinearLR", {"start_factor": self.warmup_start, "end_factor": 1.0, "total_iters": steps})]
        return [Phase(0, "LambdaLR", {"lr_lambda": cosine_rise(self.warmup_start, steps)})]

    def turns(self, span: Span) -> list[Turn]:
        warm = self.warmup(span)
        return [*([Turn(warm, "warmup_end")] if warm else []), *(turn for turn in self.main_turns(warm, span) if turn.step > warm)]

    @abstractmethod
    def main(self, warm: int, span: Span, lr: float) -> list[Phase]:
        """What follows a warm-up of `warm` steps."""

    @abstractmethod
    def main_turns(self, warm: int, span: Span) -> list[Turn]:
        """The turning points after a warm-up of `warm` steps."""

    def misfits(self, lr: float, *, epochs: int, steps: int, steps_per_epoch: int) -> Iterator[tuple[str, str]]:
        yield from super().misfits(lr, epochs=epochs, steps=steps, steps_per_epoch=steps_per_epoch)
        if self.warmup_steps and self.warmup_epochs:
            yield "warmup_epochs", f"cannot be combined with schedule.warmup_steps, which is {self.warmup_steps}: give one of them"
        elif self.warmup_epochs > epochs and not steps:
            yield "warmup_epochs", f"is {self.warmup_epochs:g}, longer than the run of {epochs} epochs"
        elif steps_per_epoch and self.warmup_steps > (total := steps or epochs * steps_per_epoch):
            length = f"{epochs} epochs are {total} steps" if not steps else f"training.steps is {steps}"
            yield "warmup_steps", f"is {self.warmup_steps}, longer than the run: {length}"


def cosine_rise(start: float, steps: int) -> Callable[[int], float]:
    """From `start` to 1 in so many steps."""
    return lambda done: start + (1 - start) * (1 - math.cos(math.pi * min(done, steps) / steps)) / 2


def steps_of(unit: Unit, span: Span) -> int:
    """Optimizer steps of one unit."""
    return span.steps_per_epoch if unit == "epochs" else 1


def remaining(warm: int, span: Span) -> int:
    """Scheduler steps after the warm-up: one less than optimizer steps, as the last of these takes the last value."""
    return max(span.steps - 1 - warm, 1)


def every(period: int, end: int, *, after: int = 0) -> list[int]:
    """The multiples of `period` below `end`, counted from `after`; of very many, evenly chosen ones; none of 0, an epoch whose length is not known yet."""
    if not period:
        return []
    stride = period * max(1, -(-(end - after) // (period * MOST_TURNS)))
    return list(range(after + stride, end, stride))


def drop_phase(gamma: float, period: int, warm: int) -> Phase:
    """A drop every `period` steps, counted from the first step of the run, `warm` steps before this phase."""
    return Phase(warm, "LambdaLR", {"lr_lambda": lambda done: gamma ** ((done + warm) // period)})


def constant_phase(first: int) -> Phase:
    return Phase(first, "ConstantLR", {"factor": 1.0, "total_iters": 0})


def falling_phase(first: int, length: int, shape: Literal["linear", "cosine"], lr: float, min_lr: float) -> Phase:
    """From the full learning rate down to `min_lr` in `length` scheduler steps."""
    if shape == "cosine":
        return Phase(first, "CosineAnnealingLR", {"T_max": length, "eta_min": min_lr})
    return Phase(first, "LinearLR", {"start_factor": 1.0, "end_factor": min(min_lr / lr, 1.0), "total_iters": length})


def rising(numbers: tuple[int, ...]) -> bool:
    return all(one < other for one, other in pairwise(numbers))
