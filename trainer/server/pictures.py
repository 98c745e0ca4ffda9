"""Pictures of the weights in a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.monitor.pictures import picture_of
from gradtop.trainer.record.pictures import Wanted
from gradtop.trainer.runtime.errors import UserError


def picture_from_checkpoint(path: Path, wanted: Wanted) -> dict[str, Any]:
    """`step` of the checkpoint, `shape` of the parameter, and `numbers` as `Picture.from_numbers` takes them, none where there is no
    such picture; only what is shown is read from the disk. Raises UserError."""
    state = checkpoint.load(path, mapped=True)
    weights = state.get("model")
    weight = weights.get(wanted.parameter) if isinstance(weights, dict) else None
    if not isinstance(weight, Tensor):
        raise UserError(f"the checkpoint {path.name} has no parameter {wanted.parameter}")
    found = picture_of(weight, wanted)
    numbers = [*found[0], *found[1].tolist()] if found is not None else []
    return {"step": state["step"], "shape": list(weight.shape), "numbers": numbers}
