"""What happens inside a model while it trains, measured within a budget of the time that training takes."""

from __future__ import annotations

from gradtop.trainer.monitor.monitor import Monitor

__all__ = ["Monitor"]
