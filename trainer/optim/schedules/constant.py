"""A constant learning rate."""

from __future__ import annotations

from typing import Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import Phase, Span, Turn, WarmUp, constant_phase


class ConstantSchedule(WarmUp):
    kind: Literal["constant"] = setting("constant", help="Constant learning rate.", effect="fork")

    def main(self, warm: int, span: Span, lr: float) -> list[Phase]:  # noqa: ARG002 - whatever its length
        return [constant_phase(warm)]

    def main_turns(self, warm: int, span: Span) -> list[Turn]:  # noqa: ARG002 - there is none
        return []
