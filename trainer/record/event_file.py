"""TensorBoard's event files: TFRecord frames around protocol buffers.

Written here in forty lines because every package that writes them imports PyTorch or TensorFlow, which takes seconds.
Sources: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto, tensorflow/core/lib/io/record_writer.cc.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

POLYNOMIAL = 0x82F63B78  # CRC-32C, reversed
VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5  # wire types


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


CRC = _crc_table()


def masked_crc(data: bytes) -> int:
    """The checksum of a frame: CRC-32C, masked as TFRecord does (rotated by 15 bits, plus a constant)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = CRC[(value ^ byte) & 0xFF] ^ value >> 8
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative ones in two's complement
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def integer(number: int, value: int) -> bytes:
    return varint(number << 3 | VARINT) + varint(value)


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | DOUBLE) + struct.pack("<d", value)


def single(number: int, value: float) -> bytes:
    try:
        data = struct.pack("<f", value)
    except OverflowError:  # beyond what a float32 holds
        data = struct.pack("<f", math.copysign(math.inf, value))
    return varint(number << 3 | FLOAT) + data


def message(number: int, data: bytes) -> bytes:
    return varint(number << 3 | BYTES) + varint(len(data)) + data


def packed(number: int, values: Sequence[float]) -> bytes:
    return message(number, struct.pack(f"<{len(values)}d", *values))


@dataclass(frozen=True, slots=True)
class HistogramSummary:
    """`edges` are the upper ends of the buckets, `total` and `squares` the sums of the values and of their squares."""

    low: float
    high: float
    count: float
    total: float
    squares: float
    edges: Sequence[float]
    counts: Sequence[float]


class EventFile:
    """Appends events to an open file; times in unix seconds."""

    def __init__(self, file: BinaryIO, time: float) -> None:
        self._file = file
        self._tags: dict[str, bytes] = {}
        self._write(double(1, time) + message(3, b"brain.Event:2"))

    def scalars(self, step: float, time: float, values: Sequence[tuple[str, float]]) -> None:
        if values:
            self._event(step, time, b"".join([message(1, self._tag(tag) + single(2, value)) for tag, value in values]))

    def histogram(self, step: float, time: float, tag: str, found: HistogramSummary) -> None:
        sums = (found.low, found.high, found.count, found.total, found.squares)
        data = b"".join([double(number, value) for number, value in enumerate(sums, 1)])
        data += packed(6, found.edges) + packed(7, found.counts)
        self._event(step, time, message(1, self._tag(tag) + message(5, data)))

    def _tag(self, tag: str) -> bytes:
        if tag not in self._tags:
            self._tags[tag] = message(1, tag.encode("utf-8", "replace"))
        return self._tags[tag]

    def _event(self, step: float, time: float, summary: bytes) -> None:
        number = int(step) if math.isfinite(step) else 0
        self._write(double(1, time) + integer(2, number) + message(5, summary))

    def _write(self, data: bytes) -> None:
        length = struct.pack("<Q", len(data))
        self._file.write(length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data)))
