"""Whether model and data fit together, tried out before training where the config alone does not tell."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gradtop.trainer.config import Config, CustomData
from gradtop.trainer.data.dataset import DataInfo, Source
from gradtop.trainer.data.nested import ModelInputs, count_samples, inputs_text
from gradtop.trainer.metrics import ACCURACY, LOSS, metric_of, misfits_of_metrics, not_measured, own_name_of
from gradtop.trainer.models.calling import call_model, outputs_of
from gradtop.trainer.runtime.device import out_of_memory
from gradtop.trainer.runtime.errors import TracedError, UserError
from gradtop.trainer.tasks.kinds.custom.own_task import OwnTask
from gradtop.trainer.tasks.kinds.custom.returned import ReturnedMeter
from gradtop.trainer.tasks.task import TrainingTask, shape_text
from gradtop.trainer.training.check_tensors import lazy_parameters
from gradtop.trainer.training.failing_layer import failing_layer
from gradtop.trainer.training.step import Forward

# What a model takes, and the smallest size of such inputs; a vector is as an image of one pixel.
_TAKES = {
    "vectors": ("takes vectors or square images, as float32 or uint8", 1),
    "images": ("takes square images, (samples, channels, side, side) as float32 or uint8", 2),
}
_TAKES_CHARACTERS = "takes characters, (samples, characters) as int64"


def check_kind(config: Config, info: DataInfo) -> None:
    """Refuse, before it is built, a model of another kind of input than the user's own data turn out to be."""
    model = config.model
    if model.inputs == "any" or config.data.inputs != "any":
        return
    if info.nested:
        raise UserError(f"model.kind = {model.kind} takes one tensor, and {_name_of(config)} returns samples of several; set model.kind = custom")
    if model.inputs == "characters":
        wanted, fits = _TAKES_CHARACTERS, not info.channels
    else:
        wanted, smallest = _TAKES[model.inputs]
        fits = info.size >= smallest
    if not fits:
        raise UserError(f"model.kind = {model.kind} {wanted}, and {_name_of(config)} returns something else")
    for field, sentence in model.misfits(info.size, _name_of(config)):
        raise UserError(f"model.{field}: {sentence}")


def _name_of(config: Config) -> str:
    """What the data come from."""
    return config.data.target if isinstance(config.data, CustomData) else f"data.kind = {config.data.kind}"


def check_smoothing(config: Config, info: DataInfo) -> None:
    """Refuse label smoothing where the data turn out to have no classes. Raises UserError."""
    if config.training.label_smoothing and info.targets:
        raise UserError("training.label_smoothing requires classes, and the targets are numbers; set it to 0")


def check_fit(config: Config, model: nn.Module, source: Source, task: TrainingTask, device: torch.device) -> ModelInputs | None:
    """One small batch through the model, which is left as it was, and so are all random states. Raises UserError.

    Returns the inputs that the model took; None where the configuration alone tells that they fit, and where a task of the user's calls it.
    """
    if isinstance(task, OwnTask):
        check_own_task(config, model, source, task, device)
        return None
    if "any" not in {config.model.inputs, config.data.inputs}:
        return None
    inputs, targets = next(iter(source.validation(2, device)))
    if config.model.inputs == "characters" and isinstance(inputs, Tensor) and not 0 <= int(inputs.min()) <= int(inputs.max()) < source.info.classes:
        strange = int(inputs.max()) if int(inputs.min()) >= 0 else int(inputs.min())
        raise UserError(
            f"data.{'target' if isinstance(config.data, CustomData) else 'kind'}: an input is the number {strange}, and by the labels there are "
            f"{source.info.classes} characters, 0 to {source.info.classes - 1}; inputs and labels must be numbered alike"
        )
    given = f"{config.data.kind} gives inputs of {inputs_text(inputs, shape_text)} for a batch of {count_samples(inputs)}"
    # A batch of one is more than batch norm can train on, and says nothing of larger ones.
    for training in (False, True) if count_samples(inputs) > 1 else (False,):
        try:
            with torch.no_grad(), model_left_alone(model, device, training=training):
                outputs = outputs_of(call_model(model, inputs))
        except Exception as error:
            if out_of_memory(error) or isinstance(error, UserError):
                raise
            traceback.print_exc()
            first = (str(error).strip().splitlines() or [""])[0]
            layer = failing_layer(model, error)
            raise TracedError(
                f"the model does not fit the data: {given}, and model.kind = {config.model.kind} does not take them"
                f"{' in training' if training else ''} ({type(error).__name__}{f' in {layer}' if layer else ''}: {first}){_mask_advice(config, error)}"
            ) from error
        _check_outputs(outputs, targets, task, "in training " if training else "")
    return inputs


def _mask_advice(config: Config, error: Exception) -> str:
    """Which setting leaves out what a model takes no argument for; "" where that is not why it fails."""
    if not getattr(config.data, "attention_mask", False) or not isinstance(error, TypeError) or "'attention_mask'" not in str(error):
        return ""
    return ": the model takes no argument attention_mask; give its forward one, or set data.attention_mask = false"


def check_own_task(config: Config, model: nn.Module, source: Source, task: OwnTask, device: torch.device) -> None:
    """Two samples through the user's own task, in evaluation and in training; what it charts and what is monitored is known then. Raises UserError."""
    inputs, targets = next(iter(source.validation(2, device)))
    measure = Forward(device, config.training).measure
    with torch.no_grad(), model_left_alone(model, device, training=False):
        returned = measure(task, model, inputs, targets)
    if task.measures_added:
        ReturnedMeter(task.added, task.target).add(returned)
    added = [own_name_of(name) if ":" in name else name for name in config.training.metrics]
    found = [*returned.numbers, *(name for name in added if name not in returned.numbers)]
    monitored = config.training.monitor
    if monitored not in found:
        raise UserError(f"training.monitor = {monitored}, and {task.target} returns {', '.join(found)}; set it to one of these, have the callable return it, or name it in training.metrics")
    charted = [name for name in found if name != LOSS]
    task.headline = monitored if monitored != LOSS else next((name for name in (ACCURACY, *charted) if name in charted), LOSS)
    if count_samples(inputs) > 1:
        with model_left_alone(model, device, training=True):
            measure(task, model, inputs, targets)


def blank_inputs(config: Config, info: DataInfo) -> Tensor:
    """Two samples of zeros, of the shape that the model takes from data of one tensor."""
    return torch.zeros(2, info.channels, info.size, info.size) if info.channels else torch.zeros(2, config.model.window or 8, dtype=torch.int64)


def form_lazy_modules(model: nn.Module, config: Config, info: DataInfo) -> nn.Module:
    """Give lazy modules the shapes that they take from a batch; returns the model, in evaluation mode where it had any. Raises UserError."""
    if lazy := lazy_parameters(model):
        if info.nested:
            raise UserError(f"{lazy[0]} belongs to a lazy module, which takes its shape from a batch of one tensor, and the inputs are several; give it its shape, as nn.Linear has it")
        try:
            with torch.no_grad():
                model.eval()(blank_inputs(config, info))
        except Exception as error:
            raise UserError(f"{lazy[0]} belongs to a lazy module, whose shape only a batch of the data tells; gradtop params RUN counts it once the run trains") from error
    return model


def check_metrics(config: Config, source: Source, task: TrainingTask) -> None:
    """Refuse a `training.monitor`, or one of `training.metrics`, that is not measured on these data, where the config does not tell. Raises UserError."""
    name, added, labels = config.training.monitor, config.training.metrics, ""
    if added or metric_of(name).labels:
        _, targets = next(iter(source.validation(2, torch.device("cpu"))))
        labels = task.labels(targets)
    for sentence in misfits_of_metrics(added, labels, source.info.classes, f"task.kind is {config.task.kind}"):
        raise UserError(f"training.metrics: {sentence}")
    if missing := not_measured(name, labels, source.info.classes, added):
        raise UserError(f"training.monitor = {name} requires {missing}; set another one, such as loss or {task.headline}")


@contextlib.contextmanager
def model_left_alone(model: nn.Module, device: torch.device, *, training: bool) -> Iterator[None]:
    """In a mode; afterwards the model and all random states are as they were."""
    before, devices = model.training, [device] if device.type == "cuda" else []
    # What it counts in training, such as the means of a batch norm; what is made only now has nothing to go back to.
    kept = {} if not training else {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        with torch.random.fork_rng(devices):
            model.train(training)
            yield
    finally:
        model.train(before)
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                if name in kept and buffer.shape == kept[name].shape:
                    buffer.copy_(kept[name])


def _check_outputs(outputs: Tensor, targets: Tensor, task: TrainingTask, when: str) -> None:
    if not outputs.is_floating_point():
        raise UserError(f"the model {when}returns numbers of {str(outputs.dtype).removeprefix('torch.')}; floats are expected, a value for each {task.each}")
    task.check_outputs(outputs, targets, when)
