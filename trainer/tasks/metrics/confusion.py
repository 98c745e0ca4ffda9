"""Metrics of classes and labels that follow from how often each occurs, is predicted, and is predicted rightly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from gradtop.trainer.metrics import COHEN_KAPPA, MATTHEWS, PRECISION, RECALL, WEIGHTED_F1

Counts = Sequence[int]
OfCounts = Callable[[Counts, Counts, Counts], float]


def macro_precision(support: Counts, predicted: Counts, hits: Counts) -> float:
    """The mean over the classes that occur or are predicted; 0 of one that is never predicted."""
    return _mean([hit / said if said else 0.0 for there, said, hit in zip(support, predicted, hits, strict=True) if there + said])


def macro_recall(support: Counts, predicted: Counts, hits: Counts) -> float:
    """The mean over the classes that occur or are predicted; 0 of one that does not occur."""
    return _mean([hit / there if there else 0.0 for there, said, hit in zip(support, predicted, hits, strict=True) if there + said])


def weighted_f1(support: Counts, predicted: Counts, hits: Counts) -> float:
    """The mean of the classes' F1, weighted by how often they occur."""
    total = sum(support)
    return sum(there * 2 * hit / (there + said) for there, said, hit in zip(support, predicted, hits, strict=True) if there) / total if total else math.nan


def matthews(support: Counts, predicted: Counts, hits: Counts) -> float:
    """The correlation coefficient of what occurs and what is predicted (Gorodkin, 2004); 0 where one of them is always the same."""
    total = sum(support)
    none = total - sum(predicted)  # samples without a prediction, as another class
    both = sum(hits) * total - _dot(support, predicted)
    spread = (total * total - _dot(support, support)) * (total * total - _dot(predicted, predicted) - none * none)
    return math.nan if not total else both / math.sqrt(spread) if spread else 0.0


def cohen_kappa(support: Counts, predicted: Counts, hits: Counts) -> float:
    """Agreement beyond that of chance; nan where nothing but one class occurs and is predicted."""
    total = sum(support)
    by_chance = _dot(support, predicted)
    return (sum(hits) * total - by_chance) / (total * total - by_chance) if total and total * total != by_chance else math.nan


OF_COUNTS: Mapping[str, OfCounts] = {
    PRECISION: macro_precision, RECALL: macro_recall, WEIGHTED_F1: weighted_f1, MATTHEWS: matthews, COHEN_KAPPA: cohen_kappa,
}  # fmt: skip


def _dot(one: Counts, other: Counts) -> int:
    return sum(left * right for left, right in zip(one, other, strict=True))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
