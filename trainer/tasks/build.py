"""The task of a configuration, with the metrics that are added to its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from gradtop.trainer.data.dataset import Source
from gradtop.trainer.tasks.kinds import TaskConfig
from gradtop.trainer.tasks.metrics.custom import load_custom
from gradtop.trainer.tasks.metrics.parts import CustomPart
from gradtop.trainer.tasks.task import AddedMetrics, TrainingTask

NOTHING: Mapping[str, Any] = MappingProxyType({})


def build_task(config: TaskConfig, added: Sequence[str], source: Source, saved: Mapping[str, Any] = NOTHING) -> TrainingTask:
    """`added` is `training.metrics`; `saved` what a checkpoint has kept of the task. Raises UserError."""
    task: TrainingTask = config.build(source, saved)
    info = source.info
    # What torchmetrics calls them.
    numbers = {"num_classes": info.classes, "num_labels": info.targets, "num_outputs": info.targets}
    task.added = AddedMetrics(
        tuple(name for name in added if ":" not in name),
        tuple(partial(CustomPart, load_custom(target, {name: number for name, number in numbers.items() if number})) for target in added if ":" in target),
    )
    return task
