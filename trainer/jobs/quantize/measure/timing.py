"""Latency of a quantized model over batch sizes in turns with the float one, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from gradtop.trainer.data.nested import ModelInputs, count_samples, take_rows
from gradtop.trainer.inference.cost import latency
from gradtop.trainer.inference.trained import TrainedModel
from gradtop.trainer.jobs.quantize.measure.methods import first_line
from gradtop.trainer.jobs.quantize.trial import BatchLatency
from gradtop.trainer.training.step import Forward

SECONDS = 0.2  # each model is timed with each batch size
OWN, BASE = "own", "base"


def batch_latencies(own: TrainedModel, base: TrainedModel, inputs: ModelInputs, sizes: Sequence[int], *, compiled: bool) -> tuple[list[BatchLatency], str]:
    """And why there are no compiled ones, "" where there are."""
    batches = [take_rows(inputs, torch.arange(size, device=own.device) % count_samples(inputs)) for size in sizes]
    eager = [_pair(own.forward, base.forward, batch, own.device) for batch in batches]
    if not compiled:
        return [BatchLatency(size, *pair) for size, pair in zip(sizes, eager, strict=True)], ""
    try:
        models = [partial(Forward(each.device, each.state.config.training), _compiled(each.model)) for each in (own, base)]
        fast = [_pair(models[0], models[1], batch, own.device) for batch in batches]
    except Exception as error:  # noqa: BLE001 - of a compiler, of a kernel, of code of the model
        return [BatchLatency(size, *pair) for size, pair in zip(sizes, eager, strict=True)], f"torch.compile does not run it here: {first_line(error)}"
    return [BatchLatency(size, *pair, *other) for size, pair, other in zip(sizes, eager, fast, strict=True)], ""


def _pair(own: Callable[[ModelInputs], Tensor], base: Callable[[ModelInputs], Tensor], batch: ModelInputs, device: torch.device) -> tuple[float, float]:
    times = latency({OWN: partial(own, batch), BASE: partial(base, batch)}, device=device, seconds=SECONDS)
    return times[OWN], times[BASE]


def _compiled(model: nn.Module) -> nn.Module:
    compiled: nn.Module = torch.compile(model)  # type: ignore[assignment]
    return compiled
