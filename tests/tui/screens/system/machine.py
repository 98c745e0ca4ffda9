"""A run that trains on this host, or on another, with one record of its system."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

from gradtop.trainer.record import Column, Run, RunState, SegmentWriter, Status, write_status
from gradtop.trainer.record.status import process_start, this_host
from gradtop.trainer.record.streams.registry import columns_of
from tests.tui.runs_fixture import NOW, fake_run

GIB = 2**30
GPU = {
    "gpu_use": 91.0, "gpu_memory": 41.2 * GIB, "gpu_memory_total": 79.6 * GIB, "gpu_power": 612.0, "gpu_power_limit": 700.0,
    "gpu_temperature": 66.0, "gpu_clock": 1755.0, "gpu_clock_max": 1980.0, "gpu_throttle": float(0x4 | 0x20), "torch_allocated": 30.0 * GIB,
    "torch_reserved": 38.0 * GIB,
}  # fmt: skip
USED = {"cpu": 150.0, "memory": 2.0 * GIB, "host_cpu": 380.0, "host_memory": 12.0 * GIB, "disk_read": 5e6, "disk_written": 1e3, "net_received": math.nan, "net_sent": math.nan}


def run_with(
    runs: Path,
    *,
    device: str = "cpu",
    seconds: float = 0.02,
    loading: float = 0.75,
    elsewhere: bool = False,
    extra: Mapping[str, object] | None = None,
    values: Mapping[str, float] | None = None,
) -> Run:
    """A run that trains here (or `elsewhere`), with forty steps and one record of its system."""
    run, grower = fake_run(runs, state="training", created=NOW)
    grower.close()
    for file in run.streams.glob("*"):
        file.unlink()
    host, boot = ("far", "") if elsewhere else this_host()
    pid = 4321 if elsewhere else os.getpid()
    write_status(
        run,
        Status(
            state=RunState.TRAINING,
            pid=pid,
            pid_started=process_start(pid),
            host=host,
            boot=boot,
            updated=NOW,
            device=device,
            threads=4,
            step=40,
            steps=100,
            samples_per_s=3200.0,
            monitoring={"layers.share": 0.0027, "layers.every": 1.94, "histograms.share": 0.0} if elsewhere else {},
        ),
    )
    steps = SegmentWriter(run, "steps", [Column("loss"), Column("samples_per_s", sparse=True), Column("loading", sparse=True)])
    for step in range(1, 41):
        # Between step 20 and 21 there was an evaluation.
        steps.append(step, NOW + seconds * step + 5.0 * (step > 20), [1.0, 3200.0, loading])
    steps.close()
    unavailable = {"net_received": "this system does not tell: hidden", "net_sent": "this system does not tell: hidden"}
    system = SegmentWriter(run, "system", columns_of("system"), extra={"cores": 4, "memory_total": 16.0 * GIB, "unavailable": unavailable, **(extra or {})})
    found = {**USED, **(values or {})}
    system.append(40, NOW + 1, [found.get(column.name, math.nan) for column in columns_of("system")])
    system.close()
    return run
