"""What a configuration alone tells: the parameters of its model and the learning rates of its schedule."""

from __future__ import annotations

from typing import Any

import torch

from gradtop.trainer.config import Config
from gradtop.trainer.config.fork_preview import steps_per_epoch as steps_per_epoch_of
from gradtop.trainer.data.load import info_of
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.description import Description, describe
from gradtop.trainer.optim.lr_preview import planned_lr
from gradtop.trainer.optim.schedules import Span
from gradtop.trainer.runtime.errors import UserError


def plan(config: Config, steps_per_epoch: int = 0) -> dict[str, Any]:
    """Points (step, lr), turns, steps and steps per epoch; 0 where the data tell these. Raises UserError."""
    per_epoch = steps_per_epoch or steps_per_epoch_of(config)
    if per_epoch < 1:
        raise UserError(f"how many steps an epoch has, data.kind = {config.data.kind} does not tell before it is opened")
    steps = config.training.steps or config.training.epochs * per_epoch
    points = planned_lr(config.schedule, config.optimizer, total_steps=steps, steps_per_epoch=per_epoch)
    turns = [turn.step for turn in config.schedule.turns_within(Span(steps, per_epoch))]
    return {"points": points, "turns": turns, "steps": steps, "steps_per_epoch": per_epoch}


def describe_config(config: Config) -> Description:
    """Raises UserError where the model cannot be built."""
    info = info_of(config.data)
    try:
        # Shapes only: no memory, no random numbers.
        with torch.device("meta"):
            model = build_model(config.model, info)
    except (NotImplementedError, RuntimeError):
        # A builder that reads a number out of a tensor needs real ones.
        model = build_model(config.model, info)
    return describe(model, config.model.label)
