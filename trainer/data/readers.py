"""The processes that read samples: how they begin, hand over, are waited for, and end."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

from torch.utils.data import DataLoader, _utils

from gradtop.trainer.data.hand_over import HandOver
from gradtop.trainer.runtime.children import end_children, is_stopped, resume_process
from gradtop.trainer.runtime.signals import ASKING

GRACE = 1.0  # seconds that all readers together have to end by themselves
LOOK_EVERY = 0.25  # seconds; a batch that comes is there at once
SHARED = "/dev/shm"  # noqa: S108 - where torch has its shared memory
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Wait:
    """A batch that has not come for so many seconds, from these processes."""

    seconds: float
    readers: tuple[int, ...]

    def __str__(self) -> str:
        stopped = [pid for pid in self.readers if is_stopped(pid)]
        which = f"; of them {', '.join(map(str, stopped))} stopped by a signal: kill -CONT {' '.join(map(str, stopped))}" if stopped else ""
        processes = f"process {self.readers[0]} that reads" if len(self.readers) == 1 else f"the {len(self.readers)} processes that read"
        return f"no batch for {self.seconds:.0f} s from {processes} the data{which}"


Meanwhile = Callable[[Wait], object]


class LoaderBatches:
    """The batches of a loader. While one does not come, `meanwhile` is called every quarter of a second, and may raise."""

    def __init__(self, loader: DataLoader[Any], meanwhile: Meanwhile, warn: Callable[[str], object]) -> None:
        self._loader = loader
        loader.collate_fn = self._hand_over = HandOver(loader.collate_fn, loader.num_workers, warn)
        try:
            self._begun: Any = self._begin()
        except BaseException:
            self._hand_over.close()
            raise
        self._readers: list[BaseProcess] = list(getattr(self._begun, "_workers", ()))
        if self._readers:
            self._listen(meanwhile)

    def __iter__(self) -> Iterator[Any]:
        for batch in self._begun:
            yield self._hand_over.received(batch)

    def _begin(self) -> Iterator[Any]:
        """Start the readers; they begin with the signals blocked that end a training, so that none can hit one unprepared."""
        if not self._loader.num_workers:
            return iter(self._loader)
        # Where shared memory is full this fails first, and leaves no half of an iterator, whose own end would fail.
        multiprocessing.get_context("fork").Lock()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
        others = set(multiprocessing.active_children())
        try:
            with warnings.catch_warnings():
                # Python 3.12 warns of forks beside threads. Nothing that ours hold a lock of is used in a reader.
                warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)
                return iter(self._loader)
        except BaseException:
            # Where not all could be started, those that were would wait for work that nobody has, and this process for them at its end.
            end_children(set(multiprocessing.active_children()) - others)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _listen(self, meanwhile: Meanwhile) -> None:
        # The loader asks in a loop whether there is a batch, and looks after its processes where there is none.
        ask = self._begun._try_get_data  # noqa: SLF001 - it has no other way in
        readers = tuple(each.pid or 0 for each in self._readers)

        def ask_patiently(timeout: float = 0.0) -> Any:  # noqa: ARG001 - torch's signature
            begin = time.monotonic()
            while not (answer := ask(LOOK_EVERY))[0]:
                meanwhile(Wait(time.monotonic() - begin, readers))
            return answer

        self._begun._try_get_data = ask_patiently  # noqa: SLF001

    def close(self) -> None:
        """End the processes, those too that were stopped or hang."""
        try:
            if self._readers:
                self._end_readers()
        finally:
            self._hand_over.close()

    def _end_readers(self) -> None:
        for reader in self._readers:
            resume_process(reader.pid or 0)
        # It waits so long for each in turn, and somebody may wait for the end. What one is reading is of no use any more.
        before, _utils.MP_STATUS_CHECK_INTERVAL = _utils.MP_STATUS_CHECK_INTERVAL, GRACE / len(self._readers)
        try:
            # Before they are killed: it takes them off the list of those whose death is an error.
            self._begun._shutdown_workers()  # noqa: SLF001 - else it does so whenever it is collected
        finally:
            _utils.MP_STATUS_CHECK_INTERVAL = before
            end_children(self._readers)


class Outlive:
    """Prepares a reader for the end of the training.

    A stop that is sent to the whole process group must leave the training its data until it has finished its step. A
    reader ends when it is told to, and with the process that trains, however that ends: it has inherited the lock on
    the run, which a dead training must not keep.
    """

    def __init__(self) -> None:
        self._parent = os.getpid()

    def __call__(self, _worker: int) -> None:
        for number in (*ASKING, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if prctl := getattr(ctypes.CDLL(None), "prctl", None):
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:
            os._exit(1)
