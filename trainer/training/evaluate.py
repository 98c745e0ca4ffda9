"""Loss and accuracy over the validation set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy without label smoothing, and the share of samples (of a text: of characters) named rightly."""

    loss: float
    accuracy: float


@torch.no_grad()
def evaluate(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    between: Callable[[], object] = lambda: None,
) -> Score:
    """`between` is called after each batch and may raise to end the evaluation; the model is left in training mode."""
    loss = right = torch.zeros(())
    samples = 0
    model.eval()
    try:
        for inputs, targets in batches:
            outputs = forward(inputs).float().flatten(0, -2)
            wanted = targets.flatten()
            loss = loss.to(outputs.device) + functional.cross_entropy(outputs, wanted, reduction="sum")
            right = right.to(outputs.device) + (outputs.argmax(1) == wanted).sum()
            samples += len(wanted)
            between()
    finally:
        model.train()
    return Score(loss.item() / max(samples, 1), right.item() / max(samples, 1))
