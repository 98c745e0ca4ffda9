"""Pretrained weights from a file, where names and shapes match."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.home import at_home
from gradtop.trainer.models.init_config import Which
from gradtop.trainer.models.matching import match, several, strange
from gradtop.trainer.record.checkpoint_file import damaged_part, stored_object, why_not_loaded
from gradtop.trainer.runtime.errors import UserError

# Keys under which well-known programs save a state dict.
_INSIDE = ("model", "state_dict", "model_state_dict")
# Prefixes of DataParallel, torch.compile and well-known trainers.
_BEFORE = ("module.", "_orig_mod.", "model.")
# Under which well-known programs save the average of a model beside it.
_AVERAGES = ("ema", "model_ema")


def load_pretrained(path: str, model: nn.Module, which: Which = "auto") -> list[str]:
    """Load the state dict of a file, of a checkpoint with an EMA the one of its two that is wanted; returns in sentences what was loaded, missing, unexpected or of a different shape.

    Raises UserError where the file cannot be read, or where nothing in it matches.
    """
    own: dict[str, Any] = model.state_dict(keep_vars=True)
    found, average = read_state_dict(at_home(path), which)
    saved = _named_as(own, found)
    for name, value in saved.items():
        if isinstance(own.get(name), Tensor) and (kind := strange(value, own[name])):
            raise UserError(f"init.pretrained: {path} holds {name} as {kind}; a state dict of plain floating-point tensors is expected")
    matched = match(model, saved)
    if not matched.parameters:
        raise UserError(
            f"init.pretrained: nothing in {path} matches the model: it has {several(list(saved))}, the model {several(list(own))}"
        )
    for name, value in matched.fits.items():
        if not torch.isfinite(value.to(own[name].dtype)).all():
            raise UserError(f"init.pretrained: {path} holds {name} with values that are not finite; take another file")
    matched.load_into(model)
    notes = [f"loaded {matched.loaded} of {matched.total} tensors from {path}{', the EMA of its weights' if average else ''}"]
    for names, what in (
        (matched.other, "of a different shape, not loaded"),
        (matched.missing, "missing in the file, not loaded"),
        (matched.tied, "with other values in the file, not loaded"),
        (matched.unexpected, "unexpected in the file, ignored"),
    ):
        if names:
            notes.append(f"{len(names)} {what}: {several(names)}")
    return notes


def read_state_dict(path: Path, which: Which = "auto") -> tuple[dict[str, Tensor], bool]:
    """The tensors of a .safetensors file, or of one that torch.save wrote, read without running any code from it.

    And whether they are the EMA of the weights: where a checkpoint has one, its score is that of the EMA, which `auto` takes.
    """
    if not path.is_file():
        raise UserError(f"init.pretrained: {f'{path} is a folder; a file is expected' if path.is_dir() else f'there is no file {path}'}")
    try:
        found = _read(path)
    except Exception as error:
        raise UserError(f"init.pretrained: {path} {_why(path, error)}") from error
    if damaged := damaged_part(path):
        raise UserError(f"init.pretrained: {path} cannot be read as a state dict ({damaged})")
    average = None if which == "raw" else _average(found)
    if which == "ema" and average is None:
        raise UserError(f"init.pretrained_weights is ema, and {path} holds no EMA of its weights; set it to auto or raw")
    for name in _INSIDE if average is None else ():
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
            break
    found = found if average is None else average
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)} if isinstance(found, dict) else {}
    if not tensors:
        raise UserError(f"init.pretrained: {path} holds no state dict")
    return tensors, average is not None


def _average(found: object) -> dict[str, Any] | None:
    """The weights of torch's AveragedModel in a checkpoint, where it has averaged any."""
    for name in _AVERAGES if isinstance(found, dict) else ():
        state = found.get(name)  # type: ignore[attr-defined]
        if isinstance(state, dict) and isinstance(count := state.get("n_averaged"), Tensor) and count.numel() == 1 and count.item() > 0:
            return {key: value for key, value in state.items() if key != "n_averaged"}
    return None


def _why(path: Path, error: Exception) -> str:
    """What is wrong with a file that cannot be read. What torch says of it recommends to run whatever code is in it."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"cannot be read ({error.strerror or error})"
    if not path.stat().st_size:
        return "is empty"
    if found := stored_object(error):
        return f"holds more than tensors ({found}), which could run code and is not loaded; save the state_dict() of the model alone"
    if isinstance(error, pickle.UnpicklingError | LookupError) or "TorchScript" in str(error):
        return "is no state dict that torch.save wrote"
    if path.suffix != ".safetensors":
        return f"cannot be read as a state dict ({why_not_loaded(path, error)})"
    first = str(error).partition(". ")[0].partition("\n")[0].rstrip(".") or type(error).__name__
    return f"cannot be read as a state dict; it may be damaged ({first})"


def _named_as(own: Mapping[str, Any], saved: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What was saved, by the names of the model where they are only longer in the file."""
    # The exact name first: what has it without a prefix is what the file means by it.
    named = {name: value for name, value in saved.items() if name in own}
    for name, value in saved.items():
        short = name
        while short not in own and (before := next((each for each in _BEFORE if short.startswith(each)), None)):
            short = short.removeprefix(before)
        named.setdefault(short if short in own and short not in named else name, value)
    return named


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)
