"""One evaluation with the metrics that `training.metrics` adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from gradtop.trainer.tasks.metrics.parts import built_in_parts
from gradtop.trainer.tasks.task import AddedMetrics, EvaluationMeter, MeterPart, Score, TrainingTask


def meter_of(task: TrainingTask) -> EvaluationMeter:
    """That of the task, with what is added."""
    return AddedMeter(task, task.added) if task.added.names or task.added.custom else task.meter()


class AddedMeter:
    """Each part sees, of each batch, what the metrics of the task are computed from."""

    def __init__(self, task: TrainingTask, added: AddedMetrics) -> None:
        self._task, self._added = task, added
        self._meter = task.meter()
        self._parts: Sequence[MeterPart] = ()

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        self._meter.add(outputs, targets)
        if not self._parts:
            self._parts = [*built_in_parts(self._added.names, self._task.labels(targets)), *(begin() for begin in self._added.custom)]
        measured = self._task.for_metrics(outputs, targets)
        for part in self._parts:
            part.add(measured)

    def result(self) -> Score:
        score = self._meter.result()
        further, baselines, notes = dict(score.further), dict(score.baselines), list(score.notes)
        for part in self._parts:
            found = part.result(score)
            # What the task measures by itself is not measured otherwise.
            further |= {name: value for name, value in found.values.items() if name not in score.metrics}
            baselines |= {name: value for name, value in found.baselines.items() if name not in score.baselines}
            notes += found.notes
        return replace(score, further=further, baselines=baselines, notes=tuple(notes))
