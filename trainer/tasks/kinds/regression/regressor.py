"""Loss and metrics of numbers, which the model predicts as deviations of the training set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gradtop.trainer.data.dataset import Source
from gradtop.trainer.metrics import LOSS, MAE, R2, RMSE, VALUES
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.regression import RegressionTask
from gradtop.trainer.tasks.task import AddedMetrics, MetricInputs, Score, TargetFacts, check_rows

Criterion = Callable[..., Tensor]


def build(config: RegressionTask, source: Source, saved: Mapping[str, Any]) -> Regressor:
    """With the scale that a checkpoint has `saved`, else that of the training set. Raises UserError."""
    made = Regressor(config, source.info.targets)
    if saved:
        made.load_state_dict(saved)
    elif config.standardize:
        if source.labels is None:
            raise UserError("task.kind = regression requires the targets of all training samples, to standardize them; set task.standardize = false")
        made.fit(source.labels)
    return made


def criterion_of(config: RegressionTask) -> Criterion:
    match config.loss:
        case "l1":
            return functional.l1_loss
        case "huber":
            return lambda outputs, targets, reduction="mean": functional.huber_loss(outputs, targets, reduction=reduction, delta=config.delta)
        case _:
            return functional.mse_loss


class Regressor:
    """Targets are (samples,) or (samples, …), with as many numbers for each sample as the model has outputs."""

    headline, each = R2, "target"

    def __init__(self, config: RegressionTask, targets: int) -> None:
        self._criterion = criterion_of(config)
        self._standardize = config.standardize
        self._targets = targets
        self._mean, self._std = torch.zeros(targets), torch.ones(targets)
        self.added = AddedMetrics()

    def fit(self, targets: Tensor) -> None:
        """Take the scale of the training set. Raises UserError where there is nothing to learn."""
        rows = targets.reshape(len(targets), -1).double()
        std, mean = torch.std_mean(rows, 0, correction=0)
        # What rounding leaves of a target that is the same everywhere.
        constant = std <= 1e-9 * mean.abs()
        if bool(constant.all()):
            raise UserError(f"task.kind = regression: every training target is {mean[0].item():g}; there is nothing to learn")
        self._mean, self._std = mean.float(), std.where(~constant, 1.0).float()

    def standardized(self, targets: Tensor) -> Tensor:
        """(samples, targets), as the model predicts them."""
        return (targets.reshape(len(targets), -1) - self.scale_on(targets.device)[0]) / self._std

    def in_units(self, outputs: Tensor) -> Tensor:
        """(samples, targets): outputs of the model in the units of the targets."""
        mean, std = self.scale_on(outputs.device)
        return outputs.reshape(len(outputs), -1) * std + mean

    def scale_on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the targets."""
        if self._mean.device != device:
            self._mean, self._std = self._mean.to(device), self._std.to(device)
        return self._mean, self._std

    def loss(self, outputs: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:  # noqa: ARG002 - of classes
        return self._criterion(outputs.reshape(len(outputs), -1), self.standardized(targets))

    def losses(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        """(samples, targets); `wanted` is standardized."""
        return self._criterion(outputs, wanted, reduction="none")

    def weight(self, targets: Tensor) -> int:
        return len(targets)

    def accuracy(self, outputs: Tensor, targets: Tensor) -> None:  # noqa: ARG002 - there are no classes
        return None

    def meter(self) -> RegressionMeter:
        return RegressionMeter(self)

    def for_metrics(self, outputs: Tensor, targets: Tensor) -> MetricInputs:
        return MetricInputs(self.in_units(outputs).reshape(targets.shape), targets, constant=self.scale_on(outputs.device)[0])

    def describe(self, outputs: Tensor, names: Sequence[str], top: int) -> list[dict[str, Any]]:  # noqa: ARG002 - of classes
        return [{"values": values} for values in self.in_units(outputs).tolist()]

    def labels(self, targets: Tensor) -> str:  # noqa: ARG002 - whatever their shape
        return VALUES

    def check_outputs(self, outputs: Tensor, targets: Tensor, when: str) -> None:
        check_rows(outputs, targets, self.each, when)

    def target_facts(self, targets: Tensor | None, *, sampled: bool, smoothing: float) -> TargetFacts:  # noqa: ARG002 - of classes
        if targets is None or not targets.numel():
            return TargetFacts()
        wanted = self.standardized(targets.reshape(-1, self._targets).cpu())
        # The best constant is the mean for squared errors, the median for absolute ones, and lies between them for the Huber loss.
        losses = [float(self._criterion(constant.expand_as(wanted), wanted)) for constant in (wanted.mean(0), wanted.median(0).values)]
        return TargetFacts(counted=len(wanted), sampled=sampled, constant_loss=min(losses))

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self._mean.tolist(), "std": self._std.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError where the state is of another number of targets."""
        mean, std = (torch.tensor(state[name], dtype=torch.float32) for name in ("mean", "std"))
        if mean.shape != (self._targets,) or std.shape != (self._targets,):
            raise ValueError(f"the checkpoint has the scale of {mean.numel()} targets, and the data have {self._targets}")
        self._mean, self._std = mean, std

    def inherit(self, state: Mapping[str, Any]) -> str:
        """The weights predict in this scale."""
        if not self._standardize:
            return ""
        try:
            self.load_state_dict(state)
        except (KeyError, ValueError, TypeError):
            return ""
        return "the scale of the targets"


def scale_note(state: Mapping[str, Any]) -> str:
    """What is to be known of the outputs of a model by itself, from the state of its task; "" where that is nothing."""
    mean, std = state.get("mean", ()), state.get("std", ())
    if not any(mean) and all(each == 1 for each in std):
        return ""
    return "the outputs are standardized targets: a prediction is output × std + mean, which are those of `task` in data.json and in the checkpoint"


class RegressionMeter:
    """Sums over the samples, of standardized values, whose squares lose nothing; in float64 where the device has it."""

    def __init__(self, regressor: Regressor) -> None:
        self._regressor = regressor
        self._sums: Tensor | None = None
        self._samples = 0

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        wanted = self._regressor.standardized(targets)
        outputs = outputs.reshape(len(outputs), -1)
        losses = [self._regressor.losses(each, wanted) for each in (outputs, torch.zeros_like(wanted))]
        exact = torch.float32 if outputs.device.type == "mps" else torch.float64
        wanted = wanted.to(exact)
        errors = outputs.to(exact) - wanted
        sums = torch.stack([each.to(exact).sum(0) for each in (*losses, errors.abs(), errors.square(), wanted.abs(), wanted.square(), wanted)])
        self._sums = sums if self._sums is None else self._sums + sums
        self._samples += len(targets)

    def result(self) -> Score:
        if self._sums is None:
            return Score(math.nan)
        count = self._samples
        loss, constant_loss, absolute, square, spread, squares, sums = (self._sums.cpu().double() / count).unbind()
        scale = self._regressor.scale_on(torch.device("cpu"))[1].double()
        variance = (squares - sums.square()).clamp_min(0)
        return Score(
            loss.mean().item(),
            further=_metrics(absolute, square, variance, scale, count),
            baselines={LOSS: constant_loss.mean().item(), **_metrics(spread, squares, variance, scale, count)},
        )


def _metrics(absolute: Tensor, square: Tensor, variance: Tensor, scale: Tensor, count: int) -> dict[str, float]:
    """Of mean absolute and squared errors for each target, as in scikit-learn: the mean over the targets."""
    return {
        R2: _r2(square, variance) if count > 1 else math.nan,
        MAE: (absolute * scale).mean().item(),
        RMSE: (square.sqrt() * scale).mean().item(),
    }


def _r2(square: Tensor, variance: Tensor) -> float:
    """1 of a target that is the same everywhere and predicted so, 0 of one that is not."""
    found = torch.where(variance > 0, 1 - square / variance, torch.where(square > 0, 0.0, 1.0).double())
    return found.where(square.isfinite(), torch.nan).mean().item()
