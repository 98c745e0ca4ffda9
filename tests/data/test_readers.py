"""What the processes that read samples hand over, and what is done while they do not."""

from __future__ import annotations

import errno
import os
import signal
import threading
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import SemLock

import psutil
import pytest
import torch
from torch import Tensor

from gradtop.trainer.data.loading import Reading
from gradtop.trainer.data.readers import Wait
from gradtop.trainer.runtime.children import is_stopped
from tests.support import wait_until


class Numbers:
    def __len__(self) -> int:
        return 12

    def instead(self, index: int) -> list[int]:
        return []

    def size_of(self, name: str) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.full((3,), float(index)), torch.tensor(index)


def read(reading: Reading) -> list[int]:
    batches = torch.split(torch.arange(12), 4)
    return [int(label) for _, labels in reading.read(Numbers(), batches, torch.device("cpu"), fill=True) for label in labels]


def test_where_shared_memory_has_no_room_for_a_semaphore_the_data_are_read_without_processes_and_that_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SemLock, "__init__", full)
    said: list[str] = []
    reading = Reading(workers=2, warn=said.append)

    assert read(reading) == read(reading) == list(range(12))
    assert len(said) == 1
    assert "shared memory (/dev/shm) is full: the processes that read the data cannot be started" in said[0]


def test_while_a_batch_does_not_come_somebody_listens_who_may_leave_and_no_reader_stays() -> None:
    seen: list[str] = []
    before = psutil.Process().children()

    class Enough(Exception):
        pass

    def meanwhile(wait: Wait) -> None:
        seen.append(str(wait))
        raise Enough

    class Stops(Numbers):
        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
            if index == 5:
                os.kill(os.getpid(), signal.SIGSTOP)
            return super().__getitem__(index)

    with pytest.raises(Enough):
        list(Reading(workers=1, meanwhile=meanwhile).read(Stops(), torch.split(torch.arange(12), 4), torch.device("cpu"), fill=True))
    assert "s from process" in seen[0]
    wait_until(lambda: psutil.Process().children() == before, why="the end of the reader")


def test_a_process_that_a_signal_stopped_is_told_apart() -> None:
    pid = os.fork()
    if not pid:
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    wait_until(lambda: is_stopped(pid), why="the stop")
    assert f"kill -CONT {pid}" in str(Wait(31.0, (pid,)))
    os.kill(pid, signal.SIGCONT)
    os.waitpid(pid, 0)
    assert not is_stopped(pid)


class Hanging(Numbers):
    """One that is never read."""

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if index == 8:
            threading.Event().wait()
        return super().__getitem__(index)


def test_readers_that_hang_are_waited_for_a_second_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader would wait for five seconds, for each."""
    waited: list[float | None] = []
    join = BaseProcess.join

    def joined(self: BaseProcess, timeout: float | None = None) -> None:
        waited.append(timeout)
        join(self, timeout)

    monkeypatch.setattr(BaseProcess, "join", joined)
    before = psutil.Process().children()
    batches = torch.split(torch.arange(8, 12).repeat(2), 4)
    waits = Reading(workers=2, meanwhile=lambda _: (_ for _ in ()).throw(TimeoutError))

    with pytest.raises(TimeoutError):
        list(waits.read(Hanging(), batches, torch.device("cpu"), fill=True))

    assert {each for each in waited if each is not None} == {1.0 / 2}
    assert psutil.Process().children() == before
