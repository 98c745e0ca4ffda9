"""Drops at regular intervals, as torch's StepLR."""

from __future__ import annotations

from typing import Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import GAMMA, UNIT, Phase, Span, Turn, Unit, WarmUp, drop_phase, every, steps_of


class StepSchedule(WarmUp):
    kind: Literal["step"] = setting("step", help="Decay the learning rate by gamma every step_size epochs.", effect="fork")
    step_size: int = setting(10, help="Period of learning rate decay.", effect="fork", ge=1, le=1_000_000_000)
    gamma: float = setting(0.1, help=GAMMA, effect="fork", gt=0, le=1)
    unit: Unit = setting("epochs", help=UNIT, effect="fork")

    def main(self, warm: int, span: Span, lr: float) -> list[Phase]:  # noqa: ARG002 - it is relative
        return [drop_phase(self.gamma, self.step_size * steps_of(self.unit, span), warm)]

    def main_turns(self, warm: int, span: Span) -> list[Turn]:  # noqa: ARG002 - counted from the first step of the run
        return [Turn(step, "drop", self.gamma) for step in every(self.step_size * steps_of(self.unit, span), span.steps)]
