"""What can be said of the data from their labels and the first batches, at a cost that does not grow with the data."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradtop.trainer.data.dataset import Dataset
from gradtop.trainer.data.nested import ModelInputs, count_samples, first_tensor, map_tensors, take_rows, tensors_in
from gradtop.trainer.data.normalise import Normalise
from gradtop.trainer.data.overlap import overlap
from gradtop.trainer.monitor.transfer import Transfer
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.record.data_facts import DataFacts

if TYPE_CHECKING:
    from gradtop.trainer.data.dataset import Source, TrainingBatches
    from gradtop.trainer.tasks.task import TrainingTask
    from gradtop.trainer.training.step import Batch

BATCHES = 4  # whose inputs are looked at
LABEL_BATCHES = 64  # whose labels are counted, where these do not all lie in memory
MOST_VALUES = 1 << 18  # of the inputs of a batch
SORTED = 16_381  # values that are sorted for their spread; a prime, so that they are of all places of an image
MOST_SPREAD = 0.95
FEWEST, SMALLEST = 16, 8  # batches, and samples of each, of which it is told how many are of one class
COLUMNS = 5  # of what is told of a batch


class Look(NamedTuple):
    """A copy of some inputs of a batch, as they came, and whether they were prepared for the model by then."""

    inputs: ModelInputs
    prepared: bool


@dataclass
class FactFinder:
    """`watch` keeps some of the first batches as they pass; what is computed of them waits until the first steps are done."""

    source: Source
    batches: TrainingBatches
    task: TrainingTask
    _looks: list[Look] = field(default_factory=list)
    _labels: list[Tensor] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)  # of the batches of these
    _plain: bool = True  # whether a sample has one label
    _passed: bool = False  # whether all that is looked at has come by
    _sent: tuple[Transfer, Transfer | None] | None = None

    def watch(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches."""
        if self._looks:
            # Those of an epoch of fewer batches have been seen.
            self._passed = True
            yield from batches
            return
        in_memory = self.source.labels is not None
        for number, (inputs, targets) in enumerate(islice(batches, BATCHES if in_memory else LABEL_BATCHES)):
            if number < BATCHES:
                self._looks.append(Look(first_samples(inputs), self.batches.prepare is not None))
            if not in_memory:
                self._labels.append(targets.reshape(-1))
                self._sizes.append(len(targets))
                self._plain &= targets.dim() == 1
            yield inputs, targets
        self._passed = True
        yield from batches

    def _moments_of(self, look: Look) -> Tensor:
        """Mean and mean square of some inputs as they are stored, and as the model takes them, and the spread of these; NaN where that is unknown."""
        some = measured(look.inputs, self.source)
        if some is None:
            return torch.full((COLUMNS,), math.nan, device=first_tensor(look.inputs).device)
        prepare, stored, ready = self.source.prepare, some, some
        if not look.prepared:
            ready = prepare(some) if prepare is not None else some
        else:
            stored = prepare.undone(some) if isinstance(prepare, Normalise) else some.new_full((1,), math.nan)
        values = [each.float() for each in (stored, ready)] if some.is_floating_point() or prepare is not None else []
        moments = [moment for each in values for moment in (each.mean(), each.square().mean())]
        return torch.stack([*moments, spread_of(values[1])]) if moments else torch.full((COLUMNS,), math.nan, device=some.device)

    def _send(self) -> None:
        if self._sent is None and self._looks:
            moments = torch.stack([self._moments_of(look) for look in self._looks])
            self._sent = Transfer(moments), Transfer(torch.cat(self._labels)) if self._labels else None
        self._labels = []

    def proceed(self) -> bool:
        """Compute what has passed, once; returns whether it has reached the host."""
        if self._passed:
            self._send()
        return self._sent is not None and all(each is None or each.ready for each in self._sent)

    def facts(self, label_smoothing: float) -> DataFacts:
        """Of what has passed so far; waits for the device."""
        self._send()
        source = self.source
        moments, labels = (each.values() if each is not None else None for each in self._sent or (None, None))
        columns = [_finite_mean(column) for column in zip(*(moments or ()), strict=True)] or [None] * COLUMNS
        targets = source.labels if labels is None else torch.tensor(labels)
        facts = self.task.target_facts(targets, sampled=labels is not None, smoothing=label_smoothing)
        if self.batches.draw is not None and source.labels is not None:
            # What is trained on has classes of other shares, and with them another best constant prediction.
            drawn = self.task.target_facts(source.labels[self.batches.draw(0, 0)], sampled=False, smoothing=label_smoothing)
            facts = facts._replace(constant_training_loss=drawn.constant_loss if drawn.constant_training_loss is None else drawn.constant_training_loss)
        counts = facts.class_counts
        return DataFacts(
            **facts._asdict(),
            batch_share=batch_share(labels, self._sizes, {label for label, count in enumerate(counts) if count}) if labels is not None and counts and self._plain else None,
            input_mean=columns[0],
            input_std=_deviation(columns[0], columns[1]),
            model_input_mean=columns[2],
            model_input_std=_deviation(columns[2], columns[3]),
            model_input_spread=columns[4],
            overlap=overlap(source.train_images, source.val_images) if isinstance(source, Dataset) else None,
        )


def first_samples(inputs: ModelInputs) -> ModelInputs:
    """A copy of the first samples of a batch, as a model may change what it is given."""
    values = sum([each.numel() for each in tensors_in(inputs)])
    return map_tensors(torch.clone, take_rows(inputs, slice(max(1, MOST_VALUES * count_samples(inputs) // max(values, 1)))))


def measured(inputs: ModelInputs, source: Source) -> Tensor | None:
    """Those of the inputs that have a scale: no numbers of categories; None of tensors of several kinds, which have none in common."""
    if not isinstance(inputs, Tensor):
        return None
    return inputs[:, : -len(source.info.categories)] if source.info.categories else inputs


def spread_of(values: Tensor) -> Tensor:
    """How far 95 % of the values are from their median, at most: a few that are huge do not count."""
    flat = values.flatten()
    if len(flat) > SORTED:
        flat = flat[torch.arange(SORTED, device=flat.device) * (len(flat) - 1) // (SORTED - 1)]
    return torch.quantile((flat - flat.median()).abs(), MOST_SPREAD) if len(flat) else flat.new_full((), math.nan)


class InputScale(NamedTuple):
    """Of the inputs of an evaluation; None where it is not known."""

    mean: float | None = None
    std: float | None = None
    spread: float | None = None


def measure_scale(inputs: ModelInputs, source: Source) -> InputScale:
    """Of inputs that are prepared for the model; waits for the device."""
    some = measured(inputs, source)
    if some is None or not some.is_floating_point():
        return InputScale()
    values = some.float()
    mean, square, spread = (each if math.isfinite(each) else None for each in torch.stack([values.mean(), values.square().mean(), spread_of(values)]).tolist())
    return InputScale(mean, _deviation(mean, square), spread)


def batch_share(labels: Sequence[float], sizes: Sequence[int], known: Collection[int]) -> float | None:
    """The share of the most frequent label in a batch, the mean over batches of these sizes; None where these are few or small. Labels that are not known are ignored ones."""
    start, shares = 0, []
    for size in sizes:
        found = [label for label in labels[start : start + size] if label in known]
        if len(found) >= SMALLEST:
            shares.append(max(Counter(found).values()) / len(found))
        start += size
    return fmean(shares) if len(shares) >= FEWEST else None


def _finite_mean(values: Sequence[float]) -> float | None:
    mean = sum(values) / len(values)
    return mean if math.isfinite(mean) else None


def _deviation(mean: float | None, square: float | None) -> float | None:
    return math.sqrt(max(square - mean * mean, 0.0)) if mean is not None and square is not None else None
