"""A few steps at one batch size, or the noise of the gradient, in a process of its own."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch

from gradtop.trainer.config import Config
from gradtop.trainer.jobs.batch_size.search import noise_scale
from gradtop.trainer.models.description import describe
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.device import choose_device, out_of_memory
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.usage import Usage
from gradtop.trainer.tasks.kinds.custom.own_task import OwnTask
from gradtop.trainer.training.build import TrainingParts, build_to_measure, read_valid_config
from gradtop.trainer.training.evaluate import evaluation_batch
from gradtop.trainer.training.plain_step import update
from gradtop.trainer.training.step import explain_step_error
from gradtop.trainer.training.trial_steps import Notes, wait_for, whole_batches


def measure(run: Run, question: Mapping[str, Any]) -> dict[str, Any]:
    """Of a `batch_size`: `fits`, peak `memory` (bytes) of training and of an evaluation, whose batches are larger, and `seconds` of each
    step; or with `batches`, the `noise_scale` over so many.

    Beside it what memory did not suffice for (`during`), `free` (bytes, before anything was built), `samples` in the training set, and `notes`.
    """
    config = read_valid_config(run)
    size = int(question["batch_size"])
    config = config.model_copy(update={"training": config.training.model_copy(update={"batch_size": size})})
    device = choose_device(config.training.device)
    usage = Usage(device)
    free, share = usage.free, float(question.get("memory", 1.0))
    usage.limit(int(free * share))
    notes = Notes()
    about: dict[str, Any] = {"during": "training", "free": int(free * share), "notes": notes.found, "device": str(device), "threads": torch.get_num_threads()}
    try:
        parts = build_to_measure(run, notes, config)
        about |= {"samples": samples_of(parts), "parameters": describe(parts.model).total}
        if batches := int(question.get("batches", 0)):
            return {**about, **noise(parts, size, batches)}
        about |= train(parts, config, usage, timed=int(question["steps"]), warmup=int(question["warmup"]))
        about["during"] = "evaluation"
        evaluate_once(parts, config)
    except Exception as error:
        if not out_of_memory(error.__cause__ if isinstance(error, UserError) and error.__cause__ is not None else error):
            if not isinstance(error, UserError) and (sentence := explain_step_error(error)):
                raise UserError(sentence) from error
            raise
        return {**about, "fits": False}
    return {**about, "fits": True, "memory": usage.peak}


def samples_of(parts: TrainingParts) -> int:
    """Of the training set; at least as many as there are whole batches."""
    labels = parts.source.labels
    return len(labels) if labels is not None else parts.batches.per_epoch * parts.batches.batch_size


def train(parts: TrainingParts, config: Config, usage: Usage, *, timed: int, warmup: int) -> dict[str, Any]:
    """Optimizer steps of one whole batch each: `seconds` of the timed ones, and the samples `trained` in them."""
    found, trained = whole_batches(parts), 0
    seconds = []
    for number in range(warmup + timed):
        if number == warmup:
            usage.begin()
        started = time.perf_counter()
        batch = next(found)
        parts.optimizer.zero_grad(set_to_none=True)
        parts.compute.backward([batch], number)
        update(parts, config.training)
        wait_for(parts.device)
        if number >= warmup:
            seconds.append(time.perf_counter() - started)
            trained += len(batch[1])
    return {"seconds": seconds, "trained": trained}


def evaluate_once(parts: TrainingParts, config: Config) -> None:
    """One batch of an evaluation, as a training makes it."""
    model = parts.compute.evaluated
    model.eval()
    with torch.no_grad():
        for inputs, targets in parts.source.validation(evaluation_batch(config, parts.source.info), parts.device):
            if isinstance(parts.compute.task, OwnTask):
                parts.compute.forward_pass.measure(parts.compute.task, model, inputs, targets)
            else:
                parts.compute.forward(inputs, model)
            break
    wait_for(parts.device)


def noise(parts: TrainingParts, size: int, batches: int) -> dict[str, Any]:
    """The gradient noise scale, at the weights as they are."""
    parameters = [parameter for parameter in parts.model.parameters() if parameter.requires_grad]
    mean = [torch.zeros_like(parameter, dtype=torch.float64 if parameter.device.type == "cpu" else torch.float32) for parameter in parameters]
    total = 0.0
    for number, batch in enumerate(islice(whole_batches(parts), batches)):
        parts.optimizer.zero_grad(set_to_none=True)
        parts.compute.backward([batch], number)
        parts.compute.unscale()
        for parameter, summed in zip(parameters, mean, strict=True):
            if parameter.grad is not None:
                gradient = parameter.grad.to(summed.dtype)
                total += float(gradient.square().sum())
                summed.add_(gradient)
    of_mean = sum(float((each / batches).square().sum()) for each in mean)
    found_scale = noise_scale(size, batches, total / batches, of_mean) if math.isfinite(total) else None
    return {"noise_scale": found_scale}
