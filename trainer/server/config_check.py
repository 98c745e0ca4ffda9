"""What can be known of a training before it begins: data, model, memory, learning rates, and what is wrong with them."""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from gradtop.trainer.analysis.event_text import event_line
from gradtop.trainer.analysis.findings.rules.data import OVERLAP
from gradtop.trainer.config import Config
from gradtop.trainer.data.dataset import counts_epochs
from gradtop.trainer.data.nested import first_tensor, inputs_text, map_tensors, take_rows, tensors_in
from gradtop.trainer.inference.progress import Tell
from gradtop.trainer.jobs.batch_size.search import MeasuredSize, estimate
from gradtop.trainer.metrics import SAMPLES
from gradtop.trainer.models.description import describe
from gradtop.trainer.record import EventKind, Run
from gradtop.trainer.record.data_facts import DataFacts
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.usage import Usage
from gradtop.trainer.server.model_doubts import doubts_of_gradients, doubts_of_outputs
from gradtop.trainer.server.previews import plan
from gradtop.trainer.tasks.kinds.custom.own_task import OwnTask
from gradtop.trainer.tasks.task import shape_text
from gradtop.trainer.training.build import TrainingParts, build_to_measure
from gradtop.trainer.training.check_metrics import check_own_metrics
from gradtop.trainer.training.data_facts import BATCHES, FactFinder
from gradtop.trainer.training.freeze import frozen_names
from gradtop.trainer.training.plain_step import update
from gradtop.trainer.training.step import Batch
from gradtop.trainer.training.trial_steps import Notes, with_a_sentence

SIZES = (2, 4)  # samples of the two steps from which the memory of a batch follows
LOOKED = 64  # samples of the first batch whose loss is computed
MOST_NAMED = 200
NOTED = frozenset({EventKind.DATA, EventKind.ABSENT, EventKind.LEFT_OUT, EventKind.INIT, EventKind.WARNING})


def check_config(config: Config, runs: Path, tell: Tell) -> dict[str, Any]:
    """Build all that a training would, take two steps of a few samples, and tell what was found. Raises UserError for what would end it.

    `runs` is where the run would be; nothing is written.
    """
    tell({"doing": "reading the data and building the model"})
    config = config.model_copy(update={"training": config.training.model_copy(update={"compile": False})})
    notes = Notes()
    usage = Usage(torch.device("cpu"))
    parts = build_to_measure(Run(runs / ".check"), notes, config)
    usage = Usage(parts.device) if parts.device.type == "cuda" else usage
    tell({"doing": "taking two steps of a few samples"})
    training = config.training
    facts = FactFinder(parts.source, parts.batches, parts.compute.task)
    batches = facts.watch(parts.batches.epoch(0))
    first = next(batches, None)
    if first is None:
        raise UserError("the training data give no batch")
    collections.deque(islice(batches, BATCHES - 1), maxlen=0)  # which the facts are found in, too
    about = {
        "job": config.job,
        "data": data_of(config, parts, facts.facts(training.label_smoothing)),
        "batch": batch_of(parts, first),
        "model": model_of(config, parts, first),
        "frozen": frozen_of(config, parts),
        "device": str(parts.device),
        "precision": training.precision,
        "batch_size": training.batch_size,
        "epochs": training.epochs,
    }
    with with_a_sentence(training):
        check_own_metrics(config, parts.model, parts.source, parts.compute.task, parts.device)
        doubts = list(doubts_of_outputs(parts.compute.task, outputs_for(parts, first)))
        about |= {"loss": loss_of(parts, first), "memory": memory_of(config, parts, first, usage)}
    planned = plan(config, parts.per_epoch)
    rates = dict(planned["points"])
    about |= {"steps": planned["steps"], "steps_per_epoch": parts.per_epoch if counts_epochs(parts.batches) else 0}
    about["lr"] = [{"step": step, "lr": rates[step]} for step in dict.fromkeys((1, *planned["turns"], planned["steps"])) if step in rates]
    noted = (event_line({"kind": kind, **fields}).text for kind, fields in notes.found if kind in NOTED)
    about["notes"] = [*noted, *doubts, *doubts_of_gradients(parts.model)]
    return about


def data_of(config: Config, parts: TrainingParts, facts: DataFacts) -> dict[str, Any]:
    """Samples, of a text characters; `class_counts` by number, empty where unknown."""
    found = parts.source.fingerprint()
    return {
        "kind": config.data.kind,
        "unit": getattr(getattr(parts.source, "encoding", None), "unit", SAMPLES),
        "training": found.training,
        "validation": found.validation,
        "classes": parts.source.info.classes,
        "targets": parts.source.info.targets,
        "names": list((config.data.class_names or found.classes)[:MOST_NAMED]),
        "class_counts": list(facts.class_counts),
        "sampled": facts.sampled,
        "overlap": facts.overlap,
        "chance": None if math.isnan(facts.chance) else facts.chance,
    }


def batch_of(parts: TrainingParts, first: Batch) -> dict[str, Any]:
    """The first batch as the model receives it, but for what is varied at random."""
    stored, targets = first
    prepare = parts.source.prepare
    ready = prepare(stored) if parts.batches.prepare is None and prepare is not None and isinstance(stored, Tensor) else stored
    inputs = first_tensor(ready)
    values = inputs.float() if inputs.is_floating_point() else inputs
    spread = inputs.is_floating_point()
    labels, classes = targets.reshape(-1), parts.source.info.classes
    return {
        "inputs": list(inputs.shape),
        "structure": "" if ready is inputs else inputs_text(ready, shape_text),  # of several tensors; all else is of the first
        "dtype": str(inputs.dtype).removeprefix("torch."),
        "low": finite(values.min()),
        "high": finite(values.max()),
        "mean": finite(values.mean()) if spread else None,
        "std": finite(values.std()) if spread else None,
        "nonfinite": int((~values.isfinite()).sum()) if spread else 0,
        "classes": int(labels[(labels >= 0) & (labels < classes)].unique().numel()) if classes else 0,  # one that is ignored is none
    }


def finite(value: Tensor) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


@torch.no_grad()
def model_of(config: Config, parts: TrainingParts, first: Batch) -> dict[str, Any]:
    found = describe(parts.model, config.model.label)
    some = prepared(parts, first, SIZES[0])
    # What a task of the user's own takes of the model, it alone knows.
    outputs = None if isinstance(parts.compute.task, OwnTask) else parts.compute.forward(some[0])
    return {"kind": config.model.label, "parameters": found.total, "trainable": found.trainable, "outputs": [] if outputs is None else [len(first[1]), *outputs.shape[1:]]}


def prepared(parts: TrainingParts, batch: Batch, count: int) -> Batch:
    """So many samples of a batch as the model receives them, without what is varied at random."""
    inputs, targets = take_rows(batch[0], slice(count)), batch[1][:count]
    prepare = parts.source.prepare
    return (prepare(inputs) if parts.batches.prepare is None and prepare is not None and isinstance(inputs, Tensor) else inputs), targets


def frozen_of(config: Config, parts: TrainingParts) -> dict[str, Any]:
    """The parameters that do not train in the first epoch, and from which one on all do; 0 where they never will."""
    names = sorted(frozen_names(config.freeze, parts.model) | parts.fixed)
    counts = {name: parameter.numel() for name, parameter in parts.model.named_parameters()}
    return {
        "names": names[:MOST_NAMED],
        "tensors": len(names),
        "parameters": sum(counts[name] for name in names),
        "until_epoch": getattr(config.freeze, "unfreeze_epoch", 0),
    }


@torch.no_grad()
def loss_of(parts: TrainingParts, first: Batch) -> dict[str, Any]:
    """With the initial weights, over some samples of the first batch."""
    inputs, targets = prepared(parts, first, LOOKED)
    loss = float(parts.compute.loss(inputs, targets))
    if not math.isfinite(loss):
        raise UserError(f"the loss of the first {len(targets)} samples is {loss} before any training; look at the range of the inputs and at the initial weights")
    return {"value": loss, "samples": len(targets)}


@torch.no_grad()
def outputs_for(parts: TrainingParts, first: Batch) -> Tensor | None:
    """For some samples of the first batch; none where a task of the user's own takes them of the model."""
    return None if isinstance(parts.compute.task, OwnTask) else parts.compute.forward(prepared(parts, first, LOOKED)[0])


def memory_of(config: Config, parts: TrainingParts, first: Batch, usage: Usage) -> dict[str, Any]:
    """Bytes that a training step takes: of parameters, gradients and optimizer what they are, of activations what the backward pass keeps of two
    small batches, as a line over the batch size. Temporary memory of single operations comes on top.
    """
    measured: list[MeasuredSize] = []
    for number, size in enumerate(dict.fromkeys(min(size, len(first[1])) for size in SIZES)):
        inputs, targets = map_tensors(torch.clone, take_rows(first[0], slice(size))), first[1][:size].clone()  # not a view of all the data
        parts.optimizer.zero_grad(set_to_none=True)
        kept = SavedBytes(parts.model, (inputs, targets))
        with kept:
            parts.compute.backward([(inputs, targets)], number)
        measured.append(MeasuredSize(size, float(kept.total), 0.0))
        gradients = tensor_bytes(parameter.grad for parameter in parts.model.parameters())
        update(parts, config.training)
    weights = tensor_bytes([*parts.model.parameters(), *parts.model.buffers()])
    states = tensor_bytes(value for state in parts.optimizer.state.values() for value in state.values())
    averages = tensor_bytes([*parts.compute.ema.parameters(), *parts.compute.ema.buffers()]) if parts.compute.ema is not None else 0
    line = estimate(measured)
    batch = max(config.training.batch_size, 1)
    activations = line.fixed + line.per_sample * batch if line is not None else measured[-1].memory
    return {
        "parameters": weights,
        "gradients": gradients,
        "optimizer": states,
        "ema": averages,
        "activations": round(activations),
        "per_sample": round(line.per_sample) if line is not None else 0,
        "total": round(weights + gradients + states + averages + activations),
        "free": usage.free,
    }


class SavedBytes(saved_tensors_hooks):
    """Counts a batch and what autograd keeps of it for the backward pass, each memory once, and parameters not at all."""

    def __init__(self, model: nn.Module, batch: Batch) -> None:
        own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers()) if tensor.layout == torch.strided}
        self._found = {each.untyped_storage().data_ptr(): each.nbytes for part in batch for each in tensors_in(part)}

        def pack(tensor: Tensor) -> Tensor:
            if tensor.layout == torch.strided and (place := tensor.untyped_storage().data_ptr()) not in own:
                self._found[place] = max(self._found.get(place, 0), tensor.untyped_storage().nbytes())
            return tensor

        super().__init__(pack, lambda tensor: tensor)

    @property
    def total(self) -> int:
        return sum(self._found.values())


def tensor_bytes(values: Any) -> int:
    """Of tensors, each memory once; of anything else nothing."""
    found = {value.untyped_storage().data_ptr(): value.untyped_storage().nbytes() for value in values if isinstance(value, Tensor) and value.layout == torch.strided}
    return sum(found.values())


def problems_of(about: Mapping[str, Any]) -> list[str]:
    """What would not end the training at once, and still is wrong with it."""
    memory, data, batch = about["memory"], about["data"], about["batch"]
    found = []
    if memory["total"] > memory["free"]:
        found.append(f"a step with training.batch_size = {about['batch_size']} takes more memory than is free; gradtop batch-size finds the largest that fits")
    if batch["nonfinite"]:
        found.append(f"{batch['nonfinite']} input values of the first batch are not finite")
    if batch["low"] is not None and batch["low"] == batch["high"]:
        found.append(f"all input values of the first batch are {batch['low']:g}")
    if data["classes"] and not batch["classes"]:
        found.append("no sample of the first batch has a label that is a class: all are left out by task.ignore_index, and its loss is 0")
    missing = [number for number, count in enumerate(data["class_counts"]) if not count]
    if missing and not data["sampled"] and data["kind"] != "text":
        named = [data["names"][number] if number < len(data["names"]) else str(number) for number in missing[:5]]
        found.append(f"{len(missing)} of {data['classes']} classes have no training sample: {', '.join(named)}{' …' if len(missing) > len(named) else ''}")
    if (data["overlap"] or 0.0) > OVERLAP:
        found.append(f"{data['overlap']:.0%} of the samples for validation are training samples, too")
    return found
