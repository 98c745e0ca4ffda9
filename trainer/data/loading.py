"""Batches of samples that are read one by one, by processes of their own where that is expected."""

from __future__ import annotations

import ctypes
import os
import signal
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from gradtop.trainer.data.batches import Prepare, batch_count, order_of
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.signals import ENDING

# More unreadable samples in a row are no accident.
_TRIES = 100
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

        A sample that cannot be read is left out; with `fill` the next one that can be read takes its place, so that
        batches keep their size. Raises UserError where there is none, or where a worker dies.
        """
        pinned = device.type == "cuda"
        loader: DataLoader[Any] = DataLoader(
            _Readable(samples, tries=_TRIES if fill else 1),  # type: ignore[arg-type]
            batch_sampler=[batch.tolist() for batch in batches],
            num_workers=min(self.workers, len(batches)),
            collate_fn=_stack,
            pin_memory=pinned,
            worker_init_fn=_Outlive(),
            multiprocessing_context="fork" if self.workers and batches else None,
            # The seed that it draws for its workers must not come out of the state that a resume restores.
            generator=torch.Generator(),
        )
        begun = _begin(loader)
        try:
            for inputs, targets, missing, unreadable in begun:
                self._tell(unreadable)
                if fill and missing:
                    raise UserError(f"{_TRIES} samples in a row cannot be read; one of them: {unreadable[-1]}; take them out, or choose other data")
                if not len(targets):
                    continue
                yield inputs.to(device, non_blocking=pinned), targets.to(device, non_blocking=pinned)
        except (RuntimeError, ConnectionError, EOFError) as error:
            # One that dies while it hands over a batch leaves a connection that breaks.
            if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
                raise
            first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
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
        count = 0
        for inputs, targets in self.reading.read(self.samples, batches, self.device, fill=False):
            count += len(targets)
            yield (self.prepare(inputs) if self.prepare is not None else inputs), targets
        if not count:
            raise UserError("none of the samples for validation can be read; what has been left out is told above, in worker.log")


class _Readable:
    """Each sample, or the first after it that can be read, within so many tries; and what is to be said of the others."""

    def __init__(self, samples: Samples, *, tries: int) -> None:
        self._samples = samples
        self._tries = tries

    def __getitem__(self, index: int) -> tuple[Sample | None, list[str]]:
        unreadable: list[str] = []
        for number in range(self._tries):
            sample = self._samples[(index + number) % len(self._samples)]
            if not isinstance(sample, Unreadable):
                return sample, unreadable
            unreadable.append(sample.sentence)
        return None, unreadable


def _stack(read: Sequence[tuple[Sample | None, list[str]]]) -> tuple[Tensor, Tensor, int, list[str]]:
    """Inputs and targets of what could be read, how many could not, and what is to be said."""
    good = [sample for sample, _ in read if sample is not None]
    unreadable = [sentence for _, sentences in read for sentence in sentences]
    inputs, targets = ([sample[part] for sample in good] for part in (0, 1))
    if not good:
        return torch.empty(0), torch.empty(0), len(read), unreadable
    return torch.stack(inputs), torch.stack(targets), len(read) - len(good), unreadable


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


class _Outlive:
    """Prepares a worker for the end of the training.

    A stop that is sent to the whole process group must leave the training its data until it has finished its step. A
    worker ends when it is told to, and with the process that trains, however that ends: it has inherited the lock on
    the run, which a dead training must not keep.
    """

    def __init__(self) -> None:
        self._parent = os.getpid()

    def __call__(self, _worker: int) -> None:
        for number in (*ENDING, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if prctl := getattr(ctypes.CDLL(None), "prctl", None):
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:
            os._exit(1)
