"""Starting runs: their directory, their detached worker, and the warm worker that waits for the next one. Imports no torch."""

from __future__ import annotations

from trainer.launch.create import create_run
from trainer.launch.detached import queue_worker, start_worker
from trainer.launch.forks import find_checkpoint, fork_problems
from trainer.launch.standby import Standby

__all__ = ["Standby", "create_run", "find_checkpoint", "fork_problems", "queue_worker", "start_worker"]
