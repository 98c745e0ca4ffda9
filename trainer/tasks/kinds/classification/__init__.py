"""One class for each sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from gradtop.trainer.data.targets import WantedTargets
from gradtop.trainer.declare import setting
from gradtop.trainer.metrics import SAMPLES
from gradtop.trainer.tasks.kinds import TaskConfig

NOT_IGNORED = -100  # as in torch


class ClassificationTask(TaskConfig):
    kind: Literal["classification"] = setting("classification", help="Cross-entropy of one class for each sample.", effect="fork")
    class_weights: tuple[float, ...] = setting((), help="Weight of each class in the loss, in the order of the classes; empty: all 1.", effect="fork", ge=0)
    balanced: bool = setting(False, help="Weight the classes by the training set: samples / (classes × samples of the class), as class_weight='balanced' in scikit-learn.", effect="fork")
    focal: float = setting(0.0, help="γ of the focal loss (Lin et al., 2017), which gives samples that are predicted well less weight; 0: cross-entropy.", effect="fork", ge=0, le=20)
    ignore_index: int = setting(NOT_IGNORED, help="Label that is no class: samples with it count neither in the loss nor in the metrics.", effect="fork", ge=-1_000_000, le=1_000_000)

    inputs: ClassVar = "images"
    builder: ClassVar = "gradtop.trainer.tasks.kinds.classification.classifier:build"

    @property
    def wanted(self) -> WantedTargets:
        return WantedTargets(self.targets, self.ignore_index)

    def labels(self, inputs: str) -> str:  # noqa: ARG002 - whatever they are
        return SAMPLES

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if self.class_weights and self.balanced:
            yield "class_weights", "cannot be combined with task.balanced, which computes the weights; leave one out"
        if self.class_weights and not any(self.class_weights):
            yield "class_weights", "are all 0, so that no sample counts"

    def disagreements_with(self, config: Any) -> Iterator[tuple[str, str]]:
        yield from super().disagreements_with(config)
        classes = config.data.shape.classes
        if self.class_weights and classes and len(self.class_weights) != classes:
            yield "task.class_weights", f"must be {classes} weights, one for each class of data.kind = {config.data.kind}, not {len(self.class_weights)}"
        if self.balanced and getattr(config.data, "sampler", "") == "balanced":
            yield "task.balanced", "cannot be combined with data.sampler = balanced, which balances the classes already"
        if self.focal and config.training.label_smoothing:
            yield "task.focal", "cannot be combined with training.label_smoothing"
        mixing = next((name for name in ("mixup", "cutmix") if getattr(config.augment, name)), "")
        special = "focal" if self.focal else "class_weights" if self.class_weights else "balanced" if self.balanced else "ignore_index" if self.ignore_index != NOT_IGNORED else ""
        if mixing and special:
            yield f"task.{special}", f"cannot be combined with augment.{mixing}, which mixes the classes of two images"
