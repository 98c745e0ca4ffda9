"""What the processes that read samples hand over arrives as it was, whatever it is, and whatever becomes of them."""

from __future__ import annotations

import gc
import os
import resource
import signal
from collections import namedtuple
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import Parameter
from torch.utils.data import DataLoader, _utils

from gradtop.trainer.data import hand_over
from gradtop.trainer.data.hand_over import HandOver, Packed
from gradtop.trainer.data.readers import LoaderBatches
from gradtop.trainer.runtime.children import is_stopped
from gradtop.trainer.runtime.errors import explain_limit
from tests.support import wait_until

Both = namedtuple("Both", "text image")  # noqa: PYI024 - as in the code of many users


def read(batches: list[Any], *, workers: int = 1, warn: Any = print) -> list[Any]:
    """What a loader gives of such samples, each of them a batch."""
    with closing(begin(batches, workers, warn)) as begun:
        return list(begun)


def begin(samples: Any, workers: int = 1, warn: Any = print) -> LoaderBatches:
    context = "fork" if workers else None
    loader: DataLoader[Any] = DataLoader(samples, batch_size=None, num_workers=workers, multiprocessing_context=context, collate_fn=lambda each: each)
    return LoaderBatches(loader, lambda _: None, warn)


@pytest.mark.parametrize(
    "given",
    [
        *(torch.arange(6).to(dtype).reshape(2, 3) for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool, torch.complex64)),
        torch.tensor(3.0),
        torch.empty(0, 5),
        torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last),
        torch.rand(4, 6)[:, ::2],
        torch.rand(3, 1).expand(3, 5),
        torch.rand(5, 2).t(),
        torch.rand(2, 2, dtype=torch.complex64).conj(),
        Parameter(torch.rand(3)),
    ],
    ids=lambda each: f"{type(each).__name__}-{each.dtype}-{tuple(each.shape)}-{each.layout}",
)
def test_a_tensor_comes_as_it_was(given: Tensor) -> None:
    (came,) = read([given])
    assert (type(came), came.dtype, came.shape, came.layout) == (type(given), given.dtype, given.shape, given.layout)
    assert torch.equal(came, given)
    assert came.stride() == torch.empty_like(given).stride()


def test_a_batch_of_any_form_comes_as_it_was() -> None:
    deep = {"a": [torch.arange(3), (torch.ones(2), "text")], "b": Both("x", torch.zeros(1)), "c": np.arange(4), "d": None}
    (came,) = read([deep])
    assert torch.equal(came["a"][0], torch.arange(3))
    assert torch.equal(came["a"][1][0], torch.ones(2))
    assert came["a"][1][1] == "text"
    assert isinstance(came["b"], Both)
    assert torch.equal(came["b"].image, torch.zeros(1))
    assert came["c"].tolist() == [0, 1, 2, 3]
    assert came["d"] is None


def test_batches_of_several_processes_come_in_their_order_and_may_be_written_to() -> None:
    came = read([(torch.full((4,), float(number)), torch.tensor(number)) for number in range(9)], workers=2)
    assert [int(label) for _, label in came] == list(range(9))
    for number, (inputs, _) in enumerate(came):
        assert inputs.add_(1).tolist() == [number + 1.0] * 4


def test_a_batch_of_more_tensors_than_a_process_may_have_files_open_is_handed_over() -> None:
    """As graphs, boxes and words of different lengths are; torch's own way takes a descriptor for each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(open_files())
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 100, hard))
    try:
        (came,) = read([[torch.full((number % 5 + 1,), float(number)) for number in range(400)]])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [float(each[0]) for each in came] == list(map(float, range(400)))


def test_where_the_training_has_too_many_files_open_that_is_the_error() -> None:
    """The descriptor is then left out of what is received, without an error."""
    with closing(HandOver(lambda each: each, 1, print)) as handed:
        packed = handed._pack(torch.ones(3), 0)
        handed._channels[0]._pieces.clear()  # as in the training, which is another process than the reader
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            with pytest.raises(OSError, match="Too many open files") as refused:
                handed.received(packed)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert explain_limit(refused.value).startswith("too many open files: ")


def test_what_is_handed_over_needs_no_room_in_shared_memory_that_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker gives /dev/shm 64 MB."""

    def full(*_: object) -> None:
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr(Tensor, "share_memory_", full)
    monkeypatch.setattr(torch.UntypedStorage, "_share_fd_cpu_", full)
    said: list[str] = []
    assert [each["x"].tolist() for each in read([{"x": torch.ones(3)}] * 3, warn=said.append)] == [[1.0] * 3] * 3
    assert said == []


def test_where_no_memory_can_be_shared_batches_come_through_a_pipe_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(hand_over, "_nameless_memory", refused)
    said: list[str] = []
    assert [(inputs.tolist(), label) for inputs, label in read([(torch.ones(3), 2)] * 3, warn=said.append)] == [([1.0] * 3, 2)] * 3
    assert set(said) == {"a batch cannot be handed over in shared memory (Too many open files) and comes through a pipe instead, slower"}


def test_what_cannot_be_handed_over_is_an_error_and_not_waited_for() -> None:
    """A thread of the reader's would lose it."""
    with pytest.raises(Exception, match=r"in DataLoader worker process 0[\s\S]*lambda"):
        read([(torch.ones(1), lambda: None)])


class Stops:
    """A data set that tells whom to stop."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        return torch.full((2,), float(index)), torch.tensor(index), os.getpid()


def test_a_batch_that_was_announced_is_there_though_its_process_was_stopped() -> None:
    with closing(begin(Stops())) as begun:
        asked = begun._begun._try_get_data
        stopped: list[int] = []

        def stop_first(timeout: float = 0.0) -> Any:
            there, message = asked(timeout)
            (pid,) = {each.pid for each in begun._readers if each.pid}
            if not stopped:
                assert isinstance(message[1], Packed)
                stopped.append(pid)
                os.kill(pid, signal.SIGSTOP)
                wait_until(lambda: is_stopped(pid), why="the stop")
            return there, message

        begun._begun._try_get_data = stop_first
        inputs, label, pid = next(iter(begun))
    assert stopped == [pid]
    assert (inputs.tolist(), int(label)) == ([0.0, 0.0], 0)


def test_torch_pins_what_was_handed_over_in_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As before a GPU; without one there is nothing to pin with."""
    pinned: list[Tensor] = []

    def pin(tensor: Tensor) -> Tensor:
        pinned.append(tensor)
        return tensor

    monkeypatch.setattr(Tensor, "pin_memory", pin)
    with closing(HandOver(lambda each: each, 1, print)) as handed:
        packed = handed._pack({"x": torch.arange(3)}, 0)
        came = handed.received(_utils.pin_memory.pin_memory(packed))
    assert came["x"].tolist() == [0, 1, 2]
    assert [each.tolist() for each in pinned] == [[0, 1, 2]]


def test_memory_is_used_again_once_no_tensor_of_its_batch_is_left() -> None:
    batches = [torch.full((1000,), float(number)) for number in range(40)]
    with closing(begin(batches)) as begun:
        pieces = begun._hand_over._channels[0]._pieces
        assert [float(each.sum()) for each in begun] == [1000.0 * number for number in range(40)]
        assert 1 < len(pieces) < 8

    with closing(begin(batches)) as begun:
        pieces = begun._hand_over._channels[0]._pieces
        parts = [each[3:5] for each in begun]
        assert len(pieces) == 40
    gc.collect()
    assert [each.tolist() for each in parts] == [[float(number)] * 2 for number in range(40)]


def test_another_process_gives_back_nothing_of_what_the_training_has() -> None:
    """A reader of the validation data begins with a copy of the batch that is trained on."""
    with closing(HandOver(lambda each: each, 1, print)) as handed:
        first = handed.received(handed._pack(torch.ones(3), 0))
        if not (pid := os.fork()):
            del first
            os._exit(0)
        os.waitpid(pid, 0)
        second = handed.received(handed._pack(torch.zeros(3), 0))
        assert (first.tolist(), second.tolist()) == ([1.0] * 3, [0.0] * 3)
        del first
        assert handed.received(handed._pack(torch.ones(3), 0)).tolist() == [1.0] * 3
        assert second.tolist() == [0.0] * 3
        assert len(handed._channels[0]._pieces) == 2


def open_files() -> list[int]:
    gc.collect()
    return [int(each.name) for each in Path("/proc/self/fd").iterdir()]


def test_nothing_stays_open() -> None:
    before = len(open_files()), len(hand_over._open)
    for workers in (0, 2):
        read([torch.ones(2)] * 6, workers=workers)
    assert (len(open_files()), len(hand_over._open)) == before
