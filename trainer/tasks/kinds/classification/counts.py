"""How the classes are told apart in an evaluation: counted on the device, fetched once at its end."""

from __future__ import annotations

import torch
from torch import Tensor

from gradtop.trainer.record.classification import Classification, Worst

FOLD = 1 << 20  # samples that are kept on the device before they are counted
WORST = 16  # samples with the largest loss
FEW = 32  # classes, up to which each pair has a place of its own: one operation in place of ten


class ClassCounts:
    """Collects labels, predictions and losses of the samples of one evaluation, and of which the class was among the most likely, where that is asked for."""

    def __init__(self, classes: int) -> None:
        self.loss: Tensor | int = 0  # of all together, once there is a result
        self.top: Tensor | int = 0
        self._classes = classes
        self._seen: list[tuple[Tensor, ...]] = []
        self._waiting = self._folded = 0
        self._sums: Tensor | None = None  # support, predicted and hits
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._table: Tensor | None = None  # of few classes all of it: a row for each label, before them one for those of no class
        self._worst: list[Worst] = []

    def add(self, labels: Tensor, predicted: Tensor, losses: Tensor, *top: Tensor) -> None:
        """Of one batch, all of shape (samples,)."""
        self._seen.append((labels, predicted, losses, *top))
        self._waiting += len(labels)
        if self._waiting >= FOLD:
            self._fold()

    def _fold(self) -> None:
        """Count what is kept; the device may be waited for."""
        labels, predicted, losses, *top = (torch.cat(each) if len(each) > 1 else each[0] for each in zip(*self._seen, strict=True))
        none, first, unknown = self._classes, self._folded, losses.isnan()
        predicted = torch.where(unknown, none, predicted)
        self.loss = self.loss + losses.sum()
        for each in top:
            self.top = self.top + (each & ~unknown).sum()
        # What is NaN is the worst.
        worst = losses.nan_to_num(torch.inf).topk(min(WORST, len(losses))).indices
        found = (each.tolist() for each in (worst, losses[worst], labels[worst], predicted[worst]))
        self._worst += [Worst(index + first, loss, label, said) for index, loss, label, said in zip(*found, strict=True)]
        if none <= FEW:
            table = torch.bincount((labels.clamp_min(-1) + 1) * (none + 1) + predicted, minlength=(none + 2) * (none + 1))
            self._table = table if self._table is None else self._table + table
        else:
            self._count(labels, predicted)
        self._folded += self._waiting
        self._seen, self._waiting = [], 0

    def _count(self, labels: Tensor, predicted: Tensor) -> None:
        none = self._classes
        there = labels >= 0  # a label of -100 is of no class
        labels, predicted = labels[there], predicted[there]
        right = labels == predicted
        sums = torch.stack([torch.bincount(each, minlength=none + 1) for each in (labels, predicted, labels[right])])
        self._sums = sums if self._sums is None else self._sums + sums
        pairs, counts = torch.unique((labels * (none + 1) + predicted)[~right], return_counts=True)
        self._pairs.append((pairs, counts))

    def result(self) -> Classification:
        """Waits for the device."""
        if self._seen:
            self._fold()
        width = self._classes + 1
        sums = self._sums.tolist() if self._sums is not None else [[0] * width] * 3
        confused: dict[int, int] = {}
        if self._table is not None:
            rows = self._table.view(width + 1, width)[1:].tolist()
            sums = [[sum(row) for row in rows], [sum(column) for column in zip(*rows, strict=True)], [row[at] for at, row in enumerate(rows)]]
            confused = {at * width + said: count for at, row in enumerate(rows) for said, count in enumerate(row) if count and said != at}
        for pairs, counts in self._pairs:
            for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
                confused[pair] = confused.get(pair, 0) + count
        self._worst.sort(key=lambda each: (-each.loss if each.loss == each.loss else -torch.inf, each.sample))
        return Classification(
            support=sums[0][:-1],
            predicted=sums[1][:-1],
            hits=sums[2][:-1],
            confused=[(pair // width, pair % width, count) for pair, count in sorted(confused.items(), key=lambda item: (-item[1], item[0]))],
            worst=self._worst[:WORST],
        )
