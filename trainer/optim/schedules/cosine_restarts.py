"""Cosine annealing with warm restarts, as torch's CosineAnnealingWarmRestarts."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import UNIT, Phase, Span, Turn, Unit, WarmUp, every, steps_of


class CosineRestartsSchedule(WarmUp):
    kind: Literal["cosine_restarts"] = setting("cosine_restarts", help="Cosine annealing with warm restarts, SGDR (Loshchilov & Hutter, 2017).", effect="fork")
    period: int = setting(10, help="Length of the first cycle (T_0).", effect="fork", ge=1, le=1_000_000_000)
    growth: int = setting(1, help="Factor by which each cycle is longer than the previous one (T_mult).", effect="fork", ge=1, le=1_000)
    min_lr: float = setting(0.0, help="Learning rate at the end of each cycle.", effect="fork", ge=0)
    unit: Unit = setting("epochs", help=UNIT, effect="fork")

    decays_over: ClassVar = "cycle"

    def main(self, warm: int, span: Span, lr: float) -> list[Phase]:  # noqa: ARG002 - it anneals to a rate of its own
        arguments = {"T_0": self.period * steps_of(self.unit, span), "T_mult": self.growth, "eta_min": self.min_lr}
        return [Phase(warm, "CosineAnnealingWarmRestarts", arguments)]

    def main_turns(self, warm: int, span: Span) -> list[Turn]:
        length = self.period * steps_of(self.unit, span)
        if self.growth == 1:
            return [Turn(step, "restart") for step in every(length, span.steps, after=warm)]
        turns, step = [], warm + length
        while step < span.steps:
            turns.append(Turn(step, "restart"))
            length *= self.growth
            step += length
        return turns
