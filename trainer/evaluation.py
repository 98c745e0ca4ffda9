"""Loss and accuracy over the validation set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy without label smoothing, and the share of samples named rightly."""

    loss: float
    accuracy: float


@torch.no_grad()
def evaluate(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    batch_size: int,
    *,
    prepare: Callable[[Tensor], Tensor] | None = None,
    between: Callable[[], object] = lambda: None,
) -> Score:
    """`prepare` makes stored images ready for the model; `between` is called after each batch and may raise to end the
    evaluation; the model is left in training mode.
    """
    loss = torch.zeros((), device=images.device)
    right = torch.zeros((), device=images.device)
    model.eval()
    try:
        for some, wanted in zip(torch.split(images, batch_size), torch.split(labels, batch_size), strict=True):
            scores = forward(prepare(some) if prepare else some).float()
            loss += functional.cross_entropy(scores, wanted, reduction="sum")
            right += (scores.argmax(1) == wanted).sum()
            between()
    finally:
        model.train()
    samples = max(len(labels), 1)
    return Score(loss.item() / samples, right.item() / samples)
