"""From a checkpoint of a run to its model in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.checkpoint import format as checkpoint
from gradtop.trainer.checkpoint.encoding import decoded
from gradtop.trainer.config import Config
from gradtop.trainer.data.dataset import Source
from gradtop.trainer.data.nested import ModelInputs, take_rows
from gradtop.trainer.models.build import build_model
from gradtop.trainer.models.pruned import apply_shapes, masks_in, shapes_in
from gradtop.trainer.models.quantized import (
    ACTIVATIONS,
    METHOD_KEY,
    quantization_in,
    round_activations,
    with_float_weights,
)
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.device import check_precision, choose_device, out_of_memory
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.runtime.threads import use_threads
from gradtop.trainer.tasks.build import build_task
from gradtop.trainer.tasks.task import TrainingTask
from gradtop.trainer.training.build import read_valid_config, seed_generators, set_numerics, with_changes
from gradtop.trainer.training.check import form_lazy_modules
from gradtop.trainer.training.class_rows import names_in
from gradtop.trainer.training.misfit import DataFingerprint, changed_data, changed_model, data_fingerprint
from gradtop.trainer.training.state import DEFAULT_THREADS, ENCODING
from gradtop.trainer.training.step import Forward

AVERAGED, TRAINED = "ema", "model"  # whose weights they are: the parts of a checkpoint


@dataclass(frozen=True)
class TrainedState:
    """What a checkpoint holds of the model, on the disk until it is used; `config` is run.toml with what was changed live before it.

    `weights` says whose they are: "ema" where there is an EMA, whose score counts, else "model". `found` is the fingerprint of the data.
    """

    path: Path
    step: int
    epoch: int
    config: Config
    weights: str
    tensors: Mapping[str, Any]
    found: DataFingerprint
    class_names: tuple[str, ...]  # in the order of their numbers; empty where the data had no names
    task: Mapping[str, Any]  # what the task had learned from the training set
    encoding: Mapping[str, Any]  # how samples became inputs; empty where the data tell
    threads: int
    shapes: Mapping[str, Any]  # of modules whose channels were removed
    masked: int  # weights that a pruning mask keeps at zero
    activations: Mapping[str, str]  # of quantized layers, how they round their inputs
    quantized: str  # the method of quantization


@dataclass(frozen=True)
class TrainedModel:
    """`forward` gives outputs in float32, in the precision of the training; the model is in evaluation mode."""

    state: TrainedState
    source: Source
    task: TrainingTask
    device: torch.device
    model: nn.Module
    forward: Callable[[ModelInputs], Tensor]


def read_trained(run: Run, path: Path, *, device: str = "") -> TrainedState:
    """`device` replaces training.device, where it is given. Raises UserError."""
    state = checkpoint.load(path, mapped=True, checked=True)
    config = with_changes(read_valid_config(run), decoded(state.get("changes") or {}))
    if device:
        config = config.model_copy(update={"training": config.training.model_copy(update={"device": device})})
    averaged = state.get("ema")
    tensors = state.get("model") if averaged is None else {key.removeprefix("module."): value for key, value in averaged.items() if key != "n_averaged"}
    if not isinstance(tensors, Mapping):
        raise UserError(f"the checkpoint {path.name} holds no weights; choose another one with --checkpoint")
    quantization = quantization_in(state)
    weights = with_float_weights(decoded(tensors), quantization)
    return TrainedState(
        path=path,
        step=state["step"],
        epoch=int(state.get("epoch") or 0),
        config=config,
        weights=TRAINED if averaged is None else AVERAGED,
        tensors=weights,
        found=state.get("found") or {},
        class_names=tuple(names_in(state)),
        task=decoded(state.get("task") or {}),
        encoding=decoded(state.get(ENCODING) or {}),
        threads=int(state.get("tuned_threads") or state.get(DEFAULT_THREADS) or 0),
        shapes=shapes_in({**state, TRAINED: weights}),  # also those of weights that are integers
        masked=sum(int((~kept).sum()) for kept in masks_in(state).values()),
        activations=quantization.get(ACTIVATIONS, {}),
        quantized=quantization.get(METHOD_KEY, ""),
    )


def require_float(state: TrainedState) -> None:
    """Raises UserError where the weights are quantized: what is made of them begins at those of the training."""
    if state.quantized:
        raise UserError(f"the checkpoint {state.path.name} is quantized ({state.quantized}); name the run that trained instead")


def open_trained(state: TrainedState, load: Callable[[TrainedState], Source], *, compiled: bool = False) -> TrainedModel:
    """The model as the training evaluates it, with the data that `load` gives: on the same device, in the same precision, with as many threads.

    Sets the seeds, threads and numerics of the process. `compiled` compiles it where the training does so. Raises UserError.
    """
    config, training = state.config, state.config.training
    device = choose_device(training.device)
    check_precision(training.precision, device)
    set_numerics(training)
    if device.type == "cpu" and state.threads and not training.threads:
        use_threads(state.threads)
    seed_generators(training.seed)
    source = load(state)
    task = build_task(config.task, training.metrics, source, state.task)
    model = build_trained(state, source)
    model.to(device)
    if training.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # A training compiles the model, and its EMA is not compiled.
    if compiled and training.compile and state.weights == TRAINED:
        model.compile()
    return TrainedModel(state, source, task, device, model.eval(), partial(Forward(device, training), model))


def build_trained(state: TrainedState, source: Source) -> nn.Module:
    """The model for these data with the weights of the checkpoint, on the CPU, in evaluation mode. Raises UserError."""
    model = build_model(state.config.model, source.info)
    form_lazy_modules(model, state.config, source.info)
    try:
        apply_shapes(model, state.shapes)
        model.load_state_dict(dict(state.tensors))
        round_activations(model, state.activations)
    except (RuntimeError, KeyError, AttributeError, ValueError) as error:
        differences = changed_model(state.tensors, model.state_dict())
        named = f"{', '.join(differences[:3])}{f' and {len(differences) - 3} more' if len(differences) > 3 else ''}" if differences else str(error).splitlines()[0]
        raise UserError(
            f"the checkpoint {state.path.name} does not fit the model that run.toml describes ({named}): the code of the model, run.toml or the data "
            "have changed since; put back what was there"
        ) from error
    return model.eval()


def build_again(trained: TrainedModel) -> TrainedModel:
    """The model once more, from its state: a model of somebody's own may not allow a copy."""
    training = trained.state.config.training
    model = build_trained(trained.state, trained.source).to(trained.device)
    if training.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return replace(trained, model=model, forward=partial(Forward(trained.device, training), model))


def first_inputs(trained: TrainedModel, most: int) -> ModelInputs:
    """The first inputs of the validation data, `most` at most. Raises UserError where there are none, or the model does not take them by themselves."""
    for found, _ in trained.source.validation(most, trained.device):
        inputs = take_rows(found, slice(most))
        require_taken(partial(trained.forward, take_rows(inputs, slice(2))))
        return inputs
    raise UserError("the validation data have no samples to evaluate on")


@torch.no_grad()
def require_taken(forward: Callable[[], object]) -> None:
    """Raises UserError where a model cannot be called with inputs alone, as one of a task with code of its own may need more."""
    try:
        forward()
    except UserError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        first = (str(error).strip().splitlines() or [""])[0][:200]
        raise UserError(f"the model cannot be called with the inputs of a sample alone ({type(error).__name__}: {first}); only training and eval, by its task, can use it") from error


def changes_of_data(trained: TrainedModel) -> list[str]:
    """A sentence where the data are not those of the training any more."""
    changed = changed_data(trained.state.found, data_fingerprint(trained.source))
    return [f"the data have changed since the checkpoint: {'; '.join(changed)}"] if changed else []
