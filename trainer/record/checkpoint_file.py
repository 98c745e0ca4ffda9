"""What can be told of a checkpoint file without PyTorch."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradtop.trainer.record.files import open_regular

TAIL, REPLACED = "tail", "replaced"  # keys of a sidecar while its checkpoint is being replaced
TAIL_BYTES = 1 << 20


def why_no_checkpoint(path: Path) -> str:
    """Why the file cannot be what `torch.save` writes: a zip archive with a pickle at its top; "" where it can be.

    A zip archive ends with its table of contents, so that one which was cut short is told apart. Raises OSError.
    """
    from zipfile import BadZipFile, ZipFile

    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return "the file is empty"
        try:
            names = ZipFile(file).namelist()
        except (BadZipFile, NotImplementedError, ValueError):
            return "the file is cut short, or no checkpoint"
    return "" if any(name.endswith("/data.pkl") for name in names) else "the file is no checkpoint"


def tail_of(descriptor: int) -> int:
    """The checksum of the end of a file. That of a checkpoint lists what is in it, with checksums of its own. Raises OSError."""
    size = os.fstat(descriptor).st_size
    return zlib.crc32(os.pread(descriptor, TAIL_BYTES, max(0, size - TAIL_BYTES)))


def replacing(values: Mapping[str, Any], before: Mapping[str, Any], descriptor: int) -> dict[str, Any]:
    """What a sidecar says from before its checkpoint is replaced until after: of the new one, open as `descriptor`, and of the one before."""
    return {**values, TAIL: tail_of(descriptor), REPLACED: dict(before)}


def of_weights(values: Mapping[str, Any], weights: Path) -> Mapping[str, Any]:
    """What a sidecar says of the checkpoint that is there: where a process was killed while it replaced it, that may be the one before."""
    before = values.get(REPLACED)
    if not isinstance(before, Mapping):
        return values
    try:
        descriptor = open_regular(weights)
    except OSError:
        return before
    try:
        return values if tail_of(descriptor) == values.get(TAIL) else before
    except OSError:
        return before
    finally:
        os.close(descriptor)
