"""Muon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.optimizers import DECOUPLED, MOMENTUM, NESTEROV, OptimizerConfig


class Muon(OptimizerConfig):
    kind: Literal["muon"] = setting("muon", help="Muon (Jordan, 2024) for hidden weight matrices, AdamW for all other parameters.", effect="fork")
    lr: float = setting(1e-3, help="Learning rate of both; Muon's updates are scaled to the RMS of AdamW's. The schedule scales it.", effect="live", gt=0)
    momentum: float = setting(0.95, help=MOMENTUM, effect="live", ge=0, lt=1)
    nesterov: bool = setting(True, help=NESTEROV, effect="live")
    betas: tuple[float, float] = setting((0.9, 0.999), help="Decay rates β₁, β₂ of AdamW's first and second moments.", effect="live", ge=0, lt=1)
    weight_decay: float = setting(0.1, help=DECOUPLED, effect="live", ge=0)

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if self.implementation != "auto":
            yield "implementation", "must be auto: Muon has one implementation alone"

    builder: ClassVar = "gradtop.trainer.optim.optimizers.muon.optimizer:MuonWithAdamW"
