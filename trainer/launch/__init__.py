"""Starting runs: their directory, their detached worker, and the warm worker that waits for the next one. Imports no torch."""

from __future__ import annotations

from trainer.launch.create import create_run
from trainer.launch.detached import start_worker
from trainer.launch.standby import Standby

__all__ = ["Standby", "create_run", "start_worker"]
