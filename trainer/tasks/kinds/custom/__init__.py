"""A loss of the user's own project."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.data.targets import ANY, WantedTargets
from gradtop.trainer.declare import Arguments, setting, target
from gradtop.trainer.tasks.kinds import TaskConfig


class CustomTask(TaskConfig):
    kind: Literal["custom"] = setting("custom", help="A callable of your own project that returns the loss of a batch, and what else is to be charted.", effect="fork")
    target: str = target("my_project.task:loss", help="package.module:callable, called with model, batch and the arguments below; it returns the loss, or a dict of loss and other numbers, and of outputs and targets for training.metrics.", effect="fork")
    arguments: Arguments = setting({}, help="Its keyword arguments, as an inline table: {margin = 0.5}.", effect="fork")

    targets: ClassVar = ANY
    has_classes: ClassVar = False
    own_metrics: ClassVar = True
    builder: ClassVar = "gradtop.trainer.tasks.kinds.custom.own_task:build"

    @property
    def wanted(self) -> WantedTargets:
        """Data that can have several kinds of targets have those that they name."""
        return WantedTargets(self.targets, open=True)

    def labels(self, inputs: str) -> str:  # noqa: ARG002 - only its code knows
        return ""
