"""Which other runs compute with the same cores."""

from __future__ import annotations

import torch

from gradtop.trainer.analysis.crowding import runs_beside
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.cores import cores


def crowding(run: Run) -> str:
    """Which other runs of the directory compute with the cores that this process wants, and what to do; "" where there is room.

    Two threads of a run wait for each other after every operation, and spin while they wait: where others have their
    cores, a training falls to a tenth, not to a half.
    """
    others = runs_beside(run)
    wanted = torch.get_num_threads() + sum(status.threads for _, status in others)
    if not others or wanted <= cores():
        return ""
    names = ", ".join(other.id for other, _ in others)
    share = max(cores() // (len(others) + 1), 1)
    return (
        f"{names} train{'s' if len(others) == 1 else ''} on this CPU too: {wanted} threads on {cores()} cores slow each other down many times over; "
        f"gradtop set RUN training.threads={share} gives each run its own, --queue has the next one wait"
    )
