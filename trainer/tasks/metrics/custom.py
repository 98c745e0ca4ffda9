"""Metrics that are code of the user: a callable that takes all outputs and targets of an evaluation, or an object with update and compute, as torchmetrics has them."""

from __future__ import annotations

import copy
import inspect
import math
import traceback
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.metrics import METRICS_KEY, own_name_of
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.user_code import user_object
from gradtop.trainer.tasks.metrics.ranking import KEPT


class CustomMetric:
    """`found` is what the target names; a class was made an object of before."""

    def __init__(self, target: str, found: Any) -> None:
        self.name = own_name_of(target)
        self.target = target
        self.found = found
        self._printed: set[str] = set()

    def begin(self) -> CustomEvaluation:
        return CustomEvaluation(self)

    def raised(self, error: BaseException) -> str:
        """What is said of it; its traceback is printed once."""
        first = (str(error).strip().splitlines() or [""])[0]
        said = f"{METRICS_KEY}: {self.target} raised {type(error).__name__}: {first}"
        if said not in self._printed:
            self._printed.add(said)
            traceback.print_exception(error)
        return said


class CustomEvaluation:
    """One evaluation. What the user's code raises ends the measurement, and is said in `trouble`; the value is nan."""

    def __init__(self, metric: CustomMetric) -> None:
        self.name = metric.name
        self.trouble = ""
        self._of = metric
        self._has_steps = _has_steps(metric.found)
        self._object: Any = None
        self._outputs: list[Tensor] = []
        self._targets: list[Tensor] = []
        self._values = 0

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        if self.trouble:
            return
        try:
            if self._has_steps:
                self._update(outputs, targets)
            else:
                self._keep(outputs, targets)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises, the training goes on
            self._give_up(error)

    def _update(self, outputs: Tensor, targets: Tensor) -> None:
        if self._object is None:
            # Whether or not it has a way to begin anew.
            self._object = copy.deepcopy(self._of.found)
            if callable(move := getattr(self._object, "to", None)):
                self._object = move(outputs.device)
        # Copies: what it changes in place others measure, too.
        self._object.update(outputs.clone(), targets.clone())

    def _keep(self, outputs: Tensor, targets: Tensor) -> None:
        self._values += outputs.numel()
        if self._values > KEPT:
            self._outputs, self._targets = [], []
            self.trouble = f"{METRICS_KEY}: {self._of.target} takes all outputs of an evaluation at once, and these are more than {KEPT:,} numbers; name a class with update and compute"
            return
        self._outputs.append(outputs)
        self._targets.append(targets)

    def result(self) -> float:
        if self.trouble or (self._object is None and not self._outputs):
            return math.nan
        try:
            found = self._object.compute() if self._has_steps else self._of.found(torch.cat(self._outputs), torch.cat(self._targets))
            return self._scalar(found)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises, the training goes on
            self._give_up(error)
            return math.nan

    def _scalar(self, found: Any) -> float:
        if getattr(found, "shape", ()) not in {(), (1,)} or isinstance(found, str | bytes | complex):
            what = f"{type(found).__name__} of shape {tuple(found.shape)}" if hasattr(found, "shape") else type(found).__name__
            self.trouble = f"{METRICS_KEY}: {self._of.target} returned {what}; one number is expected"
            return math.nan
        return float(found)

    def _give_up(self, error: BaseException) -> None:
        self.trouble = self._of.raised(error)
        self._outputs, self._targets = [], []


def load_custom(target: str, numbers: Mapping[str, int]) -> CustomMetric:
    """Import a metric; a class is given those `numbers` of the data, such as num_classes, that it takes. Raises UserError."""
    found = user_object(target, METRICS_KEY)
    if isinstance(found, type):
        if not _has_steps(found):
            raise UserError(f"{METRICS_KEY}: {target} is a class without update and compute; name a callable of outputs and targets, or a class that has both")
        found = _made(found, target, numbers)
    elif not _has_steps(found) and not callable(found):
        raise UserError(f"{METRICS_KEY}: {target} is of type {type(found).__name__}; name a callable of outputs and targets, or a class with update and compute")
    return CustomMetric(target, found)


def _has_steps(found: Any) -> bool:
    return all(callable(getattr(found, name, None)) for name in ("update", "compute"))


def _made(found: Any, target: str, numbers: Mapping[str, int]) -> Any:
    try:
        taken = inspect.signature(found).parameters
        given = {name: value for name, value in numbers.items() if name in taken}
        return found(**given)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        first = (str(error).strip().splitlines() or [""])[0]
        raise UserError(f"{METRICS_KEY}: {target} cannot be made: {type(error).__name__}: {first}; name an object of yours that is made already") from error
