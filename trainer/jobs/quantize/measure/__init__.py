"""What a checkpoint is quantized to, evaluated and timed, or written; in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from gradtop.trainer.inference.cost import saved_sizes
from gradtop.trainer.inference.evaluation import score_of
from gradtop.trainer.inference.trained import changes_of_data
from gradtop.trainer.jobs.quantize.config import DYNAMIC
from gradtop.trainer.jobs.quantize.measure.layers import left_alone, parameters_of, takes
from gradtop.trainer.jobs.quantize.measure.methods import why_unavailable
from gradtop.trainer.jobs.quantize.measure.noise import output_noise, weight_noise
from gradtop.trainer.jobs.quantize.measure.opened import Quantizing
from gradtop.trainer.jobs.quantize.measure.timing import batch_latencies
from gradtop.trainer.jobs.quantize.measure.written import write_quantized
from gradtop.trainer.jobs.quantize.trial import FLOAT, LayerNoise, QuantizeTrial, trial_record
from gradtop.trainer.models.description import describe
from gradtop.trainer.record import Run
from gradtop.trainer.record.streams.registry import METHOD
from gradtop.trainer.runtime.errors import UserError


def measure(run: Run, question: Mapping[str, Any]) -> dict[str, Any]:
    """With a `method` its `trial`, as a record; "" measures the model as it is. With `write` that method's checkpoint is written.

    Without any of these what is to be known of the model before. Raises UserError.
    """
    if "write" in question:
        return write_quantized(run, str(question["write"]))
    quantizing = Quantizing(run)
    if METHOD in question:
        method = str(question[METHOD])
        return {"trial": trial_record(measured(quantizing, method) if method else measured_float(quantizing))}  # its own "error" is no failure to answer
    trained, methods = quantizing.trained, quantizing.settings.methods
    reasons = {method: why_unavailable(method, trained.device) for method in methods}
    if all(reasons.values()):
        raise UserError("; ".join(f"{method}: {reason}" for method, reason in reasons.items()))
    return {
        "layers": [
            {"name": name, "kind": type(module).__name__, "parameters": parameters_of(module), "dynamic": any(takes(method, module) for method in DYNAMIC)}
            for name, module in quantizing.layers.items()
        ],
        "untouched": left_alone(trained.model, quantizing.layers),
        "parameters": describe(trained.model).total,
        "device": str(trained.device),
        "threads": torch.get_num_threads(),
        "notes": changes_of_data(trained),
    }


def measured_float(quantizing: Quantizing) -> QuantizeTrial:
    trained = quantizing.trained
    score, _ = score_of(trained, trained.source)
    state = {name: value.detach().cpu() if isinstance(value, torch.Tensor) else value for name, value in trained.model.state_dict().items()}
    size, compressed = saved_sizes(state)
    return QuantizeTrial(
        FLOAT, f"float32, torch {torch.__version__.partition('+')[0]}", "", score.loss, score.accuracy, score.of(quantizing.state.config.training.monitor), size, compressed, 0.0
    )


def measured(quantizing: Quantizing, method: str) -> QuantizeTrial:
    base = quantizing.trained
    own, found = quantizing.quantized(method)
    score, _ = score_of(own, own.source)
    weights = weight_noise(quantizing.layers, found.tensors)
    with torch.no_grad():
        outputs = output_noise(partial(base.forward, quantizing.inputs), quantizing.layers, found.layers)
    latencies, uncompiled = batch_latencies(own, base, quantizing.inputs, quantizing.settings.batch_sizes, compiled=quantizing.settings.compiled)
    size, compressed = saved_sizes(quantizing.as_saved(method, found))
    return QuantizeTrial(
        method=method,
        backend=found.backend,
        loss=score.loss,
        accuracy=score.accuracy,
        score=score.of(quantizing.state.config.training.monitor),
        file_bytes=size,
        compressed_bytes=compressed,
        quantized_share=found.share,
        latencies=tuple(latencies),
        layers=tuple(LayerNoise(name, weights[name], outputs.get(name, float("nan"))) for name in weights),
        notes=(*found.notes, *([uncompiled] if uncompiled else [])),
    )
