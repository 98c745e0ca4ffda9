"""Training on with the weights of a pruned model: what was pruned stays zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gradtop.trainer.models.pruned import MASKS, SHAPES, Masks, zero_masked


class WeightMask:
    """The masks of a model's parameters, and the shapes that removed channels have left; a part of each checkpoint.

    Gradients are masked before anything is made of them (their norm, clipping, moments of an optimizer), and the weights after each
    optimizer step and before their EMA: an optimizer may change a weight that has no gradient.
    """

    def __init__(self, model: nn.Module, masks: Mapping[str, Tensor], shapes: Mapping[str, Any]) -> None:
        """Masks that fit no parameter are left out; their names are in `unfit`."""
        parameters = dict(model.named_parameters())
        self._shapes = dict(shapes)
        self.unfit = [name for name, kept in masks.items() if name not in parameters or parameters[name].shape != kept.shape]
        self._model = model
        self._masks: Masks = {name: kept.to(parameters[name].device) for name, kept in masks.items() if name not in self.unfit}
        self._pairs = [(parameters[name], ~kept) for name, kept in self._masks.items()]
        self.masked = sum(int(pruned.sum()) for _, pruned in self._pairs)  # weights that stay zero

    def mask_gradients(self) -> None:
        for parameter, pruned in self._pairs:
            if parameter.grad is not None:
                parameter.grad.masked_fill_(pruned, 0)

    @torch.no_grad()
    def mask_weights(self) -> None:
        for parameter, pruned in self._pairs:
            parameter.masked_fill_(pruned, 0)

    def mask_copy(self, model: nn.Module) -> None:
        """The same for a copy of the model, as an EMA is."""
        zero_masked(model, self._masks)

    def state_dict(self) -> dict[str, Any]:
        return {MASKS: self._masks, SHAPES: self._shapes}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError for masks of other weights."""
        other = WeightMask(self._model, state[MASKS], state[SHAPES])
        if other.unfit:
            raise ValueError(f"the masks of {', '.join(other.unfit)} are of other weights")
        self.__dict__.update(vars(other))
