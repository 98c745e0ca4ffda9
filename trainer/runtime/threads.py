"""The number of CPU threads that PyTorch uses."""

from __future__ import annotations

import os

import torch

from gradtop.trainer.runtime.cores import cores

# PyTorch's own number: one for each core, or what the environment said when it was imported.
AT_START = torch.get_num_threads()


def use_threads(count: int) -> None:
    """Set the number of threads, at most one per core; 0 means OMP_NUM_THREADS if set, else PyTorch's default."""
    torch.set_num_threads(min(count, cores()) if count else default_threads())


def default_threads() -> int:
    return threads_of_environment() or AT_START


def threads_of_environment() -> int:
    """OMP_NUM_THREADS of the current environment, 0 if unset: PyTorch may have been imported under another one."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    return max(int(setting), 1) if setting.isdigit() else 0
