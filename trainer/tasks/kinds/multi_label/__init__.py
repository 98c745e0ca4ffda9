"""Several labels for each sample, each of which is there or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.metrics import LABEL_SETS
from gradtop.trainer.tasks.kinds import TaskConfig


class MultiLabelTask(TaskConfig):
    kind: Literal["multi_label"] = setting("multi_label", help="Several labels for each sample, each of which is there (1) or not (0).", effect="fork")
    pos_weight: tuple[float, ...] = setting((), help="Weight of the positives of each label in the loss; empty: all 1.", effect="fork", gt=0)
    balanced: bool = setting(False, help="Weight the positives of each label by the training set: negatives / positives.", effect="fork")
    threshold: float = setting(0.5, help="Probability from which on a label is predicted.", effect="fork", gt=0, lt=1)

    targets: ClassVar = "label_sets"
    has_classes: ClassVar = False
    builder: ClassVar = "gradtop.trainer.tasks.kinds.multi_label.labeler:build"

    def labels(self, inputs: str) -> str:  # noqa: ARG002 - whatever they are
        return LABEL_SETS

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if self.pos_weight and self.balanced:
            yield "pos_weight", "cannot be combined with task.balanced, which computes the weights; leave one out"
