"""Decay by the same factor after every epoch or step, as torch's ExponentialLR."""

from __future__ import annotations

from typing import Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import GAMMA, UNIT, Phase, Span, Turn, Unit, WarmUp, drop_phase, every, steps_of


class ExponentialSchedule(WarmUp):
    kind: Literal["exponential"] = setting("exponential", help="Decay the learning rate by gamma every epoch or step.", effect="fork")
    gamma: float = setting(0.95, help=GAMMA, effect="fork", gt=0, le=1)
    unit: Unit = setting("epochs", help=UNIT, effect="fork")

    def main(self, warm: int, span: Span, lr: float) -> list[Phase]:  # noqa: ARG002 - it is relative
        unit = steps_of(self.unit, span)
        return [Phase(warm, "ExponentialLR", {"gamma": self.gamma}) if unit == 1 else drop_phase(self.gamma, unit, warm)]

    def main_turns(self, warm: int, span: Span) -> list[Turn]:  # noqa: ARG002 - counted from the first step of the run
        unit = steps_of(self.unit, span)
        return [Turn(step, "decay", self.gamma) for step in every(unit, span.steps)] if unit > 1 else []
