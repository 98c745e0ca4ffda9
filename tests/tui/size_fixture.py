"""Batch-size searches that have measured what a test wants."""

from __future__ import annotations

import math
from pathlib import Path

from gradtop.trainer.config import parse_config
from gradtop.trainer.launch import create_run
from gradtop.trainer.record import Run, RunState, Status, StreamWriter, write_status
from gradtop.trainer.record.streams.registry import BATCH_SIZES
from tests.tui.runs_fixture import NOW

MIB = 1 << 20
# Size, memory and samples per second; 200 does not fit.
SIZES = [(8, 20 * MIB, 400.0), (16, 21 * MIB, 700.0), (32, 30 * MIB, 1100.0), (64, 50 * MIB, 1500.0), (128, 90 * MIB, 1620.0), (256, math.nan, math.nan), (192, 130 * MIB, 1650.0)]


def size_run(runs: Path, *, state: RunState = RunState.DONE, parent: Run | None = None, measured: int = len(SIZES), noise: float | None = 95.0) -> Run:
    """A search that has measured so many of SIZES."""
    run = create_run(runs, parse_config("", job="batch_size"), name="keen-newt", parent=parent)
    writer = StreamWriter(run)
    writer.open(BATCH_SIZES, first_step=1)
    for step, sizes in enumerate(SIZES[:measured], 1):
        writer.put(BATCH_SIZES, step, NOW + step, sizes)
    writer.close()
    result = {
        "memory_free": 140.0 * MIB, "samples": 1437, "largest": 192, "limited_by": "memory", "fast_enough": 64, "estimate": 210,
        "memory_fixed": 12.0 * MIB, "memory_per_sample": 0.6 * MIB, "noise_scale": noise, "noise_samples": 512,
    }  # fmt: skip
    write_status(run, Status(state=state, step=measured, steps=9, updated=NOW, ended=NOW, seconds=30.0, result=result if measured else {}))
    return run
