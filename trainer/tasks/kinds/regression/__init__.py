"""One or several numbers for each sample."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.metrics import VALUES
from gradtop.trainer.tasks.kinds import TaskConfig


class RegressionTask(TaskConfig):
    kind: Literal["regression"] = setting("regression", help="One or several numbers for each sample.", effect="fork")
    loss: Literal["mse", "l1", "huber"] = setting("mse", help="Mean squared error, mean absolute error, or Huber loss.", effect="fork")
    delta: float = setting(1.0, help="Where the Huber loss goes from squared to absolute, in the units that the model predicts.", effect="fork", gt=0)
    standardize: bool = setting(True, help="Have the model predict (target - mean) / deviation of the training set; metrics and predictions are in the units of the targets.", effect="fork")

    targets: ClassVar = "values"
    has_classes: ClassVar = False
    builder: ClassVar = "gradtop.trainer.tasks.kinds.regression.regressor:build"

    def labels(self, inputs: str) -> str:  # noqa: ARG002 - whatever they are
        return VALUES
