"""The quantized checkpoint: integers, scales and the rest of the weights, without what training would need."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.inference.evaluation import score_of
from gradtop.trainer.inference.trained import build_again
from gradtop.trainer.inference.written import write_checkpoint
from gradtop.trainer.jobs.quantize.config import METHODS
from gradtop.trainer.jobs.quantize.measure.opened import Quantizing
from gradtop.trainer.models.pruned import PRUNING, SHAPES
from gradtop.trainer.models.quantized import ACTIVATIONS, QUANTIZATION, with_float_weights
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.state import DEFAULT_THREADS

KEPT = ("step", "epoch", "changes", "found", "task", "tuned_threads", DEFAULT_THREADS)  # of the checkpoint, beside its weights


def write_quantized(run: Run, method: str) -> dict[str, Any]:
    """Quantize by this method, and write the checkpoint into `checkpoints/` of the run, in the place of an earlier one.

    It is scored as it will be opened. Returns `checkpoint`, its path, and `note`. Raises UserError, also where it cannot be written.
    """
    if method not in METHODS:
        raise UserError(f"--write {method}: {method!r} is not one of {', '.join(METHODS)}")
    quantizing = Quantizing(run)
    try:
        _, found = quantizing.quantized(method)
    except UserError as error:
        raise UserError(f"{method}: {error}") from error
    saved = quantizing.as_saved(method, found)
    description = saved[QUANTIZATION]
    state = replace(quantizing.state, tensors=with_float_weights(saved["model"], description), activations=description[ACTIVATIONS])
    opened = build_again(replace(quantizing.trained, state=state))
    score, _ = score_of(opened, opened.source)
    origin = checkpoint.load(run.origin, mapped=True)
    written = {**{key: origin[key] for key in KEPT if key in origin}, **saved}
    if quantizing.state.shapes:
        written[PRUNING] = {SHAPES: dict(quantizing.state.shapes)}
    return write_checkpoint(run, written, score, quantizing.state.config.training, note=f"quantized: {method}")
