"""Batches of samples that are read one by one, by processes of their own where that is expected."""

from __future__ import annotations

import errno
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, get_worker_info

from gradtop.trainer.data.batches import Draw, Prepare, batch_count, drawn_order, split_batches
from gradtop.trainer.data.nested import ModelInputs, on_device, stack_samples
from gradtop.trainer.data.readers import SHARED, LoaderBatches, Meanwhile, Outlive
from gradtop.trainer.named_tuple import NamedTuple
from gradtop.trainer.runtime.errors import TracedError, UserError

# So many are tried in place of a sample that cannot be read.
_TRIES = 100
# More than one sample of a class may be unreadable, but not more than this share.
_BEARABLE = 0.1


@dataclass(frozen=True)
class UnreadableSample:
    """Stands for a sample that cannot be read: where it lies, why, and which class of which part of the data it is of."""

    path: str
    reason: str
    of: str


LabeledSample = tuple[ModelInputs, Tensor]


class BatchPlace(NamedTuple):
    """Where among all batches one stands: of which epoch, and its number in it."""

    seed: int = 0
    epoch: int = 0
    number: int = 0

    def seed_of(self, after: int) -> int:
        """Of the random numbers that reading the batch draws which comes so many later."""
        return random.Random(f"{self.seed} {self.epoch} {self.number + after}").getrandbits(32)  # noqa: S311 - no secret


ALWAYS_THE_SAME = BatchPlace(epoch=-1)


class Asked(NamedTuple):
    """A batch to be read: of which samples, and the seed of what is random in it."""

    seed: int
    samples: list[int]


@dataclass(frozen=True)
class RefusedBatch:
    """What is wrong with a sample, as another process says it: an exception would come with all of that process's stack in its message."""

    sentence: str
    traced: bool

    @property
    def error(self) -> UserError:
        return TracedError(self.sentence) if self.traced else UserError(self.sentence)


class Samples(Protocol):
    """Samples by number; one of them must not depend on what was read before it."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> LabeledSample | UnreadableSample: ...

    def instead(self, index: int) -> Iterable[int]:
        """The samples to take in place of one that cannot be read, in this order."""
        ...

    def size_of(self, name: str) -> int:
        """How many samples there are of what `UnreadableSample.of` names."""
        ...


@dataclass(frozen=True)
class LeftOut:
    """How many samples of all cannot be read, and the first of them."""

    count: int
    samples: int
    path: str
    reason: str


@dataclass
class Reading:
    """How samples are read; `workers` = 0 does it in this process, else each reads `prefetch` batches ahead. `tell` is called when more of all the samples turn out to be unreadable.

    `meanwhile` is called while a batch from the workers does not come, and may raise; `warn` is given what is wrong but ends nothing.
    """

    workers: int = 0
    samples: int = 0
    prefetch: int = 2
    tell: Callable[[LeftOut], None] | None = None
    meanwhile: Meanwhile = lambda _: None
    warn: Callable[[str], object] = print
    left_out: dict[str, UnreadableSample] = field(default_factory=dict)
    _lost: Counter[str] = field(default_factory=Counter)
    _told: int = 0
    _warned: set[str] = field(default_factory=set)

    def leave_out(self, samples: Samples, unreadable: Sequence[UnreadableSample]) -> None:
        """Remember them. Raises UserError where a class loses more than training can do without."""
        for one in unreadable:
            if one.path in self.left_out:
                continue
            self.left_out[one.path] = one
            self._lost[one.of] += 1
            print(f"cannot be read: {one.path} ({one.reason})", flush=True)
            lost, size = self._lost[one.of], samples.size_of(one.of)
            if lost >= size or lost > max(size * _BEARABLE, 1):
                raise UserError(
                    f"at least {lost:,} of the {size:,} images of {one.of} cannot be read; one of them: {one.path} ({one.reason}); "
                    "repair or remove these files (worker.log names those found so far)"
                )
        if not self._told:
            self.say()

    def say(self) -> None:
        """Tell of what cannot be read, where there is more than before."""
        if self.tell is None or len(self.left_out) == self._told:
            return
        self._told = len(self.left_out)
        first = next(iter(self.left_out.values()))
        self.tell(LeftOut(self._told, self.samples, first.path, first.reason))

    def read(self, samples: Samples, batches: Sequence[Tensor], device: torch.device, *, fill: bool, place: BatchPlace = ALWAYS_THE_SAME) -> Iterator[LabeledSample]:
        """Inputs and targets of batches of sample numbers, on the device; `place` is that of the first one, by which random numbers are drawn.

        A sample that cannot be read is left out; with `fill` another one of its class takes its place, so that batches
        keep their size. Raises UserError where too many cannot be read, or where a worker dies.
        """
        pinned = device.type == "cuda"
        try:
            asked = [Asked(place.seed_of(number), batch.tolist()) for number, batch in enumerate(batches)]
            with closing(self._begin(_Readable(samples, fill=fill), asked, pinned=pinned)) as begun:
                for inputs, targets, missing, unreadable, refused in begun:
                    if refused is not None:
                        raise refused.error
                    self.leave_out(samples, unreadable)
                    if fill and missing:
                        raise UserError(f"{_TRIES} samples in a row cannot be read; one of them: {unreadable[-1].path} ({unreadable[-1].reason}); remove them, or choose other data")
                    if not len(targets):
                        continue
                    yield on_device(inputs, device, non_blocking=pinned), targets.to(device, non_blocking=pinned)
            self.say()
        except (RuntimeError, ConnectionError, EOFError) as error:
            # One that dies while it hands over a batch leaves a connection that breaks.
            if not (message := reader_died(error)):
                raise
            raise UserError(message) from error

    def _begin(self, samples: _Readable, batches: Sequence[Asked], *, pinned: bool) -> LoaderBatches:
        workers = min(self.workers, len(batches))
        try:
            return self._begin_with(workers, samples, batches, pinned=pinned)
        except OSError as error:
            if not workers or error.errno != errno.ENOSPC:
                raise
            # Their semaphores lie there.
            self.warn_once(
                f"shared memory ({SHARED}) is full: the processes that read the data cannot be started, and this one reads instead, slower; "
                "make room (docker run --shm-size=8g)"
            )
            return self._begin_with(0, samples, batches, pinned=pinned)

    def _begin_with(self, workers: int, samples: _Readable, batches: Sequence[Asked], *, pinned: bool) -> LoaderBatches:
        loader: DataLoader[Any] = DataLoader(
            samples,  # type: ignore[arg-type]
            batch_sampler=batches,  # type: ignore[arg-type]
            num_workers=workers,
            prefetch_factor=self.prefetch if workers else None,
            collate_fn=_stack,
            pin_memory=pinned,
            worker_init_fn=Outlive(),
            multiprocessing_context="fork" if workers else None,
            # The seed that it draws for its workers must not come out of the state that a resume restores.
            generator=torch.Generator(),
        )
        return LoaderBatches(loader, self.meanwhile, self.warn_once)

    def warn_once(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self.warn(sentence)


class LoadedBatches:
    """The training batches of every epoch; what is skipped is not read."""

    def __init__(
        self, samples: Samples, reading: Reading, batch_size: int, *, seed: int, device: torch.device, prepare: Prepare | None
    ) -> None:
        self.batch_size = batch_size
        self.prepare = prepare
        self.draw: Draw | None = None
        self._samples = samples
        self._reading = reading
        self._seed = seed
        self._device = device
        self.per_epoch = batch_count(len(samples), batch_size)

    def epoch(self, epoch: int, *, skip: int = 0) -> Iterator[LabeledSample]:
        """Inputs and targets of `epoch` (counted from 0), from batch number `skip` on."""
        order = drawn_order(self.draw, len(self._samples), self._seed, epoch)
        batches = split_batches(order, self.batch_size)[skip:]
        for inputs, targets in self._reading.read(self._samples, batches, self._device, fill=True, place=BatchPlace(self._seed, epoch, skip)):
            yield (self.prepare(inputs) if self.prepare is not None and isinstance(inputs, Tensor) else inputs), targets


@dataclass(frozen=True)
class LoadedParts:
    """All of the samples in order, a batch at a time."""

    samples: Samples
    reading: Reading
    batch_size: int
    device: torch.device
    prepare: Prepare | None = None

    def __iter__(self) -> Iterator[LabeledSample]:
        batches = torch.split(torch.arange(len(self.samples)), self.batch_size)
        count = 0
        for inputs, targets in self.reading.read(self.samples, batches, self.device, fill=False):
            count += len(targets)
            yield (self.prepare(inputs) if self.prepare is not None and isinstance(inputs, Tensor) else inputs), targets
        if not count:
            raise UserError("none of the samples for validation can be read; the samples left out are listed above, in worker.log")


def reader_died(error: Exception) -> str:
    """A sentence for the death of a process that reads the data, which torch tells of at any moment; "" for another error."""
    if not isinstance(error, ConnectionError | EOFError) and "DataLoader worker" not in str(error):
        return ""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return f"a process that reads the data died ({first}); where memory ran out, make data.workers smaller"


class StackedBatch(NamedTuple):
    """Of samples that are all there."""

    inputs: ModelInputs
    targets: Tensor


ReadBatch = list[tuple[LabeledSample | None, list[UnreadableSample]]] | RefusedBatch | StackedBatch


class _Readable:
    """Each sample, or with `fill` another one where it cannot be read; and those that cannot."""

    def __init__(self, samples: Samples, *, fill: bool) -> None:
        self._samples = samples
        self._fill = fill

    def __getitems__(self, asked: Asked) -> ReadBatch:
        """Of a batch, which torch asks for by this name."""
        if get_worker_info() is None:
            return self._read_all(asked.samples)
        # A process has no part in the random numbers of the training; the place of a batch decides what it draws, whichever process reads it.
        torch.default_generator.manual_seed(asked.seed)
        random.seed(asked.seed)
        if numpy := sys.modules.get("numpy"):
            numpy.random.seed(asked.seed)
        try:
            return self._read_all(asked.samples)
        except UserError as error:
            return RefusedBatch(str(error), isinstance(error, TracedError))

    def _read_all(self, numbers: list[int]) -> ReadBatch:
        if (batch := getattr(self._samples, "batch", None)) is not None:
            return StackedBatch(*batch(numbers))
        return [self._read(index) for index in numbers]

    def _read(self, index: int) -> tuple[LabeledSample | None, list[UnreadableSample]]:
        sample = self._samples[index]
        if not isinstance(sample, UnreadableSample):
            return sample, []
        # Which others there are is drawn, and takes as long as to read a small image.
        unreadable = [sample]
        for number in islice(self._samples.instead(index), _TRIES) if self._fill else ():
            sample = self._samples[number]
            if not isinstance(sample, UnreadableSample):
                return sample, unreadable
            unreadable.append(sample)
        return None, unreadable


def _stack(read: ReadBatch) -> tuple[ModelInputs, Tensor, int, list[UnreadableSample], RefusedBatch | None]:
    """Inputs and targets of what could be read, how many could not, and what that was; or what ends the training."""
    if isinstance(read, RefusedBatch):
        return torch.empty(0), torch.empty(0), 0, [], read
    if isinstance(read, StackedBatch):
        return read.inputs, read.targets, 0, [], None
    good = [sample for sample, _ in read if sample is not None]
    unreadable = [each for _, several in read for each in several]
    if not good:
        return torch.empty(0), torch.empty(0), len(read), unreadable, None
    return stack_samples([inputs for inputs, _ in good]), torch.stack([targets for _, targets in good]), len(read) - len(good), unreadable, None
