"""What applies to this model on this device, or the time of its steps with some settings, in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

import torch
from torch import nn

from gradtop.trainer.config import Config, ConfigProblems
from gradtop.trainer.config.load import to_tables
from gradtop.trainer.config.validate import validate
from gradtop.trainer.models.description import describe
from gradtop.trainer.optim.optimizer import fuses
from gradtop.trainer.optim.optimizers import OptimizerConfig
from gradtop.trainer.record import Run, effective
from gradtop.trainer.record.streams.registry import SAMPLES_PER_S
from gradtop.trainer.runtime.cores import cores
from gradtop.trainer.runtime.device import choose_device
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.build import TrainingParts, build_to_measure, read_valid_config
from gradtop.trainer.training.plain_step import update
from gradtop.trainer.training.trial_steps import Notes, wait_for, whole_batches, with_a_sentence

LEAST = 5  # timed steps
_KERNEL = 4  # dimensions of the weight of a two-dimensional convolution


def measure(run: Run, question: Mapping[str, Any]) -> dict[str, Any]:
    """With `changes`, by dotted key: `seconds` of a step (median), the `samples_per_s`, and the mean `loss` of the `first_steps`.

    Without, the `choices` that apply, by dotted key, and what is to be recorded of the run. Raises UserError where the settings do not work.
    """
    config = read_valid_config(run)
    notes = Notes()
    if "changes" not in question:
        parts = build_to_measure(run, notes, config)
        return {
            "choices": choices(question["settings"], config, parts),
            "notes": notes.found,
            "device": str(parts.device),
            "threads": torch.get_num_threads(),
            "parameters": describe(parts.model).total,
        }
    try:
        config = validate(effective(to_tables(config), question["changes"]))
    except ConfigProblems as error:
        raise UserError(str(error)) from error
    with with_a_sentence(config.training):
        return timed(build_to_measure(run, notes, config), config, steps=int(question["first_steps"]), seconds=float(question["seconds"]))


def choices(names: Sequence[str], config: Config, parts: TrainingParts) -> dict[str, list[object]]:
    """The values that are not the configuration's, of the settings that can make a difference, by dotted key."""
    training, gpu = config.training, parts.device.type == "cuda"
    every: dict[str, tuple[str, list[object]]] = {
        "threads": ("training.threads", [] if parts.device.type != "cpu" else [*sorted({1, max(cores() // 2, 1), cores()} - {torch.get_num_threads()})]),
        "precision": ("training.precision", [each for each in ("fp32", "bf16", *(["fp16"] if gpu else [])) if each != training.precision]),
        "channels_last": ("training.channels_last", [not training.channels_last] if convolves(parts.model) else []),
        "workers": ("data.workers", other_workers(config)),
        "tf32": ("training.tf32", [not training.tf32] if gpu else []),
        "implementation": ("optimizer.implementation", other_implementations(config.optimizer, parts.model, parts.device)),
        "compile": ("training.compile", [not training.compile]),
    }
    return {key: list(values) for name, (key, values) in every.items() if name in names and values}


def convolves(model: nn.Module) -> bool:
    return any(parameter.dim() == _KERNEL for parameter in model.parameters())


def other_implementations(config: OptimizerConfig, model: nn.Module, device: torch.device) -> list[object]:
    """Of the optimizer's step: fused kernels and lists of tensors, but for what it is already."""
    if not config.torch_class:
        return []
    fused = fuses(config, model, device)
    now = "fused" if config.implementation == "auto" and fused else config.implementation
    return [each for each in (*(["fused"] if fused else []), "foreach") if each != now]


def other_workers(config: Config) -> list[object]:
    """Numbers of data loading processes, where the data are read by some."""
    workers = getattr(config.data, "workers", None)
    return [] if workers is None else [*sorted({0, 2, cores()} - {workers})]


def timed(parts: TrainingParts, config: Config, *, steps: int, seconds: float) -> dict[str, Any]:
    """One whole batch each step, `steps` of them before those that are timed."""
    batches = whole_batches(parts)
    losses: list[float] = []
    taken: list[float] = []
    samples = 0
    deadline = 0.0
    device = choose_device(config.training.device)
    while len(losses) < steps or len(taken) < LEAST or time.perf_counter() < deadline:
        started = time.perf_counter()
        batch = next(batches)
        parts.optimizer.zero_grad(set_to_none=True)
        loss = parts.compute.backward([batch], len(losses) + len(taken))
        update(parts, config.training)
        wait_for(device)
        if len(losses) < steps:
            losses.append(loss.item())
            deadline = time.perf_counter() + seconds
            continue
        taken.append(time.perf_counter() - started)
        samples = len(batch[1])
    step = median(taken)
    return {"seconds": step, SAMPLES_PER_S: samples / step, "loss": fmean(losses)}
