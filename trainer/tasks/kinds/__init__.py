"""Tasks, each with its declaration, which needs no torch, and a builder of what computes its loss and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from gradtop.trainer.data.targets import CLASSES, TargetKind, WantedTargets
from gradtop.trainer.declare import Kind
from gradtop.trainer.metrics import CHARACTERS, SAMPLES


class TaskConfig(Kind, defer_build=True):
    """What the outputs of the model are, and what its loss is."""

    package = "gradtop.trainer.tasks.kinds"
    # What stands beside an input.
    targets: ClassVar[TargetKind] = CLASSES
    # "images" or "characters", where it takes no other data.
    inputs: ClassVar[str] = ""

    @property
    def wanted(self) -> WantedTargets:
        """What the data must give beside the inputs."""
        return WantedTargets(self.targets)

    def labels(self, inputs: str) -> str:
        """What there is a label for, as `metrics` has it, of data with these inputs; "" where only the data tell."""
        return {"characters": CHARACTERS, "images": SAMPLES}.get(inputs, "")

    def disagreements_with(self, config: Any) -> Iterator[tuple[str, str]]:
        data = config.data
        if "any" not in {data.inputs, self.inputs or data.inputs} and self.inputs != data.inputs and self.inputs:
            yield "task.kind", f"{self.kind} requires {self.inputs}, and data.kind is {data.kind}"
        if self.targets not in data.targets:
            yield "task.kind", f"{self.kind} requires {TARGET_WORDS[self.targets]}, and data.kind = {data.kind} has classes; use data.kind = custom"


TARGET_WORDS = {"classes": "classes", "values": "numbers as targets"}
