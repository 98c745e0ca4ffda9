"""How many threads compute on the CPU."""

from __future__ import annotations

import os

import torch

from gradtop.trainer.runtime.cores import cores

# PyTorch's own number: one for each core, or what the environment said when it was imported.
AT_START = torch.get_num_threads()


def use_threads(count: int) -> None:
    """Compute with so many, at most one for each core; 0 takes what OMP_NUM_THREADS says, else PyTorch's own number."""
    torch.set_num_threads(min(count, cores()) if count else default_threads())


def default_threads() -> int:
    return threads_of_environment() or AT_START


def threads_of_environment() -> int:
    """What OMP_NUM_THREADS says, 0 for nothing; read anew, as PyTorch may have been imported in another environment."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    return max(int(setting), 1) if setting.isdigit() else 0
