"""The number of CPU threads that PyTorch uses."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch

from gradtop.trainer.runtime.cores import cores

# PyTorch's own number: one for each core, or what the environment said when it was imported.
AT_START = torch.get_num_threads()


def use_threads(count: int) -> None:
    """Set the number of threads, at most one per core; 0 means OMP_NUM_THREADS if set, else PyTorch's default."""
    torch.set_num_threads(min(count, cores()) if count else default_threads())


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """For many short operations: where other processes use the cores, each one that is shared among threads waits for the last of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def default_threads() -> int:
    return threads_of_environment() or AT_START


def threads_of_environment() -> int:
    """OMP_NUM_THREADS of the current environment, 0 if unset: PyTorch may have been imported under another one."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    return max(int(setting), 1) if setting.isdigit() else 0
