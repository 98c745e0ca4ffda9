"""Loss and metrics of labels, each of which is there or not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gradtop.trainer.data.dataset import Source
from gradtop.trainer.metrics import AVERAGE_PRECISION, F1, LABEL_SETS, LOSS, MICRO_F1
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.multi_label import MultiLabelTask
from gradtop.trainer.tasks.metrics.ranking import RankedScores, binned_note
from gradtop.trainer.tasks.task import AddedMetrics, MetricInputs, Score, TargetFacts, check_rows

SURE = 30.0  # logit of a label that is always, or never, there


def build(config: MultiLabelTask, source: Source, saved: Mapping[str, Any]) -> Labeler:
    """With the weights that a checkpoint has `saved`, else those of the configuration or the training set. Raises UserError."""
    labels = source.info.targets
    weights = None
    if config.pos_weight:
        if len(config.pos_weight) != labels:
            raise UserError(f"task.pos_weight must be {labels}, one for each label of the data, not {len(config.pos_weight)}")
        weights = torch.tensor(config.pos_weight)
    elif config.balanced and isinstance(found := saved.get("pos_weight"), list) and len(found) == labels:
        weights = torch.tensor(found, dtype=torch.float32)
    elif config.balanced:
        weights = _balanced(source)
    return Labeler(labels, threshold=config.threshold, pos_weight=weights)


def _balanced(source: Source) -> Tensor:
    if source.labels is None:
        raise UserError("task.balanced requires the targets of all training samples; set task.pos_weight")
    positives = source.labels.reshape(len(source.labels), -1).sum(0)
    if missing := (positives == 0).nonzero().flatten().tolist():
        raise UserError(f"task.balanced: no training sample has label {missing[0]}, so that its positives have no weight; set task.pos_weight")
    # Of a label that every sample has, the positives keep some weight.
    return ((len(source.labels) - positives).clamp_min(1) / positives).float()


class Labeler:
    """Outputs are logits (samples, labels), targets 0 and 1 of the same shape."""

    headline, each = AVERAGE_PRECISION, "label"

    def __init__(self, labels: int, *, threshold: float = 0.5, pos_weight: Tensor | None = None) -> None:
        self._labels = labels
        self._pos_weight = pos_weight
        self.threshold = threshold
        self.added = AddedMetrics()

    def _weight_on(self, device: torch.device) -> Tensor | None:
        if self._pos_weight is not None and self._pos_weight.device != device:
            self._pos_weight = self._pos_weight.to(device)
        return self._pos_weight

    def loss(self, outputs: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:  # noqa: ARG002 - of classes
        return functional.binary_cross_entropy_with_logits(*as_rows(outputs, targets), pos_weight=self._weight_on(outputs.device))

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(samples, labels)"""
        return functional.binary_cross_entropy_with_logits(outputs, targets, pos_weight=self._weight_on(outputs.device), reduction="none")

    def weight(self, targets: Tensor) -> int:
        return len(targets)

    def accuracy(self, outputs: Tensor, targets: Tensor) -> None:  # noqa: ARG002 - a sample has several
        return None

    def meter(self) -> LabelMeter:
        return LabelMeter(self)

    def for_metrics(self, outputs: Tensor, targets: Tensor) -> MetricInputs:
        outputs, targets = as_rows(outputs, targets)
        return MetricInputs(outputs, targets.bool(), threshold=self.threshold)

    def describe(self, outputs: Tensor, names: Sequence[str], top: int) -> list[dict[str, Any]]:  # noqa: ARG002 - all labels from the threshold on
        """The labels that are predicted, the most probable first."""
        found = []
        for row in outputs.sigmoid().tolist():
            there = sorted((number for number, value in enumerate(row) if value >= self.threshold), key=lambda number: -row[number])
            found.append({"labels": [{"label": number, "name": names[number] if number < len(names) else None, "probability": row[number]} for number in there]})
        return found

    def labels(self, targets: Tensor) -> str:  # noqa: ARG002 - whatever their shape
        return LABEL_SETS

    def check_outputs(self, outputs: Tensor, targets: Tensor, when: str) -> None:
        check_rows(outputs, targets, "label", when)

    def target_facts(self, targets: Tensor | None, *, sampled: bool, smoothing: float) -> TargetFacts:  # noqa: ARG002 - of classes
        if targets is None or not targets.numel():
            return TargetFacts()
        rows = targets.reshape(-1, self._labels).cpu()
        return TargetFacts(counted=len(rows), sampled=sampled, constant_loss=self.constant_loss(rows.double().mean(0)))

    def constant_loss(self, shares: Tensor) -> float:
        """The least loss of the same logits for every sample, where labels have these shares of the samples."""
        weights = torch.ones_like(shares) if self._pos_weight is None else self._pos_weight.to(shares)
        best = torch.logit(weights * shares / (weights * shares + 1 - shares)).clamp(-SURE, SURE)
        return float((weights * shares * functional.softplus(-best) + (1 - shares) * functional.softplus(best)).mean())

    def state_dict(self) -> dict[str, Any]:
        return {} if self._pos_weight is None else {"pos_weight": self._pos_weight.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._pos_weight = torch.tensor(state["pos_weight"], dtype=torch.float32)

    def inherit(self, state: Mapping[str, Any]) -> str:  # noqa: ARG002 - the weights are of the new data
        return ""


class LabelMeter:
    """Counts of the labels and sums on the device; the order of all outputs, which makes the average precision, is kept as `RankedScores` does."""

    def __init__(self, labeler: Labeler) -> None:
        self._labeler = labeler
        self._ranked = RankedScores()
        self._samples = 0
        self._loss = torch.zeros(())
        self._counts: Tensor | None = None  # of each label: predicted, there, both
        self._wrong: Tensor | None = None  # whether an output is NaN

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        outputs, targets = as_rows(outputs, targets)
        self._loss = self._loss.to(outputs.device) + self._labeler.losses(outputs, targets).sum()
        there, predicted = targets.bool(), outputs.sigmoid() >= self._labeler.threshold
        counts, wrong = torch.stack([predicted.sum(0), there.sum(0), (predicted & there).sum(0)]), outputs.isnan().any()
        self._counts = counts if self._counts is None else self._counts + counts
        self._wrong = wrong if self._wrong is None else self._wrong | wrong
        self._ranked.add(outputs, there)
        self._samples += len(outputs)

    def result(self) -> Score:
        if self._counts is None:
            return Score(math.nan)
        predicted, support, hits = self._counts.tolist()
        shares = torch.tensor(support, dtype=torch.float64) / self._samples
        curves = self._ranked.result()
        further = {F1: math.nan, MICRO_F1: math.nan, AVERAGE_PRECISION: math.nan} if bool(self._wrong) else {
            **f1_scores(predicted, support, hits), AVERAGE_PRECISION: curves.average_precision
        }  # fmt: skip
        # The best constant gives each label the probability that is its share.
        always = [self._samples if share >= self._labeler.threshold else 0 for share in shares.tolist()]
        right = [there if said else 0 for there, said in zip(support, always, strict=True)]
        occurring = shares[shares > 0]
        baselines = {
            LOSS: self._labeler.constant_loss(shares),
            **f1_scores(always, support, right),
            AVERAGE_PRECISION: occurring.mean().item() if len(occurring) else math.nan,
        }
        notes = (binned_note([AVERAGE_PRECISION]),) if self._ranked.binned else ()
        return Score(self._loss.item() / (self._samples * len(support)), further=further, baselines=baselines, notes=notes)


def as_rows(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(samples, labels) of both, where a single label lacks its dimension."""
    return outputs.reshape(len(outputs), -1), targets.reshape(len(targets), -1)


def f1_scores(predicted: Sequence[int], support: Sequence[int], hits: Sequence[int]) -> dict[str, float]:
    """Macro and micro, of the counts of each label: labels that neither occur nor are predicted are left out of the first."""
    both = [one + other for one, other in zip(predicted, support, strict=True)]
    scores = [2 * hit / count for hit, count in zip(hits, both, strict=True) if count]
    return {F1: sum(scores) / len(scores) if scores else math.nan, MICRO_F1: 2 * sum(hits) / sum(both) if sum(both) else math.nan}
