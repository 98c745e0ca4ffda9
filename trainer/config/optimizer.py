"""How a gradient becomes a step. Defaults are torch's but for sgd, whose learning rate and momentum are those of practice."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from trainer.config.declare import Section, setting

_BETAS = "How slowly the running mean of the gradient and of its square forget."
_EPS = "Added to the denominator, so that it is never zero."
_LR = "Learning rate: the length of a step; the schedule scales it."


class Sgd(Section):
    kind: Literal["sgd"] = setting("sgd", help="Stochastic gradient descent, with momentum.", effect="fork")
    lr: float = setting(0.1, help=_LR, effect="live", gt=0)
    momentum: float = setting(0.9, help="How much of the last step goes into the next; 0 is plain SGD.", effect="live", ge=0, lt=1)
    nesterov: bool = setting(False, help="Look ahead: take the gradient where momentum is about to go.", effect="live")
    weight_decay: float = setting(0.0, help="Pull towards zero, added to the gradient.", effect="live", ge=0)


class Adam(Section):
    kind: Literal["adam"] = setting("adam", help="Adam: a step length of its own for each weight.", effect="fork")
    lr: float = setting(1e-3, help=_LR, effect="live", gt=0)
    betas: tuple[float, float] = setting((0.9, 0.999), help=_BETAS, effect="live", ge=0, lt=1)
    eps: float = setting(1e-8, help=_EPS, effect="live", gt=0)
    weight_decay: float = setting(0.0, help="Pull towards zero, added to the gradient.", effect="live", ge=0)


class AdamW(Section):
    kind: Literal["adamw"] = setting("adamw", help="Adam with weight decay apart from the gradient.", effect="fork")
    lr: float = setting(1e-3, help=_LR, effect="live", gt=0)
    betas: tuple[float, float] = setting((0.9, 0.999), help=_BETAS, effect="live", ge=0, lt=1)
    eps: float = setting(1e-8, help=_EPS, effect="live", gt=0)
    weight_decay: float = setting(0.01, help="Pull towards zero, times the learning rate.", effect="live", ge=0)


OptimizerConfig = Annotated[Sgd | Adam | AdamW, Field(discriminator="kind")]
