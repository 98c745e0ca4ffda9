"""How many threads compute on the CPU, and which other runs compute with the same cores."""

from __future__ import annotations

import os

import torch

from gradtop.trainer.analysis.crowding import cores, runs_beside
from gradtop.trainer.record import Run

# PyTorch's own number: one for each core, or what the environment said when it was imported.
AT_START = torch.get_num_threads()


def use_threads(asked: int) -> None:
    """Compute with so many, at most one for each core; 0 takes what OMP_NUM_THREADS says, else PyTorch's own number."""
    torch.set_num_threads(min(asked, cores()) if asked else default_threads())


def default_threads() -> int:
    return threads_of_environment() or AT_START


def threads_of_environment() -> int:
    """What OMP_NUM_THREADS says, 0 for nothing; read anew, as PyTorch may have been imported in another environment."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return max(int(said), 1) if said.isdigit() else 0


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
