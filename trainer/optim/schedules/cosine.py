"""Cosine annealing, as torch's CosineAnnealingLR."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import MIN_LR, Phase, Span, Turn, WarmUp, falling_phase, remaining


class CosineSchedule(WarmUp):
    kind: Literal["cosine"] = setting("cosine", help="Cosine annealing to min_lr at the last step (Loshchilov & Hutter, 2017).", effect="fork")
    min_lr: float = setting(0.0, help=MIN_LR, effect="fork", ge=0)

    decays_over: ClassVar = "run"

    def main(self, warm: int, span: Span, lr: float) -> list[Phase]:
        return [falling_phase(warm, remaining(warm, span), "cosine", lr, self.min_lr)]

    def main_turns(self, warm: int, span: Span) -> list[Turn]:  # noqa: ARG002 - there is none
        return []
