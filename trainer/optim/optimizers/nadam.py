"""NAdam."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.optimizers import BETAS, COUPLED, EPS, LR, OptimizerConfig


class NAdam(OptimizerConfig):
    kind: Literal["nadam"] = setting("nadam", help="Adam with Nesterov momentum (Dozat, 2016).", effect="fork")
    lr: float = setting(2e-3, help=LR, effect="live", gt=0)
    betas: tuple[float, float] = setting((0.9, 0.999), help=BETAS, effect="live", ge=0, lt=1)
    eps: float = setting(1e-8, help=EPS, effect="live", gt=0)
    momentum_decay: float = setting(4e-3, help="Decay rate of the momentum schedule.", effect="fork", ge=0)
    weight_decay: float = setting(0.0, help=COUPLED, effect="live", ge=0)

    torch_class: ClassVar = "NAdam"
