"""Ready DataLoaders and iterable data sets: batches that are taken as they come."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from torch.utils.data import Dataset as TorchDataset

from gradtop.trainer.data.batches import Draw, Prepare
from gradtop.trainer.data.kinds.custom.collated import Collated, FailedSample
from gradtop.trainer.data.kinds.custom.randomness import OwnRandomness
from gradtop.trainer.data.loading import BatchPlace, Reading, reader_died
from gradtop.trainer.data.nested import ModelInputs, count_samples, on_device
from gradtop.trainer.data.readers import LoaderBatches, Outlive
from gradtop.trainer.data.targets import WantedTargets
from gradtop.trainer.runtime.errors import TracedError, UserError

GivenBatch = tuple[ModelInputs, Tensor]
_LOOKED_AT = 256  # samples
_FROM_PROCESS = "in DataLoader worker process"  # of torch, where an exception has come from one
_FIRST = 64  # samples of a batch that is only looked at


def is_stream(given: Any) -> bool:
    return isinstance(given, DataLoader | IterableDataset)


class BatchStream:
    """One of the two sets. `per_pass` are its batches where that is known, else 0."""

    def __init__(self, given: Any, title: str, wanted: WantedTargets, *, workers: int, prefetch: int) -> None:
        self.title = title
        self._given = given
        self._dataset: Any = given.dataset if isinstance(given, DataLoader) else given
        self._iterable = isinstance(self._dataset, IterableDataset)
        self._workers = given.num_workers if isinstance(given, DataLoader) else workers
        self._prefetch = (given.prefetch_factor if isinstance(given, DataLoader) else None) or prefetch
        collate = given.collate_fn if isinstance(given, DataLoader) else getattr(given, "collate", None)
        self._collated = Collated(collate, title, wanted)
        self.per_pass = 0 if self._iterable else len(given)
        samples: Any = self._dataset
        self.samples = 0 if self._iterable else len(samples)
        names = getattr(self._dataset, "classes", None)
        self.names = tuple(map(str, names)) if isinstance(names, list | tuple) else ()

    @property
    def form(self) -> Any:
        return self._collated.form

    @property
    def own_batch_size(self) -> int:
        """That of a DataLoader; 0 where it is ours to choose."""
        given = self._given
        return int(given.batch_size or getattr(given.batch_sampler, "batch_size", 0) or 1) if isinstance(given, DataLoader) else 0

    @property
    def classes(self) -> int:
        return self._collated.classes

    @classes.setter
    def classes(self, count: int) -> None:
        self._collated.classes = count

    def look(self) -> list[GivenBatch]:
        """Its first batches. Raises UserError where there is none."""
        seen: list[GivenBatch] = []
        with closing(self.read(Reading(), BatchPlace(epoch=-1), _FIRST)) as batches:
            for batch in batches:
                seen.append(batch)
                if sum(len(targets) for _, targets in seen) >= _LOOKED_AT:
                    break
        if not seen:
            raise UserError(f"{self.title} ends before its first batch")
        return seen

    def read(self, reading: Reading, place: BatchPlace, batch_size: int, *, pinned: bool = False) -> Generator[GivenBatch]:
        """A pass over it from its beginning; `place` decides what is random in it. Raises UserError."""
        own = OwnRandomness(place.seed_of(0))
        try:
            with own():
                begun = LoaderBatches(self._loader(place, batch_size, pinned=pinned), reading.meanwhile, reading.warn_once)
            with closing(begun):
                batches = iter(begun)
                while True:
                    with own():
                        found = next(batches, None)
                    if found is None:
                        return
                    inputs, targets, refused = found
                    if refused is not None:
                        raise refused.error  # noqa: TRY301 - it has a sentence, which is what is wanted
                    yield inputs, targets
        except Exception as error:
            if _FROM_PROCESS in str(error):
                # Of a worker_init_fn, with the stack of that process.
                print(error, flush=True)
                raise TracedError(f"{self.title}: {str(error).strip().splitlines()[-1]}") from error
            if message := reader_died(error):
                raise UserError(message) from error
            raise

    def _loader(self, place: BatchPlace, batch_size: int, *, pinned: bool) -> DataLoader[Any]:
        """As the one that was given, whose processes end with the training and whose random numbers depend on the place."""
        given, seed = self._given, place.seed_of(0)
        options: dict[str, Any] = {
            "num_workers": self._workers,
            "collate_fn": self._collated.for_loader,
            "pin_memory": pinned,
            "worker_init_fn": _Begin(getattr(given, "worker_init_fn", None)),
            "multiprocessing_context": "fork" if self._workers else None,
            "prefetch_factor": self._prefetch if self._workers else None,
            "generator": torch.Generator().manual_seed(seed),
        }
        if not isinstance(given, DataLoader):
            return DataLoader(_GuardedIterable(self._dataset, self.title), batch_size, **options)
        if self._iterable:
            return DataLoader(_GuardedIterable(self._dataset, self.title), given.batch_size, drop_last=given.drop_last, **options)
        for each in (given, given.sampler, given.batch_sampler):
            if isinstance(generator := getattr(each, "generator", None), torch.Generator):
                generator.manual_seed(seed)
            if callable(set_epoch := getattr(each, "set_epoch", None)):
                set_epoch(max(place.epoch, 0))
        guarded = _Guarded(self._dataset, self.title)
        if given.batch_sampler is None:
            return DataLoader(guarded, None, sampler=given.sampler, **options)
        return DataLoader(guarded, batch_sampler=given.batch_sampler, **options)


class StreamBatches:
    """Training batches. Without a known length an epoch is as long as `per_epoch` is set to, and the next one goes on where it has ended."""

    draw: Draw | None = None

    def __init__(self, stream: BatchStream, reading: Reading, batch_size: int, *, seed: int, device: torch.device, prepare: Prepare | None) -> None:
        self.batch_size = stream.own_batch_size or batch_size
        self.prepare = prepare
        self.per_epoch = stream.per_pass
        self.counts_epochs = stream.per_pass > 0
        self._stream, self._reading, self._seed, self._device = stream, reading, seed, device
        self._open: Generator[GivenBatch] | None = None
        self._at = 0  # batches that were taken
        self._passes = 0
        self._samples = 0  # that the pass at hand has given
        self._told = False  # that they do not fill a batch

    def epoch(self, epoch: int, *, skip: int = 0) -> Generator[GivenBatch]:
        """Inputs and targets of `epoch` (counted from 0), from batch number `skip` on."""
        pinned = self._device.type == "cuda"
        for inputs, targets in self._pass(epoch, skip) if self.counts_epochs else self._part(epoch * self.per_epoch + skip, (epoch + 1) * self.per_epoch):
            moved = on_device(inputs, self._device, non_blocking=pinned)
            yield (self.prepare(moved) if self.prepare is not None and isinstance(moved, Tensor) else moved), targets.to(self._device, non_blocking=pinned)

    def _pass(self, epoch: int, skip: int) -> Generator[GivenBatch]:
        if self._open is None or (self._passes, self._at) != (epoch, skip):
            self._tell(skip)
            self.close()
            self._open, self._passes, self._at = self._read(epoch), epoch, 0
            while self._at < skip:
                self._take()
        while self._at < self.per_epoch:
            batch = self._take()
            if self._at == self.per_epoch:
                self.close()
            yield batch

    def _take(self) -> GivenBatch:
        """The next batch of a pass whose length is known."""
        if self._open is None or (batch := next(self._open, None)) is None:
            raise UserError(f"{self._stream.title} gave {self._at:,} batches, and its length is {self.per_epoch:,}; a DataLoader must give as many as len() says")
        self._at += 1
        return batch

    def _part(self, begin: int, end: int) -> Generator[GivenBatch]:
        if self._open is None or self._at != begin:
            self._tell(begin)
            self.close()
            self._passes = self._at = 0
            while self._at < begin:
                self._next()
        while self._at < end:
            yield self._next()

    def _next(self) -> GivenBatch:
        for _ in range(2):
            if self._open is None:
                self._open = self._read(self._passes)
            if (batch := next(self._open, None)) is not None:
                self._at += 1
                self._samples += count_samples(batch[0])
                return batch
            self.close()
            self._tell_of_few()
            self._passes += 1
        raise UserError(f"{self._stream.title} ends before its first batch, in pass {self._passes:,}; each call of its __iter__ must begin anew")

    def _tell_of_few(self) -> None:
        """Say once that a pass does not fill a batch, as nothing else tells of a step of fewer samples."""
        if 0 < self._samples < self.batch_size and not self._told:
            self._told = True
            self._reading.warn(f"{self._stream.title} ends after {self._samples:,} sample{'s' * (self._samples != 1)}, so that a step has these and not {self.batch_size:,}, the batch size")
        self._samples = 0

    def _read(self, number: int) -> Generator[GivenBatch]:
        return self._stream.read(self._reading, BatchPlace(self._seed, number), self.batch_size, pinned=self._device.type == "cuda")

    def _tell(self, skipped: int) -> None:
        if skipped:
            print(f"{self._stream.title}: {skipped:,} batches are read and left out, as there is no other way to where the training stands", flush=True)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open = None


@dataclass(frozen=True)
class StreamParts:
    """All batches for validation, to the end, the same ones each time."""

    stream: BatchStream
    reading: Reading
    batch_size: int
    device: torch.device
    prepare: Prepare | None = None

    def __iter__(self) -> Generator[GivenBatch]:
        pinned, count = self.device.type == "cuda", 0
        with closing(self.stream.read(self.reading, BatchPlace(epoch=-1), self.batch_size, pinned=pinned)) as batches:
            for inputs, targets in batches:
                count += 1
                moved = on_device(inputs, self.device, non_blocking=pinned)
                yield (self.prepare(moved) if self.prepare is not None and isinstance(moved, Tensor) else moved), targets.to(self.device, non_blocking=pinned)
        if not count:
            raise UserError(f"{self.stream.title} ends before its first batch")


class _Guarded(TorchDataset[Any]):
    """A data set whose exceptions are told with the number of the sample: one that comes from another process would bring all of that one's stack."""

    def __init__(self, samples: Any, title: str) -> None:
        self.samples, self._title = samples, title

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> Any:
        return _guarded(lambda: self.samples[index], f"{self._title}, sample {index}")


class _GuardedIterable(IterableDataset[Any]):
    def __init__(self, samples: Any, title: str) -> None:
        self.samples, self._title = samples, title

    def __iter__(self) -> Iterator[Any]:
        count, end = 0, object()
        samples = _guarded(lambda: iter(self.samples), self._title)
        while not isinstance(samples, FailedSample):
            count += 1
            sample = _guarded(lambda: next(samples, end), f"{self._title}, sample {count}")
            if sample is end:
                return
            yield sample
            if isinstance(sample, FailedSample):
                return
        yield samples


def _guarded(read: Callable[[], Any], title: str) -> Any:
    try:
        return read()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - code of the user's, which may raise anything
        traceback.print_exc()
        return FailedSample(f"{title}: {type(error).__name__}: {error}")


class _Begin:
    """What a process does at its start: first ours, then what the DataLoader was given."""

    def __init__(self, theirs: Callable[[int], object] | None) -> None:
        self._ours, self._theirs = Outlive(), theirs

    def __call__(self, worker: int) -> None:
        self._ours(worker)
        if (info := get_worker_info()) is not None:
            # As the code of the user's knows it.
            object.__setattr__(info, "dataset", getattr(info.dataset, "samples", info.dataset))
        if self._theirs is not None:
            self._theirs(worker)
