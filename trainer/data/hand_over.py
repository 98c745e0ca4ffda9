"""How a process that reads samples hands over a batch: in memory of its own, whose descriptor goes through a socket.

torch's own way asks the reader for each tensor anew when the batch is taken, and waits without an end for one that has
been stopped or hangs by then; it needs room in /dev/shm (64 MB in Docker), and a descriptor for each tensor. Here all that
belongs to a batch is there before it is announced, in a message so short that it comes whole or not at all, and what
cannot be handed over is an error of the reader's instead of a batch that is waited for in vain.

Memory that nothing lies in any more goes back to its reader: most of the time that a large batch takes is the first
touch of each page.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import io
import itertools
import mmap
import os
import pickle
import socket
import struct
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import get_worker_info
from torch.utils.data._utils.pin_memory import pin_memory

_ALIGNMENT = 64  # bytes, a line of the cache
_NUMBER = struct.Struct("=I")
_AT_ONCE = socket.MSG_DONTWAIT  # nothing here may wait for the other side

Memory = mmap.mmap | bytearray | ctypes.Array[ctypes.c_char]

_numbers = itertools.count()
_open: dict[int, HandOver] = {}  # what torch hands to its thread for pinned memory knows only its number


class HandOver:
    """Stacks a batch and, in one of the `readers` processes, hands it over. Made before they start.

    `warn` is given a sentence where a batch has to come through a pipe.
    """

    def __init__(self, stack: Callable[[Any], Any], readers: int, warn: Callable[[str], object]) -> None:
        self._stack, self._warn = stack, warn
        self._channels = [_Channel() for _ in range(readers)]
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
            piece, memory = self._channels[reader].free_memory(size)
        except OSError as error:
            packer.fill(data := bytearray(size), pickled)
            return Packed(self._number, reader, packer.size, data=data, reason=error.strerror or str(error))
        packer.fill(memory, pickled)
        return Packed(self._number, reader, packer.size, piece)

    def received(self, batch: Any) -> Any:
        """A batch of the loader's, which has come from a reader, through torch's thread for pinned memory, or neither."""
        batch = batch.unpack() if isinstance(batch, Packed) else batch
        if self._refused:
            self._warn(f"a batch cannot be handed over in shared memory ({self._refused}) and comes through a pipe instead, slower")
            self._refused = ""
        return batch

    def memory_of(self, packed: Packed) -> Memory:
        """Where it lies; to be asked for once, in the order in which a reader packed them."""
        if packed.data is not None:
            self._refused = packed.reason
            return packed.data
        return self._channels[packed.reader].memory_of(packed.piece)

    def close(self) -> None:
        """What has not been taken is lost; what has stays as it is."""
        _open.pop(self._number, None)
        for channel in self._channels:
            channel.close()


class _Channel:
    """Pieces of memory that one reader fills and the training empties, each known by its number.

    A descriptor comes with the number of its piece before the first batch that lies there is announced; the number goes
    back when no tensor of that batch is left.
    """

    def __init__(self) -> None:
        self._training = os.getpid()
        self._ours, self._readers = socket.socketpair()
        self._pieces: list[mmap.mmap] = []
        self._free: list[int] = []  # known in the reader alone

    def free_memory(self, size: int) -> tuple[int, mmap.mmap]:
        """In the reader: a piece of at least `size` bytes. Raises OSError."""
        with contextlib.suppress(BlockingIOError):
            self._free += (number for (number,) in _NUMBER.iter_unpack(self._readers.recv(1024 * _NUMBER.size, _AT_ONCE)))
        for number in self._free:
            if len(self._pieces[number]) >= size:
                self._free.remove(number)
                return number, self._pieces[number]
        # Pages that are not touched take no memory, and with room to spare the next batch, of longer texts, fits as well.
        descriptor = _nameless_memory(1 << (size - 1).bit_length())
        try:
            piece = mmap.mmap(descriptor, 0)
            socket.send_fds(self._readers, [_NUMBER.pack(len(self._pieces))], [descriptor], _AT_ONCE)
        finally:
            os.close(descriptor)
        self._pieces.append(piece)
        return len(self._pieces) - 1, piece

    def memory_of(self, number: int) -> Memory:
        """In the training: the piece of this number; it is given back once nothing refers to what this returns. Raises OSError where too many files are open."""
        while number >= len(self._pieces):
            _, descriptors, _, _ = socket.recv_fds(self._ours, _NUMBER.size, 1, _AT_ONCE)
            if not descriptors:
                # What there is no room for the system leaves out without a word.
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            try:
                self._pieces.append(mmap.mmap(descriptors[0], 0))
            finally:
                os.close(descriptors[0])
        piece = self._pieces[number]
        lent = (ctypes.c_char * len(piece)).from_buffer(piece)
        weakref.finalize(lent, self._give_back, number).atexit = False
        return lent

    def _give_back(self, number: int) -> None:
        # Not where a copy ends in a process that was forked from the training, which may still have its own.
        if os.getpid() != self._training:
            return
        with contextlib.suppress(OSError):
            self._ours.send(_NUMBER.pack(number), _AT_ONCE)

    def close(self) -> None:
        self._ours.close()
        self._readers.close()
        self._pieces.clear()


@dataclass(frozen=True)
class Packed:
    """A batch: its tensors and, from byte `pickled` on, what it is made of; in a piece of memory or, for a `reason`, in `data`."""

    hand_over: int
    reader: int
    pickled: int
    piece: int = 0
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

    def fill(self, memory: Memory, pickled: memoryview) -> None:
        for place, tensor in self._tensors:
            _tensor_in(memory, place, tensor.dtype, tuple(tensor.shape), torch.empty_like(tensor, device="meta").stride()).copy_(tensor.detach())
        memoryview(memory)[self.size : self.size + len(pickled)] = pickled


class _Unpacker(pickle.Unpickler):
    def __init__(self, memory: Memory, begin: int) -> None:
        file = io.BytesIO(memoryview(memory)[begin:])
        super().__init__(file)
        self._memory = memory

    def persistent_load(self, which: Any) -> Tensor:
        return _tensor_in(self._memory, *which)


def _tensor_in(memory: Memory, place: int, dtype: torch.dtype, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
    flat = torch.frombuffer(memory, dtype=dtype, count=torch.Size(shape).numel(), offset=place)
    return flat.as_strided(shape, strides)


def _nameless_memory(size: int) -> int:
    """A descriptor of so many bytes, which no other process finds."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("gradtop-batch")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor
