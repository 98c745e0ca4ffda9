"""What a metric, or several that have their sums in common, collects in one evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from gradtop.trainer.metrics import (
    AUROC,
    AVERAGE_PRECISION,
    CALIBRATION_ERROR,
    EXPLAINED_VARIANCE,
    LABEL_SETS,
    MAPE,
    PEARSON,
    VALUES,
    top_of,
)
from gradtop.trainer.tasks.metrics.calibration import CalibrationBins
from gradtop.trainer.tasks.metrics.confusion import OF_COUNTS
from gradtop.trainer.tasks.metrics.custom import CustomMetric
from gradtop.trainer.tasks.metrics.ranking import RankedScores, binned_note
from gradtop.trainer.tasks.metrics.top import TopHits
from gradtop.trainer.tasks.metrics.values import ValueSums
from gradtop.trainer.tasks.task import MeterPart, MetricInputs, PartResult, Score


def built_in_parts(names: Sequence[str], labels: str) -> Iterator[MeterPart]:
    """For the metrics of these names where there is a label for each of `labels`."""
    if ranked := [name for name in names if name in {AUROC, AVERAGE_PRECISION}]:
        yield RankingPart(ranked)
    if counted := [name for name in names if name in OF_COUNTS]:
        yield LabelCountsPart(counted) if labels == LABEL_SETS else CountsPart(counted)
    if tops := {name: top for name in names if (top := top_of(name))}:
        yield TopPart(tops)
    if CALIBRATION_ERROR in names:
        yield CalibrationPart()
    if labels == VALUES and (of_values := [name for name in names if name in {EXPLAINED_VARIANCE, MAPE, PEARSON}]):
        yield ValuesPart(of_values)


class RankingPart:
    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._scores = RankedScores()

    def add(self, measured: MetricInputs) -> None:
        self._scores.add(measured.outputs, measured.targets)

    def result(self, score: Score) -> PartResult:  # noqa: ARG002 - it has counts and no scores
        curves = self._scores.result()
        found = {AUROC: (curves.auroc, 0.5), AVERAGE_PRECISION: (curves.average_precision, curves.share)}
        note = binned_note(self._names) if self._scores.binned else ""
        return PartResult({name: found[name][0] for name in self._names}, {name: found[name][1] for name in self._names}, (note,) if note else ())


class CountsPart:
    """From what the task itself counts of classes."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def add(self, measured: MetricInputs) -> None:
        """It has been counted."""

    def result(self, score: Score) -> PartResult:
        if score.classes is None:
            return PartResult({})
        support, predicted, hits = score.classes.support, score.classes.predicted, score.classes.hits
        often = max(range(len(support)), key=support.__getitem__)
        always = [sum(support) if each == often else 0 for each in range(len(support))]
        right = [support[often] if each == often else 0 for each in range(len(support))]
        return PartResult({name: OF_COUNTS[name](support, predicted, hits) for name in self._names}, {name: OF_COUNTS[name](support, always, right) for name in self._names})


class LabelCountsPart:
    """Of several labels for each sample, each of which is predicted or not."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._sums: Tensor | None = None
        self._samples = 0
        self._threshold = 0.5

    def add(self, measured: MetricInputs) -> None:
        there, said = measured.targets, measured.outputs.sigmoid() >= measured.threshold
        sums = torch.stack([there.sum(0), said.sum(0), (there & said).sum(0)])
        self._sums = sums if self._sums is None else self._sums + sums
        self._samples += len(there)
        self._threshold = measured.threshold

    def result(self, score: Score) -> PartResult:  # noqa: ARG002 - it has no counts of labels
        if self._sums is None:
            return PartResult({})
        support, predicted, hits = self._sums.tolist()
        # As the best constant, which gives each label the probability that is its share.
        always = [self._samples if each >= self._threshold * self._samples else 0 for each in support]
        right = [there if said else 0 for there, said in zip(support, always, strict=True)]
        return PartResult({name: OF_COUNTS[name](support, predicted, hits) for name in self._names}, {name: OF_COUNTS[name](support, always, right) for name in self._names})


class TopPart:
    def __init__(self, tops: Mapping[str, int]) -> None:
        self._tops = tops
        self._hits = TopHits(max(tops.values()))

    def add(self, measured: MetricInputs) -> None:
        self._hits.add(*by_label(measured))

    def result(self, score: Score) -> PartResult:
        found = self._hits.result()
        often = sorted(score.classes.support, reverse=True) if score.classes is not None else []
        return PartResult(
            {name: found[top - 1] for name, top in self._tops.items()},
            {name: sum(often[:top]) / sum(often) for name, top in self._tops.items()} if sum(often) else {},
        )


class CalibrationPart:
    def __init__(self) -> None:
        self._bins = CalibrationBins()

    def add(self, measured: MetricInputs) -> None:
        self._bins.add(*by_label(measured))

    def result(self, score: Score) -> PartResult:  # noqa: ARG002 - it has no probabilities
        return PartResult({CALIBRATION_ERROR: self._bins.result()})


class ValuesPart:
    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._sums = ValueSums()

    def add(self, measured: MetricInputs) -> None:
        outputs, targets = (each.reshape(len(each), -1) for each in (measured.outputs, measured.targets))
        self._sums.add(outputs, targets, outputs.new_zeros(1) if measured.constant is None else measured.constant)

    def result(self, score: Score) -> PartResult:  # noqa: ARG002 - it has other sums
        found = self._sums.result()
        values = {EXPLAINED_VARIANCE: found.explained_variance, PEARSON: found.pearson, MAPE: found.mape}
        baselines = {EXPLAINED_VARIANCE: 0.0, MAPE: found.constant_mape}
        return PartResult({name: values[name] for name in self._names}, {name: baselines[name] for name in self._names if name in baselines})


class CustomPart:
    def __init__(self, metric: CustomMetric) -> None:
        self._metric = metric.begin()

    def add(self, measured: MetricInputs) -> None:
        outputs, targets = measured.outputs, measured.targets
        if targets.dtype == torch.bool:
            targets = targets.long()
        elif targets.dim() == 1 and not targets.is_floating_point():
            # Samples of no class count nowhere.
            there = targets >= 0
            outputs, targets = outputs[there], targets[there]
        self._metric.add(outputs, targets)

    def result(self, score: Score) -> PartResult:  # noqa: ARG002 - it has its own
        value = self._metric.result()
        return PartResult({self._metric.name: value}, fault=self._metric.trouble)


def by_label(measured: MetricInputs) -> tuple[Tensor, Tensor]:
    """Of sequences a row for each token."""
    outputs, targets = measured.outputs, measured.targets
    return (outputs, targets) if targets.dim() == 1 else (outputs.flatten(0, -2), targets.flatten())
