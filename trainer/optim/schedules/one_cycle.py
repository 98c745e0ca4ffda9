"""The 1cycle policy, as torch's OneCycleLR."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import Phase, ScheduleConfig, Span, Turn


class OneCycleSchedule(ScheduleConfig):
    kind: Literal["one_cycle"] = setting("one_cycle", help="1cycle policy (Smith & Topin, 2018): up to lr, then down to almost 0.", effect="fork")
    rise: float = setting(0.3, help="Fraction of the run in which the learning rate increases (pct_start).", effect="fork", gt=0, lt=1)
    div_factor: float = setting(25.0, help="Initial learning rate is lr / div_factor.", effect="fork", ge=1)
    final_div_factor: float = setting(1e4, help="Final learning rate is the initial one / final_div_factor.", effect="fork", ge=1)
    shape: Literal["cos", "linear"] = setting("cos", help="Cosine or linear annealing.", effect="fork")

    decays_over: ClassVar = "run"

    def phases(self, span: Span, lr: float) -> list[Phase]:
        steps, rise = self._lengths(span)
        arguments = {
            "max_lr": lr,
            "total_steps": steps,
            "pct_start": rise,
            "anneal_strategy": self.shape,
            # Momentum is a setting of its own, which can be changed live.
            "cycle_momentum": False,
            "div_factor": self.div_factor,
            "final_div_factor": self.final_div_factor,
        }
        return [Phase(0, "OneCycleLR", arguments)]

    def turns(self, span: Span) -> list[Turn]:
        """Its peak is the highest of the steps, as that of the curve may lie between two of them."""
        steps, rise = self._lengths(span)
        top = rise * steps - 1  # counted from 0, as torch computes it
        before = math.floor(top)
        rising = self._missing(1 - before / top, 1 / self.div_factor)
        falling = self._missing((before + 1 - top) / (steps - 1 - top), 1 / (self.div_factor * self.final_div_factor))
        return [Turn((before if rising <= falling else before + 1) + 1, "peak")]

    def _lengths(self, span: Span) -> tuple[int, float]:
        """Steps, and the fraction of them in which it rises: both its phases need a step, as torch divides by the length of each."""
        steps = max(span.steps, 4)
        return steps, min(max(self.rise, 2 / steps), 1 - 2 / steps)

    def _missing(self, way: float, lowest: float) -> float:
        """How much of the highest learning rate is missing at a share of the way from there to `lowest`, a fraction of it."""
        return (1 - lowest) * (way if self.shape == "linear" else (1 - math.cos(math.pi * way)) / 2)
