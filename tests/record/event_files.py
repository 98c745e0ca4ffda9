"""Event files of TensorBoard, read back by an implementation that is not ours."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def frames(path: Path) -> Iterator[bytes]:
    """The payloads of a TFRecord file, their checksums checked by another implementation."""
    from tensorboardX.record_writer import masked_crc32c

    data, start = path.read_bytes(), 0
    while start < len(data):
        (length,) = struct.unpack_from("<Q", data, start)
        payload = data[start + 12 : start + 12 + length]
        assert struct.unpack_from("<I", data, start + 8)[0] == masked_crc32c(data[start : start + 8])
        assert struct.unpack_from("<I", data, start + 12 + length)[0] == masked_crc32c(payload)
        yield payload
        start += length + 16


def events(path: Path) -> list[Any]:
    from tensorboardX.proto.event_pb2 import Event

    return [Event.FromString(payload) for payload in frames(path)]
