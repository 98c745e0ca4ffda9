"""Pictures of the weights in a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.monitor.pictures import picture_of
from gradtop.trainer.record.pictures import Wanted
from gradtop.trainer.runtime.errors import UserError


def picture_from_checkpoint(path: Path, wanted: Wanted, *, averaged: bool = False) -> dict[str, Any]:
    """`step` of the checkpoint, `shape` of the parameter, and `numbers` as `Picture.from_numbers` takes them, none where there is no
    such picture; only what is shown is read from the disk. With `averaged` that of the EMA of the weights. Raises UserError."""
    state = checkpoint.load(path, mapped=True)
    weights = state.get("ema" if averaged else "model")
    if averaged and not isinstance(weights, dict):
        raise UserError(f"the checkpoint {path.name} has no EMA of the weights")
    weight = weights.get(f"module.{wanted.parameter}" if averaged else wanted.parameter) if isinstance(weights, dict) else None
    if not isinstance(weight, Tensor):
        raise UserError(f"the checkpoint {path.name} has no parameter {wanted.parameter}")
    found = picture_of(weight, wanted)
    numbers = [*found[0], *found[1].tolist()] if found is not None else []
    return {"step": state["step"], "shape": list(weight.shape), "numbers": numbers}
