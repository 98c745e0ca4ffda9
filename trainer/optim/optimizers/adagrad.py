"""Adagrad."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.optimizers import COUPLED, EPS, LR, OptimizerConfig


class Adagrad(OptimizerConfig):
    kind: Literal["adagrad"] = setting("adagrad", help="Adagrad (Duchi et al., 2011).", effect="fork")
    lr: float = setting(1e-2, help=LR, effect="live", gt=0)
    lr_decay: float = setting(0.0, help="Learning rate decay.", effect="live", ge=0)
    initial_accumulator_value: float = setting(0.0, help="Initial value of the sum of squared gradients.", effect="restart", ge=0)
    eps: float = setting(1e-10, help=EPS, effect="live", gt=0)
    weight_decay: float = setting(0.0, help=COUPLED, effect="live", ge=0)

    torch_class: ClassVar = "Adagrad"
