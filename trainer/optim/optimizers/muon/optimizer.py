"""Muon for hidden matrices and AdamW for all other parameters, as one optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from gradtop.trainer.models.stages import head_of
from gradtop.trainer.optim.optimizer import NamedParameters
from gradtop.trainer.optim.optimizers.muon import Muon as MuonConfig
from gradtop.trainer.runtime.errors import UserError

_MATRIX = 2
_OUTER = ("embed", "position")




class MuonWithAdamW(Optimizer):
    """Muon (Jordan 2024) orthogonalises the momentum of matrices between hidden layers; the update is scaled to the size of
    AdamW's (Liu et al. 2025), so that one learning rate serves both.

    Embeddings, the head, kernels, biases and norms are AdamW's. Both parts share the groups and the state of this one, which a
    schedule and a checkpoint therefore see as any other optimizer.
    """

    def __init__(self, config: MuonConfig, model: nn.Module, _device: torch.device | None = None) -> None:
        kind = getattr(torch.optim, "Muon", None)
        if kind is None:
            raise UserError(f"optimizer.kind = muon requires torch ≥ 2.9; found {torch.__version__}")
        hidden, others = split(model)
        rest = [(name, parameter) for name, parameter in others if parameter.dim() >= _MATRIX or config.decay_all]
        bare = [(name, parameter) for name, parameter in others if parameter.dim() < _MATRIX and not config.decay_all]
        self._parts: list[Optimizer] = []
        if hidden:
            self._parts.append(
                kind(
                    hidden, lr=config.lr, weight_decay=config.weight_decay, momentum=config.momentum,
                    nesterov=config.nesterov, adjust_lr_fn="match_rms_adamw",
                )
            )  # fmt: skip
        groups: list[dict[str, Any]] = [{"params": rest}, {"params": bare, "weight_decay": 0.0, "decays": False}]
        if groups := [group for group in groups if group["params"]]:
            self._parts.append(AdamW(groups, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay))
        self._sizes = [len(part.param_groups) for part in self._parts]
        super().__init__([group for part in self._parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Have the parts work on the groups and the state of this optimizer."""
        first = 0
        for part, size in zip(self._parts, self._sizes, strict=True):
            part.param_groups = self.param_groups[first : first + size]
            part.state = self.state
            first += size

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        if closure is not None:
            raise ValueError("a closure would be evaluated twice")
        for part in self._parts:
            part.step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()


def split(model: nn.Module) -> tuple[NamedParameters, NamedParameters]:
    """Hidden weight matrices and all other parameters; the head, embeddings and position embeddings are not hidden ones."""
    named = list(model.named_parameters())
    head = head_of(model)
    hidden = {
        name
        for name, parameter in named
        if parameter.dim() == _MATRIX and parameter.is_floating_point() and name not in head and not any(word in name for word in _OUTER)
    }
    return [each for each in named if each[0] in hidden], [each for each in named if each[0] not in hidden]
