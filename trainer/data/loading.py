"""Batches of samples that are read one by one, by processes of their own where that is wanted."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from trainer.batches import Prepare, batch_count, order_of
from trainer.errors import UserError
from trainer.signals import ENDING

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Unreadable:
    """Stands for a sample that could not be read; says which and why."""

    sentence: str


Sample = tuple[Tensor, Tensor]


class Samples(Protocol):
    """Samples by number; one of them must not depend on what was read before it."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample | Unreadable: ...


@dataclass
class Reading:
    """How samples are read; `workers` = 0 does it in this process. `told` are those that have been said to be unreadable."""

    workers: int = 0
    told: set[str] = field(default_factory=set)

    def read(self, samples: Samples, batches: Sequence[Tensor], device: torch.device, *, fill: bool) -> Iterator[Sample]:
        """Inputs and targets of batches of sample numbers, on the device.

        A sample that cannot be read is left out; with `fill` a copy of another one of its batch takes its place, so that
        batches keep their size. Raises UserError where none of a batch can be read, or where a worker dies.
        """
        pinned = device.type == "cuda"
        loader: DataLoader[Any] = DataLoader(
            samples,  # type: ignore[arg-type]
            batch_sampler=[batch.tolist() for batch in batches],
            num_workers=min(self.workers, len(batches)),
            collate_fn=_Collate(fill=fill),
            pin_memory=pinned,
            worker_init_fn=_outlive_signals,
            multiprocessing_context="fork" if self.workers and batches else None,
            # The seed that it draws for its workers must not come out of the state that a resume restores.
            generator=torch.Generator(),
        )
        begun = _begin(loader)
        try:
            for inputs, targets, unreadable in begun:
                self._tell(unreadable)
                if not len(targets):
                    raise UserError(f"none of {len(unreadable)} samples of a batch can be read: {unreadable[0]}")
                yield inputs.to(device, non_blocking=pinned), targets.to(device, non_blocking=pinned)
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            first = str(error).strip().splitlines()[0].rstrip(".")
            raise UserError(f"a process that reads the data died ({first}); where memory ran out, make data.workers smaller") from error

    def _tell(self, unreadable: Sequence[str]) -> None:
        for sentence in unreadable:
            if sentence not in self.told:
                self.told.add(sentence)
                print(f"left out: {sentence}", flush=True)


class LoadedBatches:
    """The training batches of every epoch; what is skipped is not read."""

    def __init__(
        self, samples: Samples, reading: Reading, batch_size: int, *, seed: int, device: torch.device, prepare: Prepare | None
    ) -> None:
        self.batch_size = batch_size
        self.prepare = prepare
        self._samples = samples
        self._reading = reading
        self._seed = seed
        self._device = device
        self.per_epoch, self._used = batch_count(len(samples), batch_size)

    def epoch(self, epoch: int, *, skip: int = 0) -> Iterator[Sample]:
        """Inputs and targets of `epoch` (counted from 0), from batch number `skip` on."""
        order = order_of(len(self._samples), self._seed, epoch)[: self._used]
        batches = torch.split(order, self.batch_size)[skip:]
        for inputs, targets in self._reading.read(self._samples, batches, self._device, fill=True):
            yield (self.prepare(inputs) if self.prepare is not None else inputs), targets


@dataclass(frozen=True)
class LoadedParts:
    """All of the samples in order, a batch at a time."""

    samples: Samples
    reading: Reading
    batch_size: int
    device: torch.device
    prepare: Prepare | None = None

    def __iter__(self) -> Iterator[Sample]:
        batches = torch.split(torch.arange(len(self.samples)), self.batch_size)
        for inputs, targets in self.reading.read(self.samples, batches, self.device, fill=False):
            yield (self.prepare(inputs) if self.prepare is not None else inputs), targets


class _Collate:
    """Stacks samples; gives the sentences of the unreadable ones, too."""

    def __init__(self, *, fill: bool) -> None:
        self._fill = fill

    def __call__(self, samples: Sequence[Sample | Unreadable]) -> tuple[Tensor, Tensor, list[str]]:
        good = [sample for sample in samples if not isinstance(sample, Unreadable)]
        unreadable = [sample.sentence for sample in samples if isinstance(sample, Unreadable)]
        if not good:
            return torch.empty(0), torch.empty(0), unreadable
        if self._fill:
            good += [good[number % len(good)] for number in range(len(unreadable))]
        inputs, targets = zip(*good, strict=True)
        return torch.stack(inputs), torch.stack(targets), unreadable


def _begin(loader: DataLoader[Any]) -> Iterator[Any]:
    """Start the workers; they begin with the signals blocked that end a training, so that none can hit one unprepared."""
    if not loader.num_workers:
        return iter(loader)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        with warnings.catch_warnings():
            # Python 3.12 warns of forks beside threads. Nothing that ours hold a lock of is used in a worker.
            warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
            return iter(loader)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _outlive_signals(_worker: int) -> None:
    """A stop that is sent to the whole process group must leave the training its data until it has finished its step.

    A worker ends when it is told to, and with the process that trains, however that ends: it has inherited the lock
    on the run, which a dead training must not keep.
    """
    for number in (*ENDING, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1 or threading.main_thread() is not threading.current_thread():
        os._exit(1)
