"""Adam."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.optimizers import AMSGRAD, BETAS, COUPLED, EPS, LR, OptimizerConfig


class Adam(OptimizerConfig):
    kind: Literal["adam"] = setting("adam", help="Adam (Kingma & Ba, 2015).", effect="fork")
    lr: float = setting(1e-3, help=LR, effect="live", gt=0)
    betas: tuple[float, float] = setting((0.9, 0.999), help=BETAS, effect="live", ge=0, lt=1)
    eps: float = setting(1e-8, help=EPS, effect="live", gt=0)
    weight_decay: float = setting(0.0, help=COUPLED, effect="live", ge=0)
    amsgrad: bool = setting(False, help=AMSGRAD, effect="fork")

    torch_class: ClassVar = "Adam"
    state_layout: ClassVar = "adam"
    variants: ClassVar = {"amsgrad": "max_exp_avg_sq"}
