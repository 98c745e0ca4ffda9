"""What can be told of a checkpoint file without PyTorch."""

from __future__ import annotations

import errno
import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradtop.trainer.record.files import open_regular

TAIL, REPLACED = "tail", "replaced"  # keys of a sidecar while its checkpoint is being replaced
TAIL_BYTES = 1 << 20
LONGEST = 100  # characters of a name in the archive
# How torch names what it refuses to unpickle, a file that a later version wrote, and memory that there is not.
_OBJECT = re.compile(r"GLOBAL (\S+)")
_NEWER = re.compile(r"file with version \d+, but the maximum supported version")
_NO_MEMORY = re.compile("can't allocate memory|not enough memory|Cannot allocate memory")


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
        except (BadZipFile, NotImplementedError, ValueError):  # the last, as a name in it is no UTF-8
            return "the file is cut short, or no checkpoint"
    return "" if any(name.endswith("/data.pkl") for name in names) else "the file is no checkpoint"


def why_not_loaded(path: Path, error: Exception) -> str:
    """Why `torch.load` raised this error. Its own words are for whoever develops it, and recommend to run whatever code is in the file."""
    said = str(error)
    if isinstance(error, MemoryError) or _NO_MEMORY.search(said):
        return "there is not enough memory"
    try:
        if why := why_no_checkpoint(path) or damaged_part(path):
            return why
    except OSError as failed:
        return (failed.strerror or str(failed)).lower()
    if _NEWER.search(said):
        return "a newer version of PyTorch wrote it"
    if found := stored_object(error):
        return f"it holds more than tensors and plain values ({found}), which could run code and is not loaded"
    return "damaged: its parts do not fit together"


def damaged_part(path: Path) -> str:
    """Which part of the archive has another checksum than what was written, which torch does not look at; "" if none has. Raises OSError."""
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(path) as archive:
            name = archive.testzip()
    except (BadZipFile, NotImplementedError, RuntimeError, ValueError, zlib.error, EOFError):
        return ""  # torch finds that it is no archive
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return ""  # a part that begins before the file does
    return "" if name is None else f"damaged: what it holds in {name[:LONGEST]} is not what was written there"


def stored_object(error: Exception) -> str:
    """The function or class in a file for which `torch.load` refused it; "" if it did so for another reason."""
    found = _OBJECT.search(str(error))
    return found[1][:LONGEST] if found else ""


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
