"""The 1cycle policy, as torch's OneCycleLR."""

from __future__ import annotations

from typing import Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import Phase, ScheduleConfig, Span, Turn


class OneCycleSchedule(ScheduleConfig):
    kind: Literal["one_cycle"] = setting("one_cycle", help="1cycle policy (Smith & Topin, 2018): up to lr, then down to almost 0.", effect="fork")
    rise: float = setting(0.3, help="Fraction of the run in which the learning rate increases (pct_start).", effect="fork", gt=0, lt=1)
    div_factor: float = setting(25.0, help="Initial learning rate is lr / div_factor.", effect="fork", ge=1)
    final_div_factor: float = setting(1e4, help="Final learning rate is the initial one / final_div_factor.", effect="fork", ge=1)
    shape: Literal["cos", "linear"] = setting("cos", help="Cosine or linear annealing.", effect="fork")

    def phases(self, span: Span, lr: float) -> list[Phase]:
        # Both its phases need a step, however short the run or the fraction; torch divides by the length of each.
        steps = max(span.steps, 4)
        arguments = {
            "max_lr": lr,
            "total_steps": steps,
            "pct_start": min(max(self.rise, 2 / steps), 1 - 2 / steps),
            "anneal_strategy": self.shape,
            # Momentum is a setting of its own, which can be changed live.
            "cycle_momentum": False,
            "div_factor": self.div_factor,
            "final_div_factor": self.final_div_factor,
        }
        return [Phase(0, "OneCycleLR", arguments)]

    def turns(self, span: Span) -> list[Turn]:
        return [Turn(round(self.rise * span.steps), "peak")]
