"""Starting runs: their directory, their detached worker, the torch server that forks it. Imports no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtop.trainer.launch.create import create_run
    from gradtop.trainer.launch.detached import queue_worker, start_worker
    from gradtop.trainer.launch.forks import find_checkpoint, fork_problems
else:
    # Imported when first used: a process that only waits for its turn needs none of it, and pydantic least.
    MODULES = {
        "create_run": "create",
        "find_checkpoint": "forks",
        "fork_problems": "forks",
        "queue_worker": "detached",
        "start_worker": "detached",
    }

    def __getattr__(name: str) -> object:
        if name not in MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
        return value


__all__ = ["create_run", "find_checkpoint", "fork_problems", "queue_worker", "start_worker"]
