"""Exporting a checkpoint's model into a file that was compared with it before anybody sees it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.nested import ModelInputs, count_samples, first_tensor, inputs_text, map_tensors, take_rows
from gradtop.trainer.inference.data import source_or_outline
from gradtop.trainer.inference.export.program import require_onnx, write_onnx, write_pt2
from gradtop.trainer.inference.export.weights import write_safetensors
from gradtop.trainer.inference.export.written import ToExport, WrittenModel
from gradtop.trainer.inference.progress import Tell
from gradtop.trainer.inference.trained import TrainedState, build_trained, open_trained, read_trained, require_taken
from gradtop.trainer.models.calling import call_model, outputs_of
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.tasks.kinds.regression.regressor import scale_note
from gradtop.trainer.tasks.task import shape_text

FORMATS: Mapping[str, Callable[[ToExport, Path], WrittenModel]] = {"safetensors": write_safetensors, "pt2": write_pt2, "onnx": write_onnx}
BATCHES, SAMPLES = 2, 32  # of the validation data, on which the file is compared with the model
OTHER_SIZES = (5, 1)  # of a batch, where the file takes any
TOLERANCE = 1e-3  # of the largest output; float32 in another order of operations stays far below


def export_model(run: Run, path: Path, to: str, part: Path, *, tell: Tell = lambda _: None) -> dict[str, Any]:
    """Write the model of a checkpoint as `to` into the empty file `part`, run what was written on batches of the validation data, and say
    how large it is and by how much its outputs deviate at most.

    Raises UserError with a sentence; what is in the file then is of no use.
    """
    if to == "onnx":
        require_onnx()
    tell({"doing": "reading the checkpoint"})
    state = read_trained(run, path, device="cpu")
    notes: list[str] = []

    def load(state: TrainedState) -> Source:
        found, error = source_or_outline(state)
        if error is not None:
            notes.append(f"compared on random inputs, as the data cannot be had: {error}")
        return found

    trained = open_trained(state, load)
    batches = _batches(trained.source, real=not notes)
    require_taken(lambda: outputs_of(call_model(trained.model, take_rows(batches[0], slice(2)))))
    first = first_tensor(batches[0])

    def fresh() -> torch.nn.Module:
        made = build_trained(state, trained.source)
        # Other weights than those of the checkpoint, so that what is not in the file is missed.
        for each in made.state_dict().values():
            if isinstance(each, Tensor) and each.is_floating_point():
                each.add_(1)
        return made

    about = {"run": run.id, "step": str(state.step)}
    tell({"doing": f"writing {to}"})
    if state.quantized:
        notes.append(quantized_note(state, to))
    if note := scale_note(state.task):
        notes.append(note)
    written = FORMATS[to](ToExport(trained.model, batches[0], fresh, about), part)
    tell({"doing": "comparing the file with the model"})
    deviation, largest = _compare(trained.model, written, batches)
    return {
        "step": state.step,
        "epoch": state.epoch,
        "weights": state.weights,
        "format": to,
        "bytes": part.stat().st_size,
        "deviation": deviation,
        "largest_output": largest,
        "samples": sum(map(count_samples, batches)),
        "shape": written.facts.get("shape", ["any", *first.shape[1:]]),
        "structure": "" if first is batches[0] else inputs_text(batches[0], shape_text),  # of several tensors; shape and dtype are of the first
        "dtype": str(first.dtype).removeprefix("torch."),
        "opset": written.facts.get("opset"),
        "tied": written.facts.get("tied", {}),
        "notes": notes,
    }


def quantized_note(state: TrainedState, to: str) -> str:
    """What becomes of a quantized checkpoint in a file: integers are no weights that the formats compute with."""
    unrounded = "; the rounding of activations is not in the file" if state.activations and to == "safetensors" else ""
    return f"the weights are float32 with the values of {state.quantized}: the file is as large as that of a float model{unrounded}"


def _batches(source: Source, *, real: bool) -> list[ModelInputs]:
    """Inputs of the first samples for validation, or random images."""
    if real:
        return [map_tensors(Tensor.contiguous, inputs) for inputs, _ in islice(source.validation(SAMPLES, torch.device("cpu")), BATCHES)]
    return [torch.randn(SAMPLES, source.info.channels, source.info.size, source.info.size, generator=torch.Generator().manual_seed(0))]


@torch.no_grad()
def _compare(model: torch.nn.Module, written: WrittenModel, batches: list[ModelInputs]) -> tuple[float, float]:
    """The largest absolute deviation of an output, and the largest output. Raises UserError where it is another model."""
    deviation = largest = 0.0
    size = count_samples(batches[0])
    tried = [batch for batch in batches if written.any_batch or count_samples(batch) == size]
    if written.any_batch:
        tried += [take_rows(batches[0], slice(other)) for other in OTHER_SIZES if other < size]
    for inputs in tried:
        wanted = outputs_of(call_model(model, inputs))
        try:
            found = written.run(inputs)
        except Exception as error:
            first = (str(error).strip().splitlines() or [""])[0][:200]
            raise UserError(f"the exported model does not run on a batch of {count_samples(inputs)} ({type(error).__name__}: {first}); nothing was kept") from error
        if found.shape != wanted.shape:
            raise UserError(f"the exported model gives outputs of another shape, {tuple(found.shape)} for {tuple(wanted.shape)}; nothing was kept")
        finite = wanted.isfinite()
        apart = (found.double() - wanted.double())[finite].abs()
        deviation = max(deviation, apart.max().item() if len(apart) else 0.0)
        largest = max(largest, wanted[finite].abs().max().item() if len(apart) else 0.0)
        if not bool((found.isfinite() == finite).all()):
            deviation = math.inf
    if not deviation <= TOLERANCE * max(largest, TOLERANCE):
        raise UserError(f"the exported model gives other outputs than the model: they deviate by up to {deviation:.2g}, of outputs up to {largest:.2g}; nothing was kept")
    return deviation, largest
