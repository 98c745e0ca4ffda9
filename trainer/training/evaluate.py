"""The loss and the metrics of a task over the validation set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.config import Config
from gradtop.trainer.data.dataset import DataInfo
from gradtop.trainer.data.nested import ModelInputs
from gradtop.trainer.tasks.kinds.classification.classifier import Classifier
from gradtop.trainer.tasks.kinds.custom.own_task import OwnTask
from gradtop.trainer.tasks.kinds.custom.returned import Returned
from gradtop.trainer.tasks.metrics.meter import meter_of
from gradtop.trainer.tasks.task import Score, TrainingTask

Measure = Callable[[OwnTask, nn.Module, ModelInputs, Tensor], Returned]


FEW_VALUES = 1024  # of a sample, up to which what a batch of an evaluation takes is calls of torch


def evaluation_batch(config: Config, info: DataInfo) -> int:
    """Samples of a batch: no gradients are kept, so that several batches fit where one fits in training."""
    few = 0 < info.channels * info.size**2 <= FEW_VALUES
    # What a task of the user's own measures of a batch may depend on its size.
    return max(4 * config.training.batch_size, 512 if few and not config.task.own_metrics else 256)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    forward: Callable[[ModelInputs], Tensor],
    batches: Iterable[tuple[ModelInputs, Tensor]],
    task: TrainingTask | None = None,
    *,
    measure: Measure | None = None,
    between: Callable[[], object] = lambda: None,
) -> Score:
    """`measure` calls a task of the user's own, in the precision of the training. `between` is called after each batch and may raise to end the evaluation; the model is left in training mode. Without a task the targets are classes.

    Without any sample all values are nan.
    """
    own = task if isinstance(task, OwnTask) else None
    meter = own.meter() if own is not None else meter_of(task or Classifier())
    measure = measure or OwnTask.measure
    model.eval()
    try:
        for inputs, targets in batches:
            found: Any = forward(inputs).float() if own is None else measure(own, model, inputs, targets)
            meter.add(found, targets)
            between()
    finally:
        model.train()
    return meter.result()
