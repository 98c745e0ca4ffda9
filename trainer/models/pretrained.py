"""Weights from a file, as far as names and shapes fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import UserError

# Where well-known programs keep a state dict within what they save.
_INSIDE = ("model", "state_dict", "model_state_dict")
_SHOWN = 4


def load_pretrained(path: str, model: nn.Module) -> list[str]:
    """Load the state dict of a file; returns in sentences what was loaded, and what was missing, unexpected or mismatched.

    Raises UserError where the file cannot be read, or where nothing in it fits.
    """
    saved = read_state_dict(_expanded(path))
    own = model.state_dict()
    fits = {name: value for name, value in saved.items() if name in own and own[name].shape == value.shape}
    if not fits:
        raise UserError(
            f"init.pretrained: nothing in {path} fits the model: it has {_several(list(saved))}, the model {_several(list(own))}"
        )
    try:
        model.load_state_dict(fits, strict=False)
    except RuntimeError as error:
        raise UserError(f"init.pretrained: {path} holds tensors that are no plain numbers, as of a quantised or sparse model") from error
    said = [f"{len(fits)} of {len(own)} weights are from {path}"]
    mismatched = [
        f"{name} ({_shape(saved[name])} in the file, {_shape(own[name])} here)" for name in saved if name in own and name not in fits
    ]
    missing = [name for name in own if name not in saved]
    unexpected = [name for name in saved if name not in own]
    for names, what in (
        (mismatched, "of another shape, and so new"),
        (missing, "missing in the file, and so new"),
        (unexpected, "in the file alone"),
    ):
        if names:
            said.append(f"{len(names)} {what}: {_several(names)}")
    return said


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of one that torch.save wrote, read without running any code from it."""
    if not path.is_file():
        raise UserError(f"init.pretrained: there is no file {path}")
    try:
        found = _read(path)
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"init.pretrained: {path} cannot be read as a state dict ({first[:200]})") from error
    for name in _INSIDE:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
            break
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)} if isinstance(found, dict) else {}
    if not tensors:
        raise UserError(f"init.pretrained: {path} holds no state dict")
    # What a parallel training and a compiled model add to every name.
    return {name.removeprefix("module.").removeprefix("_orig_mod."): value for name, value in tensors.items()}


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        # There is no such user.
        return Path(path)


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _several(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "scalar"
