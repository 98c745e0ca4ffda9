"""How a gradient becomes a step. Defaults are torch's but for sgd, whose learning rate and momentum are those of practice."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gradtop.trainer.config.declare import Section, setting

_BETAS = "How slowly the running mean of the gradient and of its square forget."
_EPS = "Added to the denominator, so that it is never zero."
_LR = "Learning rate: the length of a step; the schedule scales it."
_COUPLED = "Pull towards zero, added to the gradient."


class Decays(Section):
    """What every optimizer can leave out of its weight decay."""

    decay_all: bool = setting(True, help="Weight decay on biases and norm weights too; false keeps it to matrices and kernels.", effect="fork")


class Sgd(Decays):
    kind: Literal["sgd"] = setting("sgd", help="Stochastic gradient descent, with momentum.", effect="fork")
    lr: float = setting(0.1, help=_LR, effect="live", gt=0)
    momentum: float = setting(0.9, help="How much of the last step goes into the next; 0 is plain SGD.", effect="live", ge=0, lt=1)
    dampening: float = setting(0.0, help="How much less of the gradient goes into the momentum.", effect="live", ge=0, lt=1)
    nesterov: bool = setting(False, help="Look ahead: take the gradient where momentum is about to go.", effect="live")
    weight_decay: float = setting(0.0, help=_COUPLED, effect="live", ge=0)


class Adam(Decays):
    kind: Literal["adam"] = setting("adam", help="Adam: a step length of its own for each weight.", effect="fork")
    lr: float = setting(1e-3, help=_LR, effect="live", gt=0)
    betas: tuple[float, float] = setting((0.9, 0.999), help=_BETAS, effect="live", ge=0, lt=1)
    eps: float = setting(1e-8, help=_EPS, effect="live", gt=0)
    weight_decay: float = setting(0.0, help=_COUPLED, effect="live", ge=0)
    amsgrad: bool = setting(False, help="Never let the step length grow again (AMSGrad).", effect="fork")


class AdamW(Decays):
    kind: Literal["adamw"] = setting("adamw", help="Adam with weight decay apart from the gradient.", effect="fork")
    lr: float = setting(1e-3, help=_LR, effect="live", gt=0)
    betas: tuple[float, float] = setting((0.9, 0.999), help=_BETAS, effect="live", ge=0, lt=1)
    eps: float = setting(1e-8, help=_EPS, effect="live", gt=0)
    weight_decay: float = setting(0.01, help="Pull towards zero, times the learning rate.", effect="live", ge=0)
    amsgrad: bool = setting(False, help="Never let the step length grow again (AMSGrad).", effect="fork")


class NAdam(Decays):
    kind: Literal["nadam"] = setting("nadam", help="Adam with Nesterov's look ahead.", effect="fork")
    lr: float = setting(2e-3, help=_LR, effect="live", gt=0)
    betas: tuple[float, float] = setting((0.9, 0.999), help=_BETAS, effect="live", ge=0, lt=1)
    eps: float = setting(1e-8, help=_EPS, effect="live", gt=0)
    momentum_decay: float = setting(4e-3, help="How fast the look ahead grows to its full length.", effect="fork", ge=0)
    weight_decay: float = setting(0.0, help=_COUPLED, effect="live", ge=0)


class RAdam(Decays):
    kind: Literal["radam"] = setting("radam", help="Adam that rectifies its first steps, and so needs less warm-up.", effect="fork")
    lr: float = setting(1e-3, help=_LR, effect="live", gt=0)
    betas: tuple[float, float] = setting((0.9, 0.999), help=_BETAS, effect="live", ge=0, lt=1)
    eps: float = setting(1e-8, help=_EPS, effect="live", gt=0)
    weight_decay: float = setting(0.0, help=_COUPLED, effect="live", ge=0)


class RmsProp(Decays):
    kind: Literal["rmsprop"] = setting("rmsprop", help="The gradient over the running root mean square of itself.", effect="fork")
    lr: float = setting(1e-2, help=_LR, effect="live", gt=0)
    alpha: float = setting(0.99, help="How slowly the running mean of the square forgets.", effect="live", ge=0, lt=1)
    eps: float = setting(1e-8, help=_EPS, effect="live", gt=0)
    momentum: float = setting(0.0, help="How much of the last step goes into the next.", effect="live", ge=0, lt=1)
    centered: bool = setting(False, help="Divide by the deviation instead of the root mean square.", effect="fork")
    weight_decay: float = setting(0.0, help=_COUPLED, effect="live", ge=0)


class Adagrad(Decays):
    kind: Literal["adagrad"] = setting("adagrad", help="Steps that shrink with the sum of all squared gradients so far.", effect="fork")
    lr: float = setting(1e-2, help=_LR, effect="live", gt=0)
    lr_decay: float = setting(0.0, help="How much the learning rate shrinks with each step besides.", effect="live", ge=0)
    initial_accumulator_value: float = setting(0.0, help="What the sum of squares starts from.", effect="restart", ge=0)
    eps: float = setting(1e-10, help=_EPS, effect="live", gt=0)
    weight_decay: float = setting(0.0, help=_COUPLED, effect="live", ge=0)


class Muon(Decays):
    kind: Literal["muon"] = setting("muon", help="Orthogonalised momentum for hidden matrices; AdamW for all other parameters.", effect="fork")
    lr: float = setting(1e-3, help="Learning rate of both, matched to AdamW's in size; the schedule scales it.", effect="live", gt=0)
    momentum: float = setting(0.95, help="How much of the last step goes into the next.", effect="live", ge=0, lt=1)
    nesterov: bool = setting(True, help="Look ahead: take the gradient where momentum is about to go.", effect="live")
    betas: tuple[float, float] = setting((0.9, 0.999), help="Those of AdamW, for what is no hidden matrix.", effect="live", ge=0, lt=1)
    weight_decay: float = setting(0.1, help="Pull towards zero, times the learning rate.", effect="live", ge=0)


OptimizerConfig = Annotated[
    Sgd | Adam | AdamW | NAdam | RAdam | RmsProp | Adagrad | Muon, Field(discriminator="kind")
]
