"""Loss and accuracy over the validation set, and of samples with one label each how its classes are told apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from gradtop.trainer.metrics import ACCURACY, BITS_PER_CHARACTER, LOSS, PERPLEXITY, TOP, TOP5_ACCURACY, TOP_CLASSES
from gradtop.trainer.record.classification import Classification
from gradtop.trainer.training.classification import Counts


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy without label smoothing, the share of samples (of a text: of characters) named rightly, and `further` metrics by name.

    `classes` is what they were counted from, None where a sample has several labels; it belongs to one evaluation and to no checkpoint.
    """

    loss: float
    accuracy: float
    further: Mapping[str, float] = field(default_factory=dict)
    classes: Classification | None = field(default=None, compare=False, repr=False)

    def of(self, metric: str) -> float:
        """The value of a metric; nan where it is not measured."""
        return {LOSS: self.loss, ACCURACY: self.accuracy, **self.further}.get(metric, math.nan)


def evaluation_batch(batch_size: int) -> int:
    """Samples of a batch: no gradients are kept, so that several batches fit where one fits in training."""
    return max(4 * batch_size, 256)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    forward: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    characters: bool = False,
    between: Callable[[], object] = lambda: None,
) -> Score:
    """`characters`: the labels are those of a text. `between` is called after each batch and may raise to end the evaluation; the model is left in training mode.

    A sample with an output that is NaN has no prediction. Without any sample all values are nan.
    """
    loss = right = top = torch.zeros(())
    samples, counts = 0, None
    model.eval()
    try:
        for inputs, targets in batches:
            outputs = forward(inputs).float()
            if targets.dim() == 1:
                counts = counts or Counts(outputs.shape[-1])
                losses = functional.cross_entropy(outputs, targets, reduction="none")
                loss = loss.to(outputs.device) + losses.sum()
                counts.add(targets, outputs.argmax(1), losses)
                if outputs.shape[-1] >= TOP_CLASSES:
                    top = top.to(outputs.device) + ((outputs.topk(TOP, sorted=False).indices == targets[:, None]).any(1) & ~losses.isnan()).sum()
                samples += len(targets)
            else:
                outputs, wanted = outputs.flatten(0, -2), targets.flatten()
                loss = loss.to(outputs.device) + functional.cross_entropy(outputs, wanted, reduction="sum")
                right = right.to(outputs.device) + (outputs.argmax(1) == wanted).sum()
                samples += len(wanted)
            between()
    finally:
        model.train()
    if not samples:
        return Score(math.nan, math.nan)
    if counts is None:
        return Score(loss.item() / samples, right.item() / samples, of_tokens(loss.item() / samples, characters=characters))
    found = counts.result()
    further = {**found.metrics, **({TOP5_ACCURACY: top.item() / samples} if found.classes >= TOP_CLASSES else {})}
    return Score(loss.item() / samples, found.right / samples, further, found)


def of_tokens(loss: float, *, characters: bool) -> dict[str, float]:
    """The metrics of a language model from the mean cross-entropy per token."""
    try:
        perplexity = math.exp(loss)
    except OverflowError:
        perplexity = math.inf
    return {PERPLEXITY: perplexity, **({BITS_PER_CHARACTER: loss / math.log(2)} if characters else {})}
