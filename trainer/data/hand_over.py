"""How a process that reads samples hands over a batch: in memory of its own, whose descriptor goes through a socket.

torch's own way asks the reader for each tensor anew when the batch is taken, and waits without an end for one that has
been stopped or hangs by then; it needs room in /dev/shm (64 MB in Docker), and a descriptor for each tensor. Here all that
belongs to a batch is there before it is announced, in a message so short that it comes whole or not at all, and what
cannot be handed over is an error of the reader's instead of a batch that is waited for in vain.
"""

from __future__ import annotations

import io
import itertools
import mmap
import os
import pickle
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import get_worker_info
from torch.utils.data._utils.pin_memory import pin_memory

_ALIGNMENT = 64  # bytes, a line of the cache
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
_MAPPED_AT_ONCE = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)  # a page fault for each 4 KiB costs more

_numbers = itertools.count()
_open: dict[int, HandOver] = {}  # what torch hands to its thread for pinned memory knows only its number


class HandOver:
    """Stacks a batch and, in one of the `readers` processes, hands it over. Made before they start.

    `warn` is given a sentence where a batch has to come through a pipe.
    """

    def __init__(self, stack: Callable[[Any], Any], readers: int, warn: Callable[[str], object]) -> None:
        self._stack, self._warn = stack, warn
        self._sockets = [socket.socketpair() for _ in range(readers)]
        self._number = next(_numbers)
        self._refused = ""  # why there was no memory to share
        _open[self._number] = self

    def __call__(self, read: Any) -> Any:
        batch = self._stack(read)
        return batch if (reader := get_worker_info()) is None else self._pack(batch, reader.id)

    def _pack(self, batch: Any, reader: int) -> Packed:
        packer = _Packer(file := io.BytesIO())
        packer.dump(batch)
        pickled = file.getbuffer()
        size = packer.size + len(pickled)
        try:
            descriptor = _memory(size)
            try:
                packer.fill(mmap.mmap(descriptor, size, _MAPPED_AT_ONCE), pickled)
                socket.send_fds(self._sockets[reader][1], [b"1"], [descriptor])
            finally:
                os.close(descriptor)
        except OSError as error:
            packer.fill(data := bytearray(size), pickled)
            return Packed(self._number, reader, packer.size, data, error.strerror or str(error))
        return Packed(self._number, reader, packer.size)

    def received(self, batch: Any) -> Any:
        """A batch of the loader's, which has come from a reader, through torch's thread for pinned memory, or neither."""
        batch = batch.unpack() if isinstance(batch, Packed) else batch
        if self._refused:
            self._warn(f"a batch cannot be handed over in shared memory ({self._refused}) and comes through a pipe instead, slower")
            self._refused = ""
        return batch

    def memory_of(self, packed: Packed) -> mmap.mmap | bytearray:
        """Where it lies; to be asked for once, in the order in which a reader packed them."""
        if packed.data is not None:
            self._refused = packed.reason
            return packed.data
        _, descriptors, _, _ = socket.recv_fds(self._sockets[packed.reader][0], 1, 1, socket.MSG_DONTWAIT | _CLOSE_ON_EXEC)
        with os.fdopen(descriptors[0], "rb") as file:
            return mmap.mmap(file.fileno(), 0, _MAPPED_AT_ONCE)

    def close(self) -> None:
        """What has not been taken is lost."""
        _open.pop(self._number, None)
        for ours, theirs in self._sockets:
            ours.close()
            theirs.close()


@dataclass(frozen=True)
class Packed:
    """A batch: its tensors and, from `pickled` on, what it is made of; in memory that a descriptor stands for, or where there was none, for a `reason`, in `data`."""

    hand_over: int
    reader: int
    pickled: int
    data: bytearray | None = None
    reason: str = ""

    def unpack(self) -> Any:
        memory = _open[self.hand_over].memory_of(self)
        return _Unpacker(memory, self.pickled).load()

    def pin_memory(self) -> Any:
        """The batch in page-locked memory: torch calls this in its thread for that."""
        return pin_memory(self.unpack())


class _Packer(ForkingPickler):
    """Pickles everything but the tensors, and says where these are to lie."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.size = 0  # bytes
        self._tensors: list[tuple[int, Tensor]] = []

    def persistent_id(self, part: Any) -> Any:
        """Those of other kinds, such as sparse ones and subclasses, go torch's way."""
        if type(part) is not Tensor or part.layout is not torch.strided or part.device.type != "cpu" or part.is_quantized or not part.numel():
            return None
        place = -(-self.size // _ALIGNMENT) * _ALIGNMENT
        self._tensors.append((place, part))
        self.size = place + part.nbytes
        return place, part.dtype, tuple(part.shape), torch.empty_like(part, device="meta").stride()

    def fill(self, memory: mmap.mmap | bytearray, pickled: memoryview) -> None:
        for place, tensor in self._tensors:
            _tensor_in(memory, place, tensor.dtype, tuple(tensor.shape), torch.empty_like(tensor, device="meta").stride()).copy_(tensor.detach())
        memory[self.size :] = pickled


class _Unpacker(pickle.Unpickler):
    def __init__(self, memory: mmap.mmap | bytearray, begin: int) -> None:
        super().__init__(io.BytesIO(memory[begin:]))
        self._memory = memory

    def persistent_load(self, which: Any) -> Tensor:
        return _tensor_in(self._memory, *which)


def _tensor_in(memory: mmap.mmap | bytearray, place: int, dtype: torch.dtype, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
    flat = torch.frombuffer(memory, dtype=dtype, count=torch.Size(shape).numel(), offset=place)
    return flat.as_strided(shape, strides)


def _memory(size: int) -> int:
    """A descriptor of so many bytes that have no name."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("gradtop-batch")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor
