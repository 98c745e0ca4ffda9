"""Drops at given epochs, as torch's MultiStepLR."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import GAMMA, UNIT, Phase, Span, Turn, Unit, WarmUp, rising, steps_of


class MultiStepSchedule(WarmUp):
    kind: Literal["multistep"] = setting("multistep", help="Decay the learning rate by gamma at each milestone.", effect="fork")
    milestones: tuple[int, ...] = setting((15, 25), help="Epochs or steps after which it decays; must be increasing.", effect="fork", ge=1, le=1_000_000_000)
    gamma: float = setting(0.1, help=GAMMA, effect="fork", gt=0, le=1)
    unit: Unit = setting("epochs", help=UNIT, effect="fork")

    def disagreements(self) -> Iterator[tuple[str, str]]:
        if not rising(self.milestones):
            yield "milestones", "must be increasing"

    def main(self, warm: int, span: Span, lr: float) -> list[Phase]:  # noqa: ARG002 - it is relative
        # Not MultiStepLR, whose Counter is no longer one when it comes back from a checkpoint.
        drops, gamma = self._drops(span), self.gamma
        return [Phase(warm, "LambdaLR", {"lr_lambda": lambda done: gamma ** bisect_right(drops, done + warm)})]

    def main_turns(self, warm: int, span: Span) -> list[Turn]:  # noqa: ARG002 - counted from the first step of the run
        return [Turn(step, "drop", self.gamma) for step in self._drops(span)]

    def _drops(self, span: Span) -> list[int]:
        return [milestone * steps_of(self.unit, span) for milestone in self.milestones]
