"""A class for each pixel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from gradtop.trainer.data.targets import WantedTargets
from gradtop.trainer.declare import setting
from gradtop.trainer.metrics import PIXELS
from gradtop.trainer.tasks.kinds import TaskConfig

# What hides or mixes pixels, and leaves the mask as it is.
HIDING = ("erasing", "mixup", "cutmix")


class SegmentationTask(TaskConfig):
    kind: Literal["segmentation"] = setting("segmentation", help="A class for each pixel: outputs (N, classes, H, W), masks (N, H, W).", effect="fork")
    loss: Literal["cross_entropy", "dice", "both"] = setting("cross_entropy", help="Cross-entropy of each pixel, Dice loss over the classes of a batch, or their sum.", effect="fork")
    class_weights: tuple[float, ...] = setting((), help="Weight of each class in the cross-entropy, in the order of the classes; empty: all 1.", effect="fork", ge=0)
    ignore_index: int = setting(255, help="Label of pixels that count neither in the loss nor in the metrics.", effect="fork", ge=-1_000_000, le=1_000_000)

    targets: ClassVar = "masks"
    inputs: ClassVar = "images"
    builder: ClassVar = "gradtop.trainer.tasks.kinds.segmentation.segmenter:build"

    @property
    def wanted(self) -> WantedTargets:
        return WantedTargets(self.targets, self.ignore_index)

    def labels(self, inputs: str) -> str:  # noqa: ARG002 - whatever they are
        return PIXELS

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if self.class_weights and not any(self.class_weights):
            yield "class_weights", "are all 0, so that no pixel counts"

    def disagreements_with(self, config: Any) -> Iterator[tuple[str, str]]:
        yield from super().disagreements_with(config)
        if config.model.kind != "custom":
            yield "task.kind", f"segmentation requires outputs for each pixel, which model.kind = {config.model.kind} has not; use model.kind = custom"
        for name in HIDING:
            if getattr(config.augment, name):
                yield f"augment.{name}", "changes the picture and not its mask, so that it cannot be used where task.kind is segmentation"
