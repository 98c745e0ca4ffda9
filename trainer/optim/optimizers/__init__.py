"""Optimizers, one module for each kind; no torch. Defaults are torch's but for SGD, whose learning rate and momentum are those of practice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from gradtop.trainer.declare import Kind, setting

LR = "Learning rate; the schedule scales it."
MOMENTUM = "Momentum factor; 0 disables momentum."
NESTEROV = "Nesterov momentum."
BETAS = "Decay rates β₁, β₂ of the first and second moments."
EPS = "Term added to the denominator for numerical stability."
AMSGRAD = "AMSGrad variant (Reddi et al., 2018)."
COUPLED = "L2 penalty (coupled)."
DECOUPLED = "Decoupled weight decay."


class OptimizerConfig(Kind, defer_build=True):
    """How the parameters are updated from their gradients."""

    package = "gradtop.trainer.optim.optimizers"
    builder: ClassVar[str] = "gradtop.trainer.optim.optimizer:build_torch"
    # The class in torch.optim that its fields are the arguments of.
    torch_class: ClassVar[str] = ""
    # Kinds whose state has the same layout can take over each other's; empty: its own alone.
    state_layout: ClassVar[str] = ""
    # Switches with which it keeps one more tensor per parameter, and that tensor's name in the state.
    variants: ClassVar[Mapping[str, str]] = {}
    # Numbers from which on, above 0, it keeps one more tensor per parameter, which begins at zero where a checkpoint has none.
    zero_state: ClassVar[Mapping[str, str]] = {}

    if TYPE_CHECKING:
        lr: float
        weight_decay: float

    implementation: Literal["auto", "fused", "foreach", "for_loop"] = setting(
        "auto", help="How torch computes a step: in fused kernels, over lists of tensors (foreach), or one parameter at a time; auto is fused where the device has it, else up to torch.", effect="fork", seldom=True,
    )
    decay_all: bool = setting(True, help="Apply weight decay to biases and normalization parameters too.", effect="fork")

    def dropped_state(self, kind: str) -> str:
        """What a fork drops of the state of an optimizer of that kind, in words; empty where the state can be taken over."""
        old = OptimizerConfig.kinds().get(kind)
        if kind == self.kind or (old is not None and old.state_layout == self.state_layout != ""):
            return ""
        return f"the optimizer's state: {kind} → {self.kind}"

    def switched_on(self, old: OptimizerConfig) -> str:
        """The first variant of this one that `old` has not, and so has no state for; empty where there is none."""
        return next((switch for switch in self.variants if getattr(self, switch) and not getattr(old, switch, False)), "")
