"""Polynomial decay, as torch's PolynomialLR."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import Phase, Span, Turn, WarmUp, remaining


class PolynomialSchedule(WarmUp):
    kind: Literal["polynomial"] = setting("polynomial", help="Polynomial decay to 0 at the last step.", effect="fork")
    power: float = setting(2.0, help="Power of the polynomial; 1 is linear.", effect="fork", gt=0, le=100)

    decays_over: ClassVar = "run"

    def main(self, warm: int, span: Span, lr: float) -> list[Phase]:  # noqa: ARG002 - it is relative
        return [Phase(warm, "PolynomialLR", {"total_iters": remaining(warm, span), "power": self.power})]

    def main_turns(self, warm: int, span: Span) -> list[Turn]:  # noqa: ARG002 - there is none
        return []
