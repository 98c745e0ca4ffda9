"""The weights as a safetensors file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gradtop.trainer.data.nested import ModelInputs
from gradtop.trainer.inference.export.written import ToExport, WrittenModel, opened_part
from gradtop.trainer.models.calling import call_model, outputs_of
from gradtop.trainer.models.tied import one_name_each
from gradtop.trainer.runtime.errors import UserError


def write_safetensors(wanted: ToExport, path: Path) -> WrittenModel:
    """As `safetensors.torch.save_model` does it: a tied weight once, with its other names in the metadata, so that `load_model` ties it again.

    Raises UserError.
    """
    from safetensors.torch import load_model, save

    tensors, others = one_name_each(wanted.model.state_dict())
    if strange := [name for name, value in tensors.items() if not isinstance(value, Tensor)]:
        raise UserError(f"safetensors holds tensors alone, and {strange[0]} of the model is none; use --model pt2")
    try:
        # Not save_file, which writes into a file of another name beside this one: whoever is killed meanwhile would leave it.
        content = save({name: value.contiguous() for name, value in tensors.items()}, {"format": "pt", **wanted.about, **others})
    except (KeyError, RuntimeError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"safetensors cannot hold this model ({first}); use --model pt2") from error
    with opened_part(path) as file:
        file.write(content)
    fresh = wanted.fresh()
    try:
        load_model(fresh, path)
    except (KeyError, RuntimeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"safetensors cannot give back this model ({first}); use --model pt2") from error
    fresh.eval()

    @torch.no_grad()
    def run(inputs: ModelInputs) -> Tensor:
        return outputs_of(call_model(fresh, inputs))

    return WrittenModel(run, facts={"tied": others})
