"""What makes a step of a gradient, and how the learning rate moves; both are torch's own."""

from __future__ import annotations

from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.optim.optimizers import build_optimizer, complete_state, named_parameters, state_by_name
from gradtop.trainer.optim.schedules import Plateau, advance, build_schedule, scale

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
