"""What a run has recorded, as the rules read it: few values over the whole run, so that a long run costs no more than a short one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from statistics import median
from typing import Any

from gradtop.trainer.analysis.findings.loss_curve import LossCurve
from gradtop.trainer.analysis.findings.sampled import Sampled, sampled
from gradtop.trainer.analysis.lr_turns import DECAYS
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record import (
    EMPTY_SERIES,
    Record,
    RunReader,
    RunState,
    Series,
    Status,
    StreamReader,
    effective,
)
from gradtop.trainer.record.config_values import value_of
from gradtop.trainer.record.data_facts import DataFacts, read_data_facts
from gradtop.trainer.record.streams.registry import (
    ACCURACY,
    ACTIVATIONS,
    CLIPPED,
    EPOCH,
    EVALS,
    GPU_USE,
    GRAD_NORM,
    LAYERS,
    LOADING,
    LOSS,
    LR,
    PLAN,
    STEP,
    STEPS,
    SYSTEM,
)

BINS = 240  # of the curves over the whole run
FIRST, LAST = 32, 64  # steps that are read one by one
BEST = 1.03  # times the lowest validation loss
ENOUGH = 20  # planned steps, for which a schedule is meant to be one
MOST_EVALS = 1000  # evaluations that are read one by one; of more than these, curves
CURVES = (LOSS, LR, GRAD_NORM, CLIPPED, LOADING)


class Evaluation(NamedTuple):
    step: int
    epoch: float  # nan where it is not known
    loss: float
    accuracy: float = math.nan

    @property
    def where(self) -> str:
        return f"epoch {self.epoch:.0f}" if math.isfinite(self.epoch) else f"step {self.step}"


class PlannedRates(NamedTuple):
    """The highest planned learning rate up to each of some steps, from the one before on, and that of the last step; `decays_over` as the schedule's kind declares it."""

    steps: Sequence[float]
    rates: Sequence[float]
    last: float
    decays_over: str

    @property
    def highest(self) -> float:
        return max(self.rates)

    def last_step_at(self, lr: float) -> int:
        """The last step that takes this learning rate or more."""
        return next((int(step) for step, rate in zip(reversed(self.steps), reversed(self.rates), strict=True) if rate >= lr), 0)


class RunHistory:
    """One look at a run whose status and streams the caller has refreshed; what is read once is kept for all rules."""

    def __init__(self, reader: RunReader) -> None:
        self.reader = reader

    @property
    def status(self) -> Status:
        return self.reader.status

    @property
    def state(self) -> RunState:
        return self.reader.state

    @property
    def taken(self) -> int:
        """Steps that the run has taken itself: without those of the run that it was forked from."""
        return max(0, max(self.status.step, int(self.newest_steps[-1][STEP]) if self.newest_steps else 0) - self.status.began)

    @property
    def planned(self) -> int:
        """Steps that it is to take itself; 0 where the length is not known."""
        return max(0, self.status.steps - self.status.began)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """With what was changed live."""
        return effective(self.reader.config, self.status.changes)

    def setting(self, key: str, default: Any = None) -> Any:
        """One value of the configuration by its dotted path."""
        return value_of(self.config, key, default)

    def figure(self, key: str) -> float:
        """A number of the configuration; nan where there is none."""
        value = self.setting(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan

    @cached_property
    def begins_trained(self) -> bool:
        """Whether the weights were trained before: by the run that it was forked from, or pretrained."""
        return bool(self.reader.meta.parent_checkpoint) or self.status.began > 0 or bool(self.setting("init.pretrained"))

    @property
    def weights_classes(self) -> bool:
        """Whether the loss is not the plain cross-entropy: some samples count more than others."""
        return any(self.setting(f"task.{name}") for name in ("class_weights", "balanced", "focal"))

    @property
    def draws_samples(self) -> bool:
        """Whether some samples are trained on more often than others."""
        return str(self.setting("data.sampler", "shuffle")) != "shuffle"

    @property
    def is_adaptive(self) -> bool:
        """Whether the optimizer divides by the size of the gradients, as Adam does: their scale then changes nothing."""
        return str(self.setting("optimizer.kind", "")) not in {"sgd", ""}

    # Steps

    @cached_property
    def steps(self) -> StreamReader:
        return self.reader.stream(STEPS)

    @cached_property
    def curves(self) -> Mapping[str, Series]:
        """Loss, lr, total gradient norm, clip hits and loading over all steps."""
        return dict(zip(CURVES, self.steps.series_of(CURVES, bins=BINS), strict=True))

    @cached_property
    def first_steps(self) -> list[Record]:
        names = [STEP, "", *(column.name for column in self.steps.columns)]
        return [dict(zip(names, row, strict=True)) for row in self.steps.rows(0, FIRST)]

    @cached_property
    def newest_steps(self) -> list[Record]:
        return self.steps.tail(LAST)

    @cached_property
    def loss(self) -> LossCurve:
        return LossCurve(self.curves[LOSS], finite(self.first_steps, LOSS), finite(self.newest_steps, LOSS), self.chance, self.steps)

    @cached_property
    def lr(self) -> float:
        """Of the newest step; nan where there is none."""
        return self.newest_steps[-1].get(LR, math.nan) if self.newest_steps else math.nan

    @cached_property
    def peak_lr(self) -> float:
        """The highest so far; nan where there is none."""
        return max((high for high in self.curves[LR].high if high == high), default=math.nan)

    @cached_property
    def plan(self) -> PlannedRates | None:
        """The learning rates to the planned end; None where they are not known."""
        stream = self.reader.stream(PLAN)
        planned = stream.series(LR, bins=BINS)
        if self.planned < ENOUGH or not planned.x_last or int(planned.x_last[-1]) != self.status.steps or not all(map(math.isfinite, planned.high)):
            return None
        decays = stream.extra.get(DECAYS)
        return PlannedRates(planned.x_last, planned.high, next(iter(stream.newest(LR, 1)), math.nan), decays if isinstance(decays, str) else "")

    @cached_property
    def steps_at_lr(self) -> int:
        """Steps at half of the configured learning rate or more: those of a warm-up teach little."""
        lr, wanted = self.curves[LR], self.figure("optimizer.lr") / 2
        return sum(count for mean, count in zip(lr.mean, lr.finite, strict=True) if not mean < wanted)

    @cached_property
    def settled(self) -> int:
        """Steps after which a network that learns shows it: an epoch, at least 60 and at most 500."""
        return min(500, max(60, self.status.steps_per_epoch or 200))

    # Evaluations

    @cached_property
    def evals(self) -> Sequence[Evaluation]:
        """All evaluations; of more than `MOST_EVALS` means over some of them, in which a loss that is not finite is one."""
        stream = self.reader.stream(EVALS)
        if stream.count <= MOST_EVALS:
            return [Evaluation(int(row[STEP]), row.get(EPOCH, math.nan), row.get(LOSS, math.nan), row.get(ACCURACY, math.nan)) for row in stream.tail(MOST_EVALS)]
        epoch, loss, accuracy = stream.series_of((EPOCH, LOSS, ACCURACY), bins=BINS)
        accuracies = dict(zip(accuracy.x, accuracy.mean, strict=True))
        epochs = dict(zip(epoch.x, epoch.high, strict=True))
        pairs = zip(loss.x, loss.x_last, loss.low, loss.nonfinite, strict=True)
        return [Evaluation(int(last), epochs.get(x, math.nan), math.nan if bad else low, accuracies.get(x, math.nan)) for x, last, low, bad in pairs]

    @cached_property
    def finite_evals(self) -> Sequence[Evaluation]:
        return [each for each in self.evals if math.isfinite(each.loss)]

    @cached_property
    def is_at_its_best(self) -> bool:
        """Whether the run has learned much and loses nothing of it: what would be a fault in another run is none yet.

        One of the newest three evaluations is within 3 % of the best of all, and that is under half of a constant prediction's.
        """
        losses, chance = [each.loss for each in self.evals], self.val_chance if self.val_chance > 0 else self.loss.scale
        if not losses or not all(map(math.isfinite, losses)) or not self.loss.now < self.loss.scale / 2:
            return False
        return min(losses[-3:]) <= BEST * min(losses) and min(losses) < chance / 2

    # Inside the model

    @cached_property
    def layers(self) -> Sampled:
        return sampled(self.reader.stream(LAYERS))

    @cached_property
    def late_grad_norm(self) -> float:
        """Median of the total gradient norm over the last half of the steps; nan where it was not measured."""
        norms, begin = self.curves[GRAD_NORM], self.status.began + self.taken / 2
        return middle([mean for x, mean in zip(norms.x_last, norms.mean, strict=True) if x >= begin and mean == mean])

    @cached_property
    def activations(self) -> Sampled:
        return sampled(self.reader.stream(ACTIVATIONS))

    # Around it

    @cached_property
    def gpu_use(self) -> Series:
        system = self.reader.stream(SYSTEM)
        return system.series(GPU_USE, bins=BINS) if any(column.name == GPU_USE for column in system.columns) else EMPTY_SERIES

    @cached_property
    def facts(self) -> DataFacts:
        return read_data_facts(self.reader.run)

    @cached_property
    def chance(self) -> float:
        """The training loss of the best constant prediction; nan where it is not known."""
        return self.facts.chance

    @cached_property
    def val_chance(self) -> float:
        """The validation loss of the best constant prediction, about: label smoothing is only in the training loss."""
        found = self.facts.constant_loss
        return found if found is not None and math.isfinite(found) and found > 0 else math.nan


def finite(rows: Sequence[Record], column: str) -> list[float]:
    return [value for row in rows if math.isfinite(value := row.get(column, math.nan))]


def middle(values: Sequence[float]) -> float:
    """The median; nan of none."""
    return median(values) if values else math.nan
