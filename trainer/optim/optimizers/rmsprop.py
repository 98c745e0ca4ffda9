"""RMSprop."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.optimizers import COUPLED, EPS, LR, MOMENTUM, OptimizerConfig


class RmsProp(OptimizerConfig):
    kind: Literal["rmsprop"] = setting("rmsprop", help="RMSprop (Tieleman & Hinton, 2012).", effect="fork")
    lr: float = setting(1e-2, help=LR, effect="live", gt=0)
    alpha: float = setting(0.99, help="Smoothing constant of the squared gradients.", effect="live", ge=0, lt=1)
    eps: float = setting(1e-8, help=EPS, effect="live", gt=0)
    momentum: float = setting(0.0, help=MOMENTUM, effect="live", ge=0, lt=1)
    centered: bool = setting(False, help="Normalize the gradient by an estimate of its variance (Graves, 2013).", effect="fork")
    weight_decay: float = setting(0.0, help=COUPLED, effect="live", ge=0)

    torch_class: ClassVar = "RMSprop"
    variants: ClassVar = {"centered": "grad_avg"}
    # It makes room for momentum before its first step alone.
    zero_state: ClassVar = {"momentum": "momentum_buffer"}
