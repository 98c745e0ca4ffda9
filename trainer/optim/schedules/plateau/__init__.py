"""Decay when what is monitored stops improving, as torch's ReduceLROnPlateau."""

from __future__ import annotations

from typing import ClassVar, Literal

from gradtop.trainer.declare import setting
from gradtop.trainer.optim.schedules import Phase, Span, Turn, WarmUp, constant_phase


class PlateauSchedule(WarmUp):
    kind: Literal["plateau"] = setting("plateau", help="Reduce the learning rate when the metric of training.monitor stops improving.", effect="fork")
    factor: float = setting(0.1, help="Factor by which the learning rate is reduced.", effect="fork", gt=0, lt=1)
    patience: int = setting(5, help="Evaluations without improvement before the learning rate is reduced.", unit="evaluations", effect="fork", ge=0, le=1_000_000)
    threshold: float = setting(1e-4, help="Relative improvement of the metric that counts as one.", effect="fork", ge=0, lt=1)
    min_lr: float = setting(0.0, help="Lower bound on the learning rate.", effect="fork", ge=0)

    history: ClassVar = "the plateau's evaluations so far"

    def main(self, warm: int, span: Span, lr: float) -> list[Phase]:  # noqa: ARG002 - the evaluations decide its length
        """One scheduler that holds the warm-up too, as none lowers the learning rate while that lasts."""
        arguments = {
            "warm_up": next(iter(self.warmup_phase(warm)), constant_phase(0)),
            "warm": warm,
            "lr": lr,
            "plateau": {"factor": self.factor, "patience": self.patience, "threshold": self.threshold, "min_lr": self.min_lr},
        }
        return [Phase(0, "gradtop.trainer.optim.schedules.plateau.scheduler:Plateau", arguments)]

    def main_turns(self, warm: int, span: Span) -> list[Turn]:  # noqa: ARG002 - the evaluations decide
        return []
