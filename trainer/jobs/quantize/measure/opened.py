"""The checkpoint of a quantization run, opened, and quantized copies of its model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from gradtop.trainer.data.nested import ModelInputs
from gradtop.trainer.inference.data import load_source
from gradtop.trainer.inference.trained import (
    TrainedModel,
    TrainedState,
    build_again,
    first_inputs,
    open_trained,
    read_trained,
    require_float,
)
from gradtop.trainer.jobs.quantize.config import Settings
from gradtop.trainer.jobs.quantize.measure.layers import quantizable
from gradtop.trainer.jobs.quantize.measure.methods import Quantized, quantized
from gradtop.trainer.models.quantized import ACTIVATIONS, METHOD_KEY, QUANTIZATION, TENSORS
from gradtop.trainer.record import Run
from gradtop.trainer.training.measuring_job import job_settings
from gradtop.trainer.training.step import Forward


class Quantizing:
    """The checkpoint that a run quantizes, opened."""

    def __init__(self, run: Run) -> None:
        """Raises UserError."""
        self.state: TrainedState = read_trained(run, run.origin)
        require_float(self.state)
        self.trained = open_trained(self.state, load_source)
        self.settings = job_settings(self.state.config, Settings)
        self.layers = quantizable(self.trained.model, self.settings.layers)
        self.inputs: ModelInputs = first_inputs(self.trained, max(self.settings.batch_sizes))

    def quantized(self, method: str) -> tuple[TrainedModel, Quantized]:
        """A copy, quantized. Raises UserError with the reason where the method does not run here."""
        copied = build_again(self.trained)
        names = set(self.layers)
        found = quantized(copied.model, {name: module for name, module in copied.model.named_modules() if name in names}, method, copied.device)
        return with_model(copied, found.model), found

    def as_saved(self, method: str, found: Quantized) -> dict[str, Any]:
        """The parts `model` and `quantization` of a checkpoint: float tensors that are left, and integers with their scales."""
        rest = {name: value.detach().cpu() if isinstance(value, Tensor) else value for name, value in self.trained.model.state_dict().items() if name not in found.tensors}
        return {"model": rest, QUANTIZATION: {METHOD_KEY: method, TENSORS: found.tensors, ACTIVATIONS: found.activations}}


def with_model(trained: TrainedModel, model: nn.Module) -> TrainedModel:
    model.eval()
    return replace(trained, model=model, forward=partial(Forward(trained.device, trained.state.config.training), model))
