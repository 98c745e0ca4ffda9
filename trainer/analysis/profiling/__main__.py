"""`python -P -m gradtop.trainer.analysis.profiling RUN RAW`: turns an exported trace into a profile of a run.

It is a process of its own, of low priority and without torch, so that the training that was profiled goes on at its pace. What the worker
knows of the profile comes as JSON on standard input; where something goes wrong, one sentence goes to standard output.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from gradtop.trainer.analysis.profiling.breakdown import break_down
from gradtop.trainer.analysis.profiling.trace_file import NotATrace, read_trace
from gradtop.trainer.record import Run
from gradtop.trainer.record.profiles import MAKE, Profile, trace_path, write_profile
from gradtop.trainer.record.writing import make_folder, replace_whole

LARGEST_TRACE = 64 << 20  # bytes, compressed
COMPRESSION = 5
NICE = 10


def main(arguments: Sequence[str]) -> int:
    """Returns 0, or 1 where there is no profile."""
    run, raw = Run(arguments[0]), Path(arguments[1])
    with contextlib.suppress(OSError):
        os.nice(NICE)
    try:
        about = json.load(sys.stdin)
        write_profile(run, completed(run, raw, MAKE(about["profile"]), about["counted"]))
    except NotATrace as error:
        print(f"its trace cannot be read: {error}; is the disk full?")
        return 1
    except OSError as error:
        print(f"it cannot be written: {error.strerror or error}")
        return 1
    finally:
        raw.unlink(missing_ok=True)
    return 0


def completed(run: Run, raw: Path, profile: Profile, counted: Collection[int]) -> Profile:
    """The profile with what its trace tells of the steps that are counted; the trace is kept beside it. Raises NotATrace, OSError."""
    trace = read_trace(raw)
    found = break_down(trace, frozenset(counted))
    kept = keep_trace(run, raw, profile.step)
    device: Mapping[str, float] = found.phases
    notes = profile.notes if kept else (*profile.notes, f"the trace is larger than {LARGEST_TRACE >> 20} MiB and was not kept; profile fewer steps")
    return replace(
        profile,
        operators=found.operators,
        modules=found.modules,
        phases=tuple(replace(row, device=device.get(row.name, 0.0)) for row in profile.phases),
        trace=trace_path(run, profile.step).name if kept else "",
        trace_bytes=kept,
        events=trace.events,
        notes=notes,
    )


def keep_trace(run: Run, raw: Path, step: int) -> int:
    """Compress the trace into its place; returns its size, 0 where it is too large."""
    make_folder(run.path, run.profiles)

    def fill(file: BinaryIO) -> None:
        with raw.open("rb") as source, gzip.GzipFile("", "wb", COMPRESSION, cast("BinaryIO", Limited(file)), 0.0) as packed:
            shutil.copyfileobj(source, packed, 1 << 20)

    try:
        return replace_whole(run.path, trace_path(run, step), fill)
    except TooLarge:
        return 0


class TooLarge(Exception):
    """More than `LARGEST_TRACE` would be written."""


class Limited:
    """Writes to a file, and no more than `LARGEST_TRACE`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._written = file, 0

    def write(self, data: bytes) -> int:
        self._written += len(data)
        if self._written > LARGEST_TRACE:
            raise TooLarge
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
