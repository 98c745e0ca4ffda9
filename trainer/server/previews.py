"""What a configuration alone tells: the parameters of its model and the learning rates of its schedule."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.config import Config
from gradtop.trainer.config.fork_preview import steps_per_epoch as steps_per_epoch_of
from gradtop.trainer.data.load import info_of
from gradtop.trainer.inference.data import load_source, outline
from gradtop.trainer.inference.trained import build_trained, read_trained
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.description import Description, describe
from gradtop.trainer.models.matching import match
from gradtop.trainer.models.pruned import apply_shapes, shapes_in
from gradtop.trainer.optim.lr_preview import POINTS, planned_lr
from gradtop.trainer.optim.schedules import Span
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.check import form_lazy_modules
from gradtop.trainer.training.fork import TransferredState, nothing_kept, require_trainable, say_match


def plan(config: Config, steps_per_epoch: int = 0, points: int = POINTS) -> dict[str, Any]:
    """At most so many points (step, lr) beside the turns, turns, steps and steps per epoch, which may be given where the data do not tell them.

    No points where they are unknown. Raises UserError.
    """
    per_epoch = steps_per_epoch or steps_per_epoch_of(config)
    if per_epoch < 1:
        return {"points": [], "turns": [], "steps": 0, "steps_per_epoch": 0}
    steps = config.training.steps or config.training.epochs * per_epoch
    rates = planned_lr(config.schedule, config.optimizer, total_steps=steps, steps_per_epoch=per_epoch, points=points)
    turns = [turn.step for turn in config.schedule.turns_within(Span(steps, per_epoch))]
    return {"points": rates, "turns": turns, "steps": steps, "steps_per_epoch": per_epoch}


def describe_config(config: Config) -> Description:
    """Raises UserError where the model cannot be built."""
    model = shapes_of(config)
    return describe(model, config.model.label)


def describe_checkpoint(run: Run, path: Path) -> Description:
    """Raises UserError where the model cannot be built, or the checkpoint does not fit it."""
    state = read_trained(run, path)
    model = build_trained(state, outline(state) or load_source(state))
    return replace(describe(model, state.config.model.label, values=True), masked=state.masked, quantized=state.quantized)


def compare_weights(config: Config, path: str) -> dict[str, Any]:
    """By names and shapes, without reading the checkpoint's values; `nothing` says too why the file is of no use. Raises UserError."""
    try:
        state = checkpoint.load(Path(path), mapped=True)
        require_trainable(state, Path(path).name)
        require_weights(state, Path(path).name)
    except UserError as error:
        return {"kept": [], "dropped": [], "nothing": str(error)}
    model = shapes_of(config)
    with contextlib.suppress(ValueError):  # the weights of modules that there are not are told below
        apply_shapes(model, shapes_in(state))
    matched = match(model, state["model"])
    taken = TransferredState()
    say_match(matched, taken)
    return {"kept": taken.kept, "dropped": taken.dropped, "nothing": "" if matched.parameters else nothing_kept(matched)}


def require_weights(state: checkpoint.State, name: str) -> None:
    """Raises UserError for a file that holds no tensors by name."""
    weights = state.get("model")
    if not isinstance(weights, dict) or not any(isinstance(key, str) and isinstance(value, Tensor) for key, value in weights.items()):
        raise UserError(f"the checkpoint {name} holds no weights")


def shapes_of(config: Config) -> nn.Module:
    """The model of a configuration, without values where it can be built so. Raises UserError."""
    info = info_of(config.data, config.task.wanted)
    try:
        # Shapes only: no memory, no random numbers.
        with torch.device("meta"):
            return form_lazy_modules(build_model(config.model, info), config, info)
    except (NotImplementedError, RuntimeError):
        pass
    except UserError as error:
        if not isinstance(error.__cause__, NotImplementedError | RuntimeError):
            raise
    # A builder that reads a number out of a tensor needs real ones.
    return form_lazy_modules(build_model(config.model, info), config, info)
