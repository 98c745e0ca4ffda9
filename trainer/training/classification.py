"""How the classes are told apart in an evaluation: counted on the device, fetched once at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradtop.trainer.metrics import BALANCED_ACCURACY, F1

FOLD = 1 << 20  # samples that are kept on the device before they are counted
WORST = 16  # samples with the largest loss


@dataclass(frozen=True)
class Worst:
    """A sample by its place in the validation set."""

    index: int
    loss: float
    label: int
    predicted: int


@dataclass(frozen=True)
class Classification:
    """Per class: samples of it (`support`), how often it was `predicted`, and how often rightly (`hits`).

    `confused` are (label, predicted class, count) of what was not predicted rightly, the most frequent first; the predicted class is `classes`
    for samples without a prediction, as their outputs are NaN. `worst` has the samples with the largest loss.
    """

    support: Sequence[int]
    predicted: Sequence[int]
    hits: Sequence[int]
    confused: Sequence[tuple[int, int, int]]
    worst: Sequence[Worst]

    @property
    def classes(self) -> int:
        return len(self.support)

    @property
    def right(self) -> int:
        return sum(self.hits)

    @property
    def metrics(self) -> Mapping[str, float]:
        """Balanced accuracy and macro F1, as in scikit-learn: without classes that do not occur; nan where none does."""
        recalls = [hits / support for hits, support in zip(self.hits, self.support, strict=True) if support]
        # 2 TP / (2 TP + FP + FN), where TP + FN is the support and TP + FP how often the class was predicted.
        scores = [2 * hits / (support + predicted) for hits, support, predicted in zip(self.hits, self.support, self.predicted, strict=True) if support + predicted]
        return {BALANCED_ACCURACY: _mean(recalls), F1: _mean(scores)}


class Counts:
    """Collects labels, predictions and losses of the samples of one evaluation."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []
        self._waiting = self._folded = 0
        self._sums: Tensor | None = None  # support, predicted and hits
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._worst: list[Tensor] = []

    def add(self, labels: Tensor, predicted: Tensor, losses: Tensor) -> None:
        """Of one batch, all of shape (samples,)."""
        self._seen.append((labels, predicted, losses))
        self._waiting += len(labels)
        if self._waiting >= FOLD:
            self._fold()

    def _fold(self) -> None:
        """Count what is kept; the device may be waited for."""
        labels, predicted, losses = (torch.cat(each) for each in zip(*self._seen, strict=True))
        none, first = self._classes, self._folded
        predicted = torch.where(losses.isnan(), none, predicted)
        # What is NaN is the worst.
        largest = losses.nan_to_num(torch.inf).topk(min(WORST, len(losses)))
        worst = largest.indices
        # In float64, which not every device has.
        self._worst.append(torch.stack([each.cpu().double() for each in (worst + first, losses[worst], labels[worst], predicted[worst])], 1))
        there = labels >= 0  # a label of -100 is of no class
        labels, predicted = labels[there], predicted[there]
        right = labels == predicted
        sums = torch.stack([torch.bincount(each, minlength=none + 1) for each in (labels, predicted, labels[right])])
        self._sums = sums if self._sums is None else self._sums + sums
        pairs, counts = torch.unique((labels * (none + 1) + predicted)[~right], return_counts=True)
        self._pairs.append((pairs, counts))
        self._folded += self._waiting
        self._seen, self._waiting = [], 0

    def result(self) -> Classification:
        """Waits for the device."""
        if self._seen:
            self._fold()
        width = self._classes + 1
        sums = self._sums.tolist() if self._sums is not None else [[0] * width] * 3
        confused: dict[int, int] = {}
        for pairs, counts in self._pairs:
            for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
                confused[pair] = confused.get(pair, 0) + count
        worst = [Worst(int(index), loss, int(label), int(predicted)) for index, loss, label, predicted in torch.cat(self._worst).tolist()]
        worst.sort(key=lambda each: (-each.loss if each.loss == each.loss else -torch.inf, each.index))
        return Classification(
            support=sums[0][:-1],
            predicted=sums[1][:-1],
            hits=sums[2][:-1],
            confused=[(pair // width, pair % width, count) for pair, count in sorted(confused.items(), key=lambda item: (-item[1], item[0]))],
            worst=worst[:WORST],
        )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
