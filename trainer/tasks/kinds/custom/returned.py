"""The metrics of `training.metrics` for a task of the user's own, from the outputs and targets that its callable returns beside the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from gradtop.trainer.metrics import (
    ACCURACY,
    LABEL_SETS,
    MAE,
    MAPE,
    METRICS_KEY,
    PIXELS,
    R2,
    RMSE,
    SAMPLES,
    TOKENS,
    VALUES,
    Metric,
    is_declared,
    metric_of,
    misfits_of_metrics,
)
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.classification import NOT_IGNORED
from gradtop.trainer.tasks.kinds.classification.classifier import Classifier
from gradtop.trainer.tasks.kinds.multi_label.labeler import Labeler
from gradtop.trainer.tasks.kinds.regression import RegressionTask
from gradtop.trainer.tasks.kinds.regression.regressor import Regressor
from gradtop.trainer.tasks.kinds.segmentation import SegmentationTask
from gradtop.trainer.tasks.kinds.segmentation.segmenter import Segmenter
from gradtop.trainer.tasks.metrics.meter import meter_of
from gradtop.trainer.tasks.task import AddedMetrics, EvaluationMeter, Score, TrainingTask, shape_text

OUTPUTS, TARGETS, LOGITS = "outputs", "targets", "logits"
# Dimensions of the outputs where the targets are class numbers, which have one less.
_OF_CLASSES = {2: SAMPLES, 3: TOKENS, 4: PIXELS}


@dataclass(frozen=True)
class Returned:
    """What a callable returns of a batch: its numbers, the loss among them, and where metrics are computed, outputs and targets."""

    numbers: Mapping[str, Tensor]
    outputs: Tensor | None = None
    targets: Tensor | None = None


class ReturnedMeter:
    """One evaluation. Which task outputs and targets are those of, the first batch tells."""

    def __init__(self, added: AddedMetrics, about: str) -> None:
        self._added, self._about = added, about
        self._labels = ""
        self._meter: EvaluationMeter | None = None

    def add(self, found: Returned) -> None:
        """Raises UserError."""
        if found.outputs is None or found.targets is None:
            names = [*self._added.names, *(["code of yours"] if self._added.custom else [])]
            raise UserError(
                f"{METRICS_KEY}: {', '.join(names)} {'are' if len(names) > 1 else 'is'} computed from outputs and targets, and {self._about} returns none; have it return "
                '{"loss": loss, "outputs": outputs, "targets": targets}, or what a model with .loss and .logits returns'
            )
        outputs, targets = found.outputs.detach().float(), found.targets.detach()
        labels = _labels_of(outputs, targets, self._added.names)
        if not labels or (self._labels and labels != self._labels):
            raise UserError(
                f"{METRICS_KEY}: {self._about} returns outputs of {shape_text(outputs)} and targets of {shape_text(targets)}; outputs (N, C), (N, T, C) or (N, C, H, W) with class numbers "
                "(N,), (N, T) or (N, H, W), or both of one shape, are expected"
            )
        outputs, targets = _as_wanted(outputs, targets, labels)
        self._check(outputs, targets, labels)
        if self._meter is None:
            self._labels = labels
            task = _task_of(outputs, targets, labels)
            task.added = self._added
            self._meter = meter_of(task)
        self._meter.add(outputs, targets)

    def _check(self, outputs: Tensor, targets: Tensor, labels: str) -> None:
        classes = outputs.shape[-1] if labels in {SAMPLES, TOKENS} else outputs.shape[1] if labels == PIXELS else 0
        for sentence in misfits_of_metrics(self._added.names, labels, classes, f"by what {self._about} returns"):
            raise UserError(f"{METRICS_KEY}: {sentence}")
        if classes and targets.numel() and (most := int(targets.max())) >= classes:
            raise UserError(f"{METRICS_KEY}: {self._about} returns the target {most}, and outputs of {classes} classes, which count from 0; give what is of no class a target below 0")
        if labels == LABEL_SETS and not bool(((targets == 0) | (targets == 1)).all()):
            raise UserError(f"{METRICS_KEY}: {self._about} returns targets other than 0 and 1, and {', '.join(self._added.names)} require labels that are there or not")

    def result(self, own: Score) -> Score:
        """`own` with the metrics that are asked for, and that the callable does not compute itself."""
        if self._meter is None:
            return own
        found = self._meter.result()
        # What its task measures otherwise nobody has asked for.
        asked = {name: value for name, value in found.metrics.items() if name in self._added.names or not is_declared(name)}
        wanted = {name: value for name, value in asked.items() if name not in own.metrics}
        baselines = {name: value for name, value in found.baselines.items() if name in wanted and (self._labels != VALUES or name not in _OF_A_MEAN)}
        accuracy = wanted.pop(ACCURACY, own.accuracy)
        return replace(own, accuracy=accuracy, further={**own.further, **wanted}, baselines=baselines, notes=found.notes, faults=found.faults)


# What a constant prediction is of, the mean of the training targets, only the code of the user knows.
_OF_A_MEAN = (MAE, RMSE, R2, MAPE)


def _labels_of(outputs: Tensor, targets: Tensor, names: Sequence[str]) -> str:
    """What there is a label for, by shapes and types; of numbers for numbers by what is to be computed. "" where they do not belong together."""
    without = (outputs.shape[0], *outputs.shape[2:]) if outputs.dim() == 4 else outputs.shape[:-1]
    if not targets.is_floating_point() and outputs.dim() in _OF_CLASSES and tuple(without) == tuple(targets.shape) and outputs.numel() != targets.numel():
        return _OF_CLASSES[outputs.dim()]
    if not outputs.dim() or not targets.dim() or len(outputs) != len(targets) or outputs.numel() != targets.numel():
        return ""
    metrics = [metric_of(name) for name in names]
    fits_sets = any(_fits(each, LABEL_SETS) and not _fits(each, VALUES) for each in metrics)
    return LABEL_SETS if fits_sets else VALUES


def _fits(metric: Metric, labels: str) -> bool:
    return labels in (*metric.labels, *metric.added)


def _as_wanted(outputs: Tensor, targets: Tensor, labels: str) -> tuple[Tensor, Tensor]:
    """Without labels below 0, which are of no class, as torch's cross-entropy has it."""
    if labels in {VALUES, LABEL_SETS}:
        rows = outputs.reshape(len(outputs), -1), targets.reshape(len(targets), -1)
        return rows if labels == VALUES else (rows[0], rows[1].float())
    targets = targets.long()
    if labels == PIXELS:
        return outputs, targets.where(targets >= 0, NOT_IGNORED)
    there = targets >= 0
    # Of sequences of any length each token by itself.
    return (outputs[there], targets[there]) if labels == SAMPLES else (outputs[there][:, None], targets[there][:, None])


def _task_of(outputs: Tensor, targets: Tensor, labels: str) -> TrainingTask:
    if labels == VALUES:
        return Regressor(RegressionTask(standardize=False), targets.shape[1])
    if labels == LABEL_SETS:
        return Labeler(targets.shape[1])
    if labels == PIXELS:
        return Segmenter(SegmentationTask(ignore_index=NOT_IGNORED), outputs.shape[1])
    return Classifier(classes=outputs.shape[-1])
