"""Pretrained weights from a file, where names and shapes match."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.runtime.errors import UserError

# Keys under which well-known programs save a state dict.
_INSIDE = ("model", "state_dict", "model_state_dict")
# Prefixes of DataParallel, torch.compile and well-known trainers.
_BEFORE = ("module.", "_orig_mod.", "model.")
# torch names what it refuses to unpickle so.
_OBJECT = re.compile(r"GLOBAL (\S+)")
_SHOWN = 4


def load_pretrained(path: str, model: nn.Module) -> list[str]:
    """Load the state dict of a file; returns in sentences what was loaded, missing, unexpected or of a different shape.

    Raises UserError where the file cannot be read, or where nothing in it matches.
    """
    # Parameters as they are, so that one which is there under two names is known.
    own: dict[str, Tensor] = model.state_dict(keep_vars=True)
    saved = _named_as(own, read_state_dict(_expanded(path)))
    for name, value in saved.items():
        if name in own and (kind := _strange(value, own[name])):
            raise UserError(f"init.pretrained: {path} holds {name} as {kind}; a state dict of plain floating-point tensors is expected")
    fits = {name: value for name, value in saved.items() if name in own and own[name].shape == value.shape}
    if not fits:
        raise UserError(
            f"init.pretrained: nothing in {path} matches the model: it has {_several(list(saved))}, the model {_several(list(own))}"
        )
    for name, value in fits.items():
        if not torch.isfinite(value.to(own[name].dtype)).all():
            raise UserError(f"init.pretrained: {path} holds {name} with values that are not finite; take another file")
    model.load_state_dict(fits, strict=False)
    said = [f"loaded {len(fits)} of {len(own)} tensors from {path}"]
    mismatched = [
        f"{name} ({_shape(saved[name])} in the file, {_shape(own[name])} here)" for name in saved if name in own and name not in fits
    ]
    loaded = {id(own[name]) for name in fits}
    missing = [name for name in own if name not in saved and id(own[name]) not in loaded]
    unexpected = [name for name in saved if name not in own]
    for names, what in (
        (mismatched, "of a different shape, not loaded"),
        (missing, "missing in the file, not loaded"),
        (unexpected, "unexpected in the file, ignored"),
    ):
        if names:
            said.append(f"{len(names)} {what}: {_several(names)}")
    return said


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of one that torch.save wrote, read without running any code from it."""
    if not path.is_file():
        raise UserError(f"init.pretrained: {f'{path} is a folder; a file is expected' if path.is_dir() else f'there is no file {path}'}")
    try:
        found = _read(path)
    except Exception as error:
        raise UserError(f"init.pretrained: {path} {_why(path, error)}") from error
    for name in _INSIDE:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
            break
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)} if isinstance(found, dict) else {}
    if not tensors:
        raise UserError(f"init.pretrained: {path} holds no state dict")
    return tensors


def _why(path: Path, error: Exception) -> str:
    """What is wrong with a file that cannot be read. What torch says of it recommends to run whatever code is in it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"cannot be read ({error.strerror or error})"
    if not path.stat().st_size:
        return "is empty"
    if found := _OBJECT.search(str(error)):
        return f"holds more than tensors ({found[1][:100]}), which could run code and is not loaded; save the state_dict() of the model alone"
    if isinstance(error, pickle.UnpicklingError | LookupError) or "TorchScript" in str(error):
        return "is no state dict that torch.save wrote"
    first = str(error).partition(". ")[0].partition("\n")[0].rstrip(".") or type(error).__name__
    return f"cannot be read as a state dict; it may be damaged ({first})"


def _named_as(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What was saved, by the names of the model where they are only longer in the file."""
    named = {}
    for name, value in saved.items():
        short = name
        while short not in own and (before := next((each for each in _BEFORE if short.startswith(each)), None)):
            short = short.removeprefix(before)
        named[short if short in own else name] = value
    return named


def _strange(saved: Tensor, own: Tensor) -> str:
    """What a tensor is that cannot be copied as the numbers that it stands for."""
    if saved.is_quantized or (own.is_floating_point() and not saved.is_floating_point() and not saved.is_complex()):
        return f"{str(saved.dtype).removeprefix('torch.')}, as of a quantized model"
    if saved.is_nested or saved.layout != torch.strided:
        return "a sparse or nested tensor"
    if saved.is_meta:
        return "a shape without values"
    return "complex numbers" if saved.is_complex() and not own.is_complex() else ""


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
