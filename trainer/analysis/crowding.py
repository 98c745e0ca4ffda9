"""Which runs compute on the same CPU."""

from __future__ import annotations

import os
import time

from gradtop.trainer.record import Run, RunState, Status, derive_state, list_runs, this_host
from gradtop.trainer.record.status import load_status, may_be_active
from gradtop.trainer.runtime.cores import cores

# A run that trains writes its status every second or so; what is much older need not be read.
FRESH = 60.0


def runs_beside(run: Run) -> list[tuple[Run, Status]]:
    """The other runs of its directory that train on the CPU of this host."""
    return [(other, status) for other in list_runs(run.path.parent) if other != run and (status := _on_this_cpu(other)) is not None]


def _on_this_cpu(run: Run) -> Status | None:
    try:
        if time.time() - run.status.stat().st_mtime > FRESH:
            return None
    except OSError:
        return None
    if not may_be_active(run):
        return None
    status = load_status(run)
    if status is None or status.host != this_host()[0] or status.device != "cpu":
        return None
    return status if derive_state(status, now=time.time()) is RunState.TRAINING else None


def advice(run: Run, status: Status) -> str:
    """What may slow a run down, and what helps; of a CPU only its own host can tell more."""
    if status.device != "cpu":
        return "another process on the GPU, its temperature or loading the data may slow it down"
    if status.host != this_host()[0]:
        return "other processes on its CPU may slow it down: fewer training.threads can help"
    others = runs_beside(run)
    if others:
        names = ", ".join(f"{other.id} ({beside.threads or '?'} thread{'s' * (beside.threads != 1)})" for other, beside in others[:3])
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        share = max(cores() // (len(others) + 1), 1)
        return f"{names}{more} train{'s' * (len(others) == 1)} on the same {cores()} cores: training.threads={share} for each run helps, and --queue for the next"
    load = os.getloadavg()[0]
    if load > cores():
        fewer = f"; training.threads={max(cores() - 1, 1)} helps" if status.threads >= cores() > 1 else ""
        return f"the load is {load:.1f} on {cores()} core{'s' * (cores() != 1)}: other programs use the CPU{fewer}"
    return "another program, a throttled CPU or a slow disk may slow it down"
