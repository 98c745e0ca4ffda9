"""How the classes are told apart in an evaluation: counted on the device, fetched once at its end."""

from __future__ import annotations

import torch
from torch import Tensor

from gradtop.trainer.record.classification import Classification, Worst

FOLD = 1 << 20  # samples that are kept on the device before they are counted
WORST = 16  # samples with the largest loss
FEW = 32  # classes, up to which each pair has a place of its own: one operation in place of ten


class ClassCounts:
    """Collects labels, predictions and losses of the samples of one evaluation."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []
        self._waiting = self._folded = 0
        self._sums: Tensor | None = None  # support, predicted and hits
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._table: Tensor | None = None  # of few classes all of it: a row for each label, before them one for those of no class
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
        worst = [Worst(int(index), loss, int(label), int(predicted)) for index, loss, label, predicted in torch.cat(self._worst).tolist()]
        worst.sort(key=lambda each: (-each.loss if each.loss == each.loss else -torch.inf, each.sample))
        return Classification(
            support=sums[0][:-1],
            predicted=sums[1][:-1],
            hits=sums[2][:-1],
            confused=[(pair // width, pair % width, count) for pair, count in sorted(confused.items(), key=lambda item: (-item[1], item[0]))],
            worst=worst[:WORST],
        )
