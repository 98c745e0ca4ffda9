"""Warm-up, stable, decay."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import MIN_LR, Phase, Span, Turn, WarmUp, constant_phase, falling_phase


class WsdSchedule(WarmUp):
    kind: Literal["wsd"] = setting("wsd", help="Warm-up, stable, then decay to min_lr (Hu et al., 2024).", effect="fork")
    decay: float = setting(0.2, help="Fraction of the run in which the learning rate decays.", effect="fork", gt=0, le=1)
    decay_shape: Literal["linear", "cosine"] = setting("linear", help="Linear or cosine decay.", effect="fork")
    min_lr: float = setting(0.0, help=MIN_LR, effect="fork", ge=0)

    decays_over: ClassVar = "run"

    def main(self, warm: int, span: Span, lr: float) -> list[Phase]:
        begins = self._decay_begins(warm, span)
        decay = falling_phase(begins, max(span.steps - 1 - begins, 1), self.decay_shape, lr, self.min_lr)
        return [decay] if begins == warm else [constant_phase(warm), decay]

    def main_turns(self, warm: int, span: Span) -> list[Turn]:
        return [Turn(self._decay_begins(warm, span), "decay_start")]

    def _decay_begins(self, warm: int, span: Span) -> int:
        return max(span.steps - max(round(self.decay * span.steps), 1), warm)
