"""What makes a step of a gradient, and how the learning rate moves; both are torch's own."""

from __future__ import annotations

from trainer.optim.optimizers import build_optimizer
from trainer.optim.planned import planned_lr
from trainer.optim.schedules import build_schedule

__all__ = ["build_optimizer", "build_schedule", "planned_lr"]
