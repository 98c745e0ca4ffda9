"""One evaluation with the metrics that `training.metrics` adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from gradtop.trainer.tasks.metrics.parts import built_in_parts
from gradtop.trainer.tasks.task import AddedMetrics, EvaluationMeter, MeterPart, Score, TrainingTask

AT_ONCE = 1 << 22  # outputs, 16 MiB


def meter_of(task: TrainingTask) -> EvaluationMeter:
    """That of the task, with what is added."""
    return AddedMeter(task, task.added) if task.added.names or task.added.custom else task.meter()


class AddedMeter:
    """Batches wait until there are enough of them: many small operations cost more than few large ones, on a CPU whose cores are busy several times as much."""

    def __init__(self, task: TrainingTask, added: AddedMetrics) -> None:
        self._task, self._added = task, added
        self._meter = task.meter()
        self._parts: Sequence[MeterPart] = ()
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._values = 0

    def add(self, outputs: Tensor, targets: Tensor) -> None:
        self._meter.add(outputs, targets)
        if self._waiting and self._waiting[0][0].shape[1:] != outputs.shape[1:]:
            self._measure()
        self._waiting.append((outputs, targets))
        self._values += outputs.numel()
        if self._values >= AT_ONCE:
            self._measure()

    def _measure(self) -> None:
        """Each part sees what the metrics of the task are computed from."""
        outputs, targets = (torch.cat(each) if len(each) > 1 else each[0] for each in zip(*self._waiting, strict=True))
        self._waiting, self._values = [], 0
        if not self._parts:
            self._parts = [*built_in_parts(self._added.names, self._task.labels(targets)), *(begin() for begin in self._added.custom)]
        inputs = self._task.for_metrics(outputs, targets)
        for part in self._parts:
            part.add(inputs)

    def result(self) -> Score:
        if self._waiting:
            self._measure()
        score = self._meter.result()
        further, baselines, notes, faults = dict(score.further), dict(score.baselines), list(score.notes), dict(score.faults)
        for part in self._parts:
            found = part.result(score)
            # What the task measures by itself is not measured otherwise.
            further |= {name: value for name, value in found.values.items() if name not in score.metrics}
            baselines |= {name: value for name, value in found.baselines.items() if name not in score.baselines}
            notes += found.notes
            if found.fault:
                notes.append(found.fault)
                faults |= dict.fromkeys(found.values, found.fault)
        return replace(score, further=further, baselines=baselines, notes=tuple(notes), faults=faults)
