"""The weights, activations, gradients and first losses of one initialization with one seed, in a process of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch

from gradtop.trainer.config import Config
from gradtop.trainer.models.description import describe
from gradtop.trainer.models.init_config import INITS
from gradtop.trainer.models.initialise import weights_of
from gradtop.trainer.monitor.instruments.histograms import histogram_of_finite
from gradtop.trainer.monitor.instruments.probe import Output, Probe
from gradtop.trainer.monitor.tensor_norms import as_real
from gradtop.trainer.optim.lr_scheduler import build_schedule
from gradtop.trainer.record import Run
from gradtop.trainer.record.streams.registry import INIT, SEED, STD
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.build import TrainingParts, build_to_measure, read_valid_config
from gradtop.trainer.training.plain_step import update
from gradtop.trainer.training.step import Batch
from gradtop.trainer.training.trial_steps import Notes, with_a_sentence

BINS = 64
COUNTS_AT = 8  # before the counts of a histogram: low, high, mean, std, min, max, zeros, non-finite
WEIGHT_STD_AT, MIN_AT, MAX_AT = 3, 4, 5


def measure(run: Run, question: Mapping[str, Any]) -> dict[str, Any]:
    """Of an `init`, a `seed` and the named `weights`: the `losses` of so many `first_steps`, and `scales`, a row of numbers for each weight.

    Without an `init`, the `weights` in the order of the forward pass, and what is to be recorded of the run. Raises UserError.
    """
    config, notes = read_valid_config(run), Notes()
    if INIT not in question:
        config = initialised_by("default", config, config.training.seed)
        with with_a_sentence(config.training):
            parts = build_to_measure(run, notes, config)
            layers, unseen = layers_of(parts, config)
        return {"weights": layers, "bins": BINS, "unseen": unseen, "notes": notes.found, "device": str(parts.device), "threads": torch.get_num_threads(), "parameters": describe(parts.model).total}
    config = initialised_by(question[INIT], config, int(question[SEED]))
    with with_a_sentence(config.training):
        return train_first(build_to_measure(run, notes, config), config, question["weights"], int(question["first_steps"]))


def initialised_by(kind: str, config: Config, seed: int) -> Config:
    """The configuration with another kind of initialization, without a file of weights; hooks see nothing of a compiled model."""
    settings = config.init if config.init.kind == kind else INITS[kind]()
    init = settings.model_copy(update={"pretrained": ""})
    return config.model_copy(update={"init": init, "training": config.training.model_copy(update={"seed": seed, "compile": False})})


def layers_of(parts: TrainingParts, config: Config) -> tuple[list[str], str]:
    """The weights that an initialization draws, in the order in which their modules run, and why that is not known, "" where it is."""
    names = {id(parameter): name for name, parameter in parts.model.named_parameters()}
    found = [names[id(weight)] for weight, _ in weights_of(parts.model)]
    if not found:
        raise UserError("the model has no weights that an initialization draws: no matrix and no kernel of a layer that trains")
    outputs, unseen = first_pass(parts, next(groups(parts, config.training.accumulate)))[1:]
    places = {name: place for place, name in reversed(list(enumerate(map(module_of, outputs))))}
    place, order = 0, []
    for number, name in enumerate(found):
        place = places.get(name.rpartition(".")[0], place)
        order.append((place, number, name))
    return [name for *_, name in sorted(order)], unseen


def module_of(output: Output) -> str:
    """The module's own name, of its first use as of a later one."""
    return output.name.partition("#")[0]


def groups(parts: TrainingParts, accumulate: int) -> Iterator[Sequence[Batch]]:
    """The batches of one optimizer step after the other, as training takes them."""
    epoch = 0
    while True:
        batches = parts.batches.epoch(epoch, skip=0)
        while group := tuple(islice(batches, accumulate)):
            yield group
        epoch += 1


def first_pass(parts: TrainingParts, group: Sequence[Batch]) -> tuple[float, Sequence[Output], str]:
    """The loss, with gradients left behind; what the modules put out, and why that was not seen."""
    probe = Probe(parts.model)
    probe.attach()
    try:
        loss = parts.compute.backward(group, 0).item()
    finally:
        outputs = probe.detach()
    return loss, outputs, f"activations are not measured: {probe.error}" if probe.error is not None else ""


def train_first(parts: TrainingParts, config: Config, layers: Sequence[str], steps: int) -> dict[str, Any]:
    """Every loss is that before its step; the first that is not finite is the last."""
    training = config.training
    schedule = build_schedule(config.schedule, parts.optimizer, total_steps=training.steps or training.epochs * parts.per_epoch, steps_per_epoch=parts.per_epoch)
    losses: list[float] = []
    scales: list[list[float]] = []
    for group in islice(groups(parts, training.accumulate), steps):
        parts.optimizer.zero_grad(set_to_none=True)
        if losses:
            loss = parts.compute.backward(group, len(losses) * training.accumulate).item()
        else:
            loss, outputs, _ = first_pass(parts, group)
            scales = scales_of(parts, layers, outputs)
        losses.append(loss)
        if not math.isfinite(loss):
            break
        update(parts, training)
        schedule.step()
    return {"losses": losses, "scales": scales}


def scales_of(parts: TrainingParts, layers: Sequence[str], outputs: Sequence[Output]) -> list[list[float]]:
    """Of each weight: its standard deviation, that of its module's output, the root mean square of its gradient, lowest and highest value, counts."""
    parameters = dict(parts.model.named_parameters())
    activations = {module_of(output): float(output.figures[STD]) for output in reversed(outputs)}
    scaled_by = parts.compute.scaler.get_scale() if parts.compute.scaler is not None else 1.0
    rows = []
    for name in layers:
        weight = parameters[name]
        figures = histogram_of_finite(weight.detach(), BINS).tolist()
        gradient = as_real(weight.grad).double() if weight.grad is not None else None
        rms = float(torch.linalg.vector_norm(gradient)) / math.sqrt(gradient.numel()) / scaled_by if gradient is not None else math.nan
        rows.append([figures[WEIGHT_STD_AT], activations.get(name.rpartition(".")[0], math.nan), rms, figures[MIN_AT], figures[MAX_AT], *figures[COUNTS_AT:]])
    return rows
