"""What happens inside a model while it trains, measured within a budget of the time that training takes."""

from __future__ import annotations

from trainer.monitor.monitor import Monitor
from trainer.monitor.system import SystemSampler

__all__ = ["Monitor", "SystemSampler"]
