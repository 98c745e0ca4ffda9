"""Tasks, each with its declaration, which needs no torch, and a builder of what computes its loss and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from gradtop.trainer.data.targets import ANY, CLASSES, MASKS, TargetKind, WantedTargets
from gradtop.trainer.declare import Kind
from gradtop.trainer.metrics import CHARACTERS, SAMPLES


class TaskConfig(Kind, defer_build=True):
    """What the outputs of the model are, and what its loss is."""

    package = "gradtop.trainer.tasks.kinds"
    # What stands beside an input.
    targets: ClassVar[TargetKind] = CLASSES
    # Whether a sample is of one class, which can be smoothed and mixed.
    has_classes: ClassVar[bool] = True
    # Whether its evaluations may measure what is declared nowhere.
    own_metrics: ClassVar[bool] = False
    # "images" or "characters", where it takes no other data.
    inputs: ClassVar[str] = ""
    # Whether what takes images takes vectors as well.
    takes_vectors: ClassVar[bool] = True

    @property
    def wanted(self) -> WantedTargets:
        """What the data must give beside the inputs."""
        return WantedTargets(self.targets)

    def labels(self, inputs: str) -> str:
        """What there is a label for, as `metrics` has it, of data with these inputs; "" where only the data tell."""
        return {"characters": CHARACTERS, "images": SAMPLES}.get(inputs, "")

    def disagreements_with(self, config: Any) -> Iterator[tuple[str, str]]:
        data = config.data
        fits = data.inputs in {self.inputs, "any"} or (data.inputs == "vectors" and self.inputs == "images" and self.takes_vectors)
        if self.inputs and not fits:
            yield "task.kind", f"{self.kind} requires {self.inputs}, and data.kind is {data.kind}"
        if self.targets != ANY and self.targets not in data.targets:
            yield "task.kind", f"{self.kind} requires {TARGET_WORDS[self.targets]}, and data.kind = {data.kind} has classes; use data.kind = {'image_folder or custom' if self.targets == MASKS else 'custom'}"
        if self.has_classes:
            return
        if getattr(data, "sampler", "") == "balanced":
            yield "data.sampler", f"balanced requires one class for each sample; task.kind is {self.kind}"
        if config.training.label_smoothing:
            yield "training.label_smoothing", f"requires classes; task.kind is {self.kind}"
        for name in ("mixup", "cutmix"):
            if getattr(config.augment, name):
                yield f"augment.{name}", f"requires classes; task.kind is {self.kind}"
        if config.model.inputs == "characters" and self.targets != ANY:
            yield "task.kind", f"{self.kind} requires one output for each target, and model.kind = {config.model.kind} has one for each character"


TARGET_WORDS = {"classes": "classes", "values": "numbers as targets", "label_sets": "several labels for each sample", "masks": "a class for each pixel"}
