"""Loss and metrics of classes of pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gradtop.trainer.data.dataset import Source
from gradtop.trainer.metrics import ACCURACY, DICE, MEAN_IOU, PIXELS
from gradtop.trainer.record.classification import Classification
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.classification.labels import class_facts, entropy_baseline
from gradtop.trainer.tasks.kinds.segmentation import SegmentationTask
from gradtop.trainer.tasks.task import AddedMetrics, MetricInputs, Score, TargetFacts, shape_text

SMALL = 1e-12  # weight of a batch in which no pixel counts
SMOOTH = 1.0  # pixels that are added to both sides of a Dice score, so that a class that is not there is no division by zero


def build(config: SegmentationTask, source: Source, _saved: Mapping[str, Any]) -> Segmenter:
    """Raises UserError."""
    classes = source.info.classes
    if config.class_weights and len(config.class_weights) != classes:
        raise UserError(f"task.class_weights must be {classes} weights, one for each class of the data, not {len(config.class_weights)}")
    return Segmenter(config, classes)


class Segmenter:
    """Outputs are (samples, classes, height, width), targets (samples, height, width)."""

    headline, each = MEAN_IOU, "class"

    def __init__(self, config: SegmentationTask, classes: int) -> None:
        self._classes = classes
        self._loss = config.loss
        self._ignored = config.ignore_index
        self._weights = torch.tensor(config.class_weights) if config.class_weights else None
        self.added = AddedMetrics()

    def _weights_on(self, device: torch.device) -> Tensor | None:
        if self._weights is not None and self._weights.device != device:
            self._weights = self._weights.to(device)
        return self._weights

    def loss(self, outputs: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
        found = outputs.new_zeros(())
        if self._loss != "dice":
            # The mean of torch's own is NaN in a batch in which no pixel counts.
            found = found + self.pixel_losses(outputs, targets, smoothing).sum() / self.weight(targets)
        if self._loss != "cross_entropy":
            found = found + self._dice_loss(outputs, targets)
        return found

    def pixel_losses(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """The cross-entropy of each pixel, weighted: 0 where it is ignored."""
        return functional.cross_entropy(
            outputs, targets, weight=self._weights_on(outputs.device), ignore_index=self._ignored, reduction="none", label_smoothing=smoothing
        )

    def _dice_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 - the mean over the classes of 2 |A ∩ B| / (|A| + |B|), of probabilities, over the pixels of the batch."""
        there = (targets != self._ignored).unsqueeze(1)
        shares = outputs.softmax(1) * there
        wanted = functional.one_hot(targets.where(there.squeeze(1), 0), self._classes).movedim(-1, 1) * there
        both, sizes = ((shares * wanted).sum((0, 2, 3)), (shares + wanted).sum((0, 2, 3)))
        return 1 - ((2 * both + SMOOTH) / (sizes + SMOOTH)).mean()

    def weight(self, targets: Tensor) -> Tensor:
        """The number of pixels that count, or the sum of their weights."""
        there = targets != self._ignored
        weights = self._weights_on(targets.device)
        each = there.float() if weights is None else weights[targets.where(there, 0)] * there
        return each.sum().clamp_min(SMALL)

    def accuracy(self, outputs: Tensor, targets: Tensor) -> Tensor:
        there = targets != self._ignored
        return ((outputs.argmax(1) == targets) & there).sum() / there.sum()

    def meter(self) -> PixelMeter:
        return PixelMeter(self, self._classes, self._ignored)

    def for_metrics(self, outputs: Tensor, targets: Tensor) -> MetricInputs:
        return MetricInputs(outputs, targets)

    def describe(self, outputs: Tensor, names: Sequence[str], top: int) -> list[dict[str, Any]]:
        """The share of each class in the pixels, the largest first."""
        found = []
        for row in outputs.argmax(1).flatten(1):
            counts, numbers = torch.bincount(row, minlength=self._classes).topk(min(top, self._classes))
            shares = [(number, count / row.numel()) for number, count in zip(numbers.tolist(), counts.tolist(), strict=True) if count]
            found.append({"pixels": [{"class": number, "name": names[number] if number < len(names) else None, "share": share} for number, share in shares]})
        return found

    def labels(self, targets: Tensor) -> str:  # noqa: ARG002 - whatever their shape
        return PIXELS

    def check_outputs(self, outputs: Tensor, targets: Tensor, when: str) -> None:
        wanted = (len(targets), self._classes, *targets.shape[1:])
        if outputs.shape != wanted:
            raise UserError(
                f"the model does not fit the data: for masks of {shape_text(targets)} it {when}returns {shape_text(outputs)}; "
                f"{'×'.join(map(str, wanted))} is expected, a value for each class and pixel"
            )

    def target_facts(self, targets: Tensor | None, *, sampled: bool, smoothing: float) -> TargetFacts:
        if targets is not None:
            targets = targets[targets != self._ignored]
        # Pixels are no samples, whose classes could be counted.
        facts = class_facts(targets, self._classes, sampled=sampled, smoothing=smoothing, weights=self._weights)._replace(class_counts=())
        # The best constant of a Dice loss is not known.
        return facts if self._loss == "cross_entropy" else facts._replace(constant_loss=None, constant_training_loss=None)

    def loss_baseline(self, support: Sequence[int]) -> dict[str, float]:
        return entropy_baseline(support, self._weights) if self._loss == "cross_entropy" else {}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """There is nothing that it learns."""

    def inherit(self, state: Mapping[str, Any]) -> str:  # noqa: ARG002 - there is nothing that it learns
        return ""


class PixelMeter:
    """Counts pairs of classes on the device."""

    def __init__(self, segmenter: Segmenter, classes: int, ignored: int) -> None:
        self._segmenter = segmenter
        self._classes, self._ignored = classes, ignored
        self._pairs: Tensor | None = None
        self._loss = self._weight = torch.zeros(())

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        weight = self._segmenter.weight(targets)
        self._loss = self._loss.to(outputs.device) + self._segmenter.loss(outputs, targets) * weight
        self._weight = self._weight.to(outputs.device) + weight
        there = targets != self._ignored
        # What has no prediction, as an output of it is NaN, is of the class after the last.
        predicted = outputs.argmax(1).where(~outputs.isnan().any(1), self._classes)
        pairs = torch.bincount((targets * (self._classes + 1) + predicted)[there], minlength=self._classes * (self._classes + 1))
        self._pairs = pairs if self._pairs is None else self._pairs + pairs

    def result(self) -> Score:
        if self._pairs is None:
            return Score(math.nan)
        table = self._pairs.view(self._classes, self._classes + 1).tolist()
        found = Classification(
            support=[sum(row) for row in table],
            predicted=[sum(row[each] for row in table) for each in range(self._classes)],
            hits=[row[each] for each, row in enumerate(table)],
            confused=sorted(((label, other, count) for label, row in enumerate(table) for other, count in enumerate(row) if other != label and count), key=lambda each: (-each[2], each[:2])),
        )
        total = sum(found.support)
        if not total:
            return Score(math.nan)
        often = max(range(self._classes), key=found.support.__getitem__)
        always = [total if each == often else 0 for each in range(self._classes)]
        hits = [found.support[often] if each == often else 0 for each in range(self._classes)]
        baselines = {**self._segmenter.loss_baseline(found.support), ACCURACY: hits[often] / total, **overlaps(found.support, always, hits)}
        return Score((self._loss / self._weight).item(), found.right / total, overlaps(found.support, found.predicted, found.hits), found, baselines)


def overlaps(support: Sequence[int], predicted: Sequence[int], hits: Sequence[int]) -> dict[str, float]:
    """Mean IoU and mean Dice over the classes that occur or are predicted."""
    counts = [(both, one + other) for both, one, other in zip(hits, support, predicted, strict=True) if one + other]
    return {
        MEAN_IOU: sum(both / (sizes - both) for both, sizes in counts) / len(counts),
        DICE: sum(2 * both / sizes for both, sizes in counts) / len(counts),
    }
