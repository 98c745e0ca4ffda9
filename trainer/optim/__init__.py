"""What makes a step of a gradient, and how the learning rate moves; both are torch's own."""

from __future__ import annotations

from trainer.optim.optimizers import build_optimizer, complete_state, named_parameters, state_by_name
from trainer.optim.planned import planned_lr
from trainer.optim.schedules import Plateau, advance, build_schedule, scale

__all__ = [
    "Plateau",
    "advance",
    "build_optimizer",
    "build_schedule",
    "complete_state",
    "named_parameters",
    "planned_lr",
    "scale",
    "state_by_name",
]
