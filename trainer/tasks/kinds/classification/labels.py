"""How often each class occurs, and the loss of the best constant prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gradtop.trainer.metrics import LOSS
from gradtop.trainer.record.data_facts import MOST_CLASSES
from gradtop.trainer.tasks.task import TargetFacts

MOST_LABELS = 1 << 24
ENOUGH = 20  # labels of a sample for each class, below which their entropy says little


def class_facts(labels: Tensor | None, classes: int, *, sampled: bool, smoothing: float, weights: Tensor | None) -> TargetFacts:
    """`sampled`: the labels are those of some samples."""
    counts, counted, some = count_labels(labels, classes)
    sampled = sampled or some
    shares = [count / counted for count in counts] if counted > 0 and (not sampled or counted >= ENOUGH * classes) else []
    weighted = shares if weights is None else [share * weight for share, weight in zip(shares, weights.tolist(), strict=True)] if shares else []
    of_smoothing = [smoothing / len(shares) * weight for weight in ([1.0] * len(shares) if weights is None else weights.tolist())] if shares else []
    smoothed = [(1 - smoothing) * share + of for share, of in zip(weighted, of_smoothing, strict=True)] if smoothing else []
    total = sum(weighted)
    return TargetFacts(
        class_counts=tuple(counts) if len(counts) <= MOST_CLASSES else (),
        counted=counted,
        sampled=sampled and counted > 0,
        constant_loss=least_cross_entropy(weighted, total),
        constant_training_loss=least_cross_entropy(smoothed, total),
    )


def count_labels(labels: Tensor | None, classes: int) -> tuple[list[int], int, bool]:
    """How many there are of each class, and in all; whether only some were counted."""
    if labels is None:
        return [], 0, False
    every = max(1, -(-labels.numel() // MOST_LABELS))
    some = labels.reshape(-1)[::every]
    some = some[some >= 0]
    counts = torch.bincount(some, minlength=classes).tolist()
    return counts, some.numel(), every > 1


def least_cross_entropy(shares: Sequence[float], total: float = 1.0) -> float | None:
    """In nats: that of the best constant prediction for classes of these shares, divided by `total`; their entropy where they sum to 1. None where nothing is known."""
    whole = sum(shares)
    if not shares or not whole > 0 or not total > 0:
        return None
    return sum(share * math.log(whole / share) for share in shares if share > 0) / total


def entropy_baseline(support: Sequence[int], weights: Tensor | None) -> dict[str, float]:
    """Of the loss in an evaluation with so many samples of each class: that of giving each class the probability that is its share, weighted as the loss is."""
    weighted = [count * weight for count, weight in zip(support, [1.0] * len(support) if weights is None else weights.tolist(), strict=True)]
    found = least_cross_entropy(weighted, sum(weighted))
    return {} if found is None else {LOSS: found}
