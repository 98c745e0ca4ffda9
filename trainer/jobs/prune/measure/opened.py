"""The checkpoint of a pruning run, opened, and pruned copies of its model."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from torch import nn

from gradtop.trainer.checkpoint import format as checkpoint
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
from gradtop.trainer.jobs.prune.config import REMOVAL, Settings
from gradtop.trainer.jobs.prune.measure.masks import find_masks, output_layer, prunable
from gradtop.trainer.jobs.prune.measure.removal import remove_channels
from gradtop.trainer.models.pruned import Masks, ModuleShapes, masks_in
from gradtop.trainer.record import Run
from gradtop.trainer.runtime.errors import UserError
from gradtop.trainer.training.measuring_job import job_settings
from gradtop.trainer.training.step import Forward


@dataclass(frozen=True)
class Pruned:
    """A model, pruned; `difference` is NaN where no channels were removed."""

    trained: TrainedModel
    masks: Masks
    shapes: ModuleShapes
    difference: float = math.nan

    @property
    def removed(self) -> bool:
        return not math.isnan(self.difference)


class Pruning:
    """The checkpoint that a run prunes, opened."""

    def __init__(self, run: Run) -> None:
        """Raises UserError."""
        self.state: TrainedState = read_trained(run, run.origin)
        require_float(self.state)
        self.trained = open_trained(self.state, load_source)
        self.settings = job_settings(self.state.config, Settings)
        self.layers = prunable(self.trained.model, self.settings.layers)
        self.before = masks_in(checkpoint.load(run.origin, mapped=True))
        self.inputs: ModelInputs = first_inputs(self.trained, self.settings.batch_size)
        self.output = output_layer(self.trained.model, self.inputs)

    def pruned(self, method: str, amount: float, followers: Collection[nn.Module] = ()) -> Pruned:
        """A copy, pruned; without a method as it is. Where channels are removed, of its `followers` too. Raises UserError."""
        copied = self.copy()
        if not method:
            return Pruned(copied, self.before, dict(self.state.shapes))
        if method != REMOVAL:
            layers = prunable(copied.model, self.settings.layers)
            masks = find_masks(copied.model, layers, method, amount, seed=self.state.config.training.seed, before=self.before, output=self.output)
            return Pruned(copied, masks, dict(self.state.shapes))
        if self.before:
            raise UserError(f"{REMOVAL}: the checkpoint has a mask, and channels are removed from a model without one; fork it with training.keep_pruned=false first")
        chosen = list(prunable(copied.model, self.settings.layers))
        layers = {name: module for name, module in copied.model.named_modules() if name in chosen}
        forward = Forward(copied.device, self.state.config.training)
        removed = remove_channels(copied.model, self.copy().model, layers, amount, inputs=self.inputs, output=self.output, forward=forward, followers=followers)
        return Pruned(copied, {}, {**self.state.shapes, **removed.shapes}, removed.difference)

    def copy(self) -> TrainedModel:
        return build_again(self.trained)
