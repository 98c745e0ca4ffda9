"""What a checkpoint is pruned to, evaluated and timed, or written; in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gradtop.trainer.data.nested import count_samples, take_rows
from gradtop.trainer.inference.cost import latency, saved_sizes
from gradtop.trainer.inference.evaluation import as_text, score_of
from gradtop.trainer.inference.trained import changes_of_data
from gradtop.trainer.jobs.prune.config import REMOVAL
from gradtop.trainer.jobs.prune.measure.masks import WEIGHT
from gradtop.trainer.jobs.prune.measure.opened import Pruning
from gradtop.trainer.jobs.prune.measure.removal import require_torch_pruning
from gradtop.trainer.jobs.prune.measure.written import write_pruned
from gradtop.trainer.jobs.prune.trial import FIGURES
from gradtop.trainer.models.description import describe
from gradtop.trainer.record import Run
from gradtop.trainer.record.streams.registry import (
    ACCURACY,
    AMOUNT,
    BASE_BATCH_LATENCY,
    BASE_LATENCY,
    BATCH_LATENCY,
    COMPRESSED_BYTES,
    DIFFERENCE,
    FILE_BYTES,
    LATENCY,
    LOSS,
    METHOD,
    NONZERO,
    PARAMETER_COUNT,
    SCORE,
)

SECONDS = 0.2  # each model is timed with one sample, and with a batch


def measure(run: Run, question: Mapping[str, Any]) -> dict[str, Any]:
    """With a `method` and an `amount` what `FIGURES` names, and of each layer how many of its weights are not zero; "" measures without pruning.

    With `write` the choice is written. Without any of these what is to be known of the model before. Raises UserError.
    """
    if "write" in question:
        return write_pruned(run, str(question["write"]))
    pruning = Pruning(run)
    if METHOD in question:
        return measured(pruning, str(question[METHOD]), float(question[AMOUNT]))
    if REMOVAL in pruning.settings.methods:
        require_torch_pruning()
    state, trained = pruning.state, pruning.trained
    return {
        "prunable": [[name, module.get_parameter("weight").numel()] for name, module in pruning.layers.items()],
        "output": pruning.output,
        "batch": count_samples(pruning.inputs),
        "parameters": describe(trained.model).total,
        "device": str(trained.device),
        "threads": torch.get_num_threads(),
        "step": state.step,
        "notes": changes_of_data(trained),
    }


def measured(pruning: Pruning, method: str, amount: float) -> dict[str, Any]:
    pruned = pruning.pruned(method, amount)
    trained = pruned.trained
    score, _ = score_of(trained, trained.source)
    parameters = dict(trained.model.named_parameters())
    one, batch = take_rows(pruning.inputs, slice(1)), pruning.inputs
    times = [latency({"pruned": partial(trained.forward, inputs), "whole": partial(pruning.trained.forward, inputs)}, device=trained.device, seconds=SECONDS) for inputs in (one, batch)]
    state = {name: value.detach().cpu() if isinstance(value, Tensor) else value for name, value in trained.model.state_dict().items()}
    size, compressed = saved_sizes(state)
    figures = {
        LOSS: score.loss,
        ACCURACY: score.accuracy,
        SCORE: score.of(pruning.state.config.training.monitor),
        PARAMETER_COUNT: sum(parameter.numel() for parameter in parameters.values()),
        NONZERO: sum(int(parameter.count_nonzero()) for parameter in parameters.values()),
        FILE_BYTES: size,
        COMPRESSED_BYTES: compressed,
        LATENCY: times[0]["pruned"],
        BASE_LATENCY: times[0]["whole"],
        BATCH_LATENCY: times[1]["pruned"],
        BASE_BATCH_LATENCY: times[1]["whole"],
        DIFFERENCE: pruned.difference,
    }
    return {**{name: as_text(float(figures[name])) for name in FIGURES}, "layers": [int(trained.model.get_submodule(name).get_parameter(WEIGHT).count_nonzero()) for name in pruning.layers]}
