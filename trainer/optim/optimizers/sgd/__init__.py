"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.optimizers import COUPLED, LR, MOMENTUM, NESTEROV, OptimizerConfig


class Sgd(OptimizerConfig):
    kind: Literal["sgd"] = setting("sgd", help="Stochastic gradient descent with momentum.", effect="fork")
    lr: float = setting(0.1, help=LR, effect="live", gt=0)
    momentum: float = setting(0.9, help=MOMENTUM, effect="live", ge=0, lt=1)
    dampening: float = setting(0.0, help="Dampening for momentum.", effect="live", ge=0, lt=1)
    nesterov: bool = setting(False, help=NESTEROV, effect="live")
    weight_decay: float = setting(0.0, help=COUPLED, effect="live", ge=0)

    torch_class: ClassVar = "SGD"
    builder: ClassVar = "gradtop.trainer.optim.optimizers.sgd.build:build"

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if self.nesterov and (not self.momentum or self.dampening):
            needed = "optimizer.momentum > 0, which is 0" if not self.momentum else f"optimizer.dampening = 0, which is {self.dampening:g}"
            yield "nesterov", f"requires {needed}"
