"""What every task becomes: a loss, a meter for evaluations, and what it must know of the training set."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from gradtop.trainer.metrics import ACCURACY, LOSS, METRICS, is_own
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record.classification import Classification
from gradtop.trainer.record.streams.registry import EVALS, REGISTRY
from gradtop.trainer.runtime.errors import UserError


@dataclass(frozen=True)
class Score:
    """Mean loss of the task without label smoothing, the share of samples (of a text: of characters) named rightly, NaN where there are no classes,
    and `further` metrics by name; `baselines` are those of the best constant prediction, where they are known.

    `classes` is what they were counted from, None where a sample has several labels; it belongs to one evaluation and to no checkpoint. `notes` are
    sentences on what could not be measured, or not exactly; `faults` those on metrics, by name, whose code has failed.
    """

    loss: float
    accuracy: float = math.nan
    further: Mapping[str, float] = field(default_factory=dict)
    classes: Classification | None = field(default=None, compare=False, repr=False)
    baselines: Mapping[str, float] = field(default_factory=dict, compare=False)
    notes: Sequence[str] = field(default=(), compare=False)
    faults: Mapping[str, str] = field(default_factory=dict, compare=False)

    def of(self, metric: str) -> float:
        """The value of a metric; nan where it is not measured."""
        return self.metrics.get(metric, math.nan)

    @property
    def metrics(self) -> dict[str, float]:
        """All that was measured: the accuracy where there are classes."""
        return {LOSS: self.loss, **({} if self.known_accuracy is None else {ACCURACY: self.accuracy}), **self.further}

    @property
    def known_accuracy(self) -> float | None:
        """None where it was not measured."""
        return None if math.isnan(self.accuracy) else self.accuracy


class TargetFacts(NamedTuple):
    """What is known of the training targets, as `DataFacts` has it."""

    class_counts: tuple[int, ...] = ()
    counted: int = 0
    sampled: bool = False
    constant_loss: float | None = None
    constant_training_loss: float | None = None


class MetricInputs(NamedTuple):
    """What added metrics are computed from: outputs and targets of a batch, in the units of the targets where these are numbers; negative class numbers are
    of no class. `constant` is the prediction that values are compared with, `threshold` the probability from which on a label is predicted.
    """

    outputs: Tensor
    targets: Tensor
    constant: Tensor | None = None
    threshold: float = 0.5


class PartResult(NamedTuple):
    """Values, those of the best constant prediction, what is to be said of them, and why they could not be computed."""

    values: Mapping[str, float]
    baselines: Mapping[str, float] = {}
    notes: Sequence[str] = ()
    fault: str = ""


class MeterPart(Protocol):
    """Keeps what it needs on the device until the end."""

    def add(self, measured: MetricInputs) -> None: ...

    def result(self, score: Score) -> PartResult:
        """`score` is what the task itself has measured."""
        ...


@dataclass(frozen=True)
class AddedMetrics:
    """What `training.metrics` adds to those of a task: by `names`, and what measures code of the user in one evaluation."""

    names: Sequence[str] = ()
    custom: Sequence[Callable[[], MeterPart]] = ()


class EvaluationMeter(Protocol):
    """Collects one evaluation on the device."""

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        """Of one batch; the device is not waited for."""
        ...

    def result(self) -> Score:
        """Waits for the device. Without any sample all values are NaN."""
        ...


class TrainingTask(Protocol):
    """Outputs are float32; targets are as the data give them, or shares of the classes where images were mixed."""

    headline: str  # the metric that stands beside the loss
    each: str  # what an output is of: class, target
    added: AddedMetrics  # beside those that it measures by itself

    def loss(self, outputs: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
        """The mean over a batch, with label smoothing where the task has that."""
        ...

    def weight(self, targets: Tensor) -> Tensor | int:
        """What the loss of a batch counts among those of others: the number of its samples, or the sum of their weights."""
        ...

    def accuracy(self, outputs: Tensor, targets: Tensor) -> Tensor | None:
        """The share of a batch that is predicted rightly; None where there are no classes."""
        ...

    def meter(self) -> EvaluationMeter: ...

    def for_metrics(self, outputs: Tensor, targets: Tensor) -> MetricInputs:
        """What the metrics that are added to its own are computed from, of one batch."""
        ...

    def describe(self, outputs: Tensor, names: Sequence[str], top: int) -> list[dict[str, Any]]:
        """Of each sample what is predicted, as JSON: the `top` classes with their `names`, or values, or labels."""
        ...

    def labels(self, targets: Tensor) -> str:
        """What there is a label for, as `metrics` has it."""
        ...

    def check_outputs(self, outputs: Tensor, targets: Tensor, when: str) -> None:
        """Raises UserError where the model does not return what the task takes; `when` is "in training " or ""."""
        ...

    def target_facts(self, targets: Tensor | None, *, sampled: bool, smoothing: float) -> TargetFacts:
        """By the targets of the training set, or of its first batches."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What it has learned from the training set, and a checkpoint keeps; empty where that is nothing."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...

    def inherit(self, state: Mapping[str, Any]) -> str:
        """Take over from the state of another run what its weights go by; returns what that is, "" for nothing."""
        ...


def check_own_name(name: str, found: str = "") -> None:
    """Raises UserError where what code of the user measures cannot be recorded under its name; `found` says where that is from."""
    if name not in METRICS and (not is_own(name) or name in recorded_names()):
        raise UserError(
            f"{found}{name[:80]!r}, which cannot be the name of a metric: that takes letters, digits, _, . and - after a letter, up to 60 in all, "
            "and not what is recorded anyway, such as step, lr and val_loss"
        )


@functools.cache
def recorded_names() -> frozenset[str]:
    """Those of the curves of a training that are no metrics of its evaluations."""
    return frozenset(column.name for stream in REGISTRY.values() if stream.name != EVALS for column in stream.columns)


def check_rows(outputs: Tensor, targets: Tensor, each: str, when: str) -> None:
    """Raises UserError where there is not a value for each sample and target."""
    if len(outputs) == len(targets) and outputs.numel() == targets.numel():
        return
    count = targets[0].numel()
    raise UserError(
        f"the model does not fit the data: for {len(targets)} samples of {f'one {each}' if count == 1 else f'{count} {each}s'} it {when}returns {shape_text(outputs)}; "
        f"{len(targets)}×{count} is expected, a value for each sample and {each}"
    )


def shape_text(tensor: Tensor) -> str:
    return f"{'×'.join(map(str, tensor.shape))} {str(tensor.dtype).removeprefix('torch.')}"
