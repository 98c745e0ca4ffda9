"""The loss and the metrics of a task over the validation set."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from gradtop.trainer.data.nested import ModelInputs
from gradtop.trainer.tasks.kinds.classification.classifier import Classifier
from gradtop.trainer.tasks.metrics.meter import meter_of
from gradtop.trainer.tasks.task import Score, TrainingTask


def evaluation_batch(batch_size: int) -> int:
    """Samples of a batch: no gradients are kept, so that several batches fit where one fits in training."""
    return max(4 * batch_size, 256)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    forward: Callable[[ModelInputs], Tensor],
    batches: Iterable[tuple[ModelInputs, Tensor]],
    task: TrainingTask | None = None,
    *,
    between: Callable[[], object] = lambda: None,
) -> Score:
    """`between` is called after each batch and may raise to end the evaluation; the model is left in training mode. Without a task the targets are classes.

    Without any sample all values are nan.
    """
    meter = meter_of(task or Classifier())
    model.eval()
    try:
        for inputs, targets in batches:
            meter.add(forward(inputs).float(), targets)
            between()
    finally:
        model.train()
    return meter.result()
