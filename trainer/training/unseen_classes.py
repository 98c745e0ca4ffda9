"""Classes that no sample was of, in data whose labels only a pass over them tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradtop.trainer.data.absent import TRAINING, VALIDATION, Absence, absent_classes
from gradtop.trainer.data.dataset import counts_epochs
from gradtop.trainer.data.loading import LoadedBatches

if TYPE_CHECKING:
    from gradtop.trainer.data.dataset import Source, TrainingBatches
    from gradtop.trainer.training.step import Batch

_FOLD = 1 << 18  # labels that are kept on the device before they are looked at


class UnseenClasses:
    """Keeps the labels of the first training samples, and tells after an evaluation of each part once what it lacks."""

    def __init__(self, source: Source, batches: TrainingBatches, *, tell: Callable[[Absence], object]) -> None:
        self._unread = set(source.survey.unread)
        self._classes = source.info.classes
        self._per_pass = batches.per_epoch if counts_epochs(batches) else 0  # batches; 0 where it is not known
        self._each_once = isinstance(batches, LoadedBatches) and batches.draw is None  # a DataLoader may have a sampler that repeats some
        self._tell = tell
        self._labels: list[Tensor] = []
        self._waiting = self._batches = self._samples = 0

    def watch(self, batches: Iterator[Batch], *, at: int) -> Iterator[Batch]:
        """The same batches, of which the first one has the number `at` in the pass."""
        if TRAINING not in self._unread:
            return batches
        if not at and self._per_pass:
            self._labels, self._waiting, self._batches, self._samples = [], 0, 0, 0
        # After a resume in the middle of a pass the next one is looked at.
        return self._kept(batches) if not self._per_pass or self._batches == at else batches

    def _kept(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for inputs, targets in batches:
            if TRAINING in self._unread and targets.dim() == 1:
                # Copied, as what a process has read lies in shared memory, of which little may be held.
                self._labels.append(targets.clone())
                self._waiting += len(targets)
                self._batches += 1
                self._samples += len(targets)
                if self._waiting >= _FOLD:
                    self._labels, self._waiting = [torch.cat(self._labels).unique()], 0
            yield inputs, targets

    def evaluated(self, support: Sequence[int], names: Sequence[str]) -> None:
        """After an evaluation, which has found so many samples of each class; waits for the device."""
        if VALIDATION in self._unread and len(support) == self._classes:
            self._unread.discard(VALIDATION)
            self._say(VALIDATION, torch.tensor([number for number, count in enumerate(support) if count]), names, 0)
        if TRAINING in self._unread and self._labels and self._batches >= self._per_pass:
            self._unread.discard(TRAINING)
            self._say(TRAINING, torch.cat(self._labels), names, 0 if self._each_once else self._samples)
            self._labels = []

    def _say(self, part: str, there: Tensor, names: Sequence[str], first: int) -> None:
        for absence in absent_classes(part, there, names, self._classes, first=first):
            self._tell(absence)
