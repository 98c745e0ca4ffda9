"""Loss and metrics of the task that the data tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradtop.trainer.data.dataset import Source
from gradtop.trainer.tasks.kinds.auto import AutoTask
from gradtop.trainer.tasks.kinds.classification.classifier import build_plain
from gradtop.trainer.tasks.kinds.regression import RegressionTask
from gradtop.trainer.tasks.task import TrainingTask


def build(config: AutoTask, source: Source, saved: Mapping[str, Any]) -> TrainingTask:
    """Raises UserError."""
    if source.info.targets:
        made: TrainingTask = RegressionTask().build(source, saved)
        return made
    return build_plain(config, source, saved)
