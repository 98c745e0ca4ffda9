"""Starting runs: their directory, their detached worker, and the warm worker that waits for the next one. Imports no torch."""

from __future__ import annotations

from gradtop.trainer.launch.create import create_run
from gradtop.trainer.launch.detached import queue_worker, start_worker
from gradtop.trainer.launch.forks import find_checkpoint, fork_problems
from gradtop.trainer.launch.standby import Standby

__all__ = ["Standby", "create_run", "find_checkpoint", "fork_problems", "queue_worker", "start_worker"]
